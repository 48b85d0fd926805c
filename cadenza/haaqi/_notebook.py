"""How a score shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from cadenza.haaqi.parts import FLAG_MEANINGS, PARTS

if TYPE_CHECKING:
    from cadenza.haaqi.score import HaaqiScore


def score_html(score: HaaqiScore) -> str:
    """Table of a score's parts with how to read them, and its flags."""
    left = "text-align:left"
    rows = [
        f'<tr><th style="{left};padding-left:{1 + part.depth}em">{part.title}</th>'
        f"<td>{getattr(score, part.name):.4f}</td>"
        f'<td style="{left}">{escape(part.meaning)}</td></tr>'
        for part in PARTS
    ]
    flags = [f"<li>{escape(flag)}: {escape(FLAG_MEANINGS[flag])}</li>" for flag in score.flags]
    doubts = f"<p>Reasons to doubt this score:</p><ul>{''.join(flags)}</ul>" if flags else ""
    return f"<table><caption>HAAQI {score.score:.3f}</caption>{''.join(rows)}</table>{doubts}"
