"""The steps of all recipes, and tiny challenge roots for them."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tests.recipes.conftest import SONGS, listeners, write_cad2_download, write_root, write_song

from .sandbox import Command, contents, run

ROOT, EXP = "path.root=root", "path.exp_folder=exp"
HALVES = [(f"evaluate.batch={i}", "evaluate.batch_size=2") for i in range(2)]
SECONDS = 0.7
TINY = tuple(f"convtasnet.{key}" for key in ("N=8", "L=80", "B=6", "H=8", "X=2", "R=1"))
TRAINING = (
    "data.root_path=root/audio",
    "data.music_tracks_file=root/metadata",
    "data.target=Violin",
    "data.samples_per_track=4",
    "data.segment_length=0.2",
    "training.batch_size=2",
    "training.num_workers=0",
    "training.epochs=2",
    "training.checkpoint_updates=1",
    "device=cpu",
    "exp_dir=exp",
    *TINY,
)


@dataclass(frozen=True)
class Step:
    """A step, and what comes before it.

    Parameters
    ----------
    name : str
        ``<challenge>/<step>``.
    module : str
        Module with a function ``main``.
    arguments : tuple of str
        Arguments of the command line.
    after : str
        The step or root (without a slash) that it starts from.
    first : tuple of tuple of str
        Other commands before it: a module, and its arguments.
    without : str
        A file that is removed before it.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    after: str
    first: tuple[tuple[str, ...], ...] = ()
    without: str = ""

    @property
    def command(self) -> Command:
        """What runs it."""
        return _command(self.module, self.arguments)


ICASSP, CAD1, CAD2 = (
    f"cadenza.recipes.{name}." for name in ("cad_icassp_2024", "cad1.task1", "cad2.task2")
)
ORACLE = (ROOT, EXP, "separator=oracle")
TEST = (ROOT, EXP, "split=test")


def _halves(module: str) -> tuple[tuple[str, ...], ...]:
    return tuple((f"{module}baseline.evaluate", ROOT, EXP, *half) for half in HALVES)


def _baseline(name: str, module: str, before: str) -> tuple[Step, ...]:
    """Enhance, evaluate and merge, which all challenges have."""
    merge = (ROOT, EXP, "evaluate.batch_size=2")
    enhance, evaluate = f"{name}/enhance", f"{name}/evaluate"
    return (
        Step(enhance, f"{module}baseline.enhance", ORACLE, before),
        Step(evaluate, f"{module}baseline.evaluate", (ROOT, EXP), enhance),
        Step(
            f"{name}/merge",
            f"{module}baseline.merge_batches_results",
            merge,
            enhance,
            _halves(module),
            "exp/scores.csv",
        ),
    )


STEPS = {
    step.name: step
    for step in (
        Step(
            "icassp/scenes",
            f"{ICASSP}generate_dataset.generate_train_scenes",
            (ROOT, "scene.number_scenes_per_song=2"),
            "icassp",
        ),
        Step(
            "icassp/at_mic",
            f"{ICASSP}generate_dataset.generate_at_mic_musdb18",
            (ROOT,),
            "icassp/scenes",
        ),
        *_baseline("icassp", ICASSP, "icassp/at_mic"),
        Step(
            "icassp/report",
            "cadenza.command",
            ("report", "exp", "--to", "report", "--jobs", "1"),
            "icassp/evaluate",
        ),
        *_baseline("cad1", CAD1, "cad1"),
        Step("cad1/test", f"{CAD1}baseline.test", (*TEST, "separator=oracle"), "cad1"),
        Step(
            "cad1/pack",
            f"{CAD1}baseline.pack_submission",
            (*TEST, "team_id=T1"),
            "cad1/test",
        ),
        Step(
            "cad2/process",
            f"{CAD2}process_dataset.process_zenodo_download",
            (ROOT, "path.zenodo_download_path=download"),
            "cad2",
        ),
        Step(
            "cad2/scenes",
            f"{CAD2}process_dataset.generate_train_scenes",
            (ROOT,),
            "cad2/process",
        ),
        *_baseline("cad2", CAD2, "cad2/process"),
        Step("cad2/train", f"{CAD2}ConvTasNet.train", TRAINING, "cad2/process"),
    )
}  # fmt: skip


def _command(module: str, arguments: tuple[str, ...]) -> Command:
    return Command(importlib.import_module(module).main, arguments)


def write_icassp(folder: Path) -> None:
    """One song with two scenes and two listeners."""
    write_root(folder / "root")
    shutil.rmtree(folder / "root" / "audio" / "music" / "train" / SONGS[1].replace("/", "_"))
    songs = [{"Track Name": SONGS[0], "Split": "train", "Path": f"train/{SONGS[0]}"}]
    _write_json(folder / "root" / "metadata" / "musdb18.train.json", songs)


def write_cad1(folder: Path) -> None:
    """A song for validation, a song for the test, two listeners."""
    metadata = folder / "root" / "metadata"
    for split, subset, song in (("valid", "train", "Up"), ("test", "test", "Down")):
        write_song(folder / "root" / "audio" / "musdb18hq" / subset / song, len(split), SECONDS)
        _write_json(metadata / f"musdb18.{split}.json", [{"Track Name": song, "Split": split}])
        _write_json(metadata / f"listeners.{split}.json", listeners("valid"))
    part = {"start": 0.1, "end": 0.6, "duration": 0.5}
    segments = {"objective_evaluation": part, "subjective_evaluation": part}
    _write_json(metadata / "musdb18.segments.test.json", {"Down": segments})


def write_cad2(folder: Path) -> None:
    """The download folder, one of its packages still a zip file."""
    write_cad2_download(folder / "download", SECONDS)
    package = folder / "download" / "CadenzaWoodwind"
    shutil.make_archive(str(package), "zip", package.parent, package.name)
    shutil.rmtree(package)


ROOTS: dict[str, Callable[[Path], None]] = {
    "icassp": write_icassp,
    "cad1": write_cad1,
    "cad2": write_cad2,
}


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@dataclass(frozen=True)
class World:
    """A step with its folder before and after an undisturbed run.

    Parameters
    ----------
    step : Step
    before, after : Path
        The folders.
    n_operations : int
        How many operations change the disk.
    seconds : float
        How long it takes.
    read : tuple of str
        Files that it reads and that were there before it, relative.
    """

    step: Step
    before: Path
    after: Path
    n_operations: int
    seconds: float
    read: tuple[str, ...]

    @cached_property
    def old(self) -> dict[str, bytes]:
        """Files before the step."""
        return contents(self.before)

    @cached_property
    def new(self) -> dict[str, bytes]:
        """Files after the step."""
        return contents(self.after)

    @cached_property
    def made(self) -> list[str]:
        """Files that the step has written, whatever they are, apart from locks."""
        every = {p.relative_to(self.after).as_posix(): p for p in self.after.rglob("*")}
        old = {p.relative_to(self.before).as_posix() for p in self.before.rglob("*")}
        return sorted(
            name
            for name, path in every.items()
            if path.is_file()
            and not name.endswith((".lock", ".log"))
            and ".hydra" not in path.parts
            and "tensorboard" not in path.parts
            and (name not in old or self.old.get(name) != self.new.get(name))
        )

    def inputs(self, *suffixes: str) -> list[str]:
        """Files with these suffixes that the step reads."""
        return [name for name in self.read if name.endswith(suffixes)]


def copy(source: Path, target: Path) -> None:
    """Copy a folder in which steps have run; the folder they ran in is renamed in their notes."""
    shutil.copytree(source, target)
    for notes in target.glob("exp/.hydra/*/hydra.yaml"):
        text = re.sub(r"cwd: .*", f"cwd: {target}", notes.read_text())
        notes.write_text(text)


def make_worlds(folder: Path) -> dict[str, World]:
    """Run every step once, undisturbed."""
    for name, write in ROOTS.items():
        write(folder / name / "work")
    return dict(_worlds(folder))


def _worlds(folder: Path) -> Iterator[tuple[str, World]]:
    for name, step in STEPS.items():
        before, after = folder / f"{name}/before/work", folder / f"{name}/after/work"
        start = folder / step.after / ("after/work" if "/" in step.after else "work")
        copy(start, before)
        for module, *arguments in step.first:
            ended = run(_command(module, tuple(arguments)), before)
            assert ended.status == 0, ended.seen
        if step.without:
            (before / step.without).unlink(missing_ok=True)
        copy(before, after)
        ended = run(step.command, after, record=True)
        assert ended.status == 0, f"{name}: {ended.seen}"
        assert ended.disk is not None
        there = {p.relative_to(before).as_posix() for p in before.rglob("*") if p.is_file()}
        read = {Path(path).relative_to(after).as_posix() for path in ended.disk.read}
        n = len(ended.disk.operations)
        yield name, World(step, before, after, n, ended.seconds, tuple(sorted(read & there)))


def warm_up() -> None:
    """Import and compile everything once, so that the child processes need not."""
    import torch

    from cadenza.audiogram import Audiogram
    from cadenza.haaqi import haaqi
    from cadenza.hearing_aid import NALR, MultibandCompressor

    torch.set_num_threads(1)
    for step in STEPS.values():
        importlib.import_module(step.module)
    for module in ("torch.utils.tensorboard", "matplotlib.figure", "cadenza.report", "torch.optim"):
        importlib.import_module(module)
    noise = 0.1 * np.random.default_rng(1).standard_normal(12000)
    audiogram = Audiogram([10.0] * 8)
    for equalisation in ("none", "nalr"):
        haaqi(
            noise,
            0.9 * noise,
            sample_rate=24000,
            audiogram=audiogram,
            equalisation=equalisation,
            details=True,
        )
    NALR(audiogram, sample_rate=44100)(noise)
    MultibandCompressor(crossover_frequencies_hz=1000, sample_rate=44100)(noise)
