"""A new user's walk: the commands of the recipes' READMEs, from an empty folder to the report."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
SECTION = "## From the download to the score"
REPLACED = {
    "/data": "data",
    "separator=demucs": "separator=spectral",
    "exp_demucs": "exp_spectral",
}

pytestmark = pytest.mark.slow


class Walker:
    """Types commands in a folder of its own, as a user does."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.url = url
        self.root = ""

    def __call__(self, command: str, *, status: int = 0, scripts: Path | None = None) -> str:
        """Run a command; returns what it printed."""
        words = shlex.split(command.replace("$ROOT", self.root))
        program, *arguments = words
        if program == "cadenza":
            arguments = ["-m", "cadenza", *arguments]
            if words[1] == "fetch":
                arguments += ["--from", self.url]
        elif scripts:
            arguments[0] = str(scripts / arguments[0])
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == status, f"{command}\n{output}"
        if found := re.search(r"For the recipes: path\.root=(.*)", done.stdout):
            self.root = found[1]
        return output

    def mistake(self, command: str, scripts: Path | None = None) -> str:
        """Run a command that is wrong; returns the line that says so."""
        error, *hints = self(command, status=2, scripts=scripts).splitlines()
        assert all(hint.startswith("hint: ") for hint in hints)
        return "\n".join([error, *hints])


@pytest.fixture(scope="module")
def mirror(tmp_path_factory) -> Iterator[str]:
    """Address of the mirror that the demo writes, served by Python's own file server."""
    folder = tmp_path_factory.mktemp("mirror")
    said = Walker(folder)("cadenza demo --mirror mirror")
    (server,) = re.findall(r"^ +(python -m http\.server .+)$", said, re.M)
    command = [sys.executable, "-u", *server.replace(" 8000", " 0").split()[1:]]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        port = re.search(r" port (\d+)", process.stdout.readline())[1]
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def walker(mirror, tmp_path) -> Walker:
    return Walker(tmp_path, mirror)


def road(folder: Path) -> list[str]:
    """Commands of the README in a folder, with a separator that needs no download."""
    section = (folder / "README.md").read_text().split(SECTION)[1]
    commands = re.search(r"```bash\n(.*?)```", section, re.S)[1]
    for old, new in REPLACED.items():
        commands = commands.replace(old, new)
    return commands.splitlines()


def mean_score(folder: Path, column: str) -> float:
    return pd.read_csv(folder / "scores.csv")[column].mean()


def test_icassp_2024(walker):
    folder = RECIPES / "cad_icassp_2024"
    fetch, *steps = road(folder)
    line = walker.mistake(fetch.replace(" core ", " cores "))
    assert line.startswith("cadenza: icassp_2024 has no part cores: there are core, train, ")
    walker(fetch)
    root = walker.root
    (enhance,) = [step for step in steps if "enhance.py" in step]
    (evaluate,) = [step for step in steps if "evaluate.py" in step]
    too_high = enhance.replace("$ROOT", str(Path(root).parent))
    line = walker.mistake(too_high, folder)
    assert line.startswith(f"error: missing folder: {Path(root).parent}/metadata (with ")
    assert line.endswith(f"\nhint: did you mean path.root={root}?")
    line = walker.mistake(evaluate, folder)
    assert line.startswith("error: missing folder: exp/enhanced_signals (with ")
    assert "\nhint: run enhance.py first" in line
    (validate,) = [step for step in steps if "validate" in step]
    assert "4 pairs" in walker(validate)
    for step in steps:
        walker(step, scripts=folder)
    assert 0.2 < mean_score(walker.folder / "exp", "score") < 0.9
    assert len(list((walker.folder / "report/item").iterdir())) == 4
    assert "is there and whole, unpacked" in walker(fetch)


def test_cad1_task1(walker):
    folder = RECIPES / "cad1" / "task1" / "baseline"
    steps = road(folder)
    for step in steps:
        output = walker(step, scripts=folder)
        if "validate" in step:
            assert re.search(r"^valid enhance\.py +ready", output, re.M)
    assert walker.root == "data/cad1_task1/cadenza_data/cad1/task1"
    results = walker.folder / "exp_spectral"
    assert len(list((results / "enhanced_signals").rglob("*_remix.flac"))) == 2
    assert 0.1 < mean_score(results, "score") < 0.9
    assert len(list((walker.folder / "report/item").iterdir())) == 2


def test_cad2_task2(walker):
    folder = RECIPES / "cad2" / "task2"
    fetch, process, validate, *_ = road(folder)
    assert (
        "For the recipes: path.root=data/cad2_task2\n"
        "For process_zenodo_download.py, which comes first, also: "
        "path.zenodo_download_path=data/cad2_task2/downloads\n"
        "What can be run: cadenza validate cad2_task2 data/cad2_task2\n"
    ) in walker(fetch)
    arguments = process.replace("$ROOT", walker.root).partition("process_zenodo_download.py")[2]
    module = "cadenza.recipes.cad2.task2.process_dataset.process_zenodo_download"
    assert f"    python -m {module}{arguments}\n" in walker(validate)
    for step in road(folder):  # fetch finds everything there
        small = " separator.models_dir=included" if "baseline/" in step else ""
        walker(step + small, scripts=folder)
    assert 0.2 < mean_score(walker.folder / "exp", "avg_haaqi") <= 1
    assert len(list((walker.folder / "report/item").iterdir())) == 8
