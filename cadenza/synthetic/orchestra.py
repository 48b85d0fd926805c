"""The eight instruments of the CAD2 ensembles.

Formants of the winds and resonances of the strings are round figures from the literature.

References
----------
.. [1] Meyer (2009), Acoustics and the Performance of Music, 5th ed. Springer, New York.
.. [2] Fletcher & Rossing (1998), The Physics of Musical Instruments, 2nd ed. Springer, New York.
"""

from __future__ import annotations

from cadenza.synthetic.sustained import Sustained

# fmt: off
_RESONANCES = {  # frequency in Hz, gain in dB, Q
    # Double reeds have two formants: the bassoon's vowel is "oh", the oboe's "ah"
    "Bassoon": ((110, -6, 0.7), (480, 12, 2.5), (1180, 6, 4), (2300, -6, 1)),
    "Oboe": ((300, -7, 0.8), (1080, 10, 2.5), (2900, 9, 3), (4300, -4, 3)),
    "Clarinet": ((1600, 5, 2), (3500, -5, 1.5)),
    "Flute": ((800, 3, 1),),
    "Sax": ((620, 6, 1.5), (1450, 7, 3), (2100, -6, 3), (3300, 4, 3)),
    # Bowed strings: air and wood of the body, and the hill of the bridge
    "Cello": ((98, 5, 5), (190, 7, 6), (310, 4, 4), (620, -5, 2), (1400, 5, 1.5)),
    "Viola": ((225, 6, 6), (370, 7, 6), (620, 6, 3), (1100, 5, 2), (2100, 5, 1.5)),
    "Violin": ((280, 6, 6), (460, 6, 8), (550, 6, 7), (1300, -5, 1.5), (2700, 8, 1.5)),
}
_SOURCES = {  # the other parameters of Sustained, in their order
    #          roll-off cut-off noise attack release   vibrato    tremolo even      compass
    #                      Hz     dB     s      s      Hz   cents    dB  harmonics low, high
    "Bassoon":  (0.70,   1400,  -40,  0.035,  0.06,  4.8,    5,     0.7,   1.00,  (34, 67)),
    "Oboe":     (0.50,   3200,  -42,  0.025,  0.05,  5.3,    9,     1.2,   1.00,  (58, 86)),
    "Clarinet": (0.90,   2300,  -42,  0.030,  0.06,  5.0,    0,     0.0,   0.06,  (50, 84)),
    "Flute":    (1.70,   2600,  -28,  0.060,  0.08,  5.0,    8,     1.8,   1.00,  (60, 91)),
    "Sax":      (0.75,   2200,  -30,  0.040,  0.07,  4.7,   20,     1.5,   1.00,  (49, 80)),
    "Cello":    (1.00,   1600,  -36,  0.080,  0.14,  5.2,   18,     0.5,   1.00,  (36, 69)),
    "Viola":    (1.00,   2400,  -35,  0.070,  0.12,  5.5,   20,     0.5,   1.00,  (48, 79)),
    "Violin":   (0.90,   4000,  -34,  0.060,  0.11,  5.9,   24,     0.6,   1.00,  (55, 88)),
}
# fmt: on

ORCHESTRA = {
    name: Sustained(resonances, *_SOURCES[name]) for name, resonances in sorted(_RESONANCES.items())
}
"""Typical instruments by the challenge's names; `Sustained.varied` gives individual ones."""
