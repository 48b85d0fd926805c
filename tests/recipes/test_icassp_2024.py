"""The ICASSP 2024 scripts on a tiny challenge root: what users type and what they get."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.runner.tables import read_table
from cadenza.stems import STEMS

from .conftest import call, check_that_torch_gives_the_same_scores, codes, edit_json, outputs

REPOSITORY = Path(__file__).resolve().parents[2]
BASELINE = REPOSITORY / "recipes" / "cad_icassp_2024" / "baseline"
ENHANCE, EVALUATE = "baseline.enhance", "baseline.evaluate"
WHERE = ("path.root=root", "path.exp_folder=root/exp")
COLUMNS = ["scene", "song", "listener", "left_score", "right_score", "score"]


def test_the_whole_challenge(root, capsys):
    assert call(EVALUATE, *WHERE) == 0
    assert "over 8 of 8 items" in capsys.readouterr().out
    rows = read_table(root / "exp" / "scores.csv", COLUMNS)
    listeners = json.loads((root / "metadata" / "scene_listeners.train.json").read_text())
    order = [(scene, name) for scene, names in listeners.items() for name in names]
    assert [(row["scene"], row["listener"]) for row in rows] == order
    scores = np.array([[float(row[c]) for c in COLUMNS[3:]] for row in rows])
    assert (scores > 0.5).all(), "true stems are scored well"
    np.testing.assert_allclose(scores[:, :2].mean(axis=1), scores[:, 2], rtol=1e-15)
    enhanced = sorted((root / "exp" / "enhanced_signals").glob("*.flac"))
    assert [p.name for p in enhanced] == sorted(f"{s}_{n}_remix.flac" for s, n in order)
    info = audio.info(enhanced[0])
    assert (info.sample_rate, info.channels, info.subtype) == (32000, 2, "PCM_16")
    assert abs(info.frames - (35280 + 220) * 32000 / 44100) <= 1


@pytest.mark.slow
def test_torch_gives_the_same_scores(root, capsys):
    """Apart from rounding; its results are not continued by the other engine."""
    evaluate = partial(call, EVALUATE, *WHERE)
    check_that_torch_gives_the_same_scores(
        evaluate, root / "exp" / "scores.csv", COLUMNS, "evaluate.pairs_at_once=3"
    )
    assert evaluate() == 2
    assert "evaluate.engine" in capsys.readouterr().err


@pytest.mark.slow
def test_batches_merge_to_what_one_run_gives(root):
    """Recipes T21."""
    assert call(EVALUATE, *WHERE) == 0
    names = ("scores.csv", "enhanced_signals.csv")
    one_run = {name: (root / "exp" / name).read_bytes() for name in names}
    shutil.rmtree(root / "exp")
    for batch in range(3):
        batches = ("evaluate.batch_size=3", f"evaluate.batch={batch}")
        assert call(ENHANCE, *WHERE, *batches, "separator=oracle") == 0
        assert call(EVALUATE, *WHERE, *batches) == 0
    assert call("baseline.merge_batches_results", *WHERE, "evaluate.batch_size=3") == 0
    assert {name: (root / "exp" / name).read_bytes() for name in names} == one_run


def test_compressor_and_soft_clip_change_the_signal(root):
    options = ("path.root=root", "separator=oracle", "path.exp_folder=other")
    assert call(ENHANCE, *options, "apply_compressor=true", "soft_clip=true") == 0
    name = next((root / "exp" / "enhanced_signals").glob("*.flac")).name
    plain, _ = audio.read(root / "exp" / "enhanced_signals" / name)
    other, _ = audio.read(Path("other/enhanced_signals") / name)
    assert plain.shape == other.shape
    assert np.abs(plain - other).max() > 0.001


def test_small_test_keeps_every_fifteenth_pair_in_both_steps(root):
    where = ("path.root=root", "path.exp_folder=small", "evaluate.small_test=true")
    assert call(ENHANCE, *where, "separator=oracle") == 0
    assert call(EVALUATE, *where) == 0
    assert len(list(Path("small/enhanced_signals").glob("*.flac"))) == 1
    assert len(read_table(Path("small/scores.csv"), COLUMNS)) == 1


def test_split_switches_all_metadata_files_together(root):
    metadata = root / "metadata"
    for name in ("at_mic_music", "scenes"):
        (metadata / f"{name}.train.json").rename(metadata / f"{name}.valid.json")
    edit_json(metadata / "scene_listeners.train.json", lambda s: {k: ["L5002"] for k in s})
    (metadata / "scene_listeners.train.json").rename(metadata / "scene_listeners.valid.json")
    where = ("path.root=root", "path.exp_folder=valid", "split=valid")
    assert call(ENHANCE, *where, "separator=oracle") == 0
    assert {p.name[12:17] for p in Path("valid/enhanced_signals").glob("*.flac")} == {"L5002"}


def test_more_scenes_are_added_to_those_of_each_song(root, capsys):
    metadata = root / "metadata"
    scenes, listeners = (metadata / f"{n}.train.json" for n in ("scenes", "scene_listeners"))
    script = "generate_dataset.generate_train_scenes"
    before = json.loads(scenes.read_text())
    files = {path: path.read_bytes() for path in (scenes, listeners)}

    def of_song(content, song):
        return [
            (scene["gain"], scene["head_loudspeaker_positions"])
            for scene in content.values()
            if scene["music"] == song
        ]

    assert call(script, "path.root=root", "scene.number_scenes_per_song=1") == 0
    assert "2 scenes, 1 for each of 2 songs, written to" in capsys.readouterr().out
    after = json.loads(scenes.read_text())
    for song in {scene["music"] for scene in before.values()}:
        assert of_song(after, song) == of_song(before, song)[:1]
    assert call(script, "path.root=root", "scene.number_scenes_per_song=2") == 0
    assert {path: path.read_bytes() for path in files} == files
    metadata_of_music = metadata / "at_mic_music.train.json"
    music = json.loads(metadata_of_music.read_text())
    edit_json(metadata_of_music, lambda content: {k: content[k] for k in list(content)[:-1]})
    assert call("baseline.enhance", "path.root=root", "separator=oracle") == 2
    *unknown, advice = capsys.readouterr().err.splitlines()
    assert f"music {list(music)[-1]!r} is not in" in unknown[0]
    assert f"{metadata_of_music.name} lacks music of the scenes: python -m" in advice
    assert advice.endswith("generate_at_mic_musdb18 path.root=root makes it")
    # the music of the scenes that were there is there still
    assert call("generate_dataset.generate_at_mic_musdb18", "path.root=root") == 0


def test_scenes_are_written_where_the_keys_say_and_not_over_a_users_own(root, capfd):
    """Recipes T10."""
    script = "generate_dataset.generate_train_scenes"
    path = root / "metadata" / "scenes.train.json"
    edit_json(path, lambda scenes: scenes["scene_10001"].update(gain="gain_0001"))
    edit_json(path, lambda scenes: scenes["scene_10002"].update(gain="gain_0001"))
    before = path.read_bytes()
    arguments = ("path.root=root", "scene.number_scenes_per_song=1")
    assert call(script, *arguments) == 2
    seen = "".join(capfd.readouterr())
    assert "root/metadata/scenes.train.json: exists and holds scenes that would be lost" in seen
    assert "overwrite=true" in seen
    assert "scene_listeners.train.json" not in seen, "the listeners can be drawn again"
    assert path.read_bytes() == before
    assert call(script, *arguments, "path.scene_file=mine.json") == 0
    assert len(json.loads(Path("mine.json").read_text())) == 2
    assert path.read_bytes() == before
    assert call(script, *arguments, "overwrite=true") == 0
    assert len(json.loads(path.read_text())) == 2


@pytest.mark.parametrize(
    ("n_scenes", "n_listeners", "message"),
    [
        (5, 2, "scene.number_scenes_per_song must be 1 ... 2 ("),
        (2, 0, "scene_listener.number_listeners_per_scene must be at least 1, got 0"),
    ],
)
def test_numbers_of_scenes_and_listeners_are_named_as_the_user_wrote_them(
    root, capfd, n_scenes, n_listeners, message
):
    numbers = (
        f"scene.number_scenes_per_song={n_scenes}",
        f"scene_listener.number_listeners_per_scene={n_listeners}",
    )
    assert call("generate_dataset.generate_train_scenes", "path.root=root", *numbers) == 2
    assert f"error: {message}" in capfd.readouterr().err


def test_missing_metadata_says_which_command_makes_it(root, capfd):
    for name in ("at_mic_music", "scenes"):
        (root / "metadata" / f"{name}.train.json").unlink()
    assert call(ENHANCE, *WHERE, "separator=oracle") == 2
    seen = capfd.readouterr().err
    for name, script in (
        ("at_mic_music", "generate_at_mic_musdb18"),
        ("scenes", "generate_train_scenes"),
    ):
        module = f"cadenza.recipes.cad_icassp_2024.generate_dataset.{script}"
        assert f"{name}.train.json; python -m {module} path.root=root makes it" in seen


def test_half_written_music_is_made_again(root):
    """Recipes T11."""
    folder = next((root / "audio" / "at_mic_music" / "train").iterdir())
    before = outputs(root)
    (folder / "bass.wav").write_bytes((folder / "bass.wav").read_bytes()[:5000])
    assert call("generate_dataset.generate_at_mic_musdb18", "path.root=root") == 0
    assert outputs(root) == before


def test_silent_stems_stay_silent(root):
    """Recipes T11, DSP B10."""
    for path in (root / "audio" / "music" / "train").glob("*/drums.wav"):
        audio.write_wav(path, np.zeros((2, 35280)), 44100)
    arguments = ("path.root=root", f"path.output_music_dir={root.parent / 'new'}")
    assert call("generate_dataset.generate_at_mic_musdb18", *arguments) == 0
    drums = [audio.read(path)[0] for path in (root.parent / "new").glob("train/*/drums.wav")]
    assert len(drums) == 4
    assert not np.any(drums)


def test_metadata_of_the_at_mic_music(root):
    entries = json.loads((root / "metadata" / "at_mic_music.train.json").read_text())
    name = "Tiny/Slash - Down-hlp_0002"
    assert entries[name] == {
        "Track Name": name,
        "Split": "train",
        "Path": "train/Tiny_Slash - Down-hlp_0002",
        "Original Track Name": "Tiny/Slash - Down",
        "Head Position": "hlp_0002",
    }
    assert {"mixture.wav", *(f"{s}.wav" for s in STEMS)} == {
        p.name for p in (root / "audio" / "at_mic_music" / entries[name]["Path"]).iterdir()
    }


def test_names_of_other_releases_of_the_data_package(root):
    music = root / "audio" / "music"
    (music / "train").rename(music / "Train")
    for path in music.glob("*/*/bass.wav"):
        path.rename(path.with_name("Bass.wav"))
    positions = root / "metadata" / "head_loudspeaker_positions.json"
    positions.rename(positions.with_name("head_positions.json"))
    arguments = ("path.root=root", "path.output_music_dir=new")
    assert call("generate_dataset.generate_at_mic_musdb18", *arguments) == 0
    assert len(list(Path("new/train").iterdir())) == 4


def test_too_little_disk_space_is_said_before_any_work(root, capfd, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    arguments = ("path.root=root", "path.output_music_dir=new")
    assert call("generate_dataset.generate_at_mic_musdb18", *arguments) == 2
    assert "MB are needed, 1 kB are free" in "".join(capfd.readouterr())


@pytest.mark.slow
@pytest.mark.parametrize("options_first", [True, False])
def test_a_sweep_over_batches(root, options_first):
    overrides = [*WHERE, "evaluate.batch_size=2", "evaluate.batch=0,1"]
    arguments = ["-m", *overrides] if options_first else [*overrides, "-m"]
    assert call(EVALUATE, *arguments) == 0
    assert call("baseline.merge_batches_results", *WHERE, "evaluate.batch_size=2") == 0
    assert len(read_table(root / "exp" / "scores.csv", COLUMNS)) == 8


def test_the_clipped_fraction_is_that_of_the_file(root):
    """Recipes T23."""
    rows = read_table(
        root / "exp" / "enhanced_signals.csv", ["scene", "song", "listener", "clipped_fraction"]
    )
    for row in rows:
        name = f"{row['scene']}_{row['listener']}_remix.flac"
        x = codes(root / "exp" / "enhanced_signals" / name)
        at_full_scale = np.mean((x == 32767) | (x == -32768))
        assert float(row["clipped_fraction"]) == pytest.approx(at_full_scale, abs=2e-4)
    assert max(float(row["clipped_fraction"]) for row in rows) > 0


@pytest.mark.parametrize("how", ["script", "module"])
def test_scripts_start_from_any_folder(root, how):
    script = [str(BASELINE / "enhance.py")]
    module = ["-m", "cadenza.recipes.cad_icassp_2024.baseline.enhance"]
    command = [sys.executable, *(script if how == "script" else module)]
    folder = root.parent / "somewhere"
    folder.mkdir()
    done = subprocess.run(
        [*command, "path.root=../root", "separator=oracle", "evaluate.small_test=true"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "exp" / "enhanced_signals").glob("*.flac"))) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["exp"]
