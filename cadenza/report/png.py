"""Heat maps as small PNG files: one pixel for each value, colours from a table."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

N_COLOURS = 255
"""Colours of a table; one more number stands for nothing, which is transparent."""


@cache
def colour_table(name: str) -> bytes:
    """Red, green and blue of a colour map of matplotlib, and a last entry for nothing."""
    from matplotlib import colormaps

    colours = colormaps[name](np.linspace(0, 1, N_COLOURS))[:, :3]
    return np.round(255 * colours).astype(np.uint8).tobytes() + b"\0\0\0"


def gradient(name: str, n: int = 9) -> str:
    """Colour map as the stops of a CSS gradient."""
    table = np.frombuffer(colour_table(name), np.uint8).reshape(-1, 3)
    stops = table[np.linspace(0, N_COLOURS - 1, n).round().astype(int)]
    return ", ".join(f"rgb({r} {g} {b})" for r, g, b in stops.tolist())


def heat_map_png(
    values: NDArray[np.float64], *, limits: tuple[float, float], colours: str
) -> bytes:
    """Picture of a table of values; NaN is transparent.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        The first row is at the bottom.
    limits : pair of float
        Values of the first and the last colour; those beyond have the same.
    colours : str
        Name of a colour map of matplotlib.

    Returns
    -------
    bytes
        A PNG file without metadata: the same values give the same bytes.
    """
    low, high = limits
    place = (values - low) / (high - low) * (N_COLOURS - 1)
    codes = np.where(np.isnan(values), N_COLOURS, np.clip(np.nan_to_num(place), 0, N_COLOURS - 1))
    pixels = np.round(codes[::-1]).astype(np.uint8)
    picture = Image.fromarray(pixels)
    picture.putpalette(colour_table(colours))
    file = BytesIO()
    picture.save(file, "PNG", transparency=N_COLOURS)
    return file.getvalue()
