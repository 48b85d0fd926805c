"""A tiny ICASSP 2024 challenge root and a way to run the scripts."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cadenza import audio
from cadenza.runner.tables import read_table
from cadenza.stems import STEMS

from .command_line import kept_logging

RATE = 44100
SONGS = ("Tiny Band - Up", "Tiny/Slash - Down")
POSITIONS = {
    "hlp_0001": {"subject": "T", "left_angle": -30, "right_angle": 22.5, "mic": "BTE_fr"},
    "hlp_0002": {"subject": "T", "left_angle": -22.5, "right_angle": 30.0, "mic": "BTE_fr"},
}


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def edit_json(path: Path, change: Callable[[object], object]) -> None:
    content = json.loads(path.read_text())
    write_json(path, change(content) or content)


def write_song(folder: Path, seed: int, seconds: float = 0.8) -> None:
    """Four stems of decaying tones and noise, and their sum."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    stems = {
        "vocals": 0.2 * np.sin(2 * np.pi * (400 + 50 * seed) * t + np.sin(2 * np.pi * 5 * t)),
        "drums": 0.1 * rng.standard_normal(t.size) * np.exp(-12 * (t % 0.2)),
        "bass": 0.2 * np.sin(2 * np.pi * 80 * t),
        "other": 0.1 * np.sign(np.sin(2 * np.pi * 700 * t)) * (t % 0.3),
    }
    pans = {"vocals": (1, 1), "drums": (1, 0.8), "bass": (1, 1), "other": (0.3, 1)}
    codes = [np.outer(pans[name], signal) for name, signal in stems.items()]
    for name, signal in zip((*STEMS, "mixture"), [*codes, sum(codes)], strict=True):
        audio.write_wav(folder / f"{name}.wav", signal, RATE)


def write_root(root: Path) -> None:
    """What a user has before the first script: dry songs, head responses, metadata."""
    for seed, song in enumerate(SONGS):
        write_song(root / "audio" / "music" / "train" / song.replace("/", "_"), seed)
    k = np.arange(64)
    for side in "np":
        for angle in ("22.5", "30.0"):
            near = 0.8 * np.exp(-k / 6) * np.cos(0.4 * k)
            far = 10 / float(angle) * np.exp(-k / 5) * np.cos(0.3 * k + 0.2)
            ears = (near, far) if side == "n" else (far, near)
            path = root / "audio" / "hrtf" / f"BTE_fr-T-{side}{angle}.wav"
            audio.write_wav(path, np.stack(ears), RATE)
    metadata = root / "metadata"
    for split in ("train", "valid"):
        write_json(metadata / f"listeners.{split}.json", listeners(split))
    gains = {f"gain_{i:04d}": dict.fromkeys(STEMS, 0) | {"vocals": i} for i in range(4)}
    write_json(metadata / "gains.json", gains)
    write_json(metadata / "head_loudspeaker_positions.json", POSITIONS)
    write_json(
        metadata / "musdb18.train.json", [{"Track Name": s, "Split": "train"} for s in SONGS]
    )


def listeners(split: str) -> dict[str, object]:
    frequencies = [250, 500, 1000, 2000, 3000, 4000, 6000, 8000]
    names = {"train": ("L0001", "L0002"), "valid": ("L5001", "L5002")}[split]
    return {
        name: {
            "name": name,
            "audiogram_cfs": frequencies,
            "audiogram_levels_l": [10, 15, 20, 30, 40, 50 + i, 55, 60],
            "audiogram_levels_r": [5, 10, 20, 25, 35, 40, 50 + i, 55],
        }
        for i, name in enumerate(names)
    }


def call(name: str, *arguments: str, recipe: str = "cad_icassp_2024") -> int:
    """Run a script's entry point in this process; returns its exit status."""
    module = importlib.import_module(f"cadenza.recipes.{recipe}.{name}")
    argv = sys.argv
    sys.argv = [f"{name}.py", *arguments]
    try:
        with kept_logging():
            module.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = argv
    return 0


def outputs(folder: Path) -> dict[str, bytes]:
    """Contents of all result files, by name."""
    files = [*folder.rglob("*.flac"), *folder.rglob("*.wav"), *folder.rglob("*.csv")]
    files += folder.rglob("*.jsonl")
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def codes(path: Path) -> np.ndarray:
    """16-bit samples of an audio file."""
    return soundfile.read(path, dtype="int16", always_2d=True)[0].astype(int)


def assert_most_codes_are_the_same(ours: Path, expected: Path, per_10_000: float = 1) -> None:
    """At most one 16-bit step, in fewer than so many of 10,000 samples."""
    difference = np.abs(codes(ours) - codes(expected))
    assert difference.max() <= 1, ours.name
    assert np.count_nonzero(difference) < difference.size * per_10_000 / 10_000, ours.name


@pytest.fixture(scope="session")
def finished_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with scenes, at-microphone music and oracle enhanced signals; do not change it."""
    root = tmp_path_factory.mktemp("icassp") / "root"
    write_root(root)
    where = [f"path.root={root}"]
    scenes = "scene.number_scenes_per_song=2"
    assert call("generate_dataset.generate_train_scenes", *where, scenes) == 0
    assert call("generate_dataset.generate_at_mic_musdb18", *where) == 0
    where += [f"path.exp_folder={root / 'exp'}", "separator=oracle"]
    assert call("baseline.enhance", *where) == 0
    return root


@pytest.fixture
def root(finished_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the finished root that a test may spoil; the test stands in its parent folder."""
    shutil.copytree(finished_root, tmp_path / "root")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "root"


# CAD2 Task 2

PIECES = {
    "quartet": ("EnsembleSet", "Mix_1/", ("Cello", "Viola", "Violin_1", "Violin_2")),
    "duet": ("CadenzaWoodwind", "", ("Flute", "Oboe")),
}


def write_cad2_download(folder: Path, seconds: float = 0.8) -> None:
    """The data sets of CAD2 Task 2 as they are downloaded: a quartet and a duet."""
    t = np.arange(int(seconds * RATE)) / RATE
    pitches = {"Cello": 130, "Viola": 220, "Violin_1": 660, "Violin_2": 440}
    pitches |= {"Flute": 880, "Oboe": 520}
    tracks, music, to_generate, valid = {}, {}, {}, {}
    for piece, (data_set, subfolder, instruments) in PIECES.items():
        paths = {name: f"{piece}/{subfolder}{name}.flac" for name in instruments}
        mixture = np.zeros((2, t.size))
        for number, (name, path) in enumerate(paths.items(), 1):
            tone = 0.1 * np.sin(2 * np.pi * pitches[name] * t + 0.5 * np.sin(2 * np.pi * 6 * t))
            signal = np.stack([tone * (0.4 + 0.1 * number), tone * (1 - 0.1 * number)])
            audio.write_flac(folder / data_set / path, signal, RATE)
            mixture += signal
        mixture_path = f"{piece}/{subfolder}mix_{piece}.flac"
        audio.write_flac(folder / data_set / mixture_path, mixture, RATE)
        tracks[piece] = {
            "dataset": data_set,
            "stems_path": list(paths.values()),
            "mixture_path": mixture_path,
        }
        music[f"{piece}_000"] = _piece(data_set, paths, mixture_path, 0.1, 0.5)
        to_generate[f"{piece}_001"] = _piece(data_set, paths, None, 0.1, 0.5) | {
            "mixture_target": {"track": f"valid/{piece}_001/mixture.flac"}
        }
        cut = {name: f"valid/{piece}_001/{name}.flac" for name in instruments}
        mixture_path = f"valid/{piece}_001/mixture.flac"
        valid[f"{piece}_001"] = _piece(data_set, cut, mixture_path, 0, 0.5)
    metadata = folder / "metadata"
    write_json(metadata / "music_tracks.train.json", tracks)
    write_json(metadata / "music.train.json", music)
    write_json(metadata / "music.valid.to_generate.json", to_generate)
    write_json(metadata / "music.valid.json", valid)
    _write_cad2_people(metadata)


def _piece(data_set, paths, mixture_path, start, duration):
    entries = {f"source_{n}": item for n, item in enumerate(paths.items(), 1)}
    if mixture_path:
        entries["mixture"] = ("Mixture", mixture_path)
    return {
        key: {
            "source_dataset": data_set,
            "instrument": instrument,
            "track": path,
            "start": start,
            "duration": duration,
        }
        for key, (instrument, path) in entries.items()
    }


def _write_cad2_people(metadata: Path) -> None:
    gains = {
        "2": {"gain_0001": {"source_1": -6, "source_2": 0}},
        "4": {"gain_0002": {"source_1": 0, "source_2": 6, "source_3": 3, "source_4": -3}},
    }
    write_json(metadata / "gains_meta.json", gains)
    write_json(
        metadata / "gains.json", {k: v for table in gains.values() for k, v in table.items()}
    )
    for split in ("train", "valid"):
        people = listeners(split)
        write_json(metadata / f"listeners.{split}.json", people)
        ear = {"cr": [1.2, 1.3, 1.4, 1.6, 2.0, 2.5], "gain": [0, 2, 5, 9, 14, 18]}
        write_json(
            metadata / f"compressor_params.{split}.json",
            {name: {f"{k}_{side}": v for k, v in ear.items() for side in "lr"} for name in people},
        )
    scenes = {
        "S50001": {"music": "quartet_001", "gain": "gain_0002"},
        "S50002": {"music": "duet_001", "gain": "gain_0001"},
    }
    write_json(metadata / "scenes.valid.json", scenes)
    write_json(
        metadata / "scene_listeners.valid.json",
        {scene: list(listeners("valid")) for scene in scenes},
    )


def check_that_torch_gives_the_same_scores(
    evaluate: Callable[..., int], table: Path, columns: Sequence[str], *more: str
) -> None:
    """Score with both engines; columns from the fourth on differ by rounding, and do differ.

    Parameters
    ----------
    evaluate : callable
        Runs evaluate.py with additional arguments; returns its exit status.
    table : Path
        The table of scores.
    columns : sequence of str
        Its columns.
    *more : str
        Additional arguments for the engine in torch.
    """
    assert evaluate() == 0
    expected = read_table(table, columns)
    torch = ("evaluate.engine=torch", "evaluate.device=cpu", "resume=false", *more)
    assert evaluate(*torch) == 0
    actual = read_table(table, columns)
    assert len(actual) == len(expected)
    for row, other in zip(actual, expected, strict=True):
        for name in columns[3:]:
            assert float(row[name]) == pytest.approx(float(other[name]), abs=1e-7)
    assert actual != expected, "rounding differs"
