"""Formulas as MathML, which browsers draw without a script or a font from elsewhere."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

SPELLINGS = {r"\bmod": r"\operatorname{mod}"}  # docutils does not know the first
# A letter with an accent and a subscript, which docutils sets below the letter.
ACCENTED = re.compile(
    r"<munderover>\s*(<mi[^>]*>[^<]*</mi>)\s*(\S.*?)\s*(<mo[^>]*>[^<]</mo>)\s*</munderover>",
    re.DOTALL,
)


def setup(app):
    """Register the renderer under the name that ``html_math_renderer`` takes."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(writer, node):
    """Write a formula within a line."""
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def block(writer, node):
    """Write a formula on a line of its own."""
    block = mathml(node.astext()).replace("<math ", '<math display="block" ', 1)
    writer.body.append(f'<div class="formula">{block}</div>')
    raise nodes.SkipNode


def mathml(tex):
    """MathML of a formula in TeX."""
    for unknown, known in SPELLINGS.items():
        tex = tex.replace(unknown, known)
    return ACCENTED.sub(r"<msub><mover>\1\3</mover>\2</msub>", tex2mathml(tex))
