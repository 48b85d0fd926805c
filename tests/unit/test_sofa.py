"""Heads in SOFA files."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.errors import InputError
from cadenza.hrtf import read_sofa
from cadenza.hrtf.sofa import SAMPLE_RATES_HZ
from tests.unit import sofa_files
from tests.unit.sofa_files import AZIMUTHS, RATE

sofar = pytest.importorskip("sofar", reason="SOFA files need the package sofar")


@pytest.fixture
def write(tmp_path):
    return lambda changes=None: sofa_files.write(tmp_path / "head.sofa", changes)


def test_positive_azimuths_are_on_the_right(write):
    head = read_sofa(write())
    assert head.sample_rate == RATE
    assert_allclose(head.azimuth_deg, [0, -30, -90, 30], atol=1e-12)
    assert_allclose(head.elevation_deg, 0, atol=1e-12)
    left, right = head.response(-30)
    assert left.argmax() < right.argmax()
    assert left.max() > right.max()
    speakers = head.loudspeakers(-30, 30, sample_rate=RATE)
    assert_array_equal(speakers.left_speaker, sofa_files.responses()[1])
    assert_array_equal(speakers.right_speaker, sofa_files.responses()[3])
    assert_allclose(head.response(30), head.response(-30)[::-1], atol=1e-15)


def test_a_correct_file_gives_no_warning(write, caplog):
    read_sofa(write())
    assert caplog.messages == []


def test_files_that_sofar_writes_are_read(tmp_path):
    content = sofar.Sofa("SimpleFreeFieldHRIR")
    content.Data_IR = sofa_files.responses()
    content.SourcePosition = sofa_files.fields()["SourcePosition"][0]
    content.Data_SamplingRate = 48000
    sofar.write_sofa(tmp_path / "by_sofar.sofa", content)
    head = read_sofa(tmp_path / "by_sofar.sofa")
    assert head.sample_rate == 48000
    assert_array_equal(head.response(-90), sofa_files.responses()[2])


def test_cartesian_positions_are_directions_too(write):
    x, y = (1.5 * f(np.radians(AZIMUTHS)) for f in (np.cos, np.sin))
    changes = {"SourcePosition": np.stack([x, y, np.full(4, 1.5)], axis=1)}
    changes |= {f"SourcePosition:{k}": v for k, v in sofa_files.CARTESIAN.items()}
    head = read_sofa(write(changes))
    assert_allclose(head.azimuth_deg, [0, -30, -90, 30], atol=1e-12)
    assert_allclose(head.elevation_deg, 45, atol=1e-12)


def test_general_fir_files_are_read(write):
    head = read_sofa(write({"SOFAConventions": "GeneralFIR", "ListenerView": None}))
    assert_allclose(head.azimuth_deg, [0, -30, -90, 30], atol=1e-12)


def test_directions_are_relative_to_the_listener(write):
    """A listener who stands at (1, 0, 0), looks to the left and is upside down."""
    sources = [[1, 1, 0], [2, 0, 0], [1, 0, 1], [1, 1, -1]]
    changes = {
        "SourcePosition": sources,
        "ListenerPosition": [[1, 0, 0]],
        "ListenerView": [[0, 2, 0]],
        "ListenerUp": [[0, 0, -1]],
    }
    changes |= {f"SourcePosition:{k}": v for k, v in sofa_files.CARTESIAN.items()}
    head = read_sofa(write(changes))
    assert_allclose(head.azimuth_deg[[0, 1, 3]], [0, -90, 0], atol=1e-12)
    assert_allclose(head.elevation_deg, [0, 0, -90, 45], atol=1e-12)


def test_a_listener_who_turns_is_the_same_as_sources_that_move(write):
    turned = -np.radians(AZIMUTHS)
    views = np.stack([np.cos(turned), np.sin(turned), np.zeros(4)], axis=1)
    head = read_sofa(write({"SourcePosition": [[0, 0, 1.5]], "ListenerView": views}))
    assert_allclose(head.azimuth_deg, [0, -30, -90, 30], atol=1e-12)


def test_whole_delays_are_shifts(write):
    plain = read_sofa(write()).response(-30)
    late = read_sofa(write({"Data.Delay": [[3, 5]]})).response(-30)
    assert late.shape == (2, 13)
    assert_array_equal(late[0, 3:11], plain[0])
    assert_array_equal(late[1, 5:], plain[1])
    assert np.count_nonzero(late) == np.count_nonzero(plain)


def test_delays_may_differ_between_directions(write):
    delays = np.zeros((4, 2))
    delays[1] = [2, 0]
    head = read_sofa(write({"Data.Delay": delays}))
    plain = sofa_files.responses()
    assert_array_equal(head.response(-30)[0, 2:], plain[1, 0])
    assert_array_equal(head.response(0)[:, :8], plain[0])


def test_fractional_delays_are_interpolated(write):
    delay = 40.25
    late = read_sofa(write({"Data.Delay": [[0, delay]]})).response(0)
    assert_array_equal(late[0, :8], sofa_files.responses()[0, 0])
    frequencies_hz = np.array([500.0, 4000.0, 15000.0])
    time = np.arange(late.shape[1])
    spectra = np.exp(-2j * np.pi * frequencies_hz[:, None] * time / RATE) @ late.T
    expected = np.exp(-2j * np.pi * frequencies_hz * delay / RATE)
    assert_allclose(spectra[:, 1] / spectra[:, 0], expected, atol=1e-3)


@pytest.mark.parametrize("rate", [48000, 32000])
def test_resampling_keeps_the_gain_and_the_delay(write, rate):
    kernel = np.zeros((4, 2, 400))
    kernel[:, :, 100:140] = np.hanning(40)
    head = read_sofa(write({"Data.IR": kernel}))
    resampled = head.response(0, sample_rate=rate)
    assert_allclose(resampled.sum(axis=1), kernel[0].sum(axis=1), rtol=1e-3)
    peak_s = resampled.argmax(axis=1) / rate
    assert_allclose(peak_s, 119.5 / RATE, atol=1 / rate)


def test_a_missing_package_is_named(write, monkeypatch):
    path = write()
    monkeypatch.setitem(sys.modules, "sofar", None)
    with pytest.raises(InputError, match=r"head.sofa: SOFA files need .* pip install sofar"):
        read_sofa(path)


SPHERICAL_UNITS = "degree, degree, metre"
RECEIVERS = np.array([[[0], [0.09], [0]], [[0], [-0.09], [0]]])
VIOLATIONS = {
    "other convention": (
        {"SOFAConventions": "SimpleHeadphoneIR"},
        "SOFAConventions: expected SimpleFreeFieldHRIR or GeneralFIR, found 'SimpleHeadphoneIR'",
    ),
    "no FIR": ({"DataType": "TF"}, "DataType: expected FIR, found 'TF'"),
    "not SOFA": ({"Conventions": "CF"}, "Conventions: expected SOFA, found 'CF'"),
    "unknown version": ({"SOFAConventionsVersion": "77.0"}, "cannot read as a SOFA file"),
    "no convention": ({"SOFAConventions": None}, "cannot read as a SOFA file (AES69)"),
    "no responses": ({"Data.IR": None}, "Data.IR: missing"),
    "one ear": (
        {"Data.IR": np.ones((4, 1, 8))},
        "Data.IR: expected M x 2 x N numbers (measurements, ears, samples), found 4 x 1 x 8",
    ),
    "three ears": ({"Data.IR": np.ones((4, 3, 8))}, "Data.IR: expected M x 2 x N numbers"),
    "emitters": ({"Data.IR": np.ones((4, 2, 8, 1))}, "found 4 x 2 x 8 x 1"),
    "not finite": ({"Data.IR": np.full((4, 2, 8), np.nan)}, "Data.IR: expected finite numbers"),
    "no rate": ({"Data.SamplingRate": None}, "Data.SamplingRate: missing"),
    "rate in kHz": ({"Data.SamplingRate": [44.1]}, "expected 8000 to 768000 Hz, found 44.1"),
    "units of the rate": (
        {"Data.SamplingRate:Units": "kilohertz"},
        "Data.SamplingRate: expected Units hertz, found 'kilohertz'",
    ),
    "several rates": (
        {"Data.SamplingRate": [44100, 44100, 48000, 44100]},
        "Data.SamplingRate: expected one rate for all measurements, found several: resample",
    ),
    "no receivers": ({"ReceiverPosition": None}, "ReceiverPosition: missing"),
    "swapped ears": (
        {"ReceiverPosition": RECEIVERS[::-1]},
        "ReceiverPosition: expected the receivers left ear, right ear, found right, left",
    ),
    "both in the middle": (
        {"ReceiverPosition": np.zeros((2, 3, 1))},
        "found two that are not left and right (y is 0 and 0 m): check which channel is which",
    ),
    "no sources": ({"SourcePosition": None}, "SourcePosition: missing"),
    "too few sources": (
        {"SourcePosition": np.ones((3, 3))},
        "SourcePosition: expected 1 or 4 rows, found 3",
    ),
    "unknown coordinates": (
        {"SourcePosition:Type": "interaural"},
        "SourcePosition: expected Type cartesian or spherical, found 'interaural'",
    ),
    "radians": (
        {"SourcePosition:Units": "radian, radian, metre"},
        f"SourcePosition: expected Units {SPHERICAL_UNITS} for Type spherical, found 'radian, ",
    ),
    "no units": ({"SourcePosition:Units": None}, "SourcePosition_Units: missing"),
    "sources in the head": (
        {"SourcePosition": np.zeros((4, 3))},
        "SourcePosition: expected sources away from the listener",
    ),
    "view is up": ({"ListenerView": [[0, 0, 1]]}, "and ListenerView at an angle to ListenerUp"),
    "no delays": ({"Data.Delay": None}, "Data.Delay: missing"),
    "delays of one ear": (
        {"Data.Delay": [[0]]},
        "Data.Delay: expected I or M x 2 numbers (samples at each ear), found",
    ),
    "delays of three": ({"Data.Delay": np.zeros((3, 2))}, "Data.Delay: expected 1 or 4 rows"),
    "negative delays": ({"Data.Delay": [[-1, 0]]}, "delays must be from 0 to 1 s"),
    "long delays": ({"Data.Delay": [[0, 1e9]]}, "delays must be from 0 to 1 s (44100 samples)"),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_violations_are_explained(write, violation):
    changes, message = VIOLATIONS[violation]
    path = write(changes)
    with pytest.raises(InputError) as raised:
        read_sofa(path)
    assert message in str(raised.value)
    assert all(problem.startswith(f"{path}: ") for problem in raised.value.problems)


def test_all_violations_are_listed(write):
    path = write({"Data.SamplingRate": [1], "ReceiverPosition": None, "SourcePosition:Type": None})
    with pytest.raises(InputError) as raised:
        read_sofa(path)
    shown = [problem.removeprefix(f"{path}: ").split(":")[0] for problem in raised.value.problems]
    assert shown == ["Data.SamplingRate", "ReceiverPosition", "SourcePosition_Type"]
    assert SAMPLE_RATES_HZ[0] == 8000


def test_other_deviations_are_warnings(write, caplog):
    head = read_sofa(write({"RoomType": "cathedral", "AuthorContact": None}))
    assert len(head.azimuth_deg) == 4
    (message,) = caplog.messages
    assert "head.sofa: deviates from AES69" in message
    assert "RoomType" in message
    assert "AuthorContact" in message


def test_files_that_are_no_sofa_files(tmp_path, write):
    text = tmp_path / "text.sofa"
    text.write_text("not HDF5")
    cut = tmp_path / "cut.sofa"
    cut.write_bytes(write().read_bytes()[:3000])
    for path in (text, cut):
        with pytest.raises(InputError, match=rf"{path.name}: cannot read as a SOFA file \(AES69\)"):
            read_sofa(path)
    for name, message in [
        ("missing.sofa", "file not found"),
        ("empty.sofa", "found an empty file"),
        ("head.hdf5", "expected a file name that ends in .sofa: rename the file"),
    ]:
        (tmp_path / "empty.sofa").touch()
        (tmp_path / "head.hdf5").write_text("x")
        with pytest.raises(InputError, match=f"{name}: .*{message}"):
            read_sofa(tmp_path / name)


def test_a_file_that_unpacks_to_more_than_a_head_is_refused(tmp_path):
    from netCDF4 import Dataset

    path = tmp_path / "bomb.sofa"
    with Dataset(path, "w", format="NETCDF4") as file:
        for name, length in {"M": 100_000, "R": 2, "N": 1_000_000}.items():
            file.createDimension(name, length)
        file.createVariable("Data.IR", "f8", ("M", "R", "N"), zlib=True, chunksizes=(1, 2, 1000))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"unpacks to 1600\.0 GB, more than a head needs"):
        read_sofa(path)


def test_angles_have_the_signs_of_the_challenges(write):
    head = read_sofa(write())
    assert head.nearest(-88) == (2, 2.0)
    assert head.nearest(31) == (3, 1.0)
    assert head.nearest(0, 10) == (0, 10.0)
    assert math.isclose(head.nearest(180)[1], 90)


def scaled(scale, measurement=slice(None), ear=slice(None)):
    """The responses, of which some are scaled."""
    responses = sofa_files.responses()
    responses[measurement, ear] *= scale
    return {"Data.IR": responses}


SOFTER = "are silent or more than 80 dB softer than the loudest response"
IMPLAUSIBLE = {
    "silent": (scaled(0), "all responses are silent: check the file"),
    "almost silent": (scaled(1e-30), "expected gains within 100 dB of 0 dB, found -596.5 dB, from"),
    "huge": (scaled(1e300), "expected gains within 100 dB of 0 dB, found 6003.5 dB, from azimuth"),
    "one huge": (scaled(1e6, 1), "found 121.9 dB, from azimuth -30, elevation 0: check the scale"),
    "one ear": (scaled(0, ear=1), f"4 of 4 responses of the right ear {SOFTER} (3.5 dB, from"),
    "one response": (
        scaled(1e-5, 2, 1),
        f"{SOFTER} (3.5 dB, from azimuth -90, elevation 0); the first is from azimuth -90, elev",
    ),
    "one loud": (
        scaled(3e4, 2, 0),
        "3 of 4 responses of the left ear and 4 of 4 responses of the right ear are silent or",
    ),
    "swapped channels": (
        {"Data.IR": sofa_files.responses()[:, ::-1]},
        "found it 6.1 dB softer and 0.06 ms later than the other ear (mean of 3 measurements more",
    ),
    "azimuths to the right": (
        {"SourcePosition": sofa_files.fields()["SourcePosition"][0] * [-1, 1, 1]},
        "if not, check that azimuths grow to the left, as in SOFA",
    ),
    "swapped delays": (
        {"Data.Delay": [[0, 0], [9, 0], [9, 0], [0, 9]]},
        "found it 6.1 dB louder and 0.14 ms later than the other ear",
    ),
    "no sound": (
        {"Data.SamplingRate": [768000]},
        "expected responses of 0.1 ms or more, found 8 samples at 768000 Hz (0.01 ms): check Data.",
    ),
}


@pytest.mark.parametrize("name", IMPLAUSIBLE)
def test_responses_that_cannot_be_right_are_refused(write, name):
    changes, message = IMPLAUSIBLE[name]
    path = write(changes)
    with pytest.raises(InputError) as raised:
        read_sofa(path)
    (problem,) = raised.value.problems
    assert problem.startswith(f"{path}: Data.IR: ")
    assert message in problem


def test_odd_heads_that_can_be_right_are_read(write):
    """Soft ones, ears that differ, and ears that hear alike."""
    assert read_sofa(write(scaled(1e-4))).response(-30).max() < 1e-3
    assert read_sofa(write(scaled(1e-3, 2))).response(-90).max() < 1e-2
    assert read_sofa(write(scaled(0.01, ear=1))).response(-30)[1].max() < 0.01
    alike = np.repeat(sofa_files.responses()[:1], 4, axis=0)
    assert_array_equal(read_sofa(write({"Data.IR": alike})).response(-90), alike[0])
