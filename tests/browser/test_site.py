"""The site in a browser: it asks nobody else, fits a phone, and its search and its switch of language work."""

import csv
import re
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect
from watched import PICTURES, ROOT, Heard

SITE = ROOT / "build" / "site"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
EDITIONS, OTHER = ("en", "zh"), {"en": "zh", "zh": "en"}
LOOKED_AT = ("index.html", "notebooks/00_start_here.html", "notebooks/01_domains_and_tasks.html")
WIDE = "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


def pages(edition):
    """Addresses of all pages of an edition, below the site's own."""
    found = sorted((SITE / edition).rglob("*.html"))
    return [path.relative_to(SITE).as_posix() for path in found if "_static" not in path.parts]


@pytest.fixture
def visit(browser, site):
    """Open a context of the browser; at its end look for faults and for requests to others."""
    contexts = []

    def open_context(viewport, **settings):
        context = browser.new_context(viewport=viewport, **settings)
        contexts.append((context, Heard(context)))
        return context.new_page()

    yield open_context
    for context, heard in contexts:
        context.close()
        assert not heard.faults
        assert {urlsplit(url).netloc for url in heard.requests} == {urlsplit(site).netloc}


@pytest.mark.parametrize("edition", EDITIONS)
def test_no_page_is_wider_than_a_phone(edition, visit, site):
    page, too_wide = visit(PHONE), {}
    assert len(pages(edition)) > 20
    for name in pages(edition):
        page.goto(f"{site}/{name}", wait_until="load")
        if pixels := page.evaluate(WIDE):
            too_wide[name] = pixels
        if name.endswith(LOOKED_AT):
            page.screenshot(path=PICTURES / f"phone-{name.replace('/', '-')}.png")
    assert not too_wide


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_page_shows_itself_without_a_fault(edition, visit, site):
    page, other = visit(DESK), OTHER[edition]
    for name in pages(edition):
        page.goto(f"{site}/{name}", wait_until="load")
        switch = page.locator("a.language").first.evaluate("link => link.href")
        assert switch == f"{site}/{other}{name.removeprefix(edition)}"
        assert (SITE / other / name.removeprefix(f"{edition}/")).exists()
        expect(page.locator("article h1, main h1").last).to_be_visible()
        if name.endswith(LOOKED_AT):
            page.screenshot(path=PICTURES / f"desk-{name.replace('/', '-')}.png")


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_reader_who_likes_it_dark_gets_it_dark(edition, visit, site):
    page = visit(DESK, color_scheme="dark")
    for name in LOOKED_AT:
        page.goto(f"{site}/{edition}/{name}", wait_until="load")
        channels = re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert max(map(int, channels[:3])) < 64
        page.screenshot(path=PICTURES / f"dark-{edition}-{name.replace('/', '-')}.png")


def terms(column):
    """Every fifth term: each search reads all pages that it finds."""
    with (ROOT / "locale" / "zh_CN" / "terms.csv").open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)][::5]


@pytest.mark.parametrize(("edition", "column"), [("en", "english"), ("zh", "chinese")])
def test_the_search_finds_terms_of_the_glossary(edition, column, visit, site):
    page = visit(DESK)
    for term in terms(column):
        page.goto(f"{site}/{edition}/search.html?q={quote(term)}")
        expect(page.locator("#search-results li").first, term).to_be_visible()
    page.screenshot(path=PICTURES / f"search-{edition}.png")


@pytest.mark.parametrize(("edition", "term"), [("en", "negative transfer"), ("zh", "负迁移")])
def test_a_reader_searches_and_reads(edition, term, visit, site):
    page = visit(DESK)
    page.goto(f"{site}/{edition}/index.html")
    page.locator(".search-button-field:visible").click()
    page.get_by_role("searchbox").fill(term)
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.click()
    expect(page.locator("article")).to_contain_text(term, ignore_case=True)
    page.screenshot(path=PICTURES / f"found-{edition}.png")


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_switch_leads_to_the_same_page_in_the_other_language(edition, visit, site):
    page, other = visit(DESK), OTHER[edition]
    for name in LOOKED_AT:
        page.goto(f"{site}/{edition}/{name}")
        page.locator("a.language").first.click()
        page.wait_for_url(f"{site}/{other}/{name}")
        assert page.locator("html").get_attribute("lang").startswith(other)


@pytest.mark.parametrize(("locale", "edition"), [("en-GB", "en"), ("zh-CN", "zh")])
def test_the_front_door_leads_to_the_language_of_the_reader(locale, edition, visit, site):
    page = visit(DESK, locale=locale)
    page.goto(f"{site}/index.html")
    page.wait_for_url(f"{site}/{edition}/index.html")
