"""Tables for documents: Markdown, LaTeX, HTML."""

import html as _html
import os

STYLE = (
    "border-collapse:collapse;font-family:'STIX Two Text','Cambria Math',Cambria,serif;"
    "font-size:1.05em;white-space:nowrap"
)
CELL = "text-align:left;vertical-align:baseline;padding:.15em .4em .15em {left}"
RULE = "border-top:1px solid currentColor"


def written(text, path):
    """`text`, or None once it is in a file."""
    if path is None:
        return text
    path = os.fspath(path)  # a number would be a file that is open already
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return None


def markdown(table):
    """A table with two columns per trace: what is computed, and its value."""
    heads = [cell for _, title, arrow in table.columns for cell in (f"{title} {arrow}", "")]
    lines = [_pipes(heads), _pipes([":--"] * len(heads))]
    for section in table.sections():
        if section is None:
            lines.append(_pipes([f"⋮ {table.omission}"] + [""] * (len(heads) - 1)))
        for line in section or ():
            cells = [getattr(line, field) for field, _, _ in table.columns]
            lines.append(_pipes([text for cell in cells for text in _sides(cell)]))
    return "\n".join(lines) + "\n"


def _pipes(cells):
    return f"| {' | '.join(cells)} |"


def _sides(cell):
    """Left and right hand side of a cell."""
    if cell is None:
        return "", ""
    left = cell.name + (f" {cell.relation} {cell.formula}" if cell.formula else "")
    return left, f"{cell.result} {cell.value}"


def latex(table):
    """A tabular with rules between inputs, steps and result."""
    n = 2 * len(table.columns)
    arrows = {"↓": r"$\downarrow$", "↑": r"$\uparrow$"}
    heads = [rf"\multicolumn{{2}}{{l}}{{{t} {arrows[a]}}}" for _, t, a in table.columns]
    lines = [
        r"% \usepackage{amsmath, booktabs}",
        r"\begin{tabular}{@{}" + r"l@{\ }l" * len(heads) + "@{}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
    ]
    for section in table.sections():
        if section is None:
            lines.append(rf"\multicolumn{{{n}}}{{l}}{{$\vdots$ {table.omission}}} \\")
        elif section:
            lines += [r"\midrule", *(_tex_line(line, table) for line in section)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _tex_line(line, table):
    cells = [getattr(line, field) for field, _, _ in table.columns]
    sides = [side for cell in cells for side in _sides(_with_tex_signs(cell))]
    return " & ".join(f"${side}$" if side else "" for side in sides) + r" \\"


def _with_tex_signs(cell):
    if cell is None or cell.relation == "=":
        return cell
    return cell._replace(relation=r"\mathrel{+}=", result=r"\to")


def html(table):
    """A table that stands alone; source lines are tooltips."""
    n = 2 * len(table.columns)
    heads = "".join(
        f'<th colspan="2" scope="colgroup" style="{CELL.format(left=_indent(k))}">{t} {a}</th>'
        for k, (_, t, a) in enumerate(table.columns)
    )
    parts = [f'<table class="tapead-trace" style="{STYLE}">', f"<thead><tr>{heads}</tr></thead>"]
    for section in table.sections():
        if section is None:
            parts.append(f'<tbody><tr><td colspan="{n}">⋮ {table.omission}</td></tr></tbody>')
        elif section:
            rows = "\n".join(_html_line(line, table) for line in section)
            parts.append(f'<tbody style="{RULE}">\n{rows}\n</tbody>')
    return "\n".join([*parts, "</table>", ""])


def _html_line(line, table):
    title = f' title="{_html.escape(line.source)}"' if line.source else ""
    cells = []
    for k, (field, _, _) in enumerate(table.columns):
        for side, left in zip(_sides(getattr(line, field)), (_indent(k), "0"), strict=True):
            cells.append(f'<td style="{CELL.format(left=left)}">{side}</td>')
    return f"<tr{title}>{''.join(cells)}</tr>"


def _indent(k):
    return "2.5em" if k else ".4em"
