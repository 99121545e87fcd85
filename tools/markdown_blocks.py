"""Cut Markdown into the blocks that are translated one by one; the blocks put together are the text again."""

import re
from dataclasses import dataclass

QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)*")
FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*(\S*)")
BLOCK_TAG = re.compile(r"</?(?:details|summary|div|p|br|table|img)\b[^>]*>", re.IGNORECASE)
STARTS_A_LINE = re.compile(rf"[-*+][ \t]|\d{{1,2}}[.)][ \t]|#{{1,6}}[ \t]|\||{BLOCK_TAG.pattern}", re.IGNORECASE)
NOTHING_TO_TRANSLATE = re.compile(r"(`+).+?\1|\$\$.+?\$\$|\$[^$]+\$|<[^>]+>|https?://\S+", re.DOTALL)


@dataclass
class Piece:
    """A piece of a markdown cell: a block of text, a code fence, a formula, or the space between them."""

    kind: str  # text, code, formula or space
    text: str

    @property
    def body(self) -> str:
        """The text without the line ends that follow it."""
        return self.text.rstrip("\n")

    @property
    def key(self) -> str | None:
        """What stands in a .po file for this piece; None if it holds nothing to translate."""
        if self.kind == "code":
            language = FENCE.match(QUOTE.sub("", self.text, count=1)).group(2)
            return None if language else self.body  # a fence without a language is a drawing made of words
        if self.kind != "text" or not re.search(r"[^\W\d_]", NOTHING_TO_TRANSLATE.sub("", self.text)):
            return None
        return unwrap(self.body)


def split(source: str) -> list[Piece]:
    """Cut a markdown cell at blank lines, code fences and displayed formulas.

    Parameters
    ----------
    source : str
        The cell; ``"".join(piece.text for piece in split(source)) == source``.

    Returns
    -------
    list of Piece
    """
    pieces, closing = [], None
    for line in source.splitlines(keepends=True):
        bare = QUOTE.sub("", line, count=1).strip()
        if closing:
            pieces[-1].text += line
            closing = None if _closes(bare, closing) else closing
            continue
        kind, closing = _opened(bare)
        if kind in ("text", "space") and pieces and pieces[-1].kind == kind:
            pieces[-1].text += line
        else:
            pieces.append(Piece(kind, line))
    return pieces


def _opened(bare: str) -> tuple[str, str | None]:
    """Tell which kind of piece a line begins, and what will close it if it goes on over more lines."""
    if fence := FENCE.match(bare):
        return "code", fence.group(1)
    if bare.startswith("$$") and bare.count("$$") == 1:
        return "formula", "$$"
    if re.fullmatch(r"\$\$.+\$\$[.,;]?", bare):
        return "formula", None
    return ("text" if bare else "space"), None


def _closes(bare: str, closing: str) -> bool:
    """Tell whether a line ends a formula (it holds the marks) or a fence (it is the marks, no fewer of them)."""
    return "$$" in bare if closing == "$$" else bare.startswith(closing) and not bare.strip(closing[0])


def unwrap(text: str) -> str:
    """Put a paragraph, an item, a row on one line each: how English is wrapped does not matter to a translation."""
    lines = []
    for line in text.split("\n"):
        quote = QUOTE.match(line).group()
        bare = line[len(quote) :].strip()
        if lines and _goes_on(lines[-1], quote, bare):
            lines[-1] += f" {bare}"
        else:
            lines.append(quote + bare)
    return "\n".join(lines)


def _goes_on(before: str, quote: str, bare: str) -> bool:
    quote_before = QUOTE.match(before).group()
    bare_before = before[len(quote_before) :]
    if quote_before.count(">") != quote.count(">") or STARTS_A_LINE.match(bare):
        return False
    ends = [tag.end() for tag in BLOCK_TAG.finditer(bare_before)]
    return not (bare_before.startswith(("#", "|")) or bare_before.endswith("\\") or len(bare_before) in ends)
