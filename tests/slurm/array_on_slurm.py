"""The ICASSP 2024 evaluation as an array of SLURM jobs, undisturbed and disturbed.

`make test-slurm` runs it. Whatever happens to the jobs, the table at the end must be that of one
process on one machine, byte for byte.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cadenza.runner.journal import Journal
from tests.conftest import REPOSITORY
from tests.recipes.conftest import write_json, write_root, write_song

from .cluster import Cluster, wait_until, workers

RECIPES = REPOSITORY / "recipes" / "cad_icassp_2024"
SHARED = Path(os.environ.get("CADENZA_SHARED", REPOSITORY.parent / "shared")).resolve()
REFERENCE = SHARED / "data" / "icassp_2024"
N_SHARDS = 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        Path(folder).chmod(0o755)  # munge wants its socket where everybody can reach it
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A challenge root of 16 pairs: that of the reference data, or one that is generated here."""
    root = tmp_path_factory.mktemp("data") / "root"
    if REFERENCE.is_dir():
        shutil.copytree(REFERENCE, root, copy_function=shutil.copyfile)
    else:
        write_long_songs(root)
    n_scenes = f"scene.number_scenes_per_song={4 if REFERENCE.is_dir() else 2}"
    for name in ("generate_train_scenes", "generate_at_mic_musdb18"):
        script(RECIPES / "generate_dataset" / f"{name}.py", f"path.root={root}", n_scenes)
    enhanced = ["separator=spectral", f"path.exp_folder={root / 'exp'}"]
    script(RECIPES / "baseline" / "enhance.py", f"path.root={root}", *enhanced)
    return root


def write_long_songs(root: Path) -> None:
    """The generated root of the other tests, with four songs that take long enough to score."""
    write_root(root)
    songs = [f"Tiny Band - {name}" for name in ("Up", "Down", "Left", "Right")]
    for seed, song in enumerate(songs):
        write_song(root / "audio" / "music" / "train" / song, seed, seconds=8)
    metadata = [{"Track Name": song, "Split": "train"} for song in songs]
    write_json(root / "metadata" / "musdb18.train.json", metadata)


@pytest.fixture(scope="module")
def expected(root, tmp_path_factory) -> bytes:
    """Table of one process on this machine."""
    folder = new_folder(root, tmp_path_factory.mktemp("alone"))
    script(RECIPES / "baseline" / "evaluate.py", f"path.root={root}", f"path.exp_folder={folder}")
    return (folder / "scores.csv").read_bytes()


@pytest.fixture
def folder(root, tmp_path) -> Path:
    return new_folder(root, tmp_path)


def new_folder(root: Path, parent: Path) -> Path:
    """A results folder with enhanced signals that have no scores yet."""
    signals = root / "exp" / "enhanced_signals"
    shutil.copytree(signals, parent / "exp" / "enhanced_signals", copy_function=shutil.copyfile)
    return parent / "exp"


def script(path: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, str(path), *arguments], check=True, capture_output=True)


class Driver:
    """The command that a user types, in the background."""

    def __init__(self, cluster: Cluster, root: Path, folder: Path) -> None:
        self.folder, self.cluster = folder, cluster
        command = [sys.executable, str(RECIPES / "baseline" / "evaluate.py"), "+cluster=slurm"]
        command += [f"shards={N_SHARDS}", f"path.root={root}", f"path.exp_folder={folder}"]
        command += ["hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"]
        self._process = subprocess.Popen(
            command,
            env=cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait(self) -> int:
        """Exit status; what the user saw is in `seen` and has no traceback."""
        self.seen, _ = self._process.communicate(timeout=400)
        print(self.seen)
        assert "Traceback" not in self.seen
        return self._process.returncode

    def wait_for_items(self, batch: int, n_items: int = 1) -> None:
        """Wait until a batch has finished some items, but not all."""
        path = self.folder / f"scores_{batch + 1}-{N_SHARDS}.journal.jsonl"
        wait_until(
            lambda: path.exists() and len(Journal(path).entries) >= n_items, f"batch {batch}"
        )
        assert len(Journal(path).entries) < 8, "the batch is finished too early for this test"

    def job(self, batch: int) -> str:
        """Number of the array job that works on a batch."""
        lines = self.cluster.ask("squeue", "-h", "-r", "-o", "%i %K").splitlines()
        return next(number for number, task in map(str.split, lines) if int(task) == batch)

    def node(self, batch: int) -> str:
        """Name of the node on which a batch is computed."""
        return self.cluster.ask("squeue", "-h", "-r", "-j", self.job(batch), "-o", "%N")


@pytest.fixture
def start(cluster, root, folder) -> Iterator[Callable[[], Driver]]:
    yield lambda: Driver(cluster, root, folder)
    wait_until(lambda: not cluster.ask("squeue", "-h"), "the end of all jobs", 300)


def table(folder: Path) -> bytes | None:
    path = folder / "scores.csv"
    return path.read_bytes() if path.exists() else None


def test_an_array_gives_the_table_of_one_process(start, folder, expected):
    assert start().wait() == 0
    assert table(folder) == expected


def test_a_worker_is_killed(start, folder, expected):
    driver = start()
    driver.wait_for_items(1)
    for process in workers(f"SLURM_ARRAY_TASK_ID={1}\0"):
        os.kill(process, signal.SIGKILL)
    assert driver.wait() == 1
    assert "a job ended without a result" in driver.seen
    assert table(folder) is None, "an incomplete table was merged"
    wait_until(lambda: not driver.cluster.ask("squeue", "-h"), "the other batch")
    assert start().wait() == 0
    assert table(folder) == expected


def test_a_job_is_queued_again(start, folder, expected):
    driver = start()
    driver.wait_for_items(0, 2)
    driver.cluster.ask("scontrol", "requeue", driver.job(0))
    driver.wait()
    wait_until(lambda: not driver.cluster.ask("squeue", "-h"), "the job that was queued again", 300)
    assert table(folder) == expected
    assert start().wait() == 0
    assert table(folder) == expected


def test_a_node_is_lost(start, folder, expected, cluster):
    driver = start()
    driver.wait_for_items(0)
    node = driver.node(0)
    cluster.kill_node(node)
    cluster.start_node(node)
    cluster.ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
    driver.wait()
    wait_until(lambda: not cluster.ask("squeue", "-h"), "the job that was queued again", 300)
    assert table(folder) == expected
    assert start().wait() == 0
    assert table(folder) == expected


def test_a_second_driver_is_started_by_mistake(start, folder, expected):
    first = start()
    first.wait_for_items(0)
    second = start()
    assert second.wait() in (0, 2)  # 0: its jobs began when the others had ended
    assert first.wait() == 0
    assert table(folder) == expected
