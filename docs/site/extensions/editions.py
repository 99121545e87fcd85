"""The two editions: each page leads to itself in the other language; what is English only says so."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

OTHER = {"en": ("zh", "zh-CN", "中文"), "zh": ("en", "en", "English")}
ONLY_ENGLISH = "本页目前只有英文。"
# What the theme says in English in every language, or, of printing, in the words of Taiwan.
WORDS_OF_THE_THEME = {
    "Toggle primary sidebar": "显示或隐藏左栏",
    "Toggle secondary sidebar": "显示或隐藏右栏",
    "Color mode": "明暗模式",
    "System Settings": "跟随系统",
    "列印成 PDF": "打印成 PDF",
    "Link to this heading": "本节链接",
    "Main": "全站导航",
    "Page": "本页导航",
}
CHINESE = re.compile(r"[“”‘’\u3000-\u9fff\uff00-\uffef]")


def to_other_edition(app: Sphinx, page: str, target: str) -> str:
    """Give the relative address, seen from a page, of a page of the other edition."""
    return f"{'../' * (page.count('/') + 1)}{OTHER[app.config.site_edition][0]}/{target}.html"


def offer_other_edition(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Tell templates/language.html where the same page lies in the other language."""
    _, code, name = OTHER[app.config.site_edition]
    context["other_edition"] = {"url": to_other_edition(app, page, page), "code": code, "name": name}


def join_chinese_lines(app: Sphinx, doctree: nodes.document) -> None:
    """Take out line breaks between Chinese characters: browsers may show them as spaces, and they cut words."""
    for line_break in [text for text in doctree.findall(nodes.Text) if text == "\n"]:
        parent, place = line_break.parent, line_break.parent.index(line_break)
        around = parent.children[max(place - 1, 0) : place + 2]
        if len(around) == 3 and CHINESE.match(around[0].astext()[-1:]) and CHINESE.match(around[2].astext()):
            parent.remove(line_break)
            if isinstance(around[0], nodes.Text) and isinstance(around[2], nodes.Text):
                parent.remove(around[2])
                parent.replace(around[0], nodes.Text(around[0] + around[2]))


def mark_english(app: Sphinx, page: str, source: list[str]) -> None:
    """Say below its title that a page of the Chinese edition has not been translated."""
    if app.config.site_edition == "zh" and page.startswith(("docs/", "data/", "assignments/", "CONTRIBUTING")):
        title, _, rest = source[0].partition("\n")
        source[0] = f"{title}\n\n```{{note}}\n{ONLY_ENGLISH}\n```\n{rest}"


def translate_theme(app: Sphinx, error: Exception | None) -> None:
    """Say in the Chinese edition what the theme has no Chinese for: in tooltips, for screen readers, on a button."""
    if error is None and app.config.site_edition == "zh":
        for path in Path(app.outdir).rglob("*.html"):
            text = path.read_text(encoding="utf-8")
            for old, new in WORDS_OF_THE_THEME.items():
                text = text.replace(f'="{old}"', f'="{new}"').replace(f"</i>{old}</button>", f"</i>{new}</button>")
            path.write_text(text, encoding="utf-8", newline="\n")


def setup(app: Sphinx) -> dict:
    """Connect all of it."""
    app.add_config_value("site_edition", "en", "env")
    app.add_config_value("site_repository", "", "env")
    app.connect("source-read", mark_english)
    app.connect("doctree-read", join_chinese_lines)
    app.connect("html-page-context", offer_other_edition)
    app.connect("build-finished", translate_theme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
