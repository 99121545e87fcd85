"""What is called the article's is the article's: numbers and names that it never had stay out of every text."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = [
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *sorted((ROOT / "assignments").rglob("*.ipynb")),
    *(ROOT / name for name in ("README.md", "data/README.md", "assignments/README.md", "CONTRIBUTING.md")),
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
