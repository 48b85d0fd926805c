"""Durations in words."""

from __future__ import annotations


def in_words(seconds: float) -> str:
    """Duration in words, with the precision of a guess.

    Examples
    --------
    >>> in_words(42), in_words(720), in_words(12000)
    ('42 s', '12 min', '3 h 20 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
