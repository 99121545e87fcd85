"""How Sphinx makes the site. tools/build_site.py lays out the pages and runs it once for each edition."""

import os
import sys
from pathlib import Path

from sphinx.errors import ConfigError

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parents[1] / "tools")]

CHINESE = tags.has("zh")  # noqa: F821 - Sphinx puts `tags` here

project = "动手学迁移学习" if CHINESE else "Transfer learning, by running it"
language = "zh_CN" if CHINESE else "en"
exclude_patterns = []
smartquotes = False

extensions = ["myst_nb", "editions", "formulas", "launch", "links", "search"]

# Notebooks as they are committed: nothing is executed.
nb_execution_mode = "off"
nb_merge_streams = True
WIDGET = "这里是交互控件，在 JupyterLab 中运行本笔记本即可使用。" if CHINESE else (
    "A widget: run this notebook in JupyterLab to use it."
)  # fmt: skip
nb_custom_formats = {".ipynb": ["notebooks.read", {"instead_of_a_widget": WIDGET}, False]}
nb_ipywidgets_js = {}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

# The repository's address, such as https://github.com/owner/name. Without it no page links to it or offers to launch.
site_repository = os.environ.get("SITE_REPOSITORY", "").rstrip("/")
if site_repository and not site_repository.startswith("https://github.com/"):
    raise ConfigError(f"SITE_REPOSITORY must be like https://github.com/owner/name, got {site_repository}")
site_edition = "zh" if CHINESE else "en"

html_theme = "sphinx_book_theme"
html_title = project
html_math_renderer = "mathml"
html_static_path = [str(HERE / "static")]
html_favicon = str(HERE / "static" / "favicon.svg")
html_context = {"default_mode": "auto"}
html_css_files = ["site.css"]
templates_path = [str(HERE / "templates")]
html_use_index = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {
    "article_header_end": ["language.html", "article-header-buttons.html"],
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "show_toc_level": 2,
    "search_bar_text": "搜索……" if CHINESE else "Search...",
    "repository_url": site_repository,
    "repository_branch": "main",
    "use_repository_button": bool(site_repository),
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": "文字 CC BY 4.0，代码 MIT。" if CHINESE else "Text: CC BY 4.0. Code: MIT.",
}
