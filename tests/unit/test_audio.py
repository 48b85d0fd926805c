"""Audio files, resampling, clipping and 16-bit conversion."""

from __future__ import annotations

import errno
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from cadenza import audio
from cadenza.errors import InputError
from tests.conftest import tone

RATE = 44100


def _codes(path):
    return soundfile.read(path, dtype="int16")[0]


@pytest.fixture
def stereo_wav(tmp_path, rng):
    """One second of 16-bit stereo: the path and its codes, time first."""
    path = tmp_path / "stereo.wav"
    codes = rng.integers(-32768, 32768, size=(RATE, 2), dtype=np.int16)
    soundfile.write(path, codes, RATE)
    return path, codes


# Reading


def test_read_turns_codes_into_channels_first_floats(stereo_wav):
    path, codes = stereo_wav
    signal, sample_rate = audio.read(path)
    assert sample_rate == RATE
    assert signal.dtype == np.float64
    assert_array_equal(signal, codes.T / 32768)
    assert audio.info(path) == audio.AudioInfo(RATE, 2, RATE, "PCM_16")


@pytest.mark.parametrize(
    ("suffix", "subtype", "full_scale"),
    [
        ("wav", "PCM_U8", 2**7),
        ("wav", "PCM_24", 2**23),
        ("wav", "PCM_32", 2**31),
        ("wav", "FLOAT", 2**23),
        ("wav", "DOUBLE", 2**31),
        ("flac", "PCM_S8", 2**7),
        ("flac", "PCM_24", 2**23),
    ],
)
def test_any_sample_format_is_read_at_its_own_scale(tmp_path, suffix, subtype, full_scale):
    """B12, T17."""
    path = tmp_path / f"signal.{suffix}"
    expected = np.array([-full_scale, -1, 0, 1, full_scale - 1]) / full_scale
    soundfile.write(path, expected, RATE, subtype=subtype)
    assert_array_equal(audio.read(path)[0], [expected])


def test_float_files_keep_levels_above_full_scale(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([2.5, -3.0]), RATE, subtype="FLOAT")
    assert_array_equal(audio.read(path)[0], [[2.5, -3.0]])


@pytest.mark.parametrize(
    ("start_s", "duration_s", "frames"),
    [
        (0, None, slice(0, RATE)),
        (0.25, 0.5, slice(11025, 33075)),
        (0.5 / RATE, 1.5 / RATE, slice(0, 2)),  # halves to the even sample
        (1.5 / RATE, 0.1, slice(2, 4412)),
        (0, 1.0, slice(0, RATE)),
    ],
)
def test_a_part_of_a_file_is_read_to_the_nearest_sample(stereo_wav, start_s, duration_s, frames):
    """Dsp §12.5."""
    path, codes = stereo_wav
    signal, _ = audio.read(path, start_s=start_s, duration_s=duration_s)
    assert_array_equal(signal, codes[frames].T / 32768)


@pytest.mark.parametrize(
    ("start_s", "duration_s", "message"),
    [
        (0.5, 0.6, "expected 0.6 s of audio from 0.5 s on, found 1 s in all"),
        (1.0, None, "expected audio from 1.0 s on, found 1 s in all"),
        (-0.5, None, "expected audio from -0.5 s on"),
        (0, 0, "expected 0 s of audio from 0 s on"),
    ],
)
def test_part_outside_the_file_is_an_error(stereo_wav, start_s, duration_s, message):
    path, _ = stereo_wav
    with pytest.raises(InputError, match=f"stereo.wav: {message}"):
        audio.read(path, start_s=start_s, duration_s=duration_s)


def test_mono_is_used_for_both_channels_with_a_warning(tmp_path, caplog):
    """B9, T17."""
    path = tmp_path / "mono.wav"
    soundfile.write(path, tone(100), RATE)
    assert audio.read(path)[0].shape == (1, 100)
    assert not caplog.messages
    signal, _ = audio.read(path, channels=2)
    assert signal.shape == (2, 100)
    assert_array_equal(signal[0], signal[1])
    assert caplog.messages == [f"{path}: mono, used for both channels"]


def test_other_numbers_of_channels_are_an_error(stereo_wav):
    with pytest.raises(InputError, match=r"stereo.wav: expected 1 channel\(s\), found 2"):
        audio.read(stereo_wav[0], channels=1)


def test_other_sample_rates_are_resampled_in_time_with_a_warning(stereo_wav, caplog):
    """B7."""
    path, codes = stereo_wav
    signal, sample_rate = audio.read(path, sample_rate=32000)
    assert sample_rate == 32000
    assert_array_equal(signal, audio.resample(codes.T / 32768, RATE, 32000))
    assert caplog.messages == [f"{path}: resampled from 44100 to 32000 Hz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "file not found"),
        (b"", r"expected an audio file, found an empty file \(0 bytes\)"),
        (b"text", "expected an audio file such as WAV or FLAC: "),
    ],
)
def test_files_that_are_not_audio_are_named(tmp_path, content, message):
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    for function in (audio.info, audio.read):
        with pytest.raises(InputError, match=f"x.wav: {message}"):
            function(path)


def test_a_folder_is_no_audio_file(tmp_path):
    for function in (audio.info, audio.read):
        with pytest.raises(InputError, match="expected an audio file, found a folder"):
            function(tmp_path)


def test_a_file_that_may_not_be_read_is_named(stereo_wav, monkeypatch):
    def refuse(path, *_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"stereo\.wav: cannot read: permission denied$"):
        audio.info(stereo_wav[0])


def test_truncated_flac_is_an_error(tmp_path, rng):
    path = tmp_path / "cut.flac"
    audio.write_flac(path, 0.1 * rng.standard_normal((2, RATE)), RATE)
    path.write_bytes(path.read_bytes()[:100000])
    with pytest.raises(InputError, match=r"cut\.flac: damaged audio file"):
        audio.read(path)


def test_files_with_nan_or_without_samples_are_errors(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"x.wav: expected finite samples, found NaN"):
        audio.read(path)
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(InputError, match=r"x.wav: expected audio .* found 0 s in all"):
        audio.read(path)


# Writing


@pytest.mark.parametrize("shape", [(1000,), (1, 1000), (2, 1000)])
@pytest.mark.parametrize("write", [audio.write_flac, audio.write_wav])
def test_what_is_written_is_read(tmp_path, rng, write, shape):
    path = tmp_path / "new folder" / "signal.flac"
    codes = rng.integers(-32768, 32768, size=shape)
    signal = codes / 32768
    before = signal.copy()
    assert write(path, signal, RATE) == 0
    assert_array_equal(signal, before)
    assert audio.info(path).subtype == "PCM_16"
    got, sample_rate = audio.read(path)
    assert sample_rate == RATE
    assert_array_equal(got, np.atleast_2d(before))
    assert [p.name for p in path.parent.iterdir()] == ["signal.flac"]


def test_equal_signals_give_equal_bytes(tmp_path, rng):
    signal = 0.3 * rng.standard_normal((2, 5000))
    for name, write in (("a.flac", audio.write_flac), ("a.wav", audio.write_wav)):
        contents = set()
        for folder in ("first", "second"):
            write(tmp_path / folder / name, signal, RATE)
            contents.add((tmp_path / folder / name).read_bytes())
        assert len(contents) == 1


def test_scaled_flac_has_the_codes_and_sidecar_of_the_reference(tmp_path):
    """Dsp §12.4."""
    path = tmp_path / "Mr. Tone - Song No. 1.flac"
    clipped = audio.write_flac(path, tone(4410), RATE, output_sample_rate=24000, scale=True)
    assert clipped == 0
    codes = _codes(path)
    probe = [0, 1, 100, 1200, 2399]
    assert_array_equal(codes[probe], [4811, 13429, -24493, 5309, -5189])
    assert (codes.min(), codes.max()) == (-32768, 32767)
    sidecar = tmp_path / "Mr. Tone - Song No. 1.txt"
    assert sidecar.read_text() == "0.7396407127380371"
    expected = [
        0.108594097197056,
        0.303119957447052,
        -0.552857041358948,
        0.11983497440815,
        -0.117126330733299,
    ]
    signal, sample_rate = audio.read(path)
    assert sample_rate == 24000
    # Computed in single precision, so equal as single-precision numbers
    assert_array_equal(signal[0, probe].astype(np.float32), np.float32(expected))
    assert_array_equal(signal, signal.astype(np.float32))


@pytest.mark.parametrize(
    ("soft_clip", "expected", "limits"),
    [
        (True, [6980, 16119, 22608, 7707, -3847], (-29625, 29625)),
        (False, [7089, 17648, 27783, 7854, -3865], (-32768, 32767)),
    ],
)
def test_clipped_flac_has_the_codes_of_the_reference(tmp_path, caplog, soft_clip, expected, limits):
    """Dsp §12.4, B14: as many samples above full scale with and without soft clipping."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "tone.flac"
    signal = 2 * tone(4410)
    clipped = audio.write_flac(path, signal, RATE, output_sample_rate=32000, soft_clip=soft_clip)
    assert clipped == 800 / 3200
    codes = _codes(path)
    assert_array_equal(codes[[0, 1, 100, 1600, 3199]], expected)
    assert (codes.min(), codes.max()) == limits
    [record] = caplog.records
    assert record.levelno == (logging.INFO if soft_clip else logging.WARNING)
    assert "tone.flac: 800 samples (25 %) above full scale" in record.message


def test_write_wav_reports_clipping(tmp_path, caplog):
    assert audio.write_wav(tmp_path / "x.wav", [0.5, 1.5, -2.0], RATE) == 2 / 3
    assert_array_equal(_codes(tmp_path / "x.wav"), [16384, 32767, -32768])
    assert "x.wav: 2 samples (67 %) above full scale were clipped" in caplog.text


def test_scale_wins_over_soft_clip(tmp_path):
    path = tmp_path / "x.flac"
    assert audio.write_flac(path, [0.5, -2.0], RATE, scale=True, soft_clip=True) == 0
    assert_array_equal(audio.read(path)[0], [[0.5, -2.0]])


def test_silence_gets_scale_one(tmp_path):
    """B13."""
    path = tmp_path / "silence.flac"
    audio.write_flac(path, np.zeros((2, 100)), RATE, scale=True)
    assert path.with_suffix(".txt").read_text() == "1.0"
    assert_array_equal(audio.read(path)[0], np.zeros((2, 100)))


def test_an_old_sidecar_is_deleted(tmp_path):
    """B13."""
    path = tmp_path / "x.flac"
    audio.write_flac(path, [0.1, 0.2], RATE, scale=True)
    audio.write_flac(path, [0.25, 0.5], RATE)
    assert not path.with_suffix(".txt").exists()
    assert_array_equal(audio.read(path)[0], [[0.25, 0.5]])


@pytest.mark.parametrize("text", ["", "loud", "nan", "-1"])
def test_sidecars_without_a_factor_are_errors(tmp_path, text):
    path = tmp_path / "x.flac"
    audio.write_flac(path, [0.25, 0.5], RATE)
    path.with_suffix(".txt").write_text(text)
    with pytest.raises(InputError, match=r"x.txt: expected the scale factor of x.flac"):
        audio.read(path)


def test_text_beside_a_wav_file_is_no_sidecar(stereo_wav):
    path, codes = stereo_wav
    path.with_suffix(".txt").write_text("0.5")
    assert_array_equal(audio.read(path)[0], codes.T / 32768)


@pytest.mark.parametrize("write", [audio.write_flac, audio.write_wav])
def test_signals_with_time_first_are_refused(tmp_path, write):
    message = (
        r"signal must have time on the last axis, got shape \(100, 2\): did you mean signal.T?"
    )
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "x.flac", np.zeros((100, 2)), RATE)
    for plausible in ((2, 1), (2, 0), (6, 10)):
        write(tmp_path / "x.flac", np.zeros(plausible), RATE)


@pytest.mark.parametrize("write", [audio.write_flac, audio.write_wav])
def test_integer_samples_are_refused(tmp_path, write):
    message = r"signal has integer samples \(int16\): convert to float .* for example x / 32768"
    with pytest.raises(TypeError, match=message):
        write(tmp_path / "x.flac", np.zeros((2, 100), dtype=np.int16), RATE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate", [0, -1, 44100.5, np.nan])
@pytest.mark.parametrize("write", [audio.write_flac, audio.write_wav])
def test_sample_rates_must_be_whole_numbers(tmp_path, write, rate):
    with pytest.raises(ValueError, match="sample_rate must be a positive whole number, got"):
        write(tmp_path / "x.flac", [0.0], rate)
    with pytest.raises(TypeError, match="sample_rate must be a number, got '44100'"):
        write(tmp_path / "x.flac", [0.0], "44100")


def test_what_flac_cannot_store_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"x\.flac: cannot encode 9 channel\(s\) at 44100 Hz"):
        audio.write_flac(tmp_path / "x.flac", np.zeros((9, 100)), RATE)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_not_written(tmp_path, bad):
    """B13."""
    for name, write in (("x.flac", audio.write_flac), ("x.wav", audio.write_wav)):
        with pytest.raises(ValueError, match="signal must be finite"):
            write(tmp_path / name, [0.0, bad], RATE)
    assert not list(tmp_path.iterdir())


def test_flac_needs_its_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.flac, got 'Song No\. 1'"):
        audio.write_flac(tmp_path / "Song No. 1", [0.0], RATE)


@pytest.mark.parametrize("was_scaled", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_killed_at_any_step_no_flac_has_the_sidecar_of_another(
    tmp_path, monkeypatch, was_scaled, scale
):
    old, new = np.array([[0.125, -0.25]]), np.array([[0.0625, -0.5]])
    steps = 0

    def die_after(last_step, original):
        def operation(*args, **kwargs):
            nonlocal steps
            steps += 1
            if steps > last_step:  # a dead process does not clean up either
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        return operation

    for last_step in range(20):
        path = tmp_path / str(last_step) / "x.flac"
        audio.write_flac(path, old, RATE, scale=was_scaled)
        steps = 0
        with monkeypatch.context() as patch:
            for name in ("unlink", "replace", "write_bytes", "write_text"):
                patch.setattr(Path, name, die_after(last_step, getattr(Path, name)))
            try:
                audio.write_flac(path, new, RATE, scale=scale)
            except KeyboardInterrupt:
                if path.exists():
                    found = audio.read(path)[0]
                    assert np.array_equal(found, old) or np.array_equal(found, new)
            else:
                break
    assert last_step == steps > 0
    assert_array_equal(audio.read(path)[0], new)


@pytest.fixture
def full_disk(monkeypatch):
    """No file can be written completely, and 1.5 MB are free."""

    def fill(path, content, **_options):
        with path.open("wb") as file:
            file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    usage = shutil.disk_usage(".")._replace(free=1_500_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)


@pytest.mark.parametrize(
    ("name", "write"), [("x.wav", audio.write_wav), ("x.flac", audio.write_flac)]
)
def test_a_full_disk_is_reported_and_the_old_file_remains(tmp_path, request, name, write):
    path = tmp_path / name
    write(path, [0.25], RATE)
    request.getfixturevalue("full_disk")
    message = rf"{name}: cannot write: no space left on device \(1\.5 MB free\)"
    with pytest.raises(OSError, match=message) as caught:
        write(path, [0.5], RATE)
    assert caught.value.errno == errno.ENOSPC
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert_array_equal(audio.read(path)[0], [[0.25]])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_real_write_error_of_the_system_is_explained(tmp_path):
    """A limit on the size of files stands for a full disk: the system refuses half-way."""
    program = (
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from cadenza import audio\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    audio.write_wav(sys.argv[1], np.zeros(10_000), 44100)\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    path = tmp_path / "x.wav"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{path}: cannot write: file too large"
    assert not list(tmp_path.iterdir())


def test_what_is_in_the_way_of_a_file_is_named(tmp_path):
    with pytest.raises(OSError, match="cannot write: this is a folder, expected a file name"):
        audio.write_wav(tmp_path, [0.5], RATE)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file: cannot create the folder: "):
        audio.write_wav(tmp_path / "file" / "x.wav", [0.5], RATE)


# Resampling


@pytest.mark.parametrize(
    ("n_in", "from_rate", "to_rate", "n_out"),
    [
        (441000, 44100, 32000, 320000),
        (441220, 44100, 32000, 320160),
        (441220, 44100, 24000, 240120),
        (1000, 44100, 24000, 544),
        (1001, 44100, 24000, 545),
        (1003, 44100, 24000, 546),
        (3, 44100, 22050, 2),
        (5, 44100, 22050, 3),
        (7, 44100, 22050, 4),
        (1, 44100, 24000, 1),
    ],
)
def test_length_after_resampling(n_in, from_rate, to_rate, n_out):
    """Dsp §10."""
    assert audio.resample(np.zeros((2, n_in)), from_rate, to_rate).shape == (2, n_out)
    assert audio.resample(np.zeros(n_in), from_rate, to_rate).shape == (n_out,)


@pytest.mark.parametrize(
    ("to_rate", "probe", "expected", "energy"),
    [
        (
            24000,
            [0, 1, 100, 1200, 2399],
            [
                0.108603209257126,
                0.303134739398956,
                -0.552869141101837,
                0.119856253266335,
                -0.117138341069221,
            ],
            374.998698177758,
        ),
        (
            32000,
            [0, 1, 100, 1600, 3199],
            [
                0.108172506093979,
                0.269290387630463,
                0.423938453197479,
                0.119856342673302,
                -0.0589867234230042,
            ],
            499.998775144219,
        ),
    ],
)
def test_resampled_tone_equals_the_reference(to_rate, probe, expected, energy):
    """Dsp §10."""
    resampled = audio.resample(tone(4410), RATE, to_rate)
    assert_allclose(resampled[probe], expected, rtol=0, atol=1e-8)
    assert np.sum(resampled**2) == pytest.approx(energy, rel=1e-8)


def test_channels_are_resampled_alone(rng):
    signal = rng.standard_normal((2, 1000))
    before = signal.copy()
    both = audio.resample(signal, 44100, 24000)
    for channel, resampled in zip(signal, both, strict=True):
        assert_array_equal(resampled, audio.resample(channel, 44100, 24000))
    assert_array_equal(signal, before)


def test_equal_rates_change_nothing(rng):
    signal = rng.standard_normal((2, 100))
    assert_array_equal(audio.resample(signal, 44100, 44100), signal)


def test_resample_rejects_bad_rates():
    with pytest.raises(ValueError, match="to_rate must be positive, got 0"):
        audio.resample([0.0], 44100, 0)


# Samples


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        (0.5, 16384),
        (1.0, 32767),
        (-1.0, -32768),
        (0.99999, 32767),
        (1e-5, 0),
        (3.1e-5, 1),
        (-3.1e-5, -1),
        (4.6e-5, 1),
        (-4.6e-5, -1),
        (2.0, 32767),
        (-2.0, -32768),
    ],
)
def test_16_bit_codes_are_truncated_towards_zero(sample, code):
    """Dsp §12.2."""
    assert audio.to_int16([sample]) == code
    assert audio.to_int16([sample]).dtype == np.int16


def test_to_int16_refuses_nan():
    with pytest.raises(ValueError, match="signal must be finite"):
        audio.to_int16([np.nan])


def test_hard_and_soft_clipping():
    """Dsp §12.1."""
    signal = np.array([0.5, 1.5, -2.0, 1.0])
    hard, hard_count = audio.clip(signal)
    soft, soft_count = audio.clip(signal, soft=True)
    assert_array_equal(hard, [0.5, 1, -1, 1])
    assert_allclose(soft[:3], [0.46211715726001, 0.905148253644867, -0.964027580075817], rtol=1e-14)
    assert (hard_count, soft_count) == (2, 2)
    assert_array_equal(signal, [0.5, 1.5, -2.0, 1.0])
