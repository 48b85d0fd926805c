"""Runs for tests of reports, and what must hold of every page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from tests.recipes.conftest import call


def evaluated(root: Path, name: str, separator: str, *options: str) -> Path:
    """A run of the ICASSP 2024 baseline on a finished root."""
    exp = root.parent / name
    where = (f"path.root={root}", f"path.exp_folder={exp}", f"separator={separator}", *options)
    assert call("baseline.enhance", *where) == 0
    assert call("baseline.evaluate", *where) == 0
    return exp


class Links(HTMLParser):
    """All that a page refers to, and whether its elements are closed in order."""

    VOID = ("meta", "link", "img", "input", "br")

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))
        assert self.open == [], page

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src") and value]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def assert_links_hold(folder: Path) -> None:
    """Every link of every page leads to a file of the report."""
    pages = list(folder.rglob("*.html"))
    assert pages
    for page in pages:
        for link in Links(page).found:
            if not link.startswith(("#", "data:")):
                assert "//" not in link, f"{page} loads {link}"
                assert (page.parent / link).is_file(), f"{page}: {link}"
