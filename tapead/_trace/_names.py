"""Names of nodes and inputs: v̄₋₁ in a terminal, v-1 in JSON, \\bar{v}_{-1} in TeX."""

import html
import re
import unicodedata

MARKS = {"": "", "bar": "\u0304", "dot": "\u0307"}  # combining macron and dot
OVERLINE = "\u0305"
SHORT = r"([^\W\d_])_?(\d*)"  # one letter and its number
SUBSCRIPTS = str.maketrans("-0123456789", "₋₀₁₂₃₄₅₆₇₈₉")
IN_ASCII = {
    "−": "-", " × ": " * ", "²": "^2", "√": "sqrt ", "∛": "cbrt ", "₂": "2", "₁₀": "10",
    "⁻¹": "^-1",
    "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "σ": "sigmoid", "Γ": "gamma", "ψ": "psi",
    "Φ": "Phi", "φ": "phi", "…": "...", "⋮": ":", "→": "->",
    " ∘ ": " * ", "ᵀ": "^T", "∂": "d", "·": ".", "≠": "!=", "≤": "<=", "≥": ">=",
}  # fmt: skip
IN_TEX = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "_": r"\_", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "^": r"\text{\textasciicircum}", "~": r"\text{\textasciitilde}", " ": r"\ ",
    "'": r"\text{'}",
}  # fmt: skip


def plain_node(mark, number, letter="v"):
    """v-1, v̄3; V3 is an array."""
    return f"{letter}{MARKS[mark]}{number}"


def unicode_node(mark, number, letter="v"):
    """v₋₁, v̄₃."""
    return f"{letter}{MARKS[mark]}{str(number).translate(SUBSCRIPTS)}"


def unicode_input(mark, name):
    """x1, x̄1; a bar goes all along a longer name."""
    base, index = _split(name)
    if mark == "bar" and not re.fullmatch(SHORT, base):
        return "".join(f"{character}{OVERLINE}" for character in base) + index
    return unicodedata.normalize("NFC", name[:1] + MARKS[mark]) + name[1:]


def ascii_node(mark, number, letter="v"):
    """v-1, bar(v3)."""
    return f"{mark}({letter}{number})" if mark else f"{letter}{number}"


def ascii_input(mark, name):
    """x1, bar(x1)."""
    return f"{mark}({name})" if mark else name


def to_ascii(text):
    """Text without a character beyond ASCII."""
    for symbol, spelled in IN_ASCII.items():
        text = text.replace(symbol, spelled)
    return text.encode("ascii", "backslashreplace").decode()


def to_markdown(text):
    """Text with Markdown's own signs escaped."""
    return html.escape(re.sub(r"([\\|*_`\[\]])", r"\\\1", text), quote=False)


def html_node(mark, number, letter="v"):
    """Letter with a subscript."""
    return f"{letter}{MARKS[mark]}<sub>{str(number).replace('-', '−')}</sub>"


def html_input(mark, name):
    """Name, escaped."""
    return html.escape(unicode_input(mark, name))


def tex_node(mark, number, letter="v"):
    """Letter with a subscript, a bar or a dot above it; arrays are bold."""
    letter = letter if letter == "v" else rf"\mathbf{{{letter}}}"
    return f"{_tex_mark(mark, letter)}_{{{number}}}"


def tex_input(mark, name):
    """Name in mathematics: one letter with its number as subscript, or upright."""
    base, index = _split(name)
    short = re.fullmatch(SHORT, base)
    letter, number = short.groups() if short else (rf"\mathrm{{{_tex_escape(base)}}}", "")
    head = _tex_mark(mark, _tex_letter(letter)) + (f"_{{{number}}}" if number else "")
    return head + (rf"\mathrm{{{_tex_escape(index)}}}" if index else "")


def _split(name):
    """An argument's name, and the place in it that an input has: x and [0]."""
    base = re.split(r"[\[.]", name, maxsplit=1)[0]
    return base, name.removeprefix(base)


def _tex_mark(mark, letter):
    if not mark:
        return letter
    command = "overline" if mark == "bar" and letter.startswith(r"\mathrm") else mark
    return rf"\{command}{{{letter}}}"


def tex_words(text):
    """What stands between the names of a formula on arrays: words, calls, indices."""
    return _TOKEN.sub(_tex_token, text)


SMALL = str.maketrans("₊₋₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₙ⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789ijkn+-0123456789")
_TOKEN = re.compile(
    r"(?P<call>[A-Za-z_][A-Za-z_0-9.]*(?=[(=]))|(?P<word>[A-Za-z_][A-Za-z_0-9.]*)"
    r"|(?P<low>[₊₋₀-₉ᵢⱼₖₙ]+)|(?P<high>[⁺⁻⁰¹²³⁴-⁹ᵀ]+)|(?P<space>(?<=[A-Za-z]) | (?=[A-Za-z]))"
    r"|(?P<sign> @ |, | := |[\\{}&%$#^~_∘×−…·∂:≠≤≥'])"
)
SIGNS_IN_TEX = {
    "∘": r"\circ", "×": r"\times", "−": "-", "…": r"\dots", "·": r"\cdot", "∂": r"\partial ",
    " @ ": r"\, ", ", ": r",\ ", " := ": r" \mathrel{:=} ", ":": "{:}", "≠": r"\neq ",
    "≤": r"\leq ", "≥": r"\geq ",
}  # fmt: skip


def _tex_token(found):
    kind, token = found.lastgroup, found[0]
    match kind:
        case "call" | "word":
            command = "mathrm" if kind == "call" else "text"
            return f"\\{command}{{{token}}}".replace("_", r"\_")
        case "low":
            return f"_{{{token.translate(SMALL)}}}"
        case "high":
            return f"^{{{token.translate(SMALL)}}}".replace("ᵀ", r"\top")
        case "space":
            return r"\ "
    return SIGNS_IN_TEX.get(token) or IN_TEX.get(token, token)


def _tex_escape(text):
    return "".join(IN_TEX.get(character) or _tex_letter(character) for character in text)


def _tex_letter(character):
    """Greek letters by their command; anything else as it is."""
    if len(character) != 1 or character.isascii():
        return character
    spelled = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if not spelled or spelled[2] == "OMICRON":
        return character
    command = spelled[2].lower().replace("lamda", "lambda")  # codespell:ignore lamda
    return rf"\{command if spelled[1] == 'SMALL' else command.title()} "
