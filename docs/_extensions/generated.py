"""What the extensions that write pages share: where to, and only if something has changed."""

from pathlib import Path

DOCS = Path(__file__).parents[1]


def write(path, text):
    """Write `text`, unless the file has it already: Sphinx reads what is newer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def title(text, line="="):
    """A title in reStructuredText."""
    return f"{text}\n{line * len(text)}\n\n"


def indented(text, by=3):
    """Lines below a directive."""
    return "".join(f"{' ' * by}{line}".rstrip() + "\n" for line in text.splitlines())


def directive(name, argument="", content="", **options):
    """A directive with its options and its content."""
    head = f".. {name}:: {argument}".rstrip()
    fields = "".join(f":{key.rstrip('_')}: {value}\n" for key, value in options.items())
    return f"{head}\n{indented(fields)}\n{indented(content)}\n"
