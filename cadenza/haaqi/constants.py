"""The numbers of the index, each in one place.

Whatever computes HAAQI takes them from here, or from the functions that turn them into parameters
and filters: `cochlea.impaired_cochlea`, the functions of `periphery` and of `resampling`,
`features.cepstral_basis`, `modulation_filters`, `synchrony_weights`, and `score.regression`.
"""

from __future__ import annotations

# Sample rates ------------------------------------------------------------------------------------

SAMPLE_RATE = 24000
"""Sample rate of the whole model, in Hz. Other rates count as their nearest whole kHz."""

RESAMPLING_WINDOW = ("kaiser", 5.0)
"""Window of the interpolation filter, a sinc of ten zero crossings on either side."""

LEVEL_MATCH_HZ = 10500
LEVEL_MATCH_ORDER, LEVEL_MATCH_ATTENUATION_DB = 7, 30
"""When the sample rate goes down, the level is matched below this frequency, with a Chebyshev
filter of type II."""

# Alignment and equalisation ----------------------------------------------------------------------

TRIM_RATIO = 0.001
"""Music begins and ends where the reference exceeds this part of its peak."""

BACK_OFF = 48
"""Samples (2 ms) by which a whole processed signal is left late, as filters may disperse it."""

MAX_BAND_LAG = 2400
"""Samples (100 ms) within which the two paths of a band are aligned."""

NALR_ORDER = 140
"""Order of the NAL-R filter that equalises the reference. So many samples are dropped from its
start, twice the delay of the filter: the equalised reference is early by half the order."""

# Middle ear and cochlea --------------------------------------------------------------------------

MIDDLE_EAR_LOW_PASS_ORDER, MIDDLE_EAR_LOW_PASS_HZ = 1, 5000
MIDDLE_EAR_HIGH_PASS_ORDER, MIDDLE_EAR_HIGH_PASS_HZ = 2, 350
"""Butterworth filters of the middle ear."""

N_BANDS = 32
"""Number of auditory bands."""

LOWEST_CENTRE_HZ, HIGHEST_CENTRE_HZ = 80, 8000
"""Centre frequencies of the first and the last band."""

EAR_Q, MIN_ERB_HZ = 9.26449, 24.7
"""Equivalent rectangular bandwidth: MIN_ERB_HZ + f / EAR_Q (Glasberg & Moore, 1990)."""

GAMMATONE_BANDWIDTH = 1.019
"""Bandwidth of a gammatone's poles re the equivalent rectangular bandwidth."""

LOWEST_BAND_RATIO, HIGHEST_BAND_RATIO = 1.25, 3.5
"""Compression ratios of the healthy ear in the first and the last band; linear between them."""

LOWER_KNEE_DB_SPL, UPPER_KNEE_DB_SPL = 30.0, 100.0
"""Levels between which the healthy cochlea compresses. A loss raises the lower one."""

OHC_SHARE, IHC_SHARE = 0.8, 0.2
"""How outer and inner hair cells share a loss, until the band is linear (Moore et al., 1999)."""

NARROW_UP_TO_DB_SPL, WIDE_FROM_DB_SPL = 50, 100
"""Levels between which a filter widens."""

GAIN_SMOOTHING_HZ = 800
"""Cut-off of the first-order Butterworth filter through which the gain follows the level."""

ADAPTATION_OVERSHOOT = 2
"""Response to an onset re the steady state."""

FAST_ADAPTATION_S, SLOW_ADAPTATION_S = 0.002, 0.060
"""Time constants of the adaptation."""

NOISE_DB = -10
"""Level of the internal noise re the threshold of hearing."""

# Features ----------------------------------------------------------------------------------------

SILENCE_THRESHOLD_DB = 2.5
"""Level in dB SL that the reference must exceed for a frame to count, by default."""

SMOOTHING_HOP = 96
"""Samples (4 ms) between the frames of a smoothed envelope, which are twice as long."""

ENVELOPE_RATE = SAMPLE_RATE // SMOOTHING_HOP
"""Frames a second of a smoothed envelope."""

N_CEPSTRA = 5
"""Number of cepstral coefficients; that of order 0, the overall level, does not count."""

MODULATION_BANDS_HZ = ((20.0, 32.0), (32.0, 50.0), (50.0, 80.0), (80.0,))
"""Edges of the modulation bands; the last one is a high pass."""

MODULATION_TAPS = 129
"""Length of the modulation filters."""

SEGMENT_MS = 16.0
"""Length of the frames of the vibration covariance, by default."""

MAX_FRAME_LAG = 24
"""Samples (1 ms) within which the covariance of a frame is the largest one."""

SYNCHRONY_CUTOFF_HZ, SYNCHRONY_ORDER = 3500, 5
"""Low pass that weights the bands, as the nerve fires out of step with fast vibration."""

LOUDNESS_SPREAD, NORMALISED_SPREAD = 2.5, 25
"""Spectral differences at which the features of the long-term spectrum reach 0."""

# Regression --------------------------------------------------------------------------------------

CEPSTRAL_WEIGHT, VIBRATION_WEIGHT = 0.754, 0.246
"""Nonlinear term: weights of the third power of the cepstral correlation and of the covariance."""

LOUDNESS_WEIGHT, NORMALISED_WEIGHT = 0.329, 0.671
"""Linear term: weights of the two features of the long-term spectrum."""

TERM_WEIGHTS = (0.336, 0.001, 0.501, 0.161)
"""Score: weights of the nonlinear and the linear term, and of their squares."""
