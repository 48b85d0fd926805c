"""Markdown files of the repository as pages of the site.

A line ``<!-- recipes/cad1/task1/baseline/README.md -->`` stands for the text of that file without
its title. Links between files of the repository lead to the pages that show them; links to files
that no page shows become plain text.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath, relpath

from sphinx.application import Sphinx

REPOSITORY = Path(__file__).resolve().parents[2]
_INCLUDE = re.compile(r"^<!-- (\S+\.md) -->$", re.M)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^):#]*)(?P<anchor>#[^)]*)?\)")
_TITLE = re.compile(r"\A# .*\n")


def shown_by() -> dict[str, str]:
    """File of the repository -> Markdown page of the site that shows it, both from the root."""
    pages = {}
    for page in (REPOSITORY / "docs").rglob("*.md"):
        name = page.relative_to(REPOSITORY).as_posix()
        pages[name] = name
        pages |= dict.fromkeys(_INCLUDE.findall(page.read_text()), name)
    return pages


def link_to_pages(text: str, file: str, page: str, pages: dict[str, str]) -> str:
    """Text of `file` with links that are right on `page`; both are paths from the root."""

    def replaced(match: re.Match[str]) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if not target:
            return match[0]
        path = normpath(f"{Path(file).parent.as_posix()}/{target}")
        here = Path(page).parent.as_posix()
        if match["image"]:
            return f"![{match['text']}]({relpath(path, here)})"
        if path in pages:
            return f"[{match['text']}]({relpath(pages[path], here)}{anchor})"
        if path.startswith("docs/") or (REPOSITORY / path).with_suffix(".md").exists():
            return match[0]
        return f"{match['text']} (`{path}`)"

    return _LINK.sub(replaced, text)


def on_source_read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Insert the files that a page shows, and let all links lead to pages."""
    path = app.env.doc2path(docname)
    if path.suffix != ".md":
        return
    page = path.resolve().relative_to(REPOSITORY).as_posix()
    pages = shown_by()

    def included(match: re.Match[str]) -> str:
        file = match[1]
        app.env.note_dependency(str(REPOSITORY / file))
        text = _TITLE.sub("", (REPOSITORY / file).read_text())
        return link_to_pages(text, file, page, pages)

    text = link_to_pages(source[0], page, page, pages)
    source[0] = _INCLUDE.sub(included, text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen when sources are read."""
    app.connect("source-read", on_source_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
