"""Random streams that are seeded by a name, as in the published challenges."""

from __future__ import annotations

import hashlib

import numpy as np


def seed(name: str) -> int:
    """Seed of a song, scene or data set: the last eight decimal digits of its MD5 number.

    Parameters
    ----------
    name : str
        For example a track name or a scene id; hashed as UTF-8.

    Returns
    -------
    int
        From 0 to 99,999,999.

    Examples
    --------
    >>> seed("A Classic Education - NightOwl")
    26968175
    """
    digest = hashlib.md5(name.encode("utf-8"), usedforsecurity=False).hexdigest()
    return int(digest, 16) % 10**8


def random_state(name: str) -> np.random.RandomState:
    """NumPy's legacy generator, seeded with `seed(name)`; the published data were drawn with it.

    Examples
    --------
    >>> random_state("my favorite song").randint(100)
    83
    """
    return np.random.RandomState(seed(name))
