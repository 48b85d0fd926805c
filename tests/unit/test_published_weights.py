"""Published weights in the caches of torch and Hugging Face: results depend on their contents."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cadenza import audio
from cadenza._settings import settings_differences
from cadenza.challenges.cad2_task2.estimates import EstimatedInstruments
from cadenza.runner.plugins import file_digests
from cadenza.separation import htdemucs, instrument_files, openunmix
from cadenza.separation.cache import CacheOptions
from cadenza.separation.convtasnet.files import model_name
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.convtasnet_instrument import ConvTasNetInstrument
from cadenza.separation.demucs import HybridDemucs
from cadenza.separation.ensemble import Ensemble
from cadenza.separation.htdemucs import HTDemucs
from cadenza.separation.openunmix import OpenUnmix
from cadenza.separation.spectral import Spectral

DEMUCS = "hdemucs_high_musdbhq_only.pt"


@pytest.fixture
def torch_cache(tmp_path, monkeypatch):
    """Torch's cache with small files in place of the published ones."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    cache = tmp_path / "torch" / "hub"
    ht = [name for names in htdemucs._PUBLISHED.values() for name in names]
    names = [f"checkpoints/{name}" for name in (*ht, *openunmix._FILES.values())]
    for name in (*names, f"torchaudio/models/{DEMUCS}"):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text(name)
    return cache


@pytest.mark.parametrize(
    ("separator", "names"),
    [
        (HybridDemucs(), [DEMUCS]),
        (OpenUnmix(), sorted(openunmix._FILES.values())),
        (HTDemucs(), htdemucs._PUBLISHED["htdemucs"]),
        (HTDemucs("htdemucs_ft"), sorted(htdemucs._PUBLISHED["htdemucs_ft"])),
    ],
    ids=["demucs", "openunmix", "htdemucs", "htdemucs_ft"],
)
def test_each_published_file_counts(torch_cache, separator, names):
    before = file_digests(separator)
    assert list(before) == [f"weights/{name}" for name in names]
    (file,) = torch_cache.rglob(names[0])
    file.write_text("another network")
    after = file_digests(separator)
    assert [name for name in before if before[name] != after[name]] == [f"weights/{names[0]}"]
    members = Ensemble({"a": separator, "b": Spectral()})
    assert file_digests(members) == {f"members/a/{name}": x for name, x in after.items()}


def test_files_that_are_not_used_do_not_count(torch_cache, tmp_path):
    own = tmp_path / "own.pt"
    own.touch()
    assert list(file_digests(HybridDemucs(weights=own))) == ["weights"]
    (torch_cache / "torchaudio/models" / DEMUCS).unlink()
    assert file_digests(HybridDemucs()) == {}
    assert file_digests(HTDemucs) == {}  # a class, which has no weights of its own


def test_torch_is_not_loaded_to_find_them(torch_cache):
    program = (
        "import sys; from cadenza.separation.demucs import HybridDemucs; "
        "from cadenza.runner.plugins import file_digests; "
        "print(len(file_digests(HybridDemucs())), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1 False\n"


def test_a_journal_from_before_they_were_recorded():
    now = {"file_digests": {"separator": {f"weights/{DEMUCS}": "0123"}}}
    (line,) = settings_differences({"file_digests": {"separator": {}}}, now)
    assert line == f"  file_digests.separator.weights/{DEMUCS}: not recorded before, 0123 now"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The cache of the Hugging Face hub with small files in place of two published networks."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for instrument in ("Flute", "Oboe"):
        name = model_name(instrument, causal=False)
        folder = tmp_path / "hub" / f"models--cadenzachallenge--{name}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text("1")
        for file in ("config.json", "model.safetensors"):
            (folder / "snapshots" / "1").mkdir(parents=True, exist_ok=True)
            (folder / "snapshots" / "1" / file).write_text(instrument)
    return tmp_path / "hub"


def test_published_networks_belong_to_the_instruments_that_play(hub, tmp_path):
    """A run fetches only what it needs, and a later run or another shard may need more."""
    separator = ConvTasNetEnsemble()
    assert file_digests(separator) == {}
    files = instrument_files(separator, ["Flute", "Violin"])  # the violin's is not there
    assert [path.name for path in files] == ["config.json", "model.safetensors"]
    assert all("Flute" in str(path) for path in files)
    assert instrument_files(ConvTasNetEnsemble(models_dir=tmp_path), ["Flute"]) == ()
    name = model_name("Oboe", causal=False)
    assert list(file_digests(ConvTasNetInstrument(instrument="Oboe"))) == [
        f"weights/{name}/config.json",
        f"weights/{name}/model.safetensors",
    ]


class Halves:
    """An `InstrumentSeparator` with a file for each instrument; counts its calls."""

    def __init__(self, folder):
        self.folder, self.n_calls = folder, 0

    def files_of(self, instruments):
        return [self.folder / name for name in instruments]

    def __call__(self, mixture, *, sample_rate, instruments):
        self.n_calls += 1
        return dict.fromkeys(instruments, mixture / 2)


def test_kept_estimates_are_those_of_the_same_networks(tmp_path):
    audio.write_wav(tmp_path / "mixture.wav", np.full((2, 800), 0.5), 8000)
    families = {"Flute": "Flute", "Oboe": "Oboe"}
    sources = {name: SimpleNamespace(family=family) for name, family in families.items()}
    mixture = SimpleNamespace(start_s=0.0, duration_s=0.1)
    pair = SimpleNamespace(
        piece=SimpleNamespace(sources=sources, mixture=mixture),
        file=lambda _: tmp_path / "mixture.wav",
        gains_db=dict.fromkeys(families, 0.0),
    )
    separator = Halves(tmp_path)

    def estimate():
        options = CacheOptions("", tmp_path / "kept")
        estimator = EstimatedInstruments(separator, 8000, "fixed", options)
        estimates, _ = estimator(pair)
        assert list(estimates) == ["Flute", "Oboe"]
        return estimator.input_files(pair)

    for name in families:
        (tmp_path / name).write_text("1")
    assert [path.name for path in estimate()] == ["mixture.wav", "Flute", "Oboe"]
    estimate()
    assert separator.n_calls == 1
    (tmp_path / "Oboe").write_text("2")
    estimate()
    assert separator.n_calls == 2
