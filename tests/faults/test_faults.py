"""The campaign in small, and that it notices what it is there to notice."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from . import campaign, power
from .disk import Disk, failing, signalling
from .oracle import Finding, Witness
from .sandbox import Command, run
from .steps import Step, World

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads /proc")


@pytest.mark.slow
def test_twenty_faults():
    """In a process of its own, because the campaign forks."""
    command = [sys.executable, "-m", "tests.faults", "20", "--seed", "5"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 faults" in done.stdout
    assert ": 0 wrong" in done.stdout


class Copying:
    """A careless step: it writes a result in place, and takes what is there as whole."""

    def __init__(self, *, careful: bool) -> None:
        self.careful = careful

    def __call__(self) -> int:
        if not Path("out.txt").exists():
            name = "out.txt.part" if self.careful else "out.txt"
            with open(name, "w") as file:
                file.write(Path("in.txt").read_text() * 1000)
                if self.careful:
                    file.flush()
                    os.fsync(file.fileno())
            if self.careful:
                Path(name).replace("out.txt")
        return 0


class ToyStep(Step):
    """A step that is no recipe."""

    main: Copying

    @property
    def command(self) -> Command:
        return Command(self.main, ())


def judged(folder: Path, main: Copying, hurt) -> list[str]:
    """Problems that the oracle finds after a fault of a step."""
    for name in ("before", "after", "box/work"):
        (folder / name).mkdir(parents=True)
        (folder / name / "in.txt").write_text("music")
    step = ToyStep("toy/copy", "", (), "")
    object.__setattr__(step, "main", main)
    ended = run(step.command, folder / "after", record=True)
    assert ended.status == 0
    n = len(ended.disk.operations)
    world = World(step, folder / "before", folder / "after", n, ended.seconds, ("in.txt",))
    finding = Finding("fault", step.name)
    witness = Witness(world, folder / "box" / "work", finding)
    hurt(witness, ended.disk.operations)
    witness.look_for_parts()
    witness.recover()
    return finding.problems


def kill(witness: Witness, operations: list) -> None:
    """End the process in the middle of the first write."""
    number = 1 + next(i for i, o in enumerate(operations) if o.kind == "write")
    ended = witness.run(strike=signalling(number, signal.SIGKILL))
    assert ended.status == -signal.SIGKILL


def cut_power(witness: Witness, operations: list) -> None:
    """Lose what was not synced, after the last operation."""

    class Worst(Random):
        def randrange(self, start, stop=None, step=1):
            return (stop or start) - 1

        def randint(self, a, b):
            return b

        def choice(self, values):
            return "zeros" if "zeros" in values else values[0]

    power.replay(witness.folder, witness.world.after, operations, Worst())


@pytest.mark.parametrize("hurt", [kill, cut_power])
def test_a_careless_step_is_found_out(tmp_path, hurt):
    found = judged(tmp_path / "careless", Copying(careful=False), hurt)
    assert any("out.txt is neither as before nor as it should be" in text for text in found)
    assert any("other results than undisturbed: ['out.txt']" in text for text in found)
    assert judged(tmp_path / "careful", Copying(careful=True), hurt) == []


def test_a_full_disk_keeps_half_of_what_is_written(tmp_path):
    disk = Disk(tmp_path, failing(2, errno.ENOSPC, once=False, notes=tmp_path.parent / "notes"))
    with disk.watched():
        file = open(tmp_path / "a", "wb")  # noqa: SIM115
        file.write(b"12345678")
        with pytest.raises(OSError, match="No space left"):
            file.flush()
        file.raw.close()
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "b").write_bytes(b"1")
    assert (tmp_path / "a").read_bytes() == b"1234"
    assert [operation.kind for operation in disk.operations] == ["create"]


def test_the_table_counts_every_fault():
    findings = [
        Finding("SIGKILL", "a/b", "stopped"),
        Finding("SIGKILL", "a/b", "unharmed"),
        Finding("not JSON", "a/c", "refused", problems=["traceback"]),
    ]
    lines = campaign.table(findings, by="fault").splitlines()
    assert lines[2] == "| SIGKILL | 1 |  |  |  | 1 |  | 2 |"
    assert lines[3] == "| not JSON |  |  |  |  |  | 1 | 1 |"
    assert lines[-1] == "| **all** | 1 | 0 | 0 | 0 | 1 | 1 | 3 |"
