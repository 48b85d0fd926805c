"""The faults: what each does to a step, and what it must not lead to."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from cadenza._paths import safe_name

from . import damage, power
from .disk import failing, signalling
from .oracle import Finding, Witness
from .sandbox import Running
from .steps import World, copy

Fault = Callable[[Witness, Random], None]

_AUDIO = (".wav", ".flac")
_STOPPED = {
    signal.SIGKILL: {-signal.SIGKILL},
    signal.SIGTERM: {-signal.SIGTERM, 130, 143},
    signal.SIGINT: {130, 1, -signal.SIGINT},
}
DAY_S = 86400.0


def stopped(witness: Witness, rng: Random, *, by: signal.Signals) -> None:
    """A signal before a random file operation, or at a random moment."""
    world = witness.world
    if by == signal.SIGKILL or rng.random() < 0.5:
        number = rng.randint(1, world.n_operations)
        witness.finding.detail = f"at operation {number} of {world.n_operations}"
        ended = witness.run(strike=signalling(number, by))
    else:
        after_s = rng.uniform(0, world.seconds)
        witness.finding.detail = f"after {after_s:.3f} s"
        running = Running(world.step.command, witness.folder)
        time.sleep(after_s)
        os.kill(running.pid, by)
        witness.look_at(ended := running.ended())
    if ended.status == 0:  # it was faster than the signal
        witness.finding.outcome = "unharmed"
    else:
        witness.finding.outcome = "stopped"
        if ended.status not in _STOPPED[by]:
            witness.problem(f"status {ended.status} after {by.name}: {ended.seen[-300:]}")
    witness.look_for_parts()
    witness.recover(advice=False)


def clock(witness: Witness, rng: Random) -> None:
    """Killed; then the clock is set back, so that all files seem to come from the future."""
    number = rng.randint(1, witness.world.n_operations)
    days = rng.choice([-1, 1]) * rng.choice([0.01, 1, 365])
    witness.finding.detail = f"{days} days, killed at operation {number}"
    witness.run(strike=signalling(number, signal.SIGKILL))
    witness.finding.outcome = "stopped"
    damage.older(witness.folder, days * DAY_S)
    witness.recover(advice=False)


def power_cut(witness: Witness, rng: Random) -> None:
    """A prefix of the file operations, and unsynced data lost."""
    ended = witness.run(record=True)
    assert ended.disk is not None
    recorded = witness.folder
    copy_again(witness)
    operations = ended.disk.operations
    witness.finding.detail = power.replay(witness.folder, recorded, operations, rng)
    witness.finding.outcome = "stopped"
    witness.look_for_parts()
    witness.recover()


def copy_again(witness: Witness) -> None:
    """Begin again with the folder as it was before the step."""
    shutil.rmtree(witness.folder)
    copy(witness.world.before, witness.folder)


def failing_disk(witness: Witness, rng: Random, *, error: int, once: bool = False) -> None:
    """File operations fail, from some moment on or once."""
    number = rng.randint(1, witness.world.n_operations)
    if error == errno.EROFS and rng.random() < 0.5:
        number = 1
    witness.finding.detail = f"at operation {number} of {witness.world.n_operations}"
    notes = witness.folder.parent.with_name("struck")
    ended = witness.run(strike=failing(number, error, once=once, notes=notes))
    struck = notes.read_text().splitlines() if notes.exists() else []
    differences = witness.differences()
    witness.finding.outcome = {0: "unharmed", 1: "reported", 2: "refused"}.get(ended.status, "")
    if ended.status == 0 and differences:
        witness.problem(f"status 0 without {differences[:5]}: {ended.seen[-500:]}")
    elif ended.status in (1, 2):
        if not any(_is_named(path, ended.seen, witness) for path in struck):
            witness.problem(f"{struck[:3]} is not named: {ended.seen[-700:]}")
        if os.strerror(error).lower() not in (ended.seen + _failures(witness)).lower():
            witness.problem(f"no reason is given: {ended.seen[-700:]}")
    witness.look_for_parts()
    witness.recover(advice=False)


def _is_named(path: str, seen: str, witness: Witness) -> bool:
    """Whether a file is named, or a folder in which it is."""
    relative = Path(path).relative_to(witness.folder)
    if _plain(path) in seen + _failures(witness):
        return True
    folders = [str(folder) for folder in relative.parents][:-1]
    return any(re.search(rf"(^|[\s/]){re.escape(f)}(/\S+)?: ", seen) for f in folders)


def _plain(path: str) -> str:
    """Name of a file, or of the file that a temporary one would have become."""
    name = Path(path).name
    return name[1:].rsplit(".", 2)[0] if name.endswith(".tmp") else name


def _failures(witness: Witness) -> str:
    return "".join(p.read_text() for p in witness.folder.rglob("*.failures.csv"))


def damaged_input(witness: Witness, rng: Random, *, how: str, suffixes: tuple[str, ...]) -> None:
    """A file that the step reads is damaged."""
    names = witness.world.inputs(*suffixes)
    if how == "missing":  # metadata that are only copied may be absent: later steps ask for them
        needed = ("music_tracks.train.json", "music.valid.to_generate.json")
        copied = [n for n in names if "download/metadata/" in n and not n.endswith(needed)]
        names = [name for name in names if name not in copied]
    name = rng.choice(names)
    _spoil(witness, rng, name, how)
    announced = how in ("other sample rate", "mono for stereo") or name.endswith((".jsonl", ".txt"))
    ended = witness.run()
    cross_checked = how in damage.JSON and "metadata" in name
    more = [*witness.world.inputs(".json"), "X99999"] if cross_checked else []
    witness.answer(ended, [name], announced=announced, or_named=more)
    _mend(witness, name)
    # a training does not compare the music with that of its checkpoint
    witness.recover(*(["resume=false"] if witness.world.step.name == "cad2/train" else []))


def damaged_result(witness: Witness, rng: Random, *, how: str) -> None:
    """A file that the step has written is damaged; a second run makes it again, or says so."""
    shutil.rmtree(witness.folder)
    copy(witness.world.after, witness.folder)
    name = rng.choice(_own_results(witness.world, how))
    keep_time = rng.random() < 0.3
    status = (witness.folder / name).stat()
    _spoil(witness, rng, name, how)
    if keep_time and (witness.folder / name).exists():
        os.utime(witness.folder / name, ns=(status.st_atime_ns, status.st_mtime_ns))
        witness.finding.detail += ", with its old time"
    ended = witness.run()
    if ended.status == 0:
        witness.finding.outcome = "unharmed"
        if differences := witness.differences():
            witness.problem(f"taken as whole: {differences[:5]}")
        witness.recover(advice=False)
        return
    witness.finding.outcome = "refused"
    if not witness.names(ended, [name]):
        witness.problem(f"status {ended.status}, the file is not named: {ended.seen[-700:]}")
    (witness.folder / name).unlink(missing_ok=True)
    witness.recover()


def _own_results(world: World, how: str) -> list[str]:
    """Results that a step looks at again.

    What was unpacked is an input from then on. A finished training looks at its checkpoints. A
    report compares the sizes of its pages.
    """
    names = [name for name in world.made if not name.startswith("download/")]
    if world.step.name == "cad2/train":
        names = [name for name in names if "/checkpoints/" in name]
    if how in ("garbage", "zeros"):
        names = [name for name in names if "/item/" not in name]
    return names


def _spoil(witness: Witness, rng: Random, name: str, how: str) -> None:
    path = witness.folder / name
    kinds = {**damage.FILES, **damage.AUDIO, **damage.JSON}
    before = path.read_bytes()
    said = kinds[how](path, rng)
    witness.finding.detail = f"{name} {said or ''}".strip()
    if path.exists() and path.read_bytes() == before:
        damage.zeros(path, rng)  # by chance nothing has changed


def _mend(witness: Witness, name: str) -> None:
    target = witness.folder / name
    target.unlink(missing_ok=True)
    shutil.copyfile(witness.world.before / name, target)


def odd_name(witness: Witness, rng: Random) -> None:
    """A name in the metadata, everywhere the same, that must not become a path as it is."""
    world = witness.world
    file = rng.choice(world.inputs(".json"))
    old = rng.choice(damage.names_in(witness.folder / file))
    new = rng.choice(damage.NAMES)
    witness.finding.detail = f"{new[:30]!r} for {old!r} of {file}"
    for path in _folders_of_metadata(witness.folder):
        damage.rename_everywhere(path, old, new)
    ended = witness.run()
    witness.finding.outcome = {0: "unharmed", 1: "reported", 2: "refused"}.get(ended.status, "")
    if ended.status == 0 and witness.differences():
        witness.finding.outcome = "warned"
    metadata = [p.name for p in witness.folder.rglob("*.json")]
    if ended.status in (1, 2) and not witness.names(ended, [*metadata, safe_name(new)[:20]]):
        witness.problem(f"no file is named: {ended.seen[-700:]}")
    strange = set(os.listdir(witness.folder)) - {"root", "exp", "download", "report"}
    if strange:
        witness.problem(f"left its folder: {strange}")
    copy_again(witness)
    witness.recover(advice=False)


def _folders_of_metadata(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("metadata") if path.is_dir()]


def two_at_once(witness: Witness, rng: Random) -> None:
    """Two runs in one folder: one of them may refuse."""
    world = witness.world
    delay_s = rng.uniform(0, world.seconds)
    witness.finding.detail = f"the second after {delay_s:.3f} s"
    first = Running(world.step.command, witness.folder)
    time.sleep(delay_s)
    second = Running(world.step.command, witness.folder)
    both = [first.ended(), second.ended()]
    for ended in both:
        if "Traceback" in ended.seen:
            witness.problem(f"traceback: {ended.seen[-1500:]}")
        if ended.status == 2 and not any(w in ended.seen for w in ("another", "would be lost")):
            witness.problem(f"no reason: {ended.seen[-700:]}")
        if ended.status not in (0, 2):
            witness.problem(f"status {ended.status}: {ended.seen[-700:]}")
    statuses = sorted(ended.status or 0 for ended in both)
    witness.finding.outcome = "refused" if 2 in statuses else "unharmed"
    if 0 not in statuses:
        witness.problem("neither has finished")
    witness.look_for_parts()
    witness.recover(advice=False)


def faults_of(world: World) -> dict[str, Fault]:
    """Faults that make sense for a step, by name."""
    found: dict[str, Fault] = {
        "SIGKILL": partial(stopped, by=signal.SIGKILL),
        "SIGTERM": partial(stopped, by=signal.SIGTERM),
        "Ctrl-C": partial(stopped, by=signal.SIGINT),
        "power cut": power_cut,
        "clock set back": clock,
        "disk full": partial(failing_disk, error=errno.ENOSPC),
        "disk full for a moment": partial(failing_disk, error=errno.ENOSPC, once=True),
        "read-only disk": partial(failing_disk, error=errno.EROFS),
        "no permission": partial(failing_disk, error=errno.EACCES, once=True),
        "disk error": partial(failing_disk, error=errno.EIO, once=True),
        "two runs at once": two_at_once,
    }
    found |= {f"result {how}": partial(damaged_result, how=how) for how in damage.FILES}
    everything = ("",)
    if world.inputs(""):
        for how in damage.FILES:
            found[f"input {how}"] = partial(damaged_input, how=how, suffixes=everything)
    if world.inputs(*_AUDIO):
        for how in damage.AUDIO:
            found[how] = partial(damaged_input, how=how, suffixes=_AUDIO)
    metadata = [name for name in world.inputs(".json") if "metadata" in name]
    if metadata:
        # scenes are drawn from whatever ids there are
        for how in sorted(
            set(damage.JSON) - ({"unknown id"} if "scenes" in world.step.name else set())
        ):
            found[how] = partial(damaged_input, how=how, suffixes=tuple(metadata))
        found["odd name"] = odd_name
    return found


def inject(world: World, fault: str, folder: Path, seed: str) -> Finding:
    """Do something to a step in a new folder; returns what came of it."""
    finding = Finding(fault, world.step.name)
    (folder / "box").mkdir(parents=True)
    copy(world.before, folder / "box" / "work")
    witness = Witness(world, folder / "box" / "work", finding)
    faults_of(world)[fault](witness, Random(seed))
    shutil.rmtree(folder)
    return finding
