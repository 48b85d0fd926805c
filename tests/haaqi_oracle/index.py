"""HAAQI of one ear, one stage after the other on whole signals."""

from __future__ import annotations

import numpy as np

from cadenza.haaqi import HaaqiScore
from cadenza.haaqi.cochlea import impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.features import compare_envelopes, compare_spectra, compare_vibration
from cadenza.haaqi.noise import NoNoise, SeededNoise
from cadenza.haaqi.periphery import equalise, middle_ear
from cadenza.haaqi.resampling import to_model_rate
from tests.haaqi_oracle.alignment import align_and_trim
from tests.haaqi_oracle.ear_model import auditory_bands
from tests.haaqi_oracle.short_time import short_time_covariance, smooth_envelope


def haaqi(
    reference,
    processed,
    *,
    sample_rate,
    audiogram,
    equalisation,
    level_db_spl,
    noise="seeded",
    rng=0,
) -> HaaqiScore:
    reference, processed = (to_model_rate(x, sample_rate) for x in (reference, processed))
    reference, processed, _, delay = align_and_trim(reference, processed)
    if equalisation == "nalr":
        reference = equalise(reference, audiogram)
    signals = middle_ear(np.stack([reference, processed]))
    cochlea = impaired_cochlea(six_levels_db_hl(audiogram))
    random = np.random.RandomState(rng) if isinstance(rng, int) else rng
    bands = [
        (
            band.level_db_sl,
            smooth_envelope(band.envelope),
            short_time_covariance(band.motion, 384),
        )
        for band in auditory_bands(
            signals, cochlea, level_db_spl, None if noise == "none" else random
        )
    ]
    levels_db_sl, envelopes, tiles = (np.stack(part, axis=1) for part in zip(*bands, strict=True))
    spectrum = compare_spectra(levels_db_sl)
    cepstral = compare_envelopes(
        envelopes,
        silence_threshold_db=2.5,
        noise_db=0,
        noise=NoNoise() if noise == "none" else SeededNoise(random),
    )
    vibration = compare_vibration(*tiles, cochlea.centre_hz, silence_threshold_db=2.5)
    return HaaqiScore(
        cepstral_correlation=cepstral.mean_correlation,
        vibration_covariance=vibration.mean_covariance,
        loudness_spectrum=spectrum.loudness_similarity,
        normalised_spectrum=spectrum.normalised_similarity,
        delay_samples=delay,
        flags=(),
    )
