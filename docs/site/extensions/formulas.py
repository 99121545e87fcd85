"""Formulas of the site as MathML (tools/mathml.py)."""

from docutils import nodes
from sphinx.application import Sphinx

from mathml import mathml


def inline(writer: nodes.NodeVisitor, node: nodes.math) -> None:
    """Write a formula within a line."""
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def block(writer: nodes.NodeVisitor, node: nodes.math_block) -> None:
    """Write a formula on a line of its own; a wide one scrolls."""
    writer.body.append(f'<div class="formula">{mathml(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Register the renderer, which conf.py names."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
