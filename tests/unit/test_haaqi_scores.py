"""Features and scores of HAAQI against the reference implementation (HAAQI §13.9-13.12).

Scores and features agree within 1e-7 (§16); counts exactly.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cadenza.audiogram import Audiogram
from cadenza.haaqi import HaaqiScore, haaqi
from tests.unit import haaqi_signals
from tests.unit.haaqi_signals import AUDIOGRAMS, LEVEL_DB_SPL, SAMPLE_RATE, audiogram

CASES = [
    (listener, equalisation)
    for listener in ("normal", "mild", "severe")
    for equalisation in ("nalr", "none")
]

# Columns: the cases, in this order
SCORES = {
    "cepstral_frames": (658, 657, 654, 655, 649, 651),
    "modulation_20_hz": (
        0.768093733748, 0.765406738507, 0.954194715836, 0.966996997448, 0.731638978888,
        0.865345348243,
    ),
    "modulation_32_hz": (
        0.667555821273, 0.650453478731, 0.86415291502, 0.901682371378, 0.820716541729,
        0.948545956289,
    ),
    "modulation_50_hz": (
        0.800388120195, 0.802416241954, 0.690229271196, 0.821726882085, 0.631514156566,
        0.804740314218,
    ),
    "modulation_80_hz": (
        0.481924293532, 0.482795909936, 0.490685601501, 0.62859649156, 0.435022117944,
        0.661955174703,
    ),
    "cepstral_correlation": (
        0.679490492187, 0.675268092282, 0.749815625888, 0.829750685618, 0.654722948782,
        0.820146698363,
    ),
    "loudness_spectrum": (
        0.975326087504, 0.97526296401, 0.848966424561, 0.97711583154, 0.619433377765,
        0.985321091775,
    ),
    "normalised_spectrum": (
        0.897812499824, 0.896829245565, 0.648215564283, 0.910300438401, 0.580310172039,
        0.970966418422,
    ),
    "vibration_frames": (328, 328, 327, 327, 324, 325),
    "vibration_tiles": (10270, 10276, 10149, 9017, 6916, 5664),
    "vibration_covariance": (
        0.754334586648, 0.75418089477, 0.815940051298, 0.838657002407, 0.815424549673,
        0.924603399013,
    ),
    "nonlinear": (
        0.422115516434, 0.417695255891, 0.518580467275, 0.637048632721, 0.412208264063,
        0.64340707171,
    ),
    "linear": (
        0.923314470171, 0.922633938933, 0.714262597314, 0.932282702744, 0.593181706723,
        0.975689105955,
    ),
    "score": (
        0.369277111451, 0.365729167671, 0.391826616148, 0.558235251575, 0.280873091053,
        0.577827814092,
    ),
}  # fmt: skip
SCORES_WITHOUT_NOISE = {
    "vibration_covariance": (
        0.754334586989, 0.754180895109, 0.81588966936, 0.838657002209, 0.813030479094,
        0.924603400169,
    ),
    "nonlinear": (
        0.422115516518, 0.417695255974, 0.518568073318, 0.637048632673, 0.4116193227,
        0.643407071994,
    ),
    "score": (
        0.369277111515, 0.365729167734, 0.391816011737, 0.558235251528, 0.280432128499,
        0.577827814371,
    ),
}  # fmt: skip


@cache
def evaluated(listener: str, equalisation: str) -> dict[str, float]:
    """Score, features and counts from the details."""
    result = haaqi(
        *haaqi_signals.pair(listener, equalisation),
        sample_rate=SAMPLE_RATE,
        audiogram=AUDIOGRAMS[listener],
        equalisation=equalisation,
        level_db_spl=LEVEL_DB_SPL,
        details=True,
    )
    cepstral, vibration = result.details.cepstral, result.details.vibration
    assert cepstral.frames.size == 725
    assert vibration.tiles.shape == (32, 362)
    modulation = cepstral.correlations.mean(axis=-1)
    return vars(result) | {
        "cepstral_frames": cepstral.frames.sum(),
        "vibration_frames": vibration.tiles.any(axis=0).sum(),
        "vibration_tiles": vibration.tiles.sum(),
        **dict(zip([f"modulation_{hz}_hz" for hz in (20, 32, 50, 80)], modulation, strict=True)),
    }


@pytest.mark.parametrize("name", SCORES)
def test_features_and_score(name):
    """HAAQI §13.9."""
    actual = [evaluated(*case)[name] for case in CASES]
    if isinstance(SCORES[name][0], int):
        assert actual == list(SCORES[name])
    else:
        np.testing.assert_allclose(actual, SCORES[name], rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "case", [CASES[2], *(pytest.param(c, marks=pytest.mark.slow) for c in CASES if c != CASES[2])]
)
def test_without_internal_noise(case):
    """HAAQI §13.10."""
    listener, equalisation = case
    result = haaqi(
        *haaqi_signals.pair(listener, equalisation),
        sample_rate=SAMPLE_RATE,
        audiogram=AUDIOGRAMS[listener],
        equalisation=equalisation,
        level_db_spl=LEVEL_DB_SPL,
        noise="none",
    )
    for name, values in SCORES_WITHOUT_NOISE.items():
        assert getattr(result, name) == pytest.approx(values[CASES.index(case)], abs=1e-7)


def score(reference, processed, *, levels="mild", equalisation="nalr", **options) -> HaaqiScore:
    options = {"sample_rate": SAMPLE_RATE, "level_db_spl": LEVEL_DB_SPL} | options
    ear = AUDIOGRAMS[levels] if isinstance(levels, str) else levels
    return haaqi(reference, processed, audiogram=ear, equalisation=equalisation, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rng": 0}, 0.0687761594847),
        ({"noise": "none"}, 0.059736649236),
        ({"rng": 1}, 0.0688910122348),
        ({"rng": 2}, 0.0688196245),
        ({"rng": 3}, 0.0689135317215),
        ({"rng": 4}, 0.0688851445879),
    ],
)
def test_inaudible_processed_signal_meets_the_noise(options, expected):
    """HAAQI §13.11: a severe loss without amplification; the internal noise raises the score."""
    result = score(haaqi_signals.reference(), haaqi_signals.processed(), levels="severe", **options)
    assert result.score == pytest.approx(expected, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(("rng", "expected"), [(1, 0.39182693952), (2, 0.391826482975)])
def test_other_seeds(rng, expected):
    """HAAQI §13.11."""
    result = score(haaqi_signals.reference(), haaqi_signals.processed(), rng=rng)
    assert result.score == pytest.approx(expected, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("listener", "equalisation", "expected"),
    [
        ("normal", "none", 0.998868376855),
        ("mild", "none", 0.998915866199),
        ("severe", "none", 0.998969896007),
        ("normal", "nalr", 0.949939384804),
    ],
)
def test_identical_signals(listener, equalisation, expected):
    """HAAQI §13.11: equalising only one of them costs even identical signals a part."""
    music = haaqi_signals.pair(listener, equalisation)[0]
    result = score(music, music, levels=listener, equalisation=equalisation)
    assert result.score == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"segment_ms": 8, "silence_threshold_db": 10, "cepstral_noise_db": 0.3},
            0.391814531193,
        ),
        ({"levels": Audiogram([-5, 5, 20, 35, 50, 55, 60, 75])}, 0.228095949737),
        pytest.param(
            {"levels": Audiogram([20.5, 47.25], [500, 3000])},
            0.243049650024,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_options_and_audiograms(options, expected):
    """HAAQI §13.11."""
    result = score(haaqi_signals.reference(), haaqi_signals.processed(), **options)
    assert result.score == pytest.approx(expected, abs=1e-7)


def test_silent_processed_signal():
    """HAAQI §13.11: parity is kept, and the result says so."""
    reference = haaqi_signals.reference()
    result = score(reference, np.zeros_like(reference))
    assert result.score == pytest.approx(0.0620060319925, abs=1e-7)
    assert result.flags == ("silent processed",)


@pytest.mark.parametrize(
    ("sample_rate", "expected"),
    [
        pytest.param(16000, 0.385206306486, marks=pytest.mark.slow),
        pytest.param(32000, 0.385209014761, marks=pytest.mark.slow),
        (44100, 0.385310838662),
        pytest.param(48000, 0.385400343555, marks=pytest.mark.slow),
    ],
)
def test_other_sample_rates(sample_rate, expected):
    """HAAQI §13.11."""
    reference = haaqi_signals.reference(sample_rate)
    result = score(reference, haaqi_signals.clipped(reference), sample_rate=sample_rate)
    assert result.score == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("seed", "levels", "swapped", "expected"),
    [
        (0, (45, 45, 35, 45, 60, 65), False, 0.111290948733),
        (42, (10, 20, 30, 40, 50, 60), True, 0.113759275158),
    ],
)
def test_signals_and_noise_of_one_generator(seed, levels, swapped, expected):
    """HAAQI §13.12: input that is exactly reproducible."""
    rng = np.random.RandomState(seed)
    signals = rng.uniform(-1, 1, 8000), rng.uniform(-1, 1, 8000)
    reference, processed = signals[::-1] if swapped else signals
    result = score(
        reference,
        processed,
        levels=audiogram(*levels),
        sample_rate=16000,
        level_db_spl=65,
        rng=rng,
    )
    assert result.score == pytest.approx(expected, abs=1e-7)
