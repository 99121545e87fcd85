"""The site's own extensions on a small site, and that tools/check_site.py notices what it is there for."""

import base64
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("sphinx", reason="the site's packages are not there: make site brings them")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import build_site  # noqa: E402
import check_site  # noqa: E402

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415478da63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
    )
).decode()
TEXT = r"""# 01 A small notebook

The best is $\arg\min_x f(x)$ in $\mathcal D \subset \mathbb R$, and

$$x = \frac{1}{2}.$$

[assignment](../assignments/source/01_domains_and_tasks/), [code](../src/helpers/runtime.py),
[01_small](01_small.ipynb), [the other language](../OTHER)
"""
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}, "text/plain": "VBox(children=(Output(),))"}
REPOSITORY = "https://github.com/owner/name"


def small_notebook(other):
    new = nbformat.v4
    picture = new.new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure>"})
    cell = new.new_code_cell("raise SystemExit", outputs=[picture], metadata={"alt": "One white pixel."})
    widget = new.new_code_cell("widgets", outputs=[new.new_output("display_data", WIDGET)])
    notebook = new.new_notebook(cells=[new.new_markdown_cell(TEXT.replace("OTHER", other)), cell, widget])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def write_sources(folder, edition):
    pages = {
        "index.md": "# Site\n\n```{toctree}\nnotebooks/01_small\nassignments/README\n```\n",
        "assignments/README.md": "# Assignments\n\n域之间一种叫作负\n迁移的现象，negative transfer。\n",
        "terms.txt": "域\n负迁移\n",
    }
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "notebooks").mkdir()
    other = {"en": "notebooks_zh/01_domains_and_tasks.ipynb", "zh": "README.md"}[edition]
    nbformat.write(small_notebook(other), folder / "notebooks" / "01_small.ipynb")


def build(folder, monkeypatch, repository=""):
    """Build a small site of both editions; give its folder."""
    monkeypatch.setenv("SITE_REPOSITORY", repository)
    running = []
    for edition in ("en", "zh"):
        write_sources(folder / edition, edition)
        running.append(build_site.start(edition, folder / edition, folder / "site"))
    assert [process.wait() for process in running] == [0, 0]
    return folder / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return build(tmp_path_factory.mktemp("site"), patch)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The same, built where the repository has an address."""
    with pytest.MonkeyPatch.context() as patch:
        return build(tmp_path_factory.mktemp("published"), patch, REPOSITORY)


def notebook_page(site, edition="en"):
    return (site / edition / "notebooks" / "01_small.html").read_text(encoding="utf-8")


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.href = {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.href = dict(attributes).get("href")

    def handle_endtag(self, tag):
        if tag == "a":
            self.href = None

    def handle_data(self, data):
        if self.href and data.strip():
            self.found[data.strip()] = self.href


def test_a_plot_has_the_words_of_its_cell(site):
    assert re.search(r'<img [^>]*alt="One white pixel\."', notebook_page(site))


@pytest.mark.parametrize(("edition", "words"), [("en", "in JupyterLab to use it"), ("zh", "在 JupyterLab 中运行")])
def test_a_widget_is_a_sentence_on_a_page(site, edition, words):
    text = notebook_page(site, edition)
    assert words in text
    assert "VBox" not in text
    assert "widget-view" not in text


def test_formulas_are_mathml(site):
    text = notebook_page(site)
    assert re.search(r'<div class="formula"><math [^>]*display="block"', text)
    assert "<mo>arg</mo>" in text
    assert "<mi>𝒟</mi>" in text
    assert "<mi>ℝ</mi>" in text
    assert "mathjax.js" not in text.lower()


def test_without_an_address_links_to_the_repository_stay_in_the_site(site):
    links = Links(notebook_page(site)).found
    assert links["assignment"] == "../assignments/README.html"
    assert "code" not in links
    assert "code" in notebook_page(site)


def test_with_an_address_links_lead_to_the_repository(published):
    links = Links(notebook_page(published)).found
    assert links["assignment"] == f"{REPOSITORY}/tree/main/assignments/source/01_domains_and_tasks"
    assert links["code"] == f"{REPOSITORY}/blob/main/src/helpers/runtime.py"


def test_links_lead_to_the_other_edition_and_show_titles(site):
    links = Links(notebook_page(site)).found
    assert links["the other language"] == "../../zh/notebooks/01_domains_and_tasks.html"
    assert "01_small" not in links
    assert links["中文"] == "../../zh/notebooks/01_small.html"
    assert Links(notebook_page(site, "zh")).found["the other language"] == "../../en/index.html"


def test_the_chinese_readme_leads_to_the_pages_of_the_chinese_notebooks(tmp_path):
    """They lie in notebooks_zh in the repository and in notebooks on the site; what shows is the title."""
    write_sources(tmp_path / "zh", "zh")
    with (tmp_path / "zh" / "index.md").open("a") as page:
        page.write("\n[01_small](notebooks_zh/01_small.ipynb), [first](notebooks_zh/01_small.ipynb)\n")
    assert build_site.start("zh", tmp_path / "zh", tmp_path / "site").wait() == 0
    links = Links((tmp_path / "site" / "zh" / "index.html").read_text(encoding="utf-8").split("<article")[1]).found
    assert links["first"] == links["01 A small notebook"] == "notebooks/01_small.html"
    assert "01_small" not in links


def test_the_theme_speaks_chinese(site):
    words = re.compile(r'(?:title|aria-label|placeholder)="([A-Z][A-Za-z .]+)"|</i>([A-Z][A-Za-z ]+)</button>')
    english, chinese = ({*map("".join, words.findall(notebook_page(site, edition)))} for edition in ("en", "zh"))
    assert len(english) > 8
    assert chinese <= {"Site", "Assignments"}  # pages of the small site


def test_launch_buttons_need_the_address(site, published):
    for edition, folder in (("en", "notebooks"), ("zh", "notebooks_zh")):
        assert "mybinder" not in notebook_page(site, edition)
        text = notebook_page(published, edition)
        assert f"https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/{folder}/01_small.ipynb" in text
        assert f"https://colab.research.google.com/github/owner/name/blob/colab/{folder}/01_small.ipynb" in text


def test_an_address_of_another_kind_is_refused(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("SITE_REPOSITORY", "owner/name")
    write_sources(tmp_path / "en", "en")
    assert build_site.start("en", tmp_path / "en", tmp_path / "site").wait() != 0
    assert "https://github.com/owner/name" in capfd.readouterr().err


def test_a_dead_link_stops_the_build(tmp_path, capfd):
    write_sources(tmp_path / "en", "en")
    with (tmp_path / "en" / "index.md").open("a") as page:
        page.write("\n[gone](notebooks/gone.ipynb)\n")
    assert build_site.start("en", tmp_path / "en", tmp_path / "site").wait() != 0
    assert "notebooks/gone.ipynb" in capfd.readouterr().err


def test_the_chinese_search_knows_the_terms_and_cuts_queries(site):
    search = check_site.Search(site / "zh")
    assert {"域", "负迁移"} <= set(search.index["terms"])  # a single character; a word that a line break cuts
    assert search.words("为什么叫作负迁移，negative transfers") == {"叫作", "负迁移", "neg", "transfer"}
    assert search.find("为什么叫作负迁移") == {"assignments/README"}
    assert not search.find("鲸鱼")


def test_the_chinese_edition_says_what_is_english_only(site):
    assert "本页目前只有英文" in (site / "zh" / "assignments" / "README.html").read_text(encoding="utf-8")
    assert "本页目前只有英文" not in notebook_page(site, "zh")


def test_an_edition_is_laid_out_under_the_paths_of_the_repository(tmp_path):
    build_site.lay_out("zh", tmp_path)
    for path in (ROOT / "notebooks_zh").glob("*.ipynb"):
        assert (tmp_path / "notebooks" / path.name).read_bytes() == path.read_bytes()
    index = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert index.startswith((ROOT / "README.zh-CN.md").read_text(encoding="utf-8"))
    assert "{toctree}" in index
    assert (tmp_path / "docs" / "article.md").exists()
    assert "负迁移" in (tmp_path / "terms.txt").read_text(encoding="utf-8").splitlines()


def terms(folder, *rows):
    (folder / "terms.csv").write_text("english,chinese\n" + "\n".join(rows), encoding="utf-8")
    return folder / "terms.csv"


def test_the_checks_pass_on_a_whole_site(site, tmp_path):
    one = terms(tmp_path, "negative transfer,负迁移")
    for check in (check_site.foreign, check_site.wordless_images, check_site.raw_text, check_site.missing_switches):
        assert check(site) == []
    dead = check_site.dead_links(site)  # the small site has no notebook of that name
    assert [re.sub(r".*: ", "", fault) for fault in dead] == [
        "../../zh/notebooks/01_domains_and_tasks.html leads nowhere"
    ]
    assert check_site.missing_notebooks(site, site.parent / "en" / "notebooks") == []
    assert check_site.lost_terms(site, one) == []


PAGE = "en/notebooks/01_small.html"
BREAKS = [
    (check_site.foreign, PAGE, "</head>", '<script src="https://example.org/x.js"></script></head>'),
    (check_site.foreign, PAGE, "</head>", '<link rel="stylesheet" href="//example.org/x.css"></head>'),
    (check_site.foreign, PAGE, "</head>", "<style>p { background: url(https://example.org/x.png) }</style></head>"),
    (check_site.foreign, PAGE, "<body", '<body style="background: url(//example.org/x.png)"'),
    (check_site.foreign, "en/_static/site.css", "/*", '@import "https://example.org/x.css"; /*'),
    (check_site.dead_links, PAGE, "../assignments/README.html", "../assignments/gone.html"),
    (check_site.dead_links, PAGE, "../assignments/README.html", "../assignments/README.html#gone"),
    (check_site.dead_links, PAGE, "_static/site.css", "_static/gone.css"),
    (check_site.wordless_images, PAGE, 'alt="One white pixel."', 'alt=" "'),
    (check_site.wordless_images, PAGE, 'alt="One white pixel."', 'alt="../_images/1.png"'),
    (check_site.raw_text, PAGE, "The best is", "The $$best$$ is"),
    (check_site.raw_text, PAGE, "The best is", "interactive(children=()"),
    (check_site.raw_text, PAGE, '<div class="formula">', '<math><mtext>\\foo</mtext></math><div class="formula">'),
    (check_site.missing_switches, PAGE, "../../zh/notebooks/01_small.html", "../../zh/index.html"),
]


@pytest.mark.parametrize(("check", "file", "old", "new"), BREAKS, ids=[f"{b[0].__name__} {b[3]}" for b in BREAKS])
def test_a_check_notices(site, tmp_path, check, file, old, new):
    broken = Path(shutil.copytree(site, tmp_path / "site"))
    before = len(check(site))
    text = (broken / file).read_text(encoding="utf-8")
    assert old in text
    (broken / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert len(check(broken)) > before


def test_a_missing_notebook_is_noticed(site, tmp_path):
    folder = tmp_path / "notebooks"
    shutil.copytree(site.parent / "en" / "notebooks", folder)
    shutil.copy(folder / "01_small.ipynb", folder / "02_new.ipynb")
    assert len(check_site.missing_notebooks(site, folder)) == 2
    notebook = nbformat.read(folder / "01_small.ipynb", 4)
    notebook.cells[1].outputs *= 2
    nbformat.write(notebook, folder / "01_small.ipynb")
    assert len(check_site.missing_notebooks(site, folder)) == 4


def test_a_term_that_no_page_has_is_noticed(site, tmp_path):
    faults = check_site.lost_terms(site, terms(tmp_path, "negative transfer,负迁移", "kernel,核"))
    assert len(faults) == 4
    assert all("kernel" in fault or "核" in fault for fault in faults)
