"""Check the built site: nothing foreign, no dead link, both editions whole, every term found by the search.

python tools/check_site.py [FOLDER]    # build/site by default; prints what is wrong and returns 1, if anything is
"""

import csv
import json
import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import snowballstemmer

ROOT = Path(__file__).resolve().parents[1]
TERMS = ROOT / "locale" / "zh_CN" / "terms.csv"
OTHER = {"en": "zh", "zh": "en"}
FOREIGN = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
FOREIGN_CSS = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
# Text that only shows where something was not understood: a formula, a widget.
RAW = re.compile(r"\$\$|\w+\(children=\(|Loading widget")


class Page(HTMLParser):
    """What the checks want to know of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.inside = path, []
        self.ids, self.links, self.loads, self.images, self.switches = set(), [], [], [], []
        self.styles, self.formulas, self.text = [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        """Sort the attributes."""
        values = dict(attributes)
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
            if "language" in (values.get("class") or "").split():
                self.switches.append(values["href"])
        elif "href" in values:
            self.loads.append(values["href"])
        self.loads += [values[name] for name in ("src", "srcset", "poster", "data") if values.get(name)]
        self.styles.append(values.get("style") or "")
        if tag == "img":
            self.images.append((values["src"], values.get("alt") or ""))
        if tag in ("style", "script", "math", "pre", "code"):
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave what was entered."""
        if tag in self.inside:
            self.inside.remove(tag)

    def handle_data(self, data: str) -> None:
        """Keep styles, formulas and plain text apart."""
        for tag, kept in (("style", self.styles), ("math", self.formulas)):
            if tag in self.inside:
                kept.append(data)
        if not self.inside:
            self.text.append(data)


@cache
def page(path: Path) -> Page:
    """Read a page, once."""
    return Page(path)


def pages(site: Path) -> list[Page]:
    """Read all pages; the theme's own leftovers in _static are none."""
    return [page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


def foreign(site: Path) -> list[str]:
    """Find what a browser would fetch from elsewhere."""
    found = []
    for p in pages(site):
        found += [f"{p.path}: loads {address}" for address in p.loads if FOREIGN.match(address)]
        found += [f"{p.path}: loads {address}" for address in FOREIGN_CSS.findall("\n".join(p.styles))]
    for path in sorted(site.rglob("*.css")):
        found += [f"{path}: loads {address}" for address in FOREIGN_CSS.findall(path.read_text(encoding="utf-8"))]
    return found


def dead_links(site: Path) -> list[str]:
    """Find links and files of pages that lead nowhere within the site."""
    found = []
    for p in pages(site):
        for link in sorted({*p.links, *p.loads}):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (p.path.parent / unquote(address.path)).resolve() if address.path else p.path
            if not target.is_file():
                found.append(f"{p.path}: {link} leads nowhere")
            elif address.fragment and target.suffix == ".html" and unquote(address.fragment) not in page(target).ids:
                found.append(f"{p.path}: {link} has no such place")
    return found


def wordless_images(site: Path) -> list[str]:
    """Find pictures without words; the name of a file is none."""
    images = [(p.path, source, alt) for p in pages(site) for source, alt in p.images]
    return [f"{path}: {source} has no alt" for path, source, alt in images if not alt.strip() or "_images/" in alt]


def raw_text(site: Path) -> list[str]:
    """Find formulas and widgets that show as the text they were written as."""
    found = []
    for p in pages(site):
        found += [f"{p.path}: formula with {text}" for text in p.formulas if "\\" in text]
        found += [f"{p.path}: {text}" for text in RAW.findall("".join(p.text))]
    return found


def missing_switches(site: Path) -> list[str]:
    """Find pages that do not lead to themselves in the other language."""
    found = []
    for edition, other in OTHER.items():
        for p in pages(site / edition):
            twin = site / other / p.path.relative_to(site / edition)
            leads_to = [(p.path.parent / link).resolve() for link in p.switches]
            if leads_to != [twin.resolve()] or not twin.is_file():
                found.append(f"{p.path}: leads to {p.switches} in the other language, wanted is {twin}")
    return found


def missing_notebooks(site: Path, notebooks: Path = ROOT / "notebooks") -> list[str]:
    """Find notebooks that an edition lacks, or whose pictures are not all there."""
    found = []
    for path in sorted(notebooks.glob("*.ipynb")):
        outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
        wanted = sum("image/png" in output.get("data", {}) for output in outputs)
        for edition in OTHER:
            built = site / edition / "notebooks" / f"{path.stem}.html"
            if not built.is_file():
                found.append(f"{built} is missing")
            elif (shown := sum("_images/" in source for source, _ in page(built).images)) != wanted:
                found.append(f"{built} has {shown} pictures, the notebook has {wanted}")
    return found


class Search:
    """The search of one edition, as Sphinx's searchtools.js does it."""

    def __init__(self, edition: Path):
        index = (edition / "searchindex.js").read_text(encoding="utf-8")
        self.index = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
        language = (edition / "_static" / "language_data.js").read_text(encoding="utf-8")
        self.stop_words = set(json.loads(re.search(r"var stopwords = (\[.*?\])", language, re.DOTALL).group(1)))
        self.cuts_chinese = "Script=Han" in language  # docs/site/extensions/search.py
        self.stem = snowballstemmer.stemmer("porter").stemWord

    def words(self, query: str) -> set[str]:
        """Cut a query into words as the index has them."""
        words = re.findall(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+" if self.cuts_chinese else r"\w+", query.lower())
        words = [part for word in words for part in (self.cut(word) if self.cuts_chinese else [word])]
        return {self.stem(word) for word in words if word not in self.stop_words and not word.isdigit()}

    def cut(self, text: str) -> list[str]:
        """Take the longest known word again and again."""
        if not re.match(r"[\u4e00-\u9fff]", text):
            return [text]
        words, start = [], 0
        while start < len(text):
            ends = range(len(text), start, -1)
            end = next((end for end in ends if self.pages(text[start:end], partly=False)), start + 1)
            words += [text[start:end]] if self.pages(text[start:end], partly=False) else []
            start = end
        return words

    def pages(self, word: str, partly: bool = True) -> set[int]:
        """Find the pages that have a word, in their text or in a title; a long word also as a part of others."""
        found = set()
        for table in (self.index["terms"], self.index["titleterms"]):
            keys = (
                [word] if word in table else [key for key in table if word in key] if partly and len(word) > 2 else []
            )
            for key in keys:
                found |= set(table[key] if isinstance(table[key], list) else [table[key]])
        return found

    def find(self, query: str) -> set[str]:
        """Name the pages that have all words of a query."""
        words = [self.pages(word) for word in self.words(query)]
        return {self.index["docnames"][number] for number in set.intersection(*words)} if words else set()


def lost_terms(site: Path, terms: Path = TERMS) -> list[str]:
    """Find terms of the glossary that the search of an edition does not find, in English or in Chinese."""
    found = []
    with terms.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for edition in OTHER:
        search = Search(site / edition)
        lost = [row[column] for row in rows for column in ("english", "chinese") if not search.find(row[column])]
        found += [f"the search of the {edition} edition does not find {term}" for term in lost]
    return found


CHECKS = (foreign, dead_links, wordless_images, raw_text, missing_switches, missing_notebooks, lost_terms)


def main() -> int:
    """Run all checks on the folder that the command line names."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site")
    if not (site / "index.html").is_file():
        raise SystemExit(f"No site in {site}: make site")
    faults = [fault for check in CHECKS for fault in check(site)]
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(pages(site))} pages, {sum(len(p.links) for p in pages(site))} links, {len(faults)} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
