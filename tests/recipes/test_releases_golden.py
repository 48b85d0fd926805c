"""Scores of several releases of pyClarity, and of the fade of ICASSP 2024, on the shared data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cadenza import audio
from cadenza.challenges.cad1_task1 import comparison
from cadenza.challenges.cad1_task1.enhancement import OutputFormat, write_enhanced_song
from cadenza.challenges.cad1_task1.scores import score_song
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.haaqi import haaqi
from cadenza.hearing_aid import NALRAid
from cadenza.runner.tables import read_table
from cadenza.stems import STEMS

from .conftest import call, codes, edit_json, write_json

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def releases(shared):
    return json.loads((shared / "golden" / "releases.json").read_text())


@pytest.fixture(scope="module")
def song_pairs(shared):
    root = shared / "data" / "cad1_task1"
    files = {
        "music_file": root / "metadata" / "musdb18.valid.json",
        "listeners_file": root / "metadata" / "listeners.valid.json",
        "music_dir": root / "audio" / "musdb18hq",
        "music_segments_test_file": root / "metadata" / "musdb18.segments.test.json",
    }
    return read_song_pairs({key: str(file) for key, file in files.items()})


def by_ear(entries, score):
    """Golden scores by listener, song and column."""
    return {(*Path(e["file"]).parts[-3:-1], e["column"]): score(e) for e in entries}


def drums(shared, pairs, release):
    """Scores of the drums by listener, song and column."""
    rules = comparison.Comparison(44100, 24000, 32000, release=release)
    folder = shared / "golden" / "cad1_task1" / "enhanced_signals"
    return {
        (pair.listener.name, pair.track.name, column): score.score
        for pair in pairs
        for column, score in score_song(pair, folder, rules).scores.items()
    }


@pytest.fixture
def drums_alone(monkeypatch):
    """They draw HAAQI's noise first, so the other stems can be left out."""
    monkeypatch.setattr(comparison, "SCORING_ORDER", ("drums",))


@pytest.mark.usefixtures("drums_alone")
def test_cad1_drums_in_release_0_3_4(shared, releases, song_pairs):
    entries = releases["cad1_release_0_3_4"]["pairs"]
    wanted = by_ear(entries, lambda entry: entry["score_0_3_4"])
    assert len(wanted) == 8
    assert drums(shared, song_pairs, "0.3.4") == pytest.approx(wanted, rel=0, abs=1e-7)


@pytest.mark.usefixtures("drums_alone")
def test_haaqi_is_the_same_in_all_releases(shared, releases, song_pairs):
    """Of the same inputs, here for one pair; the tests of the recipes score the others."""
    found = drums(shared, song_pairs[3:], "0.9.0")
    assert len(found) == 2
    entries = [e for e in releases["haaqi_same_inputs"]["pairs"] if "/cad1_task1/" in e["file"]]
    for release in ("0.3.4", "0.4.1", "0.6.2", "0.9.0"):
        scores = by_ear(entries, lambda entry, name=release: entry["scores"][name])
        wanted = {key: scores[key] for key in found}
        assert found == pytest.approx(wanted, rel=0, abs=1e-7)


def golden_haaqi(ear, sample_rate):
    """Score of an ear with the noise of seed 1, as in a part of the golden values."""
    return haaqi(
        ear.reference,
        ear.processed,
        sample_rate=sample_rate,
        audiogram=ear.audiogram,
        equalisation="nalr",
        level_db_spl=ear.level_db_spl,
        rng=np.random.RandomState(1),
    ).score


def test_cad1_remixes_against_the_mixture(shared, releases, song_pairs):
    """The golden scores have the noise of seed 1 in every ear; the recipe draws it song by song."""
    wanted = {
        (song, listener): scores
        for song, listener, _, scores, _ in releases["cad1_readings_cadenza"]["remix_vs_mixture"]
    }
    rules = comparison.Comparison(44100, 24000, 32000, target="remix")
    folder = shared / "golden" / "cad1_task1" / "enhanced_signals"
    assert len(song_pairs) == 4
    for pair in song_pairs:
        golden = wanted[pair.track.name, pair.listener.name]
        ears = dict(rules.ears(pair, folder))
        found = [golden_haaqi(ear, rules.rate) for ear in ears.values()]
        assert found == pytest.approx(golden, rel=0, abs=1e-9)
        of_recipe = score_song(pair, folder, rules).scores
        assert list(of_recipe) == ["left", "right"]
        noisy = [result.score for result in of_recipe.values()]
        assert noisy == pytest.approx(golden, rel=0, abs=5e-5)


@pytest.mark.parametrize("stem", ["vocals", "drums"])
def test_cad1_stems_in_floating_point(releases, song_pairs, tmp_path, monkeypatch, stem):
    """Of leaky stems: 10 % of the others is added to each. The golden ears have noise of seed 1."""
    table = releases["cad1_readings_cadenza"]["float44_vs_flac24"]
    golden = {name: scores for name, *scores in table}[stem]
    name = "Mini Band - Pop In D"
    (pair,) = [p for p in song_pairs if (p.listener.name, p.track.name) == ("L0066", name)]
    true = {name: audio.read(pair.file(name))[0] for name in STEMS}
    everything = sum(true.values())
    leaky = {name: signal + 0.1 * (everything - signal) for name, signal in true.items()}
    monkeypatch.setattr(comparison, "SCORING_ORDER", (stem,))
    found = []
    for stems in ("float44", "flac24"):
        output = OutputFormat(44100, 24000, 32000, soft_clip=True, stems=stems)
        aid = NALRAid(sample_rate=44100)
        write_enhanced_song(pair, leaky, aid, folder=tmp_path / stems, output=output)
        rules = comparison.Comparison(44100, 24000, 32000, stems=stems)
        ear = dict(rules.ears(pair, tmp_path / stems))[f"left_{stem}"]
        found.append(golden_haaqi(ear, rules.rate))
    # the third one is of a stem at 24 kHz that was not written to a file
    assert found == pytest.approx(golden[:2], rel=0, abs=1e-8)
    assert -9e-4 < found[0] - found[1] < -3e-4


def test_cad2_reference_in_two_releases(shared, releases, tmp_path):
    """A piece that is 5 to 12 s of its files."""
    golden = releases["cad2_release_0_6_3"]
    root, exp = tmp_path / "root", tmp_path / "exp"
    download = shared / "data" / "cad2_task2" / "zenodo_download"
    where = (f"path.root={root}", f"path.zenodo_download_path={download}")
    assert call("process_dataset.process_zenodo_download", *where, recipe="cad2.task2") == 0
    for folder in [root, *root.rglob("*")]:
        folder.chmod(0o755)

    def excerpt(music):
        for piece in music.values():
            for entry in piece.values():
                entry.update(start=golden["mixture_start"], duration=golden["mixture_duration"])

    edit_json(root / "metadata" / "music.valid.json", excerpt)
    file = Path(golden["file"])
    scene, listener, _ = file.stem.split("_")
    write_json(root / "metadata" / "scene_listeners.valid.json", {scene: [listener]})
    start, stop = golden["enhanced_frames_32k"]
    part, rate = soundfile.read(shared / file, start=start, stop=stop, dtype="int16")
    enhanced = exp / "enhanced_signals" / "valid" / file.name
    enhanced.parent.mkdir(parents=True)
    soundfile.write(enhanced, part, rate, subtype="PCM_16")
    columns = ["scene", "song", "listener", "left_haaqi", "right_haaqi", "avg_haaqi"]
    assert sorted(golden["scores"]) == ["0.6.3", "0.9.0"]
    for release, wanted in golden["scores"].items():
        options = (f"path.root={root}", f"path.exp_folder={exp}", f"release={release}")
        assert call("baseline.evaluate", *options, "resume=changed", recipe="cad2.task2") == 0
        (row,) = read_table(exp / "scores.csv", columns)
        found = [float(row[f"{side}_haaqi"]) for side in ("left", "right")]
        assert found == pytest.approx(wanted, rel=0, abs=1e-7)


FADED = {
    "scene_10001_L0057": (0.8361384367551504, 0.8816030618338941),
    "scene_10007_L0074": (0.9901019616668982, 0.9888463402507581),
}
"""Scores of `separator=oracle release=published`: true stems that fade out before the gains.

Made by cadenza itself, with `enhance.py` and `evaluate.py` on the shared data; pyClarity has no
oracle. `test_icassp_2024_releases.py` checks sample for sample that the stems fade as they should.
"""


def test_icassp_2024_fade_of_the_stems(shared, releases, tmp_path):
    """The golden changes are of faded enhanced files: only their sizes are similar."""
    golden, root = shared / "golden" / "icassp_2024", tmp_path / "root"
    shutil.copytree(shared / "data" / "icassp_2024", root, copy_function=shutil.copyfile)
    for folder in [root, *root.rglob("*")]:
        folder.chmod(0o755)
    people = {"scene_10001": ["L0057"], "scene_10007": ["L0074"]}
    scenes = json.loads((golden / "scenes.train.json").read_text())
    write_json(root / "metadata" / "scenes.train.json", {name: scenes[name] for name in people})
    write_json(root / "metadata" / "scene_listeners.train.json", people)
    assert call("generate_dataset.generate_at_mic_musdb18", f"path.root={root}") == 0
    scores = {}
    for release in ("fixed", "published"):
        exp = tmp_path / release
        where = (f"path.root={root}", f"path.exp_folder={exp}")
        assert call("baseline.enhance", *where, "separator=oracle", f"release={release}") == 0
        assert call("baseline.evaluate", *where) == 0
        columns = ["scene", "song", "listener", "left_score", "right_score", "score"]
        scores[release] = {
            f"{row['scene']}_{row['listener']}": (
                float(row["left_score"]),
                float(row["right_score"]),
            )
            for row in read_table(exp / "scores.csv", columns)
        }
    for entry in releases["icassp_fade_last_100_ms"]["values"]:
        pair = Path(entry["file"]).stem.removesuffix("_remix")
        ear = entry["column"] == "right_score"
        change = scores["published"][pair][ear] - scores["fixed"][pair][ear]
        # the first file has leaky stems, the second one the true stems
        close = {"scene_10001_L0057": 1e-3, "scene_10007_L0074": 5e-5}[pair]
        assert change == pytest.approx(entry["difference"], rel=0, abs=close)
        assert scores["published"][pair][ear] == pytest.approx(FADED[pair][ear], rel=0, abs=1e-7)
    for pair in scores["fixed"]:
        fixed, published = (
            codes(tmp_path / release / "enhanced_signals" / f"{pair}_remix.flac")
            for release in scores
        )
        end = slice(319840, 320000)  # the last 5 ms of the excerpt
        assert abs(published[end]).max() < 0.1 * abs(fixed[end]).max()
