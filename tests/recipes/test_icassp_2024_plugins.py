"""A user's own separator and hearing aid in the ICASSP 2024 scripts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cadenza import audio
from cadenza.audiogram import Listener
from cadenza.separation.demucs import HybridDemucs
from cadenza.stems import STEMS

from .conftest import call, edit_json, outputs

pytestmark = pytest.mark.slow

ENHANCE = "baseline.enhance"
WHERE = ("path.root=root", "path.exp_folder=root/exp")


class MidSide:
    """A user's own separator: counts its calls."""

    sources = STEMS
    calls: list[int] = []  # noqa: RUF012

    def __init__(self, *, side_gain: float = 1.0) -> None:
        self.side_gain = side_gain

    def __call__(self, mixture, *, sample_rate):
        MidSide.calls.append(mixture.shape[1])
        middle = mixture.mean(axis=0) * np.ones((2, 1))
        side = self.side_gain * (mixture - middle)
        silence = np.zeros_like(mixture)
        return {"vocals": middle, "other": side, "drums": silence, "bass": silence}


class Louder:
    """A user's own hearing aid."""

    def __init__(self, *, gain_db: float) -> None:
        self.factor = 10 ** (gain_db / 20)

    def __call__(self, signal, listener):
        assert isinstance(listener, Listener)
        return self.factor * signal


def test_stems_are_separated_once_per_file_and_each_listener_starts_from_them(root):
    """Recipes T1."""
    own = f"separator._target_={__name__}.MidSide"
    MidSide.calls.clear()
    arguments = ("path.root=root", "path.exp_folder=own", "separator=custom", own)
    assert call(ENHANCE, *arguments) == 0
    n_files = len(list((root / "audio" / "at_mic_music" / "train").iterdir()))
    assert len(list(Path("own/enhanced_signals").glob("*.flac"))) == 8
    assert len(MidSide.calls) == n_files == 4
    # the second listener alone gives the same signal as after the first one
    edit_json(
        root / "metadata" / "scene_listeners.train.json", lambda s: {k: v[1:] for k, v in s.items()}
    )
    assert call(ENHANCE, *arguments[:1], "path.exp_folder=alone", *arguments[2:]) == 0
    for path in Path("alone/enhanced_signals").glob("*.flac"):
        assert path.read_bytes() == (Path("own/enhanced_signals") / path.name).read_bytes()


def test_batches_share_separated_stems_through_a_folder(root):
    """Recipes T22."""
    arguments = [
        "path.root=root",
        "path.exp_folder=own",
        "separator=custom",
        "evaluate.batch_size=2",
    ]
    arguments += [f"separator._target_={__name__}.MidSide", "path.stems_cache=stems"]
    MidSide.calls.clear()
    for batch in range(2):
        assert call(ENHANCE, *arguments, f"evaluate.batch={batch}") == 0
    assert len(MidSide.calls) == 4
    assert call(ENHANCE, *arguments, "resume=false", "+separator.side_gain=0.5") == 0
    assert len(MidSide.calls) == 8, "other options, other stems"


def test_a_users_own_hearing_aid(root):
    own = ("hearing_aid=custom", f"hearing_aid._target_={__name__}.Louder")
    where = ("path.root=root", "path.exp_folder=own", "separator=oracle")
    assert call(ENHANCE, *where, *own, "+hearing_aid.gain_db=6") == 0
    assert audio.info(next(Path("own/enhanced_signals").glob("*.flac"))).frames == 25600


@pytest.mark.parametrize("what", ["separator", "hearing_aid"])
def test_a_users_own_class_that_cannot_be_built_is_explained(root, capfd, what):
    own = (f"{what}=custom", f"{what}._target_=my_package.Mine")
    status = call(ENHANCE, *WHERE, "separator=oracle", *own)
    seen = "".join(capfd.readouterr())
    assert status == 2
    assert f"cannot build {what} (my_package.Mine)" in seen
    assert "Traceback" not in seen


OWN_SEPARATOR = """
import tests.recipes.test_icassp_2024_plugins as t


class Own(t.MidSide):
    def __init__(self):
        import own_helper

        super().__init__(side_gain=own_helper.GAIN)
"""


@pytest.mark.parametrize("changed", ["own_separator.py", "own_helper.py"])
def test_changed_code_of_a_user_is_noticed(root, capfd, monkeypatch, changed):
    """The file of the class, and what it imports from its own folder."""
    monkeypatch.syspath_prepend(root.parent)
    Path("own_separator.py").write_text(OWN_SEPARATOR)
    Path("own_helper.py").write_text("GAIN = 0.5\n")
    Path("unrelated.py").write_text("")
    own = ("separator=custom", "separator._target_=own_separator.Own", "path.exp_folder=own")
    assert call(ENHANCE, "path.root=root", *own) == 0
    Path("unrelated.py").write_text("# another version\n")
    assert call(ENHANCE, "path.root=root", *own) == 0
    Path(changed).write_text(Path(changed).read_text() + "\n# another version\n")
    capfd.readouterr()
    assert call(ENHANCE, "path.root=root", *own) == 2
    differences = [line for line in "".join(capfd.readouterr()).splitlines() if " before" in line]
    assert [line.split()[1] for line in differences] == [f"file_digests.separator.{changed}:"]
    for module in ("own_separator", "own_helper"):
        del sys.modules[module]


class Broken:
    """A user's own separator or hearing aid that fails."""

    sources = STEMS

    def __init__(self, *, where: str) -> None:
        self.where = where

    def prepare(self):
        if self.where == "prepare":
            raise RuntimeError("no such weights")

    def __call__(self, *_, **__):
        raise KeyError("tempo")


def test_an_error_when_a_separator_is_prepared_is_explained(root, capfd):
    own = ("separator=custom", f"separator._target_={__name__}.Broken", "+separator.where=prepare")
    assert call(ENHANCE, *WHERE, *own, "resume=false") == 2
    seen = "".join(capfd.readouterr())
    assert "separator Broken: prepare() failed: RuntimeError: no such weights" in seen
    assert "Traceback" not in seen
    assert "Traceback" in (root / "exp" / "enhance.log").read_text()


@pytest.mark.parametrize("what", ["separator", "hearing_aid"])
def test_an_error_in_a_users_class_names_the_item_and_the_class(root, capfd, what):
    own = (f"{what}=custom", f"{what}._target_={__name__}.Broken", f"+{what}.where=call")
    oracle = () if what == "separator" else ("separator=oracle",)
    assert call(ENHANCE, *WHERE, *own, *oracle, "resume=false") == 1
    seen = "".join(capfd.readouterr())
    name = what.replace("_", " ")
    assert f"scene_10001_L0001 failed: KeyError: 'tempo' (in {name} Broken)" in seen
    assert seen.count("tempo") == 1, "a reason is told once"
    assert seen.count("same reason as scene_10001_L0001") == 7
    assert "Traceback" not in seen
    log = (root / "exp" / "enhance.log").read_text()
    assert log.count('raise KeyError("tempo")') == 8


def test_a_damaged_file_of_the_stem_cache_is_separated_again(root):
    arguments = [
        "path.root=root",
        "path.exp_folder=own",
        "separator=custom",
        "path.stems_cache=stems",
    ]
    arguments.append(f"separator._target_={__name__}.MidSide")
    assert call(ENHANCE, *arguments) == 0
    before = outputs(Path("own"))
    for file in Path("stems").glob("*.npz"):
        file.write_bytes(b"PK damaged")
    assert call(ENHANCE, *arguments, "resume=false") == 0
    assert outputs(Path("own")) == before


class FromTheCache(HybridDemucs):
    """Hybrid Demucs whose published file holds only the gain of the vocals."""

    def _load(self):
        (file,) = self.weight_files().values()
        return Gain(float(file.read_text()))


class Gain(torch.nn.Module):
    """A network of one number."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, x):
        return torch.stack([0 * x, 0 * x, (1 - self.gain) * x, self.gain * x], dim=1)


def test_published_weights_that_have_changed_are_noticed(root, capfd, monkeypatch):
    """Also by the folder of kept stems; results from before they were recorded are made again."""
    monkeypatch.setenv("TORCH_HOME", str(root / "torch"))
    cache = root / "torch" / "hub" / "torchaudio" / "models"
    cache.mkdir(parents=True)
    weights = cache / "hdemucs_high_musdbhq_only.pt"
    own = ("separator=custom", f"separator._target_={__name__}.FromTheCache")
    arguments = ("path.root=root", *own, "path.stems_cache=stems")
    weights.write_text("0.25")
    assert call(ENHANCE, *arguments, "path.exp_folder=first") == 0
    assert call(ENHANCE, *arguments, "path.exp_folder=first") == 0
    weights.write_text("0.75")
    capfd.readouterr()
    assert call(ENHANCE, *arguments, "path.exp_folder=first") == 2
    seen = "".join(capfd.readouterr())
    assert f"file_digests.separator.weights/{weights.name}: " in seen
    assert "resume=changed makes them again" in seen
    before = outputs(Path("first"))
    assert call(ENHANCE, *arguments, "path.exp_folder=second") == 0
    second = outputs(Path("second"))
    flacs = [name for name in second if name.endswith(".flac")]
    assert len(flacs) == 8
    assert any(second[name] != before[name] for name in flacs)  # not where their gains are equal
    assert len(list(Path("stems").glob("*.npz"))) == 8, "other weights, other stems"
    assert call(ENHANCE, *arguments, "path.exp_folder=first", "resume=changed") == 0
    again = outputs(Path("first"))
    assert all(second[name] == again[name] for name in flacs)
