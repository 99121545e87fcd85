"""Build the site in build/site: both editions, and a page that leads to the reader's own.

python tools/build_site.py
SITE_REPOSITORY=https://github.com/owner/name python tools/build_site.py    # with links and launch buttons
"""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "site"
TERMS = ROOT / "locale" / "zh_CN" / "terms.csv"
NOTEBOOKS = {"en": ROOT / "notebooks", "zh": ROOT / "notebooks_zh"}
README = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}
# What the pages take from the repository as it is; a link to one that is no page becomes a download.
FILES = ["docs/*.md", "docs/*.png", "docs/results/*", "data/README.md", "assignments/README.md", "examples/*.py",
         "CONTRIBUTING.md", "LICENSE", "CITATION.cff"]  # fmt: skip
FRONT_DOOR = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Transfer learning, by running it</title>
<script>location.replace(navigator.language.startsWith("zh") ? "zh/index.html" : "en/index.html")</script>
<p><a href="en/index.html">English</a></p>
<p lang="zh-CN"><a href="zh/index.html">中文</a></p>
"""


def lay_out(edition: str, folder: Path) -> None:
    """Copy into one folder what an edition is made of, each file under its path in the repository.

    The Chinese notebooks take the place of the English ones, so that every link between pages holds in both editions.
    """
    for path in sorted(path for pattern in FILES for path in ROOT.glob(pattern)):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copytree(
        NOTEBOOKS[edition], folder / "notebooks", ignore=lambda _, names: {n for n in names if n[-6:] != ".ipynb"}
    )
    shutil.copytree(SITE / "pages" / edition, folder, dirs_exist_ok=True)
    tail = (folder / "index.md").read_text(encoding="utf-8")
    (folder / "index.md").write_text(README[edition].read_text(encoding="utf-8") + tail, encoding="utf-8")
    lay_out_terms(folder)


def lay_out_terms(folder: Path) -> None:
    """Write the glossary's table, and its Chinese words one a line, as the search wants them."""
    with TERMS.open(encoding="utf-8", newline="") as file:
        terms = [(row["english"], row["chinese"]) for row in csv.DictReader(file)]
    with (folder / "terms.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("English", "中文"), *terms])
    words = {word for _, chinese in terms for word in re.findall(r"[\u4e00-\u9fff]+", chinese)}
    (folder / "terms.txt").write_text("\n".join(sorted(words)), encoding="utf-8")


def start(edition: str, source: Path, site: Path) -> subprocess.Popen:
    """Start Sphinx on one edition."""
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--fresh-env", "--conf-dir", SITE, "--tag", edition]
    command = [sys.executable, "-m", "sphinx", *options, "--doctree-dir", source / ".doctrees", ".", site / edition]
    return subprocess.Popen(command, cwd=source)


def main() -> int:
    """Build both editions side by side; return 1 if one of them has a warning."""
    site, sources = ROOT / "build" / "site", ROOT / "build" / "site-source"
    for folder in (site, sources):
        shutil.rmtree(folder, ignore_errors=True)
    running = []
    for edition in NOTEBOOKS:
        lay_out(edition, sources / edition)
        running.append(start(edition, sources / edition, site))
    failed = [process.wait() != 0 for process in running]
    (site / "index.html").write_text(FRONT_DOOR, encoding="utf-8")
    return int(any(failed))


if __name__ == "__main__":
    sys.exit(main())
