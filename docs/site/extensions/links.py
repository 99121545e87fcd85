"""Links that were written for the repository: to files that are no pages of the site, and named by their files."""

import posixpath
from pathlib import Path

from docutils import nodes
from editions import to_other_edition
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).resolve().parents[3]
ASSIGNMENTS = "assignments/README"  # the page that lists them
EDITIONS = {"README.md": "en", "README.zh-CN.md": "zh", "notebooks": "en", "notebooks_zh": "zh"}


def in_repository(node: addnodes.pending_xref) -> tuple[str, str]:
    """Give the path that a link leads to, from the root of the repository, and its anchor."""
    path, _, anchor = node["reftarget"].partition("#")
    return posixpath.normpath(posixpath.join(posixpath.dirname(node["refdoc"]), path)), anchor


class NotebooksOfThisEdition(SphinxPostTransform):
    """A link to the folder that the edition's notebooks have in the repository leads to their pages."""

    default_priority = 7

    def run(self) -> None:
        """Make it a link to a page, as MyST makes those that it finds."""
        for node in self.document.findall(addnodes.pending_xref):
            if node["reftype"] == "myst" and not node.get("refdomain"):
                path, anchor = in_repository(node)
                folder, _, name = path.removesuffix(".ipynb").partition("/")
                page = f"notebooks/{name}"
                if EDITIONS.get(folder) == self.config.site_edition and page in self.env.all_docs:
                    node["refdomain"], node["reftarget"], node["reftargetid"] = "doc", page, anchor or None


class TitlesForFileNames(SphinxPostTransform):
    """A link to a page that shows the name of a file shows the page's title instead."""

    default_priority = 8

    def run(self) -> None:
        """Let MyST fill in the title."""
        for node in self.document.findall(addnodes.pending_xref):
            if node["reftype"] == "myst" and node.get("refdomain") == "doc":
                shown = posixpath.splitext(node.astext())[0]
                node["refexplicit"] = not f"/{node['reftarget']}".endswith(f"/{shown}")


class RepositoryLinks(SphinxPostTransform):
    """Lead such a link to the repository if its address is known, else to a page, else make it plain text."""

    default_priority = 8  # MyST's own, which warns of every link it cannot resolve, has 9

    def run(self) -> None:
        """Look at every link that MyST has not found."""
        for node in list(self.document.findall(addnodes.pending_xref)):
            if node["reftype"] == "myst" and not node.get("refdomain"):
                path, anchor = in_repository(node)
                if (ROOT / path).exists():
                    address = self.address(node["refdoc"], path, anchor)
                    link = nodes.reference("", "", *node.children, refuri=address) if address else nodes.inline()
                    node.replace_self(link if address else node.children)

    def address(self, page: str, path: str, anchor: str) -> str | None:
        """Say where the link on a page to a path of the repository leads."""
        first, _, rest = path.partition("/")
        if first in EDITIONS:  # a page of this edition or of the other, under the name it has in the repository
            target = f"notebooks/{rest.removesuffix('.ipynb')}" if rest else "index"
            if EDITIONS[first] != self.config.site_edition:
                return to_other_edition(self.app, page, target)
            return self.app.builder.get_relative_uri(page, target)
        if self.config.site_repository:
            kind = "tree" if (ROOT / path).is_dir() else "blob"
            return f"{self.config.site_repository}/{kind}/main/{path}{'#' * bool(anchor)}{anchor}"
        if first == "assignments":
            return self.app.builder.get_relative_uri(page, ASSIGNMENTS)
        return None


def setup(app: Sphinx) -> dict:
    """Register all of them."""
    app.add_post_transform(NotebooksOfThisEdition)
    app.add_post_transform(TitlesForFileNames)
    app.add_post_transform(RepositoryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
