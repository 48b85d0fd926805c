"""Several processes that work on items side by side."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from cadenza.errors import InputError
from cadenza.runner import pool
from cadenza.runner.blocks import Blocks
from cadenza.runner.items import Item, Result
from cadenza.runner.journal import Journal
from cadenza.runner.pool import KILLED, n_cores, n_processes, side_by_side
from cadenza.separation.cache import CacheOptions
from cadenza.separation.spectral import Spectral

from .run_helpers import Work, snapshot, start

LOGS = ("cadenza.runner.run", "cadenza.test")


class Mixed(Work):
    """Warns of the first item, fails at the second, flags the third, dies at the fourth."""

    def __call__(self, item):
        if item.data == 0:
            logging.getLogger("cadenza.test").warning("%s is odd", Path("a"))
        row = super().__call__(item)
        if item.data == 3 and self.n_items > 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return Result(row, flags=("strange",)) if item.data == 2 else row

    def __init__(self, n_items):
        super().__init__(fail=(1,))
        self.n_items = n_items


def test_results_and_files_are_those_of_one_process(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    reports, logs = [], []
    for jobs in (1, 2):
        reports.append(start(tmp_path / str(jobs), Mixed(3), jobs=jobs)[0])
        logs.append(sorted(r.getMessage() for r in caplog.records if r.name in LOGS))
        where = next(r.exc_text for r in caplog.records if "where it failed" in r.msg)
        assert "raise ValueError(f" in where
        caplog.clear()
    alone, together = reports
    assert (together.rows, together.failures, together.flags) == (
        alone.rows,
        {"item1": "ValueError: no luck with 1"},
        {"item2": ["strange"]},
    )
    assert snapshot(tmp_path / "2") == snapshot(tmp_path / "1")
    assert [line.replace("/2/", "/1/") for line in logs[1]] == logs[0]
    assert "a is odd" in logs[1]
    assert "item1: where it failed" in logs[1]
    report, calls = start(tmp_path / "2")
    assert (report.exit_status, calls) == (0, ["item1"])
    start(tmp_path / "1")
    assert snapshot(tmp_path / "2") == snapshot(tmp_path / "1")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_process_that_is_killed_costs_its_item_only(tmp_path):
    report = run(tmp_path, 6, Mixed(6))
    assert report.failures == {"item1": "ValueError: no luck with 1", "item3": KILLED}
    assert [row["item"] for row in report.rows] == ["item0", "item2", "item4", "item5"]


def run(folder, n_items, work, **options):
    from cadenza.runner.run import run_items

    from .run_helpers import COLUMNS, make_items

    options = {"jobs": 2, "settings": {"step": "test 1"}, **options}
    items = make_items(folder, n_items)
    return run_items(items, work, folder=folder, name="t", columns=COLUMNS, **options)


def threads(item):
    """How many threads the libraries use here, and how many there are."""
    import numba
    import numpy as np
    import torch

    matrix = np.ones((600, 600))
    matrix @ matrix
    torch.ones(600, 600) @ torch.ones(600, 600)
    tasks = Path("/proc/self/task")
    there = len(list(tasks.iterdir())) if tasks.is_dir() else 1
    return {"numba": numba.config.NUMBA_NUM_THREADS, "torch": torch.get_num_threads(), "all": there}


@pytest.mark.slow
def test_processes_share_the_cores(monkeypatch):
    """With a process for each core, no library starts threads; one thread waits for the end."""
    monkeypatch.setattr(pool, "n_cores", lambda: 2)
    items = [Item("a", {}, None), Item("b", {}, None)]
    found = [outcome() for _, outcome in side_by_side(items, threads, 2)]
    assert found == 2 * [{"numba": 1, "torch": 1, "all": 2}]


def test_items_of_one_file_go_to_one_process():
    items = [Item(f"{song}{i}", {}, None, None, (Path(song),)) for i in range(3) for song in "ab"]
    queue = pool._Queue(items)
    taken = {1: [], 2: []}
    for process in (1, 2, 1, 2, 1, 1, 2):  # the first one is faster, and helps at the end
        item = queue.next_for(process)
        taken[process].append(item.key if item else None)
    assert taken == {1: ["a0", "a1", "a2", "b2"], 2: ["b0", "b1", None]}


def test_how_many_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "n_cores", lambda: 4)
    small, large = tmp_path / "small.wav", tmp_path / "large.wav"
    small.write_bytes(b"RIFF")
    with large.open("wb") as file:
        file.truncate(20_000_000)
    short, long = (
        [Item(str(i), {}, i, None, (path,)) for i in range(9)] for path in (small, large)
    )
    assert [n_processes(items, None) for items in (short, long, long[:3], [])] == [1, 4, 3, 1]
    assert [n_processes(short, wanted) for wanted in (1, 2, 16)] == [1, 2, 9]
    assert n_processes([], 8) == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is known on Linux only")
def test_cores_that_the_process_may_use():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from cadenza.runner.pool import n_cores; print(n_cores())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert n_cores() <= len(os.sched_getaffinity(0))


def test_work_that_cannot_be_sent_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"lock.* jobs=1"):
        run(tmp_path, 2, partial(hold, threading.Lock()))


def hold(lock, item):
    return {}


PROGRAM = """
import os, sys, time
from pathlib import Path
from cadenza.runner import early
early.start(__file__, object)
from cadenza.runner.run import run_items
from tests.unit.run_helpers import COLUMNS, Work, make_items

class Slow(Work):
    def __call__(self, item):
        (item.outputs[0].parent / f"worker{os.getpid()}").touch()
        if item.data > 3 and not Path(sys.argv[1], "fast").exists():
            time.sleep(600)
        return super().__call__(item)

early.imported()
folder = Path(sys.argv[1])
try:
    run_items(make_items(folder, 8), Slow(), folder=folder, name="t", columns=COLUMNS,
              settings={"step": "test 1"}, jobs=int(sys.argv[2]))
except KeyboardInterrupt:
    sys.exit(early.INTERRUPTED)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals, and processes listed in /proc")
@pytest.mark.parametrize(
    ("number", "status"), [("SIGINT", 130), ("SIGTERM", 130), ("SIGKILL", -signal.SIGKILL)]
)
def test_a_stopped_run_keeps_what_is_done_and_leaves_no_process(tmp_path, number, status):
    program, folder = tmp_path / "program.py", tmp_path / "run"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(program)]
    process = subprocess.Popen(
        [*command, str(folder), "2"], env=environment, start_new_session=True
    )
    wait_for(lambda: len(Journal(folder / "t.journal.jsonl").entries) == 4, 60)
    workers = [p.name.removeprefix("worker") for p in folder.glob("worker*")]
    if number == "SIGKILL":
        process.kill()
    else:  # terminals and schedulers send it to all processes
        os.killpg(process.pid, getattr(signal, number))
    assert process.wait(60) == status
    wait_for(lambda: not any(map(is_running, workers)), 60)
    (folder / "fast").touch()
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("out_*")}
    subprocess.run([*command, str(folder), "2"], env=environment, check=True)
    after = {p.name: p.stat().st_mtime_ns for p in folder.glob("out_*")}
    n_kept = sum(after[name] == time_ns for name, time_ns in before.items())
    assert n_kept == 4
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "fast").touch()
    subprocess.run([*command, str(alone), "1"], env=environment, check=True)
    names = ("t.csv", "t.journal.jsonl")
    assert [(folder / n).read_bytes() for n in names] == [(alone / n).read_bytes() for n in names]


def is_running(number):
    """Whether a process is there, and not only what is left of one that has ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_network_stays_in_one_process():
    light, network = (Blocks(block, None, CacheOptions(""), {}) for block in (Spectral(), object()))
    assert [light.jobs(wanted) for wanted in (None, 1, 3)] == [None, 1, 3]
    assert [network.jobs(wanted) for wanted in (None, 1, 3)] == [1, 1, 3]
