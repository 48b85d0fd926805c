"""The ICASSP 2024 scripts a second time: what is kept, and what is made again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.runner.tables import read_table

from .conftest import call, edit_json, outputs, write_root

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
BASELINE = REPOSITORY / "recipes" / "cad_icassp_2024" / "baseline"
ENHANCE, EVALUATE = "baseline.enhance", "baseline.evaluate"
WHERE = ("path.root=root", "path.exp_folder=root/exp")
COLUMNS = ["scene", "song", "listener", "left_score", "right_score", "score"]


def test_a_second_run_does_nothing_and_changes_nothing(root):
    assert call(EVALUATE, *WHERE) == 0
    times = {p: p.stat().st_mtime_ns for p in (root / "exp").rglob("*.flac")}
    before = outputs(root)
    assert call("generate_dataset.generate_at_mic_musdb18", "path.root=root") == 0
    assert call(ENHANCE, *WHERE, "separator=oracle") == 0
    assert call(EVALUATE, *WHERE) == 0
    assert outputs(root) == before
    assert {p: p.stat().st_mtime_ns for p in (root / "exp").rglob("*.flac")} == times


def test_other_settings_are_not_mixed_with_finished_results(root, capfd):
    before = outputs(root / "exp")
    status = call(ENHANCE, *WHERE, "separator=oracle", "soft_clip=true")
    seen = "".join(capfd.readouterr())
    assert status == 2
    assert "soft_clip: False before, True now" in seen
    assert outputs(root / "exp") == before


def test_only_what_has_changed_is_made_again(root, capfd):
    assert call(EVALUATE, *WHERE) == 0
    scores = read_table(root / "exp" / "scores.csv", COLUMNS)
    edit_json(root / "metadata" / "listeners.train.json", make_deaf)
    assert call(ENHANCE, *WHERE, "separator=oracle") == 2
    assert "inputs of 4 finished items have changed" in (seen := "".join(capfd.readouterr()))
    assert "resume=changed makes only these again" in seen
    assert call(ENHANCE, *WHERE, "separator=oracle", "resume=changed") == 0
    assert "4 of 8 items were finished before" in "".join(capfd.readouterr())
    assert call(EVALUATE, *WHERE) == 2
    assert call(EVALUATE, *WHERE, "resume=changed") == 0
    for old, new in zip(scores, read_table(root / "exp" / "scores.csv", COLUMNS), strict=True):
        assert (old == new) == (old["listener"] != "L0001")


def make_deaf(listeners):
    listeners["L0001"]["audiogram_levels_l"] = [80] * 8


def test_resume_changed_also_takes_other_settings(root):
    assert call(ENHANCE, *WHERE, "separator=oracle", "soft_clip=true", "resume=changed") == 0
    assert call(EVALUATE, *WHERE) == 0
    assert call(ENHANCE, *WHERE, "separator=oracle", "soft_clip=true") == 0


def test_a_small_test_in_a_finished_folder_changes_nothing(root):
    assert call(EVALUATE, *WHERE) == 0
    before = outputs(root)
    small = "evaluate.small_test=true"
    assert call(ENHANCE, *WHERE, small, "separator=oracle") == 0
    assert call(EVALUATE, *WHERE, small) == 0
    assert call("baseline.merge_batches_results", *WHERE, small) == 0
    assert outputs(root) == before


def test_doubtful_scores_are_listed_beside_the_table(root, capfd):
    path = sorted((root / "exp" / "enhanced_signals").glob("*.flac"))[0]
    audio.write_flac(path, np.zeros((2, 25600)), 32000)
    assert call(EVALUATE, *WHERE) == 0
    assert "1 of 8 items have doubtful values: root/exp/scores.flags.csv" in capfd.readouterr().out
    flags = read_table(root / "exp" / "scores.flags.csv", ["item", "flag"])
    assert {"item": path.stem.removesuffix("_remix"), "flag": "left: silent processed"} in flags
    read_table(root / "exp" / "scores.csv", COLUMNS)  # the published columns only


def test_the_console_counts_items_and_shows_their_scores(root, capfd):
    assert call(EVALUATE, *WHERE, "evaluate.small_test=true") == 0
    capfd.readouterr()
    assert call(EVALUATE, *WHERE) == 0
    seen = capfd.readouterr().out
    assert "1 of 8 items were finished before" in seen
    lines = re.findall(
        r"(\d) of 8: scene_\S+, score 0\.\d+ \(\S+ items per minute, \d+ s left\)", seen
    )
    assert lines == ["2", "3", "4", "5", "6", "7"]


KILLED = """
import os, runpy, signal, sys
from pathlib import Path

moment, script, *arguments = sys.argv[1:]
count = 0


def counting(function, counts):
    def wrapped(path, *args, **kwargs):
        global count
        count += counts(*args)
        if count == int(moment):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(path, *args, **kwargs)

    return wrapped


Path.replace = counting(Path.replace, lambda *args: True)
Path.open = counting(Path.open, lambda *args: args[:1] == ("a",))
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""
"""Runs a script and kills it before its n-th file is published or its n-th line is appended."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_rerun_after_kills_gives_the_same_bytes(tmp_path):
    """Every step is killed as it begins, in the middle of its items, and as it ends."""
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    steps = [
        ((1, 2), "generate_dataset/generate_train_scenes", "scene.number_scenes_per_song=2"),
        ((1, 5, 16), "generate_dataset/generate_at_mic_musdb18"),
        ((2, 5, 13), "baseline/enhance", "separator=spectral", "path.exp_folder=exp"),
        ((2, 6), "baseline/evaluate", "path.exp_folder=exp"),
    ]
    for folder in (undisturbed, disturbed):
        write_root(folder / "root")
    for moments, step, *options in steps:
        arguments = [str(BASELINE.parent / f"{step}.py"), "path.root=root", *options]
        quietly = {"capture_output": True, "text": True, "check": False}
        for moment in moments:
            command = [sys.executable, "-c", KILLED, str(moment), *arguments]
            done = subprocess.run(command, cwd=disturbed, **quietly)
            assert done.returncode == -signal.SIGKILL, (step, moment, done.stderr)
        for folder in (undisturbed, disturbed):
            done = subprocess.run([sys.executable, *arguments], cwd=folder, **quietly)
            assert done.returncode == 0, done.stderr
        assert outputs(disturbed) == outputs(undisturbed), step
        assert list(disturbed.rglob("*.tmp")) == []
