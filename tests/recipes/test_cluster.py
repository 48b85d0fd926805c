"""The presets ``+cluster=local`` and ``+cluster=slurm``."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import yaml

from cadenza.errors import InputError
from cadenza.runner.saved import read_saved

from .command_line import recipe
from .conftest import call, outputs

__all__ = ["recipe"]


def here(*arguments):
    """Arguments with a full path: joblib keeps its processes, and they stay where they are."""
    return [*arguments, f"path.exp_folder={Path.cwd() / 'exp'}"]


def of_batch(config):
    """Exit status of a batch; leaves its number in the results folder."""
    batch = config.evaluate.batch
    Path(config.path.exp_folder, f"{batch} of {config.evaluate.batch_size}").touch()
    if batch == 2:
        raise InputError("no music")
    return 0


def killed(config):
    if config.evaluate.batch == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


@pytest.mark.slow
@pytest.mark.parametrize(("n_shards", "status"), [(2, 0), (3, 2)])
def test_one_short_command_runs_all_shards(recipe, n_shards, status):
    assert recipe(*here("+cluster=local", f"shards={n_shards}"), work=of_batch) == status
    found = sorted(path.name for path in Path("exp").glob("* of *"))
    assert found == [f"{batch} of {n_shards}" for batch in range(n_shards)]
    assert ("job 2 ended with exit status 2" in recipe.seen) == (n_shards == 3)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_the_number_of_shards_is_checked_before_anything_starts(recipe, value):
    (line,) = recipe.errors("+cluster=local", f"shards={value}")
    assert line == f"error: shards must be a whole number above zero, got {value}"


def test_every_shard_has_its_own_log_and_configuration(recipe):
    assert recipe(*here("+cluster=local", "-m", "shards=2", "split=valid"), work=of_batch) == 0
    assert {path.name for path in Path("exp").glob("*.log")} == {
        "enhance_batch0.log",
        "enhance_batch1.log",
    }
    saved = read_saved(Path("exp"), "enhance")
    assert saved.written["split"] == "valid"
    assert saved.config.split == "valid"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_shard_that_is_killed(recipe):
    assert recipe(*here("+cluster=local", "shards=2"), work=killed) == 1
    assert "error: a job ended without a result" in recipe.seen
    assert "run the same command again" in recipe.seen


def test_the_preset_for_slurm(recipe):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="pip install '.[slurm]'")
    assert recipe("+cluster=slurm", "shards=8", "--cfg", "hydra", "-p", "hydra") == 0
    hydra = yaml.safe_load(recipe.seen)
    assert hydra["mode"] == "MULTIRUN"
    assert hydra["sweeper"]["params"] == {"evaluate.batch": "range(${evaluate.batch_size})"}
    assert hydra["launcher"]["_target_"].endswith("SlurmLauncher")
    assert hydra["launcher"]["timeout_min"] >= 15


def test_without_slurm_the_message_says_so(recipe, monkeypatch):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="pip install '.[slurm]'")
    monkeypatch.setenv("PATH", "")
    (line,) = recipe.errors("+cluster=slurm", "shards=2")
    assert "cannot start the jobs" in line
    assert "slurm" in line


@pytest.mark.slow
def test_enhanced_files_do_not_depend_on_the_number_of_processes(root):
    for jobs in (1, 2):
        where = ["path.root=root", f"path.exp_folder=exp{jobs}", "separator=spectral"]
        assert call("baseline.enhance", *where, f"jobs={jobs}") == 0
    assert outputs(Path("exp1")) == outputs(Path("exp2"))
    assert len(outputs(Path("exp1"))) == 10  # eight signals, a table and a journal


@pytest.mark.slow
def test_generated_files_do_not_depend_on_the_number_of_processes(root):
    before = outputs(root / "audio")
    shutil.rmtree(root / "audio" / "at_mic_music")
    assert call("generate_dataset.generate_at_mic_musdb18", "path.root=root", "jobs=2") == 0
    assert outputs(root / "audio") == before
