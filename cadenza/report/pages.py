"""Pages from templates, and the files that all pages share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from cadenza import __version__
from cadenza._files import replacing

ASSETS = ("report.css", "report.js", "player.js")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cadenza.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": score, "signed": signed, "percent": percent, "db": decibels}
    environment.globals["version"] = __version__
    return environment


def write_page(path: Path, template: str, context: Mapping[str, Any]) -> None:
    """Write a page; it is complete or absent."""
    text = _environment().get_template(template).render(context)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_assets(folder: Path) -> None:
    """Write style sheet and scripts."""
    for name in ASSETS:
        content = resources.files("cadenza.report").joinpath("assets", name).read_bytes()
        with replacing(folder / "assets" / name) as temporary:
            temporary.write_bytes(content)


def score(value: float) -> str:
    """Score with four decimals, a dash without one.

    Examples
    --------
    >>> score(0.51234), score(float("nan"))
    ('0.5123', '–')
    """
    return f"{value:.4f}" if math.isfinite(value) else "–"


def signed(value: float) -> str:
    """Difference of scores with its sign.

    Examples
    --------
    >>> signed(0.1), signed(-0.1)
    ('+0.1000', '−0.1000')
    """
    return f"{value:+.4f}".replace("-", "−") if math.isfinite(value) else "–"


def percent(fraction: float) -> str:
    """Fraction in percent with two digits.

    Examples
    --------
    >>> percent(0.01234), percent(0)
    ('1.2 %', '0 %')
    """
    if not math.isfinite(fraction):
        return "–"
    digits = 0 if fraction in (0, 1) else max(0, 1 - math.floor(math.log10(100 * fraction)))
    return f"{100 * fraction:.{digits}f} %"


def decibels(value: float) -> str:
    """Gain in dB with its sign.

    Examples
    --------
    >>> decibels(-3.24), decibels(0.0)
    ('−3.2 dB', '0 dB')
    """
    return f"{value:+.1f} dB".replace("-", "−") if round(value, 1) else "0 dB"
