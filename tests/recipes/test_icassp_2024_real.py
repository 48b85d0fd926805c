"""ICASSP 2024 from end to end with a real song and real heads."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
import soundfile

from cadenza import audio
from cadenza.datasets.stem_files import TRACKS, example_stem_file, read_stem_file
from cadenza.errors import InputError
from cadenza.levels import gain_to_db, rms
from cadenza.loudness import integrated_loudness_lufs
from cadenza.report import build
from cadenza.stems import STEMS
from tests.real_recordings import KEMAR, NO_KEMAR
from tests.recipes.conftest import RATE, call, listeners, write_json
from tests.recipes.report_pages import assert_links_hold

NO_SONG = "needs a song: pip install stempeg, and the program ffmpeg"
SONG = "Falcon 69"
SPEAKERS = {"hlp_0001": (-37.5, 22.5), "hlp_0002": (-22.5, 37.5)}


@pytest.fixture(scope="module")
def song():
    file = example_stem_file()
    if file is None:
        pytest.skip(NO_SONG)
    return read_stem_file(file, sample_rate=RATE)


def test_a_file_that_is_no_stem_file_is_refused(tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip(NO_SONG)
    (tmp_path / "text.stem.mp4").write_text("no music")
    with pytest.raises(InputError, match=r"text.stem.mp4: cannot read track 0 \(mixture\): "):
        read_stem_file(tmp_path / "text.stem.mp4", sample_rate=RATE)


def test_the_song_is_its_stems(song):
    assert tuple(song) == TRACKS
    assert {track.shape for track in song.values()} == {song["mixture"].shape}
    assert 5.5 < song["mixture"].shape[1] / RATE < 6.5
    rest = song["mixture"] - sum(song[stem] for stem in STEMS)
    assert gain_to_db(rms(rest) / rms(song["mixture"])) < -10  # coded one by one


@pytest.fixture(params=["KEMAR", "recorded"])
def head(request, tmp_path):
    """What `generate_at_mic_musdb18.py` needs to know of a head, and the name of its subject."""
    if request.param == "KEMAR":
        pytest.importorskip("sofar", reason="SOFA files need the package sofar")
        if not KEMAR.exists():
            pytest.skip(NO_KEMAR)
        return "KEMAR", [f"head.sofa_file={KEMAR}", "head.interpolate=true"]
    shared = request.getfixturevalue("shared")
    return "VP_N6", [f"path.hrtf_dir={shared / 'data' / 'icassp_2024' / 'audio' / 'hrtf'}"]


def write_root(root, song, subject):
    for track, signal in song.items():
        audio.write_wav(root / "audio" / "music" / "train" / SONG / f"{track}.wav", signal, RATE)
    metadata = root / "metadata"
    positions = {
        key: {"subject": subject, "mic": "BTE_fr", "left_angle": left, "right_angle": right}
        for key, (left, right) in SPEAKERS.items()
    }
    write_json(metadata / "head_loudspeaker_positions.json", positions)
    gains = {f"gain_{i}": dict.fromkeys(STEMS, 0) | {"vocals": 6 * i} for i in range(2)}
    write_json(metadata / "gains.json", gains)
    write_json(metadata / "musdb18.train.json", [{"Track Name": SONG, "Split": "train"}])
    write_json(metadata / "listeners.train.json", listeners("train"))


@pytest.mark.slow
def test_a_real_song_from_the_loudspeakers_to_the_report(tmp_path, song, head):
    subject, options = head
    root, exp = tmp_path / "root", tmp_path / "exp"
    write_root(root, song, subject)
    where = f"path.root={root}"
    drawn = ("scene.number_scenes_per_song=2", "scene_listener.number_listeners_per_scene=1")
    assert call("generate_dataset.generate_train_scenes", where, *drawn) == 0
    assert call("generate_dataset.generate_at_mic_musdb18", where, *options) == 0
    check_music_at_the_microphones(root, song)
    where = (where, f"path.exp_folder={exp}", "separator=spectral")
    assert call("baseline.enhance", *where) == 0
    assert call("baseline.evaluate", *where) == 0
    check_results(exp)
    built = build(exp, to=tmp_path / "report", items="worst:1", jobs=1)
    assert built.problems == {}
    assert_links_hold(tmp_path / "report")


def check_music_at_the_microphones(root, song):
    """Every track keeps its loudness; other loudspeakers make another difference at the ears."""
    folder = root / "audio" / "at_mic_music"
    table = rows_of(folder / "at_mic_music.train.csv")
    assert sorted(row["sample"] for row in table) == [f"{SONG}-{key}" for key in SPEAKERS]
    differences_db = {}
    for row in table:
        for track, dry in song.items():
            ears, rate = soundfile.read(folder / "train" / row["sample"] / f"{track}.wav")
            ears = ears.T
            assert (rate, ears.shape) == (RATE, dry.shape)
            assert 0 <= float(row[f"{track}_clipped"]) < 0.01
            loudness_lufs = integrated_loudness_lufs(ears, RATE)
            assert loudness_lufs == pytest.approx(integrated_loudness_lufs(dry, RATE), abs=0.3)
        left, right = gain_to_db(rms(ears, axis=1))
        differences_db[row["sample"].removeprefix(f"{SONG}-")] = left - right
    assert max(abs(d) for d in differences_db.values()) < 6
    assert differences_db["hlp_0001"] != pytest.approx(differences_db["hlp_0002"], abs=0.05)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_results(exp):
    enhanced = rows_of(exp / "enhanced_signals.csv")
    scores = rows_of(exp / "scores.csv")
    assert len(enhanced) == len(scores) == 2
    for row in scores:
        left, right, mean = (float(row[k]) for k in ("left_score", "right_score", "score"))
        assert 0.1 < min(left, right) <= max(left, right) <= 1
        assert mean == pytest.approx((left + right) / 2)
    for row in enhanced:
        name = f"{row['scene']}_{row['listener']}_remix.flac"
        signal, rate = soundfile.read(exp / "enhanced_signals" / name)
        assert (rate, signal.shape[1]) == (32000, 2)
        assert 5.5 < len(signal) / rate < 6.5
        assert np.isfinite(signal).all()
        assert -40 < gain_to_db(rms(signal)) < -3
