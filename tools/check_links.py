"""Ask every external link of the pages and notebooks for an answer; list those that are dead.

python tools/check_links.py            # all that git knows: *.md, *.ipynb, CITATION.cff
python tools/check_links.py README.md  # these files
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"https?://[^\s<>\"'`|\\]+")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)  # commands and patterns of addresses, no links
REFUSED = {401, 403, 405, 429, 999}  # the site is there, and does not talk to programs


def text_of(path: Path) -> str:
    """Give what a reader reads of a file: of a notebook its Markdown cells, without code."""
    if path.suffix != ".ipynb":
        return CODE.sub("", path.read_text(encoding="utf-8"))
    cells = nbformat.read(path, as_version=4).cells
    return CODE.sub("", "\n".join(cell.source for cell in cells if cell.cell_type == "markdown"))


def links(text: str) -> set[str]:
    """Find the external links of a text, each without its #fragment and the punctuation that follows it."""
    found = set()
    for link in LINK.findall(text):
        link = link.rstrip(".,;:!?*。，；：、）")
        while link.endswith(")") and link.count(")") > link.count("("):  # the bracket of [word](link)
            link = link[:-1].rstrip(".,;:")
        found.add(link.partition("#")[0])
    return found


def trouble(link: str, timeout: float = 30) -> str:
    """Ask for a link, again where the network or the server fails; "" if it is well, else what came."""
    with requests.Session() as session:
        retry = Retry(3, backoff_factor=1, status_forcelist=[500, 502, 503, 504], raise_on_status=False)
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        headers = {"User-Agent": "Mozilla/5.0 (link check)"}
        try:
            with session.get(link, timeout=timeout, stream=True, headers=headers) as answer:
                well = answer.ok or answer.status_code in REFUSED
                return "" if well else f"{answer.status_code} {answer.reason}"
        except requests.RequestException as error:
            return f"{type(error).__name__}: {error}"


def main() -> int:
    """Check what the command line names; return 1 if a link is dead."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="files to read; all pages and notebooks without any")
    files = parser.parse_args().files
    if not files:
        command = ["git", "ls-files", "-z", "*.md", "*.ipynb", "*.cff"]
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        files = [ROOT / name for name in names if name]
    pages = defaultdict(list)
    for file in files:
        for link in links(text_of(file)):
            pages[link].append(file.name)
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(pages, pool.map(trouble, pages), strict=True))
    dead = {link: what for link, what in found.items() if what}
    for link, what in dead.items():
        print(f"{link}\n    {what}\n    in {', '.join(sorted(pages[link]))}")
    print(f"{len(pages)} links in {len(files)} files, {len(dead)} dead")
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main())
