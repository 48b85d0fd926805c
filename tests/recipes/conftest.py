"""A tiny ICASSP 2024 challenge root and a way to run the scripts."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cadenza import audio
from cadenza.remix import STEMS

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
        module.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = argv
    return 0


def codes(path: Path) -> np.ndarray:
    """16-bit samples of an audio file."""
    return soundfile.read(path, dtype="int16", always_2d=True)[0].astype(int)


def assert_same_codes(ours: Path, expected: Path) -> None:
    """At most one 16-bit step, in fewer than one in 10,000 samples."""
    difference = np.abs(codes(ours) - codes(expected))
    assert difference.max() <= 1, ours.name
    assert np.count_nonzero(difference) < difference.size / 10_000, ours.name


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
