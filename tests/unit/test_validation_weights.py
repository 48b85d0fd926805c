"""What `cadenza validate` says about the weights of the separators that recipes use by default."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from cadenza.command import main
from cadenza.runner import recipe_separator
from cadenza.runner.recipe_separator import missing_weights
from cadenza.separation.convtasnet.files import model_name
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.demucs import HybridDemucs
from cadenza.separation.htdemucs import HTDemucs
from cadenza.separation.openunmix import OpenUnmix
from cadenza.separation.weights import MissingWeights, _torch_cache
from cadenza.stems import INSTRUMENTS

from .challenge_roots import WRITERS

DEMUCS = "hdemucs_high_musdbhq_only.pt"


@pytest.fixture
def torch_cache(tmp_path, monkeypatch) -> Path:
    """Torch's cache, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub"


@pytest.fixture
def networks_cache(tmp_path, monkeypatch) -> Path:
    """The cache of the Hugging Face hub, empty."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "networks"))
    return tmp_path / "networks"


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.mark.parametrize(
    ("challenge", "says"),
    [
        ("icassp", "first downloads the weights of demucs to {torch}/torchaudio/models "),
        ("cad1", "first downloads the weights of demucs to {torch}/torchaudio/models "),
        ("cad2", "first downloads the weights of convtasnet to {networks} "),
    ],
)
def test_the_line_of_the_enhancement(
    challenge, says, torch_cache, networks_cache, tmp_path, capsys
):
    """It says where missing weights will go, and how to run without; nothing if they are there."""
    WRITERS[challenge](tmp_path / "root")
    without = {"cad2": "separator.models_dir=included"}.get(challenge, "separator=spectral")
    says = says.format(torch=torch_cache, networks=networks_cache)
    main(["validate", challenge, str(tmp_path / "root")])
    lines = capsys.readouterr().out.splitlines()
    ready = [line for line in lines if "ready; " in line]
    assert ready
    assert all(line.endswith(f"ready; {says}({without} needs no download)") for line in ready)
    assert {line.split()[1] for line in ready} <= {"enhance.py", "test.py"}

    put(torch_cache / "torchaudio/models" / DEMUCS)
    for name in INSTRUMENTS:
        folder = networks_cache / f"models--cadenzachallenge--{model_name(name, causal=False)}"
        put(folder / "snapshots" / "1" / "model.safetensors")
    main(["validate", challenge, str(tmp_path / "root")])
    assert "downloads the weights" not in capsys.readouterr().out


def test_one_network_of_an_ensemble_is_missing(networks_cache):
    for name in INSTRUMENTS[1:]:
        folder = networks_cache / f"models--cadenzachallenge--{model_name(name, causal=False)}"
        put(folder / "snapshots" / "1" / "model.safetensors")
    expected = MissingWeights(networks_cache, will_download=True)
    assert ConvTasNetEnsemble().missing_weights() == expected


def test_what_separators_lack(torch_cache, tmp_path):
    checkpoints = torch_cache / "checkpoints"
    assert OpenUnmix().missing_weights() == MissingWeights(checkpoints, will_download=True)
    assert HTDemucs().missing_weights() == MissingWeights(checkpoints, will_download=False)
    own = tmp_path / "mine.pt"
    assert HybridDemucs(weights=own).missing_weights() == MissingWeights(own, will_download=False)
    put(own)
    assert HybridDemucs(weights=own).missing_weights() is None
    assert ConvTasNetEnsemble(models_dir="included").missing_weights() is None


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (
            {"defaults": [{"separator": "htdemucs"}]},
            "needs the weights of htdemucs, which are not in {torch}/checkpoints",
        ),
        (
            {"defaults": [{"separator": "demucs"}], "separator": {"weights": "/nowhere.pt"}},
            "needs the weights of demucs, which are not in /nowhere.pt",
        ),
        ({"defaults": [{"separator": "spectral"}]}, ""),
        ({"defaults": [{"separator": "ensemble"}]}, ""),
        ({"defaults": [{"separator": "roformer"}]}, ""),
        ({"defaults": [{"separator": "custom"}]}, ""),
        ({"defaults": [{"separator": "demucs"}], "separator": {"wieghts": 1}}, ""),
        ({"defaults": ["common/running", {"hearing_aid": "nalr"}]}, ""),
    ],
)
def test_another_separator_in_the_file_of_the_recipe(choice, says, torch_cache, monkeypatch):
    monkeypatch.setattr(recipe_separator, "read_recipe", lambda _: OmegaConf.create(choice))
    assert missing_weights("any") == says.format(torch=torch_cache)


def test_neither_torch_nor_hydra_is_loaded():
    """Both take longer than everything else that `cadenza validate` does."""
    program = (
        "import sys; from cadenza.runner.recipe_separator import missing_weights; "
        "missing_weights('cad1/task1/baseline'); missing_weights('cad2/task2/baseline'); "
        "print({'torch', 'hydra', 'huggingface_hub.file_download'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", None])
def test_the_cache_is_that_of_torch(variable, monkeypatch, tmp_path):
    """The same folder whether torch is loaded or not."""
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    expected = Path(torch.hub.get_dir())
    assert _torch_cache() == expected
    monkeypatch.delitem(sys.modules, "torch")
    assert _torch_cache() == expected
