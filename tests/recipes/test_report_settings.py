"""The head of a report lists what differs from the defaults, wherever it was changed."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest

from cadenza.challenges.options import Icassp2024
from cadenza.report import build
from cadenza.report.results import read_run
from cadenza.runner import cli
from tests import make_defaults
from tests.recipes.conftest import call

SHARD = ("evaluate.batch_size=4", "evaluate.batch=1")


def test_the_defaults_are_those_of_the_configuration_files():
    assert make_defaults.FILE.read_text(encoding="utf-8") == make_defaults.text(), (
        "run python -m tests.make_defaults"
    )


def edited(folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> None:
    """Let the scripts of the baseline use a copy of their folder with another config.yaml."""
    source = make_defaults.REPOSITORY / "recipes" / "cad_icassp_2024" / "baseline"
    shutil.copytree(source, folder)
    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    for name in ("enhance", "evaluate"):
        module = importlib.import_module(f"cadenza.recipes.cad_icassp_2024.baseline.{name}")
        main = cli.script(str(folder / f"{name}.py"), module.run, Icassp2024)
        monkeypatch.setattr(module, "main", main)


@pytest.mark.slow
def test_settings_edited_in_the_config_file_are_listed(root, monkeypatch):
    own = "evaluate:\n  noise: none\nhearing_aid:\n  limiter:\n    release_ms: 100.0\nhydra:\n"
    edited(
        root.parent / "baseline",
        monkeypatch,
        ("separator: demucs", "separator: spectral"),
        ("hearing_aid: nalr ", "hearing_aid: nalr_limited "),
        ("soft_clip: false", "soft_clip: true"),
        ("sample_rate: 24000", "sample_rate: 16000"),
        ("hydra:\n", own),
    )
    where = ("path.root=root", "path.exp_folder=edited", *SHARD)
    assert call("baseline.enhance", *where, "separator.refine=residual") == 0
    assert call("baseline.evaluate", *where, "separator=oracle") == 0
    assert read_run(Path("edited")).changes == {
        "separator": "spectral",
        "hearing_aid": "nalr_limited",
        "soft_clip": "true",
        "separator.refine": "residual",
        "hearing_aid.limiter.release_ms": "100.0",
        "HAAQI_sample_rate": "16000",
        "evaluate.noise": "none",
    }, "nothing of the blocks that only evaluate.py was given"
    build("edited", to="report", items="none")
    text = Path("report", "index.html").read_text(encoding="utf-8")
    assert "<code>hearing_aid=nalr_limited</code>" in text
    assert "<code>evaluate.noise=none</code>" in text


@pytest.mark.slow
def test_a_call_that_was_refused_does_not_count(root):
    where = ("path.root=root", "path.exp_folder=refused", *SHARD)
    assert call("baseline.enhance", *where, "separator=oracle") == 0
    assert call("baseline.evaluate", *where) == 0
    assert call("baseline.evaluate", *where, "evaluate.noise=none") == 2
    run = read_run(Path("refused"))
    assert run.config.evaluate.noise == "seeded"
    assert run.settings["evaluate.noise"] == "seeded"
    assert "evaluate.noise" not in run.changes


def test_keys_that_follow_another_one_are_not_listed(root):
    where = ("path.root=root", "path.exp_folder=nfir", *SHARD)
    assert call("baseline.enhance", *where, "separator=oracle", "nalr.nfir=200") == 0
    changes = read_run(Path("nfir")).changes
    assert changes == {"separator": "oracle", "nalr.nfir": "200"}, "not hearing_aid.nfir"


def test_a_class_of_ones_own_is_listed_with_its_parameters(root):
    own = "cadenza.separation.spectral.Spectral"
    where = ("path.root=root", "path.exp_folder=own", *SHARD)
    block = ("separator=custom", f"separator._target_={own}", "+separator.refine=residual")
    assert call("baseline.enhance", *where, *block) == 0
    assert read_run(Path("own")).changes == {
        "separator": "custom",
        "separator._target_": own,
        "separator.refine": "residual",
    }
