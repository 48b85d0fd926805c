"""Where the specification says what: its sections and codes, and citations of them.

Code and tests cite the specification as ``Dsp §2.6``, ``HAAQI §13.9-13.12`` or ``B17``. A section
without the name of a page is one of the page that was named last.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "specification"
PAGES = ("haaqi", "dsp", "recipes")

CODE_PAGES = {"B": "dsp", "T": "recipes", "R": "recipes"}
"""Which page numbers the codes of a letter; HAAQI and dsp both have their own Q."""

_NUMBER = r"\d+(?:\.\d+)*"
_HEADING = re.compile(rf"^#+ (?:(?P<number>{_NUMBER})\.? |Appendix (?P<appendix>[A-Z])\.)", re.M)
_CODE_ROW = re.compile(r"^\| (?P<code>[A-Z]\d+) \|", re.M)
CITATION = re.compile(
    rf"(?:\b(?P<page>(?i:dsp|recipes|haaqi)) )?§(?P<first>{_NUMBER})(?:[-–](?P<last>{_NUMBER}))?"
    r"|\b(?P<code>[BTR]\d{1,2})\b"
)


@dataclass(frozen=True)
class Place:
    """A section or code of a page of the specification."""

    page: str
    label: str

    @property
    def anchor(self) -> str:
        """Fragment of its address: ``dsp-2-6`` or ``dsp-b17``."""
        return f"{self.page}-{self.label.lower().replace('.', '-')}"


def places(page: str) -> set[Place]:
    """All sections and codes of a page."""
    text = (FOLDER / f"{page}.md").read_text()
    labels = [m["number"] or m["appendix"] for m in _HEADING.finditer(text)]
    labels += [m["code"] for m in _CODE_ROW.finditer(text)]
    return {Place(page, label) for label in labels}


def cited(match: re.Match[str], last_page: str | None) -> list[Place]:
    """Places that a match of `CITATION` names; the page is empty if none was named before."""
    if match["code"]:
        return [Place(CODE_PAGES[match["code"][0]], match["code"])]
    page = (match["page"] or last_page or "").lower()
    return [Place(page, label) for label in (match["first"], match["last"]) if label]


def citations(text: str) -> Iterator[Place]:
    """Places that a text cites, in order."""
    page = None
    for match in CITATION.finditer(text):
        page = match["page"] or page
        yield from cited(match, page)


def prose(source: str) -> str:
    """Docstrings and comments of a Python file, in the order of their lines."""
    lines = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines.append((token.start[0], token.string))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                lines.append((node.body[0].lineno, text))
    return "\n".join(text for _, text in sorted(lines))
