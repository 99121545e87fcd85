"""What can be wrong with one translated text: its form, what must stay as it is, its terms, its punctuation.

Each check takes the English and the Chinese text of one entry and yields its faults in words. An entry has one line for
each paragraph, item and row (`translate.unwrap`), so form is compared line by line.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polib
from markdown_it import MarkdownIt

COLUMNS = {"english", "chinese", "english_forms", "chinese_forms", "strict"}  # and a remark
HAN = r"[\u3400-\u4dbf\u4e00-\u9fff]"
FULL = "，。：；？！（）“”‘’、《》【】"
LINE_START = re.compile(r"([ \t]*(?:>[ \t]?)*)((?:[-*+]|\d{1,2}[.)])[ \t]+|#{1,6}[ \t]+)?")
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
FORMULA = re.compile(r"\$\$.+?\$\$|(?<!\\)\$[^$\n]+\$", re.DOTALL)
TARGET = re.compile(r"(?<=\]\()[^)\s]+")
TAG = re.compile(r"</?[a-zA-Z][^>]*>")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
YEAR = re.compile(r"\b(19|20)\d\d\b")
TITLE = re.compile(r"\*[^*]+\*")
MONTH = re.compile(r"\b(January|February|March|April|May|June|July|August|September|October|November|December)\b")
STANDS_FOR_CODE = "X"  # in prose, code and formulas are like a Latin word
MARKDOWN = MarkdownIt("commonmark")

SPACING = {
    rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9%]{HAN}": "no space between Chinese and Latin",
    rf"{HAN} +{HAN}": "a space between Chinese characters",
    rf" [{FULL}]|[{FULL}] ": "a space beside full-width punctuation",
    r"\d %": "a space before %",
    rf"{HAN} ?[,;:?!(]|{HAN}[.)\"']|[,;:?!] ?{HAN}|[(\"')]{HAN}|[{FULL}][,.;:?!]": "half-width punctuation at Chinese",
    r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]": "a full-width letter or digit",
}


class TranslationError(Exception):
    """A file of the translation that can't be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Term:
    """A row of terms.csv that is strict: where the English occurs, one of the Chinese words must."""

    english: str
    pattern: re.Pattern
    chinese: tuple[str, ...]


def read_terms(path: Path) -> list[Term]:
    """Read the strict rows of terms.csv; its other rows are the glossary's alone.

    Raises
    ------
    TranslationError
        If a column is missing or a row has no English or no Chinese word.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if missing := COLUMNS - set(reader.fieldnames or ()):
        raise TranslationError(f"{path.name} lacks the columns {sorted(missing)}: its first line must name them.")
    for line, row in enumerate(rows, start=2):
        if not row["english"] or not row["chinese"] or None in row or row["strict"] not in ("yes", ""):
            wanted = "English and Chinese words, and yes or nothing in the column strict"
            raise TranslationError(f"{path.name}, line {line}: wanted are {wanted}; got {row}.")
    return [_term(row) for row in rows if row["strict"]]


def _term(row: dict[str, str]) -> Term:
    english = [row["english"], *filter(None, row["english_forms"].split("|"))]
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, english))})(?:e?s)?\b", re.IGNORECASE)
    return Term(row["english"], pattern, (row["chinese"], *filter(None, row["chinese_forms"].split("|"))))


def of_entry(entry: polib.POEntry, terms: list[Term]) -> list[str]:
    """List the faults of an entry of a .po file."""
    if entry.obsolete:
        return ["obsolete: its English text is gone"]
    if not entry.msgstr:
        return ["not translated"]
    if entry.fuzzy:
        return ["fuzzy: its English text has changed"]
    return of_text(entry.msgid, entry.msgstr, terms)


def of_text(english: str, chinese: str, terms: list[Term]) -> list[str]:
    """List the faults of a translation.

    Parameters
    ----------
    english, chinese : str
        The text of an entry and its translation.
    terms : list of Term

    Returns
    -------
    list of str
        What is wrong, each with the words that show it.
    """
    if english == chinese and YEAR.search(english):
        return []  # references stay as they are
    checks = [_language, _form, _kept, _numbers, _anchors, _emphasis, _punctuation]
    return [fault for check in checks for fault in check(english, chinese)] + of_terms(english, chinese, terms)


def prose(text: str) -> str:
    """Leave of a line what is read as language: no tags, targets, emphasis; code and formulas as one Latin letter."""
    for part in (CODE, FORMULA, re.compile(r"https?://[^\s)，。]+")):
        text = part.sub(STANDS_FOR_CODE, text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", TAG.sub("", text))
    return re.sub(r"\*+", "", text)


def _language(english: str, chinese: str) -> Iterator[str]:
    if not re.search(HAN, chinese):
        yield "no Chinese in it"


def _form(english: str, chinese: str) -> Iterator[str]:
    """Compare lines: number, quote marks, list markers, heading level, cells of a table."""
    pairs = list(zip(english.split("\n"), chinese.split("\n"), strict=False))
    if english.count("\n") != chinese.count("\n"):
        yield f"wanted {english.count(chr(10)) + 1} lines as in English, got {chinese.count(chr(10)) + 1}"
        return
    for line, (one, other) in enumerate(pairs, start=1):
        wanted, got = LINE_START.match(one).group(), LINE_START.match(other).group()
        if wanted != got:
            yield f"line {line} must begin with {wanted!r}, it begins with {got!r}"
        if one.startswith("|") and _cells(one) != _cells(other):
            yield f"line {line} must have {_cells(one)} cells, it has {_cells(other)}"
        if other != other.rstrip():
            yield f"line {line} ends with a space"


def _cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


def _kept(english: str, chinese: str) -> Iterator[str]:
    """Compare what a translation must not change."""
    if english.startswith("```"):
        return  # a drawing made of words (markdown_blocks): its form is compared line by line
    for name, part in {"code": CODE, "formula": FORMULA, "link": TARGET, "html tag": TAG}.items():
        wanted, got = ([match.group() for match in part.finditer(text)] for text in (english, chinese))
        yield from _difference(name, wanted, got)
        english, chinese = part.sub("", english), part.sub("", chinese)


def _numbers(english: str, chinese: str) -> Iterator[str]:
    def numbers(text):
        for part in (CODE, FORMULA, TARGET, TAG):
            text = part.sub(" ", text)
        return NUMBER.findall(text)

    wanted, got = numbers(english), numbers(chinese)
    if MONTH.search(english):  # February becomes 2 月
        got = [number for number in got if number in wanted or not number.isdecimal() or int(number) > 12]
    yield from _difference("number", wanted, got)


def _anchors(english: str, chinese: str) -> Iterator[str]:
    if found := re.search(r"\]\((?!https?:)[^)]*#[^)]*\)", english):
        yield f"the link {found.group()!r} leads to a heading, which is translated: name the section instead"


def _difference(name: str, wanted: list[str], got: list[str]) -> Iterator[str]:
    missing, more = Counter(wanted) - Counter(got), Counter(got) - Counter(wanted)
    if missing:
        yield f"{name} missing: {', '.join(missing.elements())}"
    if more:
        yield f"{name} not in English: {', '.join(more.elements())}"


def _emphasis(english: str, chinese: str) -> Iterator[str]:
    """Find asterisks that would be shown: bold that ends with punctuation right before a letter is no bold."""
    shown = _asterisks(chinese)
    if len(shown) > len(_asterisks(english)):
        yield f"asterisks would be shown: {shown[0]!r}; put the punctuation outside the bold"


def _asterisks(text: str) -> list[str]:
    lines = (LINE_START.sub("", line, count=1) for line in FORMULA.sub(STANDS_FOR_CODE, text).split("\n"))
    tokens = [token for line in lines for token in MARKDOWN.parseInline(line)[0].children]
    return [token.content[:30] for token in tokens if token.type == "text" and "*" in token.content]


def _punctuation(english: str, chinese: str) -> Iterator[str]:
    for line in chinese.split("\n"):
        words = prose(LINE_START.sub("", line, count=1)).strip()
        for part in words.split("|") if line.startswith("|") else [words]:
            for pattern, fault in SPACING.items():
                if found := re.search(pattern, part.strip()):
                    yield f"{fault}: {part.strip()[max(0, found.start() - 6) : found.end() + 6]!r}"


def of_terms(english: str, chinese: str, terms: list[Term]) -> list[str]:
    """List the terms that are not rendered as terms.csv says; titles and references that stay English do not count."""
    same = {line for line in english.split("\n") if YEAR.search(line)} & set(chinese.split("\n"))
    english = "\n".join(line for line in english.split("\n") if line not in same)
    english = prose(TITLE.sub(lambda title: "" if title.group() in chinese else title.group(), english))
    used = [term for term in terms if term.pattern.search(english)]
    missing = [term for term in used if not any(word in chinese for word in term.chinese)]
    return [f"{term.english!r} must be {' or '.join(term.chinese)}" for term in missing]
