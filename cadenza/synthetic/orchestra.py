"""The eight instruments of the CAD2 ensembles.

Formants of the winds and resonances of the strings are round figures from the literature.

References
----------
.. [1] Meyer (2009), Acoustics and the Performance of Music, 5th ed. Springer, New York.
.. [2] Fletcher & Rossing (1998), The Physics of Musical Instruments, 2nd ed. Springer, New York.
"""

from __future__ import annotations

from cadenza.synthetic.sustained import Sustained

ORCHESTRA: dict[str, Sustained] = {
    # Double reeds: all harmonics, in two formants; the bassoon's vowel is "oh", the oboe's "ah"
    "Bassoon": Sustained(
        lowest=34,
        highest=67,
        rolloff=0.7,
        cutoff_hz=1400,
        resonances=((110, -6, 0.7), (480, 12, 2.5), (1180, 6, 4), (2300, -6, 1)),
        noise_db=-40,
        noise_band_hz=(200, 3000),
        attack_s=0.035,
        release_s=0.06,
        vibrato_hz=4.8,
        vibrato_cents=5,
        tremolo_db=0.7,
    ),
    # Bowed strings: a saw-tooth; air and wood of the box, and the hill of the bridge
    "Cello": Sustained(
        lowest=36,
        highest=69,
        rolloff=1.0,
        cutoff_hz=1600,
        resonances=((98, 5, 5), (190, 7, 6), (310, 4, 4), (620, -5, 2), (1400, 5, 1.5)),
        noise_db=-36,
        noise_band_hz=(400, 4000),
        attack_s=0.08,
        release_s=0.14,
        vibrato_hz=5.2,
        vibrato_cents=18,
        tremolo_db=0.5,
    ),
    # A tube closed at the reed: odd harmonics
    "Clarinet": Sustained(
        lowest=50,
        highest=84,
        rolloff=0.9,
        cutoff_hz=2300,
        resonances=((1600, 5, 2), (3500, -5, 1.5)),
        noise_db=-42,
        noise_band_hz=(500, 6000),
        attack_s=0.03,
        release_s=0.06,
        even=0.06,
    ),
    # An air jet: few harmonics, much breath, and a vibrato of the breath
    "Flute": Sustained(
        lowest=60,
        highest=91,
        rolloff=1.7,
        cutoff_hz=2600,
        resonances=((800, 3, 1),),
        noise_db=-28,
        noise_band_hz=(700, 7000),
        attack_s=0.06,
        release_s=0.08,
        vibrato_hz=5.0,
        vibrato_cents=8,
        tremolo_db=1.8,
    ),
    "Oboe": Sustained(
        lowest=58,
        highest=86,
        rolloff=0.5,
        cutoff_hz=3200,
        resonances=((300, -7, 0.8), (1080, 10, 2.5), (2900, 9, 3), (4300, -4, 3)),
        noise_db=-42,
        noise_band_hz=(1000, 8000),
        attack_s=0.025,
        release_s=0.05,
        vibrato_hz=5.3,
        vibrato_cents=9,
        tremolo_db=1.2,
    ),
    # A single reed on a cone: all harmonics, breathy, with a wide vibrato of the jaw
    "Sax": Sustained(
        lowest=49,
        highest=80,
        rolloff=0.75,
        cutoff_hz=2200,
        resonances=((620, 6, 1.5), (1450, 7, 3), (2100, -6, 3), (3300, 4, 3)),
        noise_db=-30,
        noise_band_hz=(600, 5000),
        attack_s=0.04,
        release_s=0.07,
        vibrato_hz=4.7,
        vibrato_cents=20,
        tremolo_db=1.5,
    ),
    "Viola": Sustained(
        lowest=48,
        highest=79,
        rolloff=1.0,
        cutoff_hz=2400,
        resonances=((225, 6, 6), (370, 7, 6), (620, 6, 3), (1100, 5, 2), (2100, 5, 1.5)),
        noise_db=-35,
        noise_band_hz=(600, 5500),
        attack_s=0.07,
        release_s=0.12,
        vibrato_hz=5.5,
        vibrato_cents=20,
        tremolo_db=0.5,
    ),
    "Violin": Sustained(
        lowest=55,
        highest=88,
        rolloff=0.9,
        cutoff_hz=4000,
        resonances=((280, 6, 6), (460, 6, 8), (550, 6, 7), (1300, -5, 1.5), (2700, 8, 1.5)),
        noise_db=-34,
        noise_band_hz=(800, 8000),
        attack_s=0.06,
        release_s=0.11,
        vibrato_hz=5.9,
        vibrato_cents=24,
        tremolo_db=0.6,
    ),
}
"""Presets by the challenge's instrument names; `Sustained.varied` makes individuals of them."""
