"""Formulas as MathML, which browsers show by themselves: MathJax would be fetched from the network."""

import re
import unicodedata

from latex2mathml.converter import convert

STYLED = re.compile(r' mathvariant="(script|double-struck|bold)">(\w)<')
NORM = "<mo>&#x02016;</mo>"


def mathml(latex: str, display: str = "inline") -> str:
    r"""Convert a formula as browsers want it today.

    latex2mathml does not know \arg; browsers no longer know attributes for \mathcal and the like, only letters; and the
    two bars of a norm, one with an exponent and one without, would come out in two sizes.
    """
    converted = convert(re.sub(r"\\arg(?![a-zA-Z])", r"\\operatorname{arg}", latex), display=display)
    converted = STYLED.sub(lambda match: f">{styled(*match.groups())}<", converted)
    return converted.replace(NORM, NORM.replace("<mo", '<mo stretchy="false"'))


def styled(style: str, letter: str) -> str:
    """Give the letter that Unicode has for a style: D in script is 𝒟."""
    name = f"{style} {unicodedata.name(letter)}".upper().replace("LATIN ", "").replace("LETTER ", "")
    try:
        return unicodedata.lookup(f"MATHEMATICAL {name}")
    except KeyError:  # some are older than the others and have shorter names
        return unicodedata.lookup(name)
