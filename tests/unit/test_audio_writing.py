"""Writing audio files: codes, sidecars, clipping, and what stands in the way."""

from __future__ import annotations

import errno
import io
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile
from numpy.testing import assert_array_equal

from cadenza import audio
from cadenza.errors import InputError
from tests.conftest import tone

RATE = 44100


def _codes(path):
    return soundfile.read(path, dtype="int16")[0]


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

    class Full(io.FileIO):
        def write(self, content):
            if self.tell() + len(content) > 4:
                super().write(b"half")
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    normal = Path.open

    def opened(path, mode="r", **options):
        return Full(path, mode) if mode == "wb" else normal(path, mode, **options)

    monkeypatch.setattr(Path, "open", opened)
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_only_a_regular_file_is_replaced(tmp_path):
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    with pytest.raises(
        OSError, match="cannot write: this is a device or a pipe, expected a file name"
    ):
        audio.write_wav(pipe, np.zeros((2, 8)), 8000)
    assert pipe.is_fifo()


@pytest.mark.parametrize("shape", [(1000,), (1, 1001), (2, 40_000)])
def test_floating_point_samples_are_kept(tmp_path, rng, shape):
    """Also above full scale; other programs read them."""
    path = tmp_path / "x.wav"
    signal = 3 * rng.standard_normal(shape)
    assert audio.write_wav(path, signal, RATE, floating=True) == 0
    rows = np.atleast_2d(signal).astype(np.float32)
    assert abs(rows).max() > 1
    found = audio.info(path)
    assert (found.sample_rate, found.subtype) == (RATE, "FLOAT")
    assert_array_equal(audio.read(path)[0], rows)
    rate, samples = scipy.io.wavfile.read(path)
    assert rate == RATE
    assert samples.dtype == np.float32
    assert_array_equal(np.atleast_2d(samples.T), rows)
    assert path.stat().st_size == 58 + rows.nbytes


def test_floating_point_files_have_no_time_stamp(tmp_path):
    """libsndfile writes one into its chunk PEAK, and equal signals would be different files."""
    audio.write_wav(tmp_path / "x.wav", [0.5, 1.5], RATE, floating=True)
    content = (tmp_path / "x.wav").read_bytes()
    assert (content[12:16], content[38:42], content[50:54]) == (b"fmt ", b"fact", b"data")


@pytest.mark.parametrize("bad", [np.nan, -np.inf, 1e39])
def test_what_single_precision_cannot_hold_is_not_written(tmp_path, bad):
    with pytest.raises(ValueError, match="signal must be finite"):
        audio.write_wav(tmp_path / "x.wav", [0.0, bad], RATE, floating=True)
    assert not list(tmp_path.iterdir())


def test_a_truncated_floating_point_file_is_an_error(tmp_path):
    path = tmp_path / "x.wav"
    audio.write_wav(path, np.zeros((2, 100)), RATE, floating=True)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"x\.wav: truncated: expected 858 bytes, found 854"):
        audio.read(path)
