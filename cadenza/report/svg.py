"""A small writer of charts as inline SVG.

matplotlib's SVG of one chart has 30 to 200 kB and takes a tenth of a second, and its colours are
fixed. These have 1 to 65 kB, take 0.1 to 2 ms, and follow the page from light to dark, as their
colours are those of the page's style sheet. Series differ by shape or dashes as well as by colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

WIDTH = 400
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 44
MANY_MARKS = 200
"""Of more marks in a chart, each is drawn lighter, as many lie on each other."""

SHAPES = ("circle", "diamond", "cross", "ring")
"""Marks of the first, second ... series; their names are CSS classes, too."""


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Parameters
    ----------
    low, high : float
        Its ends; `low` may be above `high`.
    label : str
        What it shows, with its unit.
    ticks : sequence of (float, str), optional
        Where there are lines and what they say. Default: at round numbers.
    scale : callable
        What is done to values before they are placed, such as `math.log`.
    """

    low: float
    high: float
    label: str
    ticks: Sequence[tuple[float, str]] | None = None
    scale: Callable[[float], float] = float

    @property
    def marks(self) -> Sequence[tuple[float, str]]:
        """Places of the ticks and their texts."""
        return round_ticks(self.low, self.high) if self.ticks is None else self.ticks

    def place(self, value: float) -> float:
        """Where a value is: 0 at `low` and 1 at `high`."""
        low, high = self.scale(self.low), self.scale(self.high)
        return (self.scale(value) - low) / (high - low)


def round_ticks(low: float, high: float, n: int = 5) -> list[tuple[float, str]]:
    """About `n` round numbers within limits.

    Examples
    --------
    >>> [text for _, text in round_ticks(0, 1)]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    low, high = min(low, high), max(low, high)
    rough = (high - low) / n or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    values = [(first + i) * step for i in range(count)]
    return [(value, f"{value + 0.0:.6g}".replace("-", "\N{MINUS SIGN}")) for value in values]


def number(value: float) -> str:
    """Coordinate with at most one decimal."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0")
        if abs(value) < 0.05
        else (f"{value:.1f}".removesuffix(".0"))
    )


@dataclass
class Chart:
    """A chart with two axes; `render` gives its SVG.

    Parameters
    ----------
    title : str
        What a screen reader says.
    x, y : Axis
        Its axes.
    height : int
        In units of the drawing, which is 400 wide.
    left, right : int
        Room for the labels of the y axis, and beside the drawing.
    """

    title: str
    x: Axis
    y: Axis
    height: int = 280
    left: int = LEFT
    right: int = RIGHT
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Place of a point in the drawing."""
        width, height = WIDTH - self.left - self.right, self.height - TOP - BOTTOM
        return self.left + width * self.x.place(x), TOP + height * (1 - self.y.place(y))

    def mark(self, x: float, y: float, series: int = 0, *, item: int | None = None) -> None:
        """Draw a mark; a click on that of an item opens its page."""
        px, py = self.at(x, y)
        extra = f' data-i="{item}"' if item is not None else ""
        shape = SHAPES[series % len(SHAPES)]
        self.parts.append(
            f'<use href="#{shape}" x="{number(px)}" y="{number(py)}" class="s{series}"{extra}/>'
        )

    def line(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """Draw a line through points."""
        placed = " ".join(f"{number(a)},{number(b)}" for a, b in (self.at(*p) for p in points))
        self.parts.append(f'<polyline points="{placed}" class="{css}"/>')

    def bar(self, low: tuple[float, float], high: tuple[float, float], css: str) -> None:
        """Fill a rectangle between two corners."""
        (x0, y0), (x1, y1) = self.at(*low), self.at(*high)
        left, top, width, height = min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)
        self.parts.append(
            f'<rect x="{number(left)}" y="{number(top)}" width="{number(width)}" '
            f'height="{number(height)}" class="{css}"/>'
        )

    def text(self, x: float, y: float, text: str, css: str = "") -> None:
        """Write beside a point."""
        px, py = self.at(x, y)
        self.parts.append(
            f'<text x="{number(px + 6)}" y="{number(py + 4)}" class="{css}">{escape(text)}</text>'
        )

    def render(self) -> Markup:
        """The SVG."""
        bottom, right = self.height - BOTTOM, WIDTH - self.right
        size, title = f"0 0 {WIDTH} {self.height}", escape(self.title)
        dense = " dense" if sum(p.startswith("<use") for p in self.parts) > MANY_MARKS else ""
        out = [f'<svg viewBox="{size}" role="img" aria-label="{title}" class="chart{dense}">']
        for value, label in self.x.marks:
            px = number(self.left + (right - self.left) * self.x.place(value))
            out.append(f'<path d="M{px} {TOP}V{bottom}" class="grid"/>')
            out.append(f'<text x="{px}" y="{bottom + 16}" class="mid">{escape(label)}</text>')
        for value, label in self.y.marks:
            py = TOP + (bottom - TOP) * (1 - self.y.place(value))
            out.append(f'<path d="M{self.left} {number(py)}H{right}" class="grid"/>')
            out.append(
                f'<text x="{self.left - 6}" y="{number(py + 4)}" class="end">{escape(label)}</text>'
            )
        middle = number((self.left + right) / 2)
        out.append(
            f'<text x="{middle}" y="{self.height - 6}" class="mid label">'
            f"{escape(self.x.label)}</text>"
        )
        if self.y.label:
            centre = number((TOP + bottom) / 2)
            out.append(
                f'<text transform="translate(13 {centre}) rotate(-90)" class="mid label">'
                f"{escape(self.y.label)}</text>"
            )
        return Markup("".join([*out, *self.parts, "</svg>"]))
