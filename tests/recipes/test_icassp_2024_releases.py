"""The fade of the published ICASSP 2024 enhancement, ``release=published``."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile
import torch

from cadenza import audio
from cadenza.challenges import engines
from cadenza.challenges.icassp_2024 import read_scene_pairs
from cadenza.hearing_aid import NALRAid
from cadenza.remix import remix_to_mixture
from cadenza.runner.journal import Journal
from cadenza.runner.written import Written
from cadenza.separation.demucs import HybridDemucs
from cadenza.stems import STEMS

from .conftest import RATE, call, codes, outputs

ENHANCE = "baseline.enhance"
QUICK = ("evaluate.small_test=true",)


def paths(root):
    metadata = root / "metadata"
    names = {"gains": "gains", "listeners": "listeners.train", "music": "at_mic_music.train"}
    names |= {"scenes": "scenes.train", "scene_listeners": "scene_listeners.train"}
    files = {f"{key}_file": str(metadata / f"{name}.json") for key, name in names.items()}
    return files | {"music_dir": str(root / "audio" / "at_mic_music")}


@pytest.fixture(scope="module")
def published(finished_root, tmp_path_factory):
    """Results of the oracle with faded stems; do not change them."""
    exp = tmp_path_factory.mktemp("published") / "exp"
    where = (f"path.root={finished_root}", f"path.exp_folder={exp}")
    assert call(ENHANCE, *where, "separator=oracle", "release=published") == 0
    return exp


def test_the_stems_fade_out_before_the_gains(finished_root, published, tmp_path):
    """Made by hand, sample for sample."""
    pair = read_scene_pairs(paths(finished_root))[3]
    weights = np.ones(35280)
    weights[-4410:] = np.linspace(1, 0, 4410)
    mixture = soundfile.read(pair.file("mixture"))[0].T
    stems = {stem: weights * soundfile.read(pair.file(stem))[0].T for stem in STEMS}
    remix = remix_to_mixture(stems, pair.gains_db, mixture, RATE)
    amplified = NALRAid(sample_rate=RATE)(remix, pair.listener)
    expected = tmp_path / "expected.flac"
    audio.write_flac(expected, amplified, RATE, output_sample_rate=32000)
    ours = codes(pair.enhanced_file(published))
    np.testing.assert_array_equal(ours, codes(expected))
    fixed = codes(pair.enhanced_file(finished_root / "exp"))
    end = slice(-320, -160)  # 5 ms before the end of the music and of NAL-R's tail
    assert np.abs(ours[end]).max() < 0.1 * np.abs(fixed[end]).max()


class Halves(torch.nn.Module):
    """Stand-in for a network that estimates half of its input four times."""

    def forward(self, x):
        return torch.stack([x / 2] * 4, dim=1)


def test_the_mean_that_demucs_adds_does_not_fade(root, tmp_path, monkeypatch):
    """Made by hand, for music with a direct current, of which the mean is all that is left."""
    monkeypatch.setattr(HybridDemucs, "_load", lambda _self: Halves())
    pair = read_scene_pairs(paths(root))[3]
    mixture = soundfile.read(pair.file("mixture"))[0].T / 2 + [[0.1], [0.06]]
    audio.write_wav(pair.file("mixture"), mixture, RATE)
    mixture = soundfile.read(pair.file("mixture"))[0].T
    exp = tmp_path / "demucs"
    where = (f"path.root={root}", f"path.exp_folder={exp}")
    given = ("separator=demucs", "separator.device=cpu", "release=published")
    assert call(ENHANCE, *where, *given) == 0
    mean, deviation = mixture.mean(), mixture.mean(axis=0).std()
    fade = np.concatenate([np.ones(35280 - 4410), 1 - np.arange(4410) / 4409])
    estimate = fade * (((mixture - mean) / deviation).astype(np.float32) / 2)
    stems = dict.fromkeys(STEMS, deviation * estimate + mean)
    remix = remix_to_mixture(stems, pair.gains_db, mixture, RATE)
    amplified = NALRAid(sample_rate=RATE)(remix, pair.listener)
    expected = tmp_path / "expected.flac"
    audio.write_flac(expected, amplified, RATE, output_sample_rate=32000)
    np.testing.assert_array_equal(codes(pair.enhanced_file(exp)), codes(expected))


def test_released_and_fixed_results_are_not_mixed(finished_root, published, capfd):
    where = (f"path.root={finished_root}", f"path.exp_folder={published}")
    assert call(ENHANCE, *where, "separator=oracle") == 2
    seen = capfd.readouterr().err
    assert "release" in seen
    assert "published" in seen


def test_an_unknown_release_is_one_line(finished_root, tmp_path, capfd):
    where = (f"path.root={finished_root}", f"path.exp_folder={tmp_path}")
    assert call(ENHANCE, *where, "release=0.4.0") == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if "release" in line]
    assert errors == ["error: release must be one of fixed, published, got '0.4.0'"]


EVALUATE = "baseline.evaluate"


@pytest.fixture
def scored(finished_root, published, tmp_path):
    """Arguments for a copy of the published results that a test may spoil."""
    shutil.copytree(published, tmp_path / "exp")
    return f"path.root={finished_root}", f"path.exp_folder={tmp_path / 'exp'}"


def settings_of_scores(folder):
    return Journal(folder / "scores.journal.jsonl").settings


def test_the_scores_know_the_release_of_the_signals(scored, tmp_path, capfd):
    """Without being told, and not from their own configuration, which says fixed."""
    assert call(EVALUATE, *scored, *QUICK) == 0
    assert "exp were made with release=published" in capfd.readouterr().out
    assert settings_of_scores(tmp_path / "exp")["notes"] == {"release": "published"}
    assert call(EVALUATE, *scored, *QUICK, "release=published") == 0
    before = outputs(tmp_path / "exp")
    assert call(EVALUATE, *scored, *QUICK, "release=fixed") == 2
    error = "its signals were made with release=published, not fixed; leave out release=, or give"
    assert error in capfd.readouterr().err
    assert outputs(tmp_path / "exp") == before


def test_scores_of_earlier_versions_are_continued(scored, tmp_path, monkeypatch):
    """They took no notes."""
    with monkeypatch.context() as patch:
        patch.setattr(Written, "setting", lambda *_args, **_options: None)
        assert call(EVALUATE, *scored, *QUICK) == 0
    assert "notes" not in settings_of_scores(tmp_path / "exp")
    patched = tmp_path / "exp" / "scores.csv"
    table = patched.read_text()
    monkeypatch.setattr(engines.PairScorer, "__call__", None)  # nothing may be scored again
    assert call(EVALUATE, *scored, *QUICK) == 0
    assert settings_of_scores(tmp_path / "exp")["notes"] == {"release": "published"}
    assert patched.read_text() == table


def test_signals_without_a_journal_are_of_the_release_that_is_given(scored, tmp_path):
    for file in (tmp_path / "exp").glob("enhanced_signals.*"):
        file.unlink()
    assert call(EVALUATE, *scored, *QUICK) == 0
    assert "notes" not in settings_of_scores(tmp_path / "exp")
    assert call(EVALUATE, *scored, *QUICK, "release=fixed") == 0
    assert settings_of_scores(tmp_path / "exp")["notes"] == {"release": "fixed"}
