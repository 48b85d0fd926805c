"""Listeners: standard audiograms [1]_, and settings of a six-band compressor for them.

The CAD2 challenge takes its settings from CAMFIT; here they follow from two simple rules. The
make-up gain is the insertion gain of the Cambridge formula [2]_. The ratio follows from
recruitment: from 65 to 105 dB the gain falls on a straight line to zero, since a damaged ear hears
very loud sounds as loudly as a healthy one.

References
----------
.. [1] Bisgaard, Vlaming & Dahlquist (2010), Standard audiograms for the IEC 60118-15 measurement
   procedure, Trends in Amplification 14(2), 113-120.
.. [2] Moore & Glasberg (1998), Use of a loudness model for hearing-aid fitting. I. Linear hearing
   aids, Br. J. Audiol. 32(5), 317-335.
"""

from __future__ import annotations

import numpy as np

from cadenza.audiogram import CHALLENGE_FREQUENCIES_HZ, Audiogram, Listener

STANDARD_FREQUENCIES_HZ = (250, 375, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000)

STANDARD_LEVELS_DB_HL: dict[str, tuple[float, ...]] = {
    "N1": (10, 10, 10, 10, 10, 10, 15, 20, 30, 40),
    "N2": (20, 20, 20, 22.5, 25, 30, 35, 40, 45, 50),
    "N3": (35, 35, 35, 35, 40, 45, 50, 55, 60, 65),
    "N4": (55, 55, 55, 55, 55, 60, 65, 70, 75, 80),
    "N5": (65, 67.5, 70, 72.5, 75, 80, 80, 80, 80, 80),
    "N6": (75, 77.5, 80, 82.5, 85, 90, 90, 95, 100, 100),
    "N7": (90, 92.5, 95, 100, 105, 105, 105, 105, 105, 105),
    "S1": (10, 10, 10, 10, 10, 10, 15, 30, 55, 70),
    "S2": (20, 20, 20, 22.5, 25, 35, 55, 75, 95, 95),
    "S3": (30, 30, 35, 47.5, 60, 70, 75, 80, 80, 85),
}
"""Thresholds at `STANDARD_FREQUENCIES_HZ`: N1 to N7 flat and moderately sloping, S1 to S3 steep.

The higher the number, the greater the loss: N1 very mild, N4 moderate to severe, N7 profound."""

RANDOM_BETWEEN = ("N1", "N2", "N3", "N4", "N5", "S1", "S2", "S3")
"""Standard audiograms between which the losses of random listeners lie."""

DEVIATION_DB, HIGHEST_LEVEL_DB_HL = 5.0, 100.0
"""Of random listeners: standard deviation of each threshold, and the highest threshold."""

BAND_CENTRES_HZ = (250, 500, 1000, 2000, 4000, 8000)
INTERCEPTS_DB = (-10, -8, 0, 1, 0, 1)
"""Of the Cambridge formula; at 8 kHz that of 5 kHz, its last frequency."""

HIGHEST_GAIN_DB = 30.0
"""More would whistle in an aid. It limits the ratios to 4; the challenge allows 6."""


def standard_audiogram(name: str) -> Audiogram:
    """Standard audiogram by its name, ``"N1"`` to ``"N7"`` or ``"S1"`` to ``"S3"``.

    Examples
    --------
    >>> standard_audiogram("N3").severity
    'SEVERE'
    """
    if name not in STANDARD_LEVELS_DB_HL:
        choices = ", ".join(STANDARD_LEVELS_DB_HL)
        raise ValueError(f"name of the standard audiogram must be one of {choices}, got {name!r}")
    return Audiogram(STANDARD_LEVELS_DB_HL[name], STANDARD_FREQUENCIES_HZ)


def random_listener(name: str, rng: np.random.Generator) -> Listener:
    """Listener with a mild to severe sensorineural loss that is similar at both ears.

    The loss lies somewhere between two standard audiograms, from N1 to N5 or S1 to S3. Each
    threshold of each ear deviates from it by some 5 dB, and is rounded to 5 dB as if it had been
    measured.

    Examples
    --------
    >>> listener = random_listener("L1", np.random.default_rng(1))
    >>> listener.left.levels_db_hl.tolist()
    [65.0, 65.0, 80.0, 80.0, 75.0, 85.0, 80.0, 80.0]
    """
    names = rng.choice(RANDOM_BETWEEN, 2)
    first, second = (standard_audiogram(kind).at(CHALLENGE_FREQUENCIES_HZ) for kind in names)
    common = first + rng.random() * (second - first)
    deviations_db = rng.normal(scale=DEVIATION_DB, size=(2, len(common)))
    ears = np.clip(5 * np.round((common + deviations_db) / 5), 0, HIGHEST_LEVEL_DB_HL)
    return Listener(name, left=Audiogram(ears[0]), right=Audiogram(ears[1]))


def listener_entry(name: str, *, left: str, right: str) -> dict[str, object]:
    """Entry of a Cadenza listener file (``listeners.*.json``): a standard audiogram at each ear.

    The eight challenge frequencies are all in the standard but 8 kHz, which gets the threshold at
    6 kHz.
    """
    levels = {ear: standard_audiogram(ear).at(CHALLENGE_FREQUENCIES_HZ) for ear in (left, right)}
    return {
        "name": name,
        "audiogram_cfs": list(CHALLENGE_FREQUENCIES_HZ),
        "audiogram_levels_l": levels[left].tolist(),
        "audiogram_levels_r": levels[right].tolist(),
    }


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
