"""Values of four bands of the ear model (HAAQI §13.8) with the tolerances of §16."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cadenza.haaqi import alignment, haaqi
from cadenza.haaqi.cochlea import impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.constants import SAMPLE_RATE
from cadenza.haaqi.kernels.ear import control_energy
from cadenza.haaqi.periphery import bandwidth, gammatone_gain, group_delay, pole_radius
from cadenza.levels import gain_to_db
from tests.unit.haaqi_signals import (
    AUDIOGRAMS,
    LEVEL_DB_SPL,
    behind_middle_ear,
    pair,
    with_lags,
)

BANDS = [3, 11, 19, 27]

# Reference equalised with NAL-R. The columns are the bands; "ref" and "proc" the two paths.
BAND_VALUES = {
    "normal": """
control_rms     ref    0.0157461197349   0.0088117283732   0.0107579271359   0.0126453538436
control_rms     proc    0.014631909704  0.00915132392943   0.0105515766399   0.0105653219208
bandwidth       ref      1.03643196978                 1     1.02182675046     1.10466584077
bandwidth       proc     1.03054284665                 1     1.01604048629     1.02452351892
envelope_lag    -                  111               120               118               118
motion_lag      -                  118               118               118               118
group_delay     -                  315               140                58                23
extra_delay     -                  134               309               391               426
smooth_mean     ref      39.1320565532     19.7127715015     12.3777244754     16.4472426259
smooth_mean     proc       38.94599556     22.9226796978     26.1014037213     21.1743091613
smooth_100      ref      47.6881288098     23.1287412689     10.5522788041     11.2398273511
smooth_100      proc     47.1877676437     24.5419743968      25.992551755     12.3058778956
level_db_sl     ref      44.4654392402     32.2985737117     32.3724739958     31.3353720977
level_db_sl     proc     43.9907058645     33.5835263697     32.2236536989        30.2029169
covariance_mean -       0.928926937979    0.575018048745     0.26142979712    0.416080454144
tile_level_mean -         39.108371949     19.8651050736     13.1541538319     17.5159719896
covariance_50   -       0.999910972194    0.427674494944   0.0802335942746    0.252685513904
tile_level_50   -        47.5175019754     23.4323720232     9.68250904213     15.6980002535
""",
    "mild": """
control_rms     ref    0.0157533947575   0.0126378726068   0.0309430070552   0.0503751504828
control_rms     proc    0.014631909704  0.00915132392943   0.0105515766399   0.0105653219208
bandwidth       ref      1.18386799539     1.23384233249     1.67140135525     2.22856456258
bandwidth       proc     1.17999491766      1.2019040445     1.42762185276     1.72352192115
envelope_lag    -                  111               121               120               119
motion_lag      -                  118               118               118               118
group_delay     -                  276               113                35                11
extra_delay     -                  111               274               352               376
smooth_mean     ref      34.0541630512     19.1130149839     15.4517783042     14.7371029636
smooth_mean     proc     33.8601474178     19.4406424572     12.4342624936     4.04379423891
smooth_100      ref      42.7901420345      22.998514228     17.7148660805     8.06456723471
smooth_100      proc     42.0691161864     17.7816271941     17.7128718681  0.00084576069848
level_db_sl     ref      39.2598320758     30.1527223745     26.9714268957     22.2565990494
level_db_sl     proc      38.747584201     27.9906073661     20.9654259961     8.88352806804
covariance_mean -       0.926752559819    0.648745136277    0.410720631571    0.491862500352
tile_level_mean -        34.0337997238     19.2964802257      16.052825958     15.8323107841
covariance_50   -       0.999905046408    0.457404657514    0.138950715976    0.401149468904
tile_level_50   -        42.5818377282     23.4037113342     15.0392894567     15.6990222811
""",
    "severe": """
control_rms     ref    0.0779012663835    0.175000217955     0.50862686126    0.828212249253
control_rms     proc    0.292638194086    0.183026478588    0.211031532797    0.211306438416
bandwidth       ref      1.46192770111     1.98721534335     2.71980102514     3.56707613033
bandwidth       proc     1.46192770111     1.98721534335     2.71980102514     3.56707613033
envelope_lag    -                  115               118               118               118
motion_lag      -                  118               118               118               118
group_delay     -                  223                70                21                 6
extra_delay     -                  127               280               329               344
smooth_mean     ref      9.66257738791      7.0241295426     4.77770931193     1.45493920109
smooth_mean     proc     20.0878278263       9.107242049     1.44787435341                 0
smooth_100      ref      17.3244846656     9.70445121732     4.67414811721                 0
smooth_100      proc     28.4043771843     9.80033377767     1.13421508424                 0
level_db_sl     ref      12.8308903547      12.250203095     8.72546307348    0.466144185611
level_db_sl     proc     24.3266201609     12.6397097836     1.08442429893                 0
covariance_mean -       0.777146088346    0.684184243971    0.436213670906    0.141597093695
tile_level_mean -        9.69610609424     7.45922467012     5.55958935785     1.94893710142
covariance_50   -        0.99974684744    0.693647594552    0.439760857986    0.167706862167
tile_level_50   -        17.0580234499     11.6018959899     5.54483465725   0.0246704043605
""",
}
ROWS = [
    pytest.param(listener, *row.split(), id="-".join([listener, *row.split()[:2]]))
    for listener, table in BAND_VALUES.items()
    for row in table.strip().splitlines()
]


@cache
def band_values(listener: str) -> dict[str, np.ndarray]:
    """All values of a table, (2, 32) or (32,)."""
    return filter_values(listener) | heard_values(listener)


def filter_values(listener: str) -> dict[str, np.ndarray]:
    """What the control filters of both paths make the analysis filters do."""
    cochlea = impaired_cochlea(six_levels_db_hl(AUDIOGRAMS[listener]))
    signals = behind_middle_ear(listener, "nalr")
    radius = pole_radius(cochlea.centre_hz, cochlea.wide_bandwidth)
    angle = 2 * np.pi * cochlea.centre_hz / SAMPLE_RATE
    energy = np.stack([control_energy(signal, angle, radius) for signal in signals])
    control_rms = gammatone_gain(radius) * np.sqrt(energy / signals.shape[1])
    bandwidths = bandwidth(LEVEL_DB_SPL + gain_to_db(control_rms), cochlea)
    delays = group_delay(pole_radius(cochlea.centre_hz, bandwidths[0]))
    return {
        "control_rms": control_rms,
        "bandwidth": bandwidths,
        "group_delay": delays,
        "extra_delay": delays.max() - delays,
    }


def heard_values(listener: str) -> dict[str, np.ndarray]:
    """What a score compares, and the lags on the way to it."""
    options = {
        "sample_rate": SAMPLE_RATE,
        "audiogram": AUDIOGRAMS[listener],
        "equalisation": "nalr",
        "level_db_spl": LEVEL_DB_SPL,
        "silence_threshold_db": -1,  # covariances of all frames
        "details": True,
        "workers": 1,
    }
    result, lags = with_lags(alignment, haaqi, *pair(listener, "nalr"), options)
    cepstral, vibration = result.details.cepstral, result.details.vibration
    return {
        "envelope_lag": np.array(lags[::2]),
        "motion_lag": np.array(lags[1::2]),
        "smooth_mean": cepstral.envelopes_db_sl.mean(axis=-1),
        "smooth_100": cepstral.envelopes_db_sl[..., 100],
        "level_db_sl": result.details.spectrum.levels_db_sl,
        "covariance_mean": vibration.covariances.mean(axis=-1),
        "covariance_50": vibration.covariances[:, 50],
        "tile_level_mean": vibration.levels_db_sl.mean(axis=-1),
        "tile_level_50": vibration.levels_db_sl[:, 50],
    }


@pytest.mark.parametrize(("listener", "name", "path", "k3", "k11", "k19", "k27"), ROWS)
def test_band_values(listener, name, path, k3, k11, k19, k27):
    """HAAQI §13.8; the reference implementation's lowest bands are uncertain by rounding."""
    expected = np.array([k3, k11, k19, k27], dtype=float)
    actual = band_values(listener)[name][..., BANDS]
    if path != "-":
        actual = actual[["ref", "proc"].index(path)]
    if name.endswith(("lag", "delay")):
        np.testing.assert_array_equal(actual, expected)
    elif name.startswith("smooth"):
        assert (np.abs(actual - expected) < [2e-5, 2e-6, 2e-6, 2e-6]).all()
    elif name.startswith("covariance"):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)
    elif name.startswith("tile_level"):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)
    else:
        assert (np.abs(actual - expected) <= np.multiply([2e-7, 1e-8, 1e-8, 1e-8], expected)).all()
