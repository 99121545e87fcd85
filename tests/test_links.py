"""The weekly check of external links: what counts as one, and what counts as dead."""

import socket
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import check_links  # noqa: E402


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see [a](https://a.org/b), or <https://b.org/c#d>.", {"https://a.org/b", "https://b.org/c"}),
        ("[x](https://a.org/w_(y)) (https://a.org/z).", {"https://a.org/w_(y)", "https://a.org/z"}),
        ("见 https://a.org/b。", {"https://a.org/b"}),
        ("| https://a.org/b | c |", {"https://a.org/b"}),
        ("[here](docs/a.md), mailto:a@b.org", set()),
    ],
)
def test_what_is_a_link(text, found):
    assert check_links.links(text) == found


def test_links_of_a_page_are_those_outside_its_code(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("https://a.org `https://b.org` \n```\nhttps://c.org\n```\nhttps://d.org\n")
    assert check_links.links(check_links.text_of(page)) == {"https://a.org", "https://d.org"}


def test_links_of_a_notebook_are_those_of_its_text(tmp_path):
    path = tmp_path / "00.ipynb"
    cells = [new_markdown_cell("[a](https://a.org)\n\nEnd"), new_code_cell("x = 'https://b.org'")]
    nbformat.write(new_notebook(cells=cells), path)
    assert check_links.links(check_links.text_of(path)) == {"https://a.org"}


@pytest.mark.parametrize(("status", "dead"), [(200, False), (403, False), (429, False), (404, True), (410, True)])
def test_an_answer_decides(status, dead, server):
    server.status = [status]
    found = check_links.trouble(server.url())
    assert found.startswith(str(status)) if dead else found == ""


def test_a_server_that_recovers_is_asked_again(server, monkeypatch):
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *args, **kwargs: None)
    server.status = [503, 502, 200]
    assert check_links.trouble(server.url()) == ""
    assert len(server.requests) == 3


def test_no_server_at_all_is_dead(monkeypatch):
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *args, **kwargs: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        assert "ConnectionError" in check_links.trouble(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_a_dead_link_is_named_with_its_pages(server, tmp_path, monkeypatch, capsys):
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text(f"[gone]({server.url('/gone')}) [here]({server.url()})")
    monkeypatch.setattr(sys, "argv", ["check_links.py", str(tmp_path / "a.md"), str(tmp_path / "b.md")])
    assert check_links.main() == 1
    printed = capsys.readouterr().out
    assert f"{server.url('/gone')}\n    404 Not Found\n    in a.md, b.md\n2 links in 2 files, 1 dead" in printed


def test_without_names_the_pages_of_the_course_are_read(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["check_links.py"])
    monkeypatch.setattr(check_links, "trouble", lambda link: "gone" if "nbgrader.readthedocs.io" in link else "")
    assert check_links.main() == 1
    assert "https://nbgrader.readthedocs.io" in capsys.readouterr().out
