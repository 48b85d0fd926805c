"""Check the links of the built site: ``python docs/check_links.py site``.

Every link to a page, an anchor, an image or a file of the site must lead somewhere. Links to other
sites are not followed.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


class Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the link and the anchor of a tag."""
        values = dict(attrs)
        self.anchors |= {name for key in ("id", "name") if (name := values.get(key))}
        if link := values.get(LINKS.get(tag, "")):
            self.links.add(link)


def dead_links(site: Path) -> list[str]:
    """Links of all pages that lead nowhere, each with its page."""
    files = [file for file in site.rglob("*.html") if "_static" not in file.parts]
    pages = {file.resolve(): Page(file.read_text("utf-8")) for file in files}
    dead = []
    for file, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            is_dead = not target.exists()
            if anchor and target in pages:
                is_dead = anchor not in pages[target].anchors
            if is_dead:
                dead.append(f"{file.relative_to(site.resolve())}: {link}")
    return dead


def main(arguments: list[str]) -> None:
    """Print the dead links of a site; the exit status is 1 if there are any."""
    site = Path(arguments[0])
    if not (site / "index.html").is_file():
        sys.exit(f"{site}: no site here; build it with `make docs`")
    dead = dead_links(site)
    print("\n".join(dead) or f"{site}: all internal links are good")
    sys.exit(1 if dead else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
