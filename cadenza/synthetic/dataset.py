"""Music to train and test separation with: any number of pieces, each known by its number.

A piece depends on the seed of its data set, its index, the duration and the sample rate, on nothing
else. So nothing needs to be stored, and pieces may be made in any order by any process. To hold
pieces out for a test, give them indices of their own, or another seed.
"""

from __future__ import annotations

import numpy as np

from cadenza.synthetic.chamber import ENSEMBLES, perform_chamber
from cadenza.synthetic.mixing import Stems, loud_master, set_level
from cadenza.synthetic.songs import perform_song, random_song

_LEVELS_DB = (-30.0, -14.0)  # RMS of a mixture re full scale
_LOUD_LEVELS_DB = (-14.0, -9.0)  # of a loud master before it is clipped
_SHARE_OF_LOUD_MASTERS = 0.3


def chamber_sources(seed: int, index: int) -> tuple[str, ...]:
    """Names of the sources in `chamber_stems` of the same seed and index, at no cost.

    Even indices are strings, odd ones woodwind. Half of all are quartets.

    Examples
    --------
    >>> chamber_sources(0, 2)
    ('Violin_1', 'Violin_2', 'Viola', 'Cello')
    """
    family = ENSEMBLES["woodwind" if index % 2 else "strings"]
    rng = np.random.default_rng([seed, index])
    is_quartet = rng.random() < 0.5
    choice = [sources for sources in family if (len(sources) == 4) == is_quartet]
    return choice[rng.integers(len(choice))]


def chamber_stems(seed: int, index: int, *, duration_s: float, sample_rate: float) -> Stems:
    """Piece of chamber music for two to five instruments.

    Parameters
    ----------
    seed : int
        Of the data set.
    index : int
        Number of the piece, from 0.
    duration_s : float
        Length in seconds; the piece fades out over its last 50 ms.
    sample_rate : float
        In Hz, at least 22050.

    Returns
    -------
    dict of str to ndarray, shape (2, T)
        Sources by name (``"Flute"``, ``"Violin_1"`` ...). The mixture is their sum. Its RMS is
        between -30 and -14 dB re full scale, less if a peak would exceed -1 dB.

    Examples
    --------
    >>> stems = chamber_stems(0, 2, duration_s=0.1, sample_rate=44100)
    >>> {name: stem.shape for name, stem in stems.items()}["Cello"]
    (2, 4410)
    """
    rng = np.random.default_rng([seed, index, 0])
    stems = perform_chamber(
        chamber_sources(seed, index), duration_s=duration_s, sample_rate=sample_rate, rng=rng
    )
    return set_level(stems, rng.uniform(*_LEVELS_DB))


def song_stems(seed: int, index: int, *, duration_s: float, sample_rate: float) -> Stems:
    """Pop song: vocals, drums, bass and other.

    Parameters and result are those of `chamber_stems`, but about one song in three is compressed
    and clipped softly, like a loud commercial master.
    """
    rng = np.random.default_rng([seed, index, 1])
    stems = perform_song(random_song(rng), duration_s=duration_s, sample_rate=sample_rate, rng=rng)
    if rng.random() < _SHARE_OF_LOUD_MASTERS:
        level_db, ratio = rng.uniform(*_LOUD_LEVELS_DB), rng.uniform(1.5, 4)
        return loud_master(stems, level_db, ratio=ratio, sample_rate=sample_rate)
    return set_level(stems, rng.uniform(*_LEVELS_DB))
