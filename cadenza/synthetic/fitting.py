"""Settings of a six-band compressor for an audiogram, in the style of the CAD2 listeners' files.

The challenge's own settings come from CAMFIT; these follow from two plain rules. The make-up gain
is the insertion gain of the Cambridge formula [1]_. The ratio follows from recruitment: the gain
falls on a straight line from its value at 65 dB to zero at 105 dB, where a damaged ear hears as
loud as a sound one.

References
----------
.. [1] Moore & Glasberg (1998), Use of a loudness model for hearing-aid fitting. I. Linear hearing
   aids, Br. J. Audiol. 32(5), 317-335.
"""

from __future__ import annotations

import numpy as np

from cadenza.audiogram import Audiogram
from cadenza.synthetic.audiograms import standard_audiogram

BAND_CENTRES_HZ = (250, 500, 1000, 2000, 4000, 8000)
INTERCEPTS_DB = (-10, -8, 0, 1, 0, 1)
"""Of the Cambridge formula; at 8 kHz that of 5 kHz, its last frequency."""

HIGHEST_GAIN_DB = 30.0
"""More would whistle in an aid. It limits the ratios to 4; the challenge allows 6."""


def fit(audiogram: Audiogram) -> tuple[list[float], list[float]]:
    """Compression ratios and make-up gains in dB for one ear, one value a band.

    Examples
    --------
    >>> ratios, gains_db = fit(standard_audiogram("N3"))
    >>> ratios, gains_db
    ([1.2, 1.28, 1.92, 2.67, 3.57, 4.0], [6.8, 8.8, 19.2, 25.0, 28.8, 30.0])
    """
    levels_db_hl = audiogram.at(BAND_CENTRES_HZ)
    gains_db = np.clip(0.48 * levels_db_hl + INTERCEPTS_DB, 0, HIGHEST_GAIN_DB)
    ratios = 40 / (40 - gains_db)  # from 65 to 105 dB the output rises by 40 dB less the gain
    return ratios.round(2).tolist(), gains_db.round(1).tolist()


def compressor_entry(*, left: str, right: str) -> dict[str, list[float]]:
    """Entry of ``compressor_params.*.json``: settings for a standard audiogram at each ear."""
    entry: dict[str, list[float]] = {"frequencies": list(BAND_CENTRES_HZ)}
    for side, name in (("l", left), ("r", right)):
        entry[f"cr_{side}"], entry[f"gain_{side}"] = fit(standard_audiogram(name))
    return entry
