"""Calling a recipe script with arguments, with a function of the test in place of its work."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cadenza.challenges.options import Icassp2024
from cadenza.runner import cli

REPOSITORY = Path(__file__).resolve().parents[2]
BASELINE = REPOSITORY / "recipes" / "cad_icassp_2024" / "baseline"


class Recipe:
    """A copy of the ICASSP 2024 baseline in the current folder, whose files a test may edit."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.seen = ""
        self._capfd = capfd

    def __call__(self, *arguments, work=None, options=Icassp2024, name="enhance.py"):
        """Exit status; what the user sees is in `seen` and must be free of tracebacks."""
        script = cli.Script(self.folder / name, work or nothing, options)
        status = script(["path.root=root", *arguments])
        self.seen = "".join(self._capfd.readouterr())
        assert "Traceback" not in self.seen, self.seen
        return status

    def errors(self, *arguments, **options):
        """Lines of the error message; the exit status must be 2."""
        assert self(*arguments, **options) == 2, self.seen
        return [line for line in self.seen.splitlines() if line.startswith("error: ")]

    def values(self, *arguments, **options):
        """The configuration that the script works with."""
        configs = []
        assert self(*arguments, work=lambda c: configs.append(c) or 0, **options) == 0, self.seen
        return configs[-1]

    def edit(self, old, new):
        """Change the configuration file."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))


def nothing(config):
    return 0


@contextmanager
def kept_logging() -> Iterator[None]:
    """Undo what Hydra does to logging: its handlers write to the output of this test."""
    root, ours = logging.getLogger(), logging.getLogger("cadenza")
    levels, handlers = (root.level, ours.level), root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        root.handlers[:] = handlers


@pytest.fixture
def recipe(tmp_path, monkeypatch, capfd) -> Iterator[Recipe]:
    shutil.copytree(BASELINE, tmp_path / "recipe", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "root").mkdir()
    monkeypatch.chdir(tmp_path)
    with kept_logging():
        yield Recipe(tmp_path / "recipe", capfd)
