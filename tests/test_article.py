"""What is called the article's is the article's, and each of its claims has its answer."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = [
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *sorted((ROOT / "assignments").rglob("*.ipynb")),
    *(
        ROOT / name
        for name in ("README.md", "data/README.md", "assignments/README.md", "CONTRIBUTING.md", "docs/article.md")
    ),
]
NEVER_THERE = re.compile(r"shear_range|samples_per_epoch|Model\(input=|nb_epoch|author (took|meant|made)")
# The article's numbers of the augmentation, wherever its arguments are written out.
NUMBERS = {
    "zoom_range": "0.25",
    "rotation_range": "15",
    "channel_shift_range": "25",
    "width_shift_range": "0.02",
    "height_shift_range": "0.02",
}
# Claim -> the notebooks that may answer it; the first one must.
ANSWERED_IN = {
    "C1": ("00", "01"),
    **dict.fromkeys(("C2", "C3"), ("01",)),
    **dict.fromkeys(("C4", "C5", "C6"), ("02",)),
    **dict.fromkeys(("C7", "C8", "C9", "C10"), ("03",)),
    **dict.fromkeys(("C11", "C12"), ("04",)),
    **dict.fromkeys(("C13", "C14"), ("05",)),
    "C18": ("05", "07"),
    **dict.fromkeys(("C15", "C16", "C17", "C19", "C20"), ("06",)),
    "C21": ("06", "11"),
    **dict.fromkeys(("C22", "C25"), ("09",)),
    **dict.fromkeys(("C23", "C24"), ("08",)),
}
BOX = r"""> \*\*{claim}, the article says:\*\* \S.*(?:\n> \S.*)*
>
> \*\*Measured here:\*\* \S.*(?:\n> \S.*)*
>
> \*\*Verdict:\*\* \S.*"""


def text_of(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_nothing_is_attributed_to_the_article_that_it_never_had(path):
    assert NEVER_THERE.findall(text_of(path)) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_line_that_quotes_the_generator_has_the_articles_numbers(path):
    for line in text_of(path).splitlines():
        if "ImageDataGenerator(" in line:
            for name, number in re.findall(r"(\w+_range)=([\d.]+)", line):
                assert float(number) == float(NUMBERS[name]), line
            assert "nearest" not in line


def boxes(claim):
    """The notebooks that have a box for the claim, in the one form; more than one box in a notebook counts twice."""
    paths = (ROOT / "notebooks").glob("*.ipynb")
    return sorted(path.name for path in paths for _ in re.findall(BOX.format(claim=claim), text_of(path)))


def test_all_claims_have_a_home():
    assert {*ANSWERED_IN} == {f"C{i}" for i in range(1, 26)}


@pytest.mark.parametrize("claim", ANSWERED_IN)
def test_a_claim_has_its_box_in_its_notebook_and_a_row_in_the_page(claim):
    found = [name[:2] for name in boxes(claim)]
    assert ANSWERED_IN[claim][0] in found, f"wanted a box of the form {BOX.format(claim=claim)}"
    assert len(found) == len({*found}), "one box a notebook"
    assert {*found} <= {*ANSWERED_IN[claim]}
    rows = [line for line in text_of(ROOT / "docs" / "article.md").splitlines() if line.startswith(f"| {claim} |")]
    assert len(rows) == 1
    assert all(f"../notebooks/{name}" in rows[0] for name in boxes(claim)), "the row links the notebooks"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_what_begins_as_a_box_has_the_form_of_one(path):
    text = text_of(path)
    begun = re.findall(r"\*\*(C\d+), the article says", text)
    assert begun == re.findall(BOX.format(claim=r"(C\d+)"), text)
