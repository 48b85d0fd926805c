"""Anchors for the sections and codes of the specification, and links to them.

In the pages ``specification/*``, section 2.6 and a table's row B17 become ``#dsp-2-6`` and
``#dsp-b17``. Citations in the text of all pages become links. In the formulas of HAAQI, ``B^max_k``
gets a superscript and a subscript.
"""

from __future__ import annotations

import re
from typing import Any

from citations import CITATION, PAGES, Place, cited, places
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

_TITLE = re.compile(r"(?:Appendix )?(\d+(?:\.\d+)*|[A-Z])\.? ")
_SCRIPT = re.compile(
    r"(?<=\S)(?:\^(?:\((?P<group>[^()]*)\)|\{(?P<braces>[^}]*)\}|(?P<sup>[A-Za-z0-9+−]+))"
    r"|_(?:\{(?P<sub_braces>[^}]*)\}|(?P<sub>[A-Za-z0-9]+)))"
)
_CODE = re.compile(r"[A-Z]\d+")
_NOT_PROSE = (nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.raw)


def page_of(docname: str) -> str | None:
    """Page of the specification that a document is."""
    folder, _, name = docname.rpartition("/")
    return name if folder == "specification" and name in PAGES else None


class Anchors(SphinxTransform):
    """Give sections and rows of the specification the ids that `Place` says."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Add the ids to this document."""
        page = page_of(self.env.docname)
        if page is None:
            return
        known = places(page)
        for section in self.document.findall(nodes.section):
            if match := _TITLE.match(section[0].astext()):
                self._add(section, Place(page, match[1]), known)
        for row in self.document.findall(nodes.row):
            label = row[0].astext()
            if _CODE.fullmatch(label) and row[0].children:
                self._add(row[0][0], Place(page, label), known)

    @staticmethod
    def _add(node: nodes.Element, place: Place, known: set[Place]) -> None:
        if place in known:
            node["ids"].append(place.anchor)


class Scripts(SphinxTransform):
    """Set ``x^y`` and ``x_y`` outside of code as formulas."""

    default_priority = 510

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Replace the text of HAAQI's formulas."""
        if page_of(self.env.docname) != "haaqi":
            return
        for text in list(self.document.findall(nodes.Text)):
            if not any(isinstance(parent, _NOT_PROSE) for parent in _ancestors(text)):
                parts = self._parts(text.astext())
                if len(parts) > 1:
                    text.parent.replace(text, parts)

    @staticmethod
    def _parts(text: str) -> list[nodes.Node]:
        parts: list[nodes.Node] = []
        end = 0
        for match in _SCRIPT.finditer(text):
            parts.append(nodes.Text(text[end : match.start()]))
            if below := match["sub"] or match["sub_braces"]:
                parts.append(nodes.subscript(below, below))
            else:
                above = match["group"] or match["braces"] or match["sup"]
                parts.append(nodes.superscript(above, above))
            end = match.end()
        return [*parts, nodes.Text(text[end:])]


class Links(SphinxPostTransform):
    """Turn citations into links."""

    default_priority = 700
    builders = ("html",)

    def run(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Add links to this document."""
        self.known = set().union(*(places(page) for page in PAGES))
        page = page_of(self.env.docname)
        for text in list(self.document.findall(nodes.Text)):
            if not any(isinstance(parent, _NOT_PROSE) for parent in _ancestors(text)):
                parts = self._parts(text.astext(), page)
                if len(parts) > 1:
                    text.parent.replace(text, parts)

    def _parts(self, text: str, page: str | None) -> list[nodes.Node]:
        parts: list[nodes.Node] = []
        end = 0
        for match in CITATION.finditer(text):
            # Codes such as T60 are citations on pages of the specification only
            if match["code"] and page is None:
                continue
            place = cited(match, page)[0]
            if place not in self.known:
                continue
            parts += [nodes.Text(text[end : match.start()]), self._link(place, match[0])]
            end = match.end()
        return [*parts, nodes.Text(text[end:])]

    def _link(self, place: Place, text: str) -> nodes.reference:
        target = f"specification/{place.page}"
        here = self.env.docname
        uri = "" if target == here else self.app.builder.get_relative_uri(here, target)
        return nodes.reference("", text, internal=True, refuri=f"{uri}#{place.anchor}")


def _ancestors(node: nodes.Node) -> list[nodes.Node]:
    ancestors = []
    while node.parent is not None:
        node = node.parent
        ancestors.append(node)
    return ancestors


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transforms."""
    app.add_transform(Anchors)
    app.add_transform(Scripts)
    app.add_post_transform(Links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
