"""Separators around torch networks: weights, devices, normalisation, order of the sources.

The published weights are never downloaded here: networks have random weights, or are stand-ins.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from cadenza.errors import InputError
from cadenza.separation import demucs, openunmix, prepare, weights
from cadenza.separation.demucs import HybridDemucs
from cadenza.separation.device import find_device
from cadenza.separation.openunmix import OpenUnmix
from cadenza.stems import STEMS

SAMPLE_RATE = 44100


class Multiples(torch.nn.Module):
    """Stand-in for a network: output k is k + 1 times the input."""

    def __init__(self):
        super().__init__()
        self.inputs = []

    def forward(self, x):
        assert torch.is_inference_mode_enabled()
        self.inputs.append(x)
        return torch.stack([x, 2 * x, 3 * x, 4 * x], dim=1)


@pytest.fixture
def network(monkeypatch):
    network = Multiples()
    for separator in (HybridDemucs, OpenUnmix):
        monkeypatch.setattr(separator, "_load", lambda _self: network)
    return network


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Torch's cache in an empty folder, and no network."""

    def offline(url, *_args, **_kwargs):
        raise URLError(f"no route to {url.split('/')[2]}")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    return tmp_path / "hub"


def test_demucs_normalises_the_mid_signal_and_restores_level_and_offset(network, rng):
    """Dsp §13.1: (X - mean) / deviation goes in, deviation * s + mean comes out."""
    mixture = 0.05 * rng.standard_normal((2, 6000)) + [[0.02], [0.01]]
    original = mixture.copy()
    stems = HybridDemucs(device="cpu")(mixture, sample_rate=SAMPLE_RATE)

    (seen,) = network.inputs
    assert seen.dtype == torch.float32
    mid = seen[0].mean(dim=0)
    assert abs(mid.mean()) < 1e-6
    assert abs(mid.std(correction=0) - 1) < 1e-6
    mean = original.mean()
    assert list(stems) == ["drums", "bass", "other", "vocals"]
    for k, stem in enumerate(stems.values(), start=1):
        assert stem.dtype == np.float64
        np.testing.assert_allclose(stem, k * (original - mean) + mean, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(mixture, original)


def test_openunmix_gets_the_mixture_as_it_is(network, rng):
    mixture = 0.05 * rng.standard_normal((2, 6000)) + 0.02
    stems = OpenUnmix(device="cpu")(mixture, sample_rate=SAMPLE_RATE)
    np.testing.assert_array_equal(network.inputs[0][0].numpy(), mixture.astype(np.float32))
    assert list(stems) == ["vocals", "drums", "bass", "other"]
    for k, stem in enumerate(stems.values(), start=1):
        np.testing.assert_allclose(stem, k * mixture, rtol=1e-6)


@pytest.mark.parametrize(
    "mixture",
    [np.full((2, 5000), 0.1), np.outer([1, -1], np.sin(np.arange(5000)))],
    ids=["constant", "opposite channels"],
)
def test_a_mid_signal_without_variation_is_not_normalised(network, mixture):
    """B8."""
    stems = HybridDemucs(device="cpu")(mixture, sample_rate=SAMPLE_RATE)
    np.testing.assert_allclose(stems["bass"], 2 * mixture, rtol=1e-6)
    assert len(network.inputs) == 1


@pytest.mark.parametrize("separator", [HybridDemucs(), OpenUnmix()])
def test_silence_needs_no_weights(hub, separator):
    """B8."""
    stems = separator(np.zeros((2, 1000)), sample_rate=SAMPLE_RATE)
    assert all(not stem.any() for stem in stems.values())


@pytest.mark.parametrize("n_samples", [1, 4000])
def test_short_signals_are_padded_for_the_network(network, rng, n_samples):
    mixture = rng.standard_normal((2, n_samples))
    stems = OpenUnmix(device="cpu")(mixture, sample_rate=SAMPLE_RATE)
    assert network.inputs[0].shape == (1, 2, 4096)
    np.testing.assert_allclose(stems["drums"], 2 * mixture, rtol=1e-6)


def test_chunks_follow_the_settings_at_the_networks_rate(network, rng):
    separator = OpenUnmix(device="cpu", segment_s=1.0, overlap_s=0.1)
    separator(0.1 * rng.standard_normal((2, 60000)), sample_rate=22050)
    assert [x.shape[-1] for x in network.inputs] == [48510, 52920, 27390]


def test_devices_of_a_machine_without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device(None) == find_device("cpu") == torch.device("cpu")
    for name in ("gpu0", "cuda", "cuda:0"):
        with pytest.raises(InputError, match=rf"^no such device: {name} \(no CUDA GPU found\)$"):
            find_device(name)


def test_devices_of_a_machine_with_two_gpus(monkeypatch):
    """B20."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    names = {"gpu0": "cuda:0", "gpu1": "cuda:1", "cuda:1": "cuda:1", "cuda": "cuda", None: "cuda"}
    for name, expected in names.items():
        assert find_device(name) == torch.device(expected)
    for name in ("gpu2", "cuda:2"):
        with pytest.raises(InputError, match=rf"^no such device: {name} \(2 CUDA GPUs found\)$"):
            find_device(name)


def test_the_only_gpu_is_counted_in_the_singular(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"^no such device: cuda:1 \(1 CUDA GPU found\)$"):
        find_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "gpu-1", "cuda0", "tpu", "", "CPU", 0])
def test_unknown_devices_are_refused_before_anything_is_loaded(name):
    message = f"device must be null, cpu, .* or mps, got {name!r}"
    with pytest.raises(InputError, match=message):
        find_device(name)
    for separator in (HybridDemucs, OpenUnmix):
        with pytest.raises(InputError, match=message):
            separator(device=name)


@pytest.mark.parametrize("separator", [HybridDemucs, OpenUnmix])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segment_s": 0}, "segment_s must be positive, got 0"),
        ({"segment_s": float("nan")}, "segment_s must be positive, got nan"),
        ({"overlap_s": -0.1}, "overlap_s must be at least 0 and below segment_s, got -0.1"),
        ({"segment_s": 1.0, "overlap_s": 1.0}, "overlap_s must be at least 0 and below segment_s"),
    ],
)
def test_impossible_durations_are_refused_at_construction(separator, options, message):
    with pytest.raises(ValueError, match=message):
        separator(**options)


def test_durations_of_the_wrong_type_are_named():
    with pytest.raises(TypeError, match="segment_s must be a number, got '10'"):
        HybridDemucs(segment_s="10")


def test_mps_without_an_apple_gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"^no such device: mps \(no Apple GPU found\)$"):
        find_device("mps")


@pytest.mark.parametrize(
    ("separator", "files", "folder"),
    [
        (HybridDemucs(), [demucs._URL], "torchaudio/models"),
        (OpenUnmix(), list(openunmix._FILES.values()), "checkpoints"),
    ],
    ids=["demucs", "openunmix"],
)
def test_offline_one_message_names_the_files_and_where_to_put_them(hub, separator, files, folder):
    with pytest.raises(InputError) as caught:
        prepare(separator, STEMS)
    (message,) = caught.value.problems
    assert "no route to" in message
    assert all(file in message for file in files)
    assert f"put it into {hub / folder}" in message
    assert "or set the separator's weights to" in message


def test_the_device_is_checked_before_anything_is_downloaded(hub, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no such device: gpu7"):
        HybridDemucs(device="gpu7").prepare()


def test_what_is_in_the_cache_is_not_downloaded_again(hub):
    (hub / "some").mkdir(parents=True)
    (hub / "some" / "a.pt").touch()
    assert weights.download(["https://x.org/a.pt"], "some", instead="") == [hub / "some" / "a.pt"]
    with pytest.raises(InputError, match=r"get https://x.org/b.pt on"):
        weights.download(["https://x.org/a.pt", "https://x.org/b.pt"], "some", instead="")


def test_a_download_is_verified_by_its_name(hub, monkeypatch):
    seen = []
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: seen.append((a, k)))
    weights.download(["https://x.org/a-0123abcd.pth", "https://x.org/b.pt"], "some", instead="")
    assert [k["hash_prefix"] for _, k in seen] == ["0123abcd", None]
    assert seen[0][0] == ("https://x.org/a-0123abcd.pth", str(hub / "some" / "a-0123abcd.pth"))


def test_published_files_are_those_of_the_libraries(hub):
    """The place in the cache, too, so that what torchaudio has downloaded is found."""
    from torchaudio.pipelines import HDEMUCS_HIGH_MUSDB as BUNDLE
    from torchaudio.utils import _download_asset

    assert demucs._URL.endswith(f"/torchaudio/{BUNDLE._model_path}")
    assert tuple(BUNDLE._model_factory_func.keywords["sources"]) == HybridDemucs.sources
    assert BUNDLE.sample_rate == HybridDemucs.model_sample_rate
    file = hub / demucs._CACHE / Path(demucs._URL).name
    file.parent.mkdir(parents=True)
    file.touch()
    assert _download_asset(BUNDLE._model_path) == str(file)

    source = inspect.getsource(pytest.importorskip("openunmix").umxhq_spec)
    assert all(f'"{openunmix._URL}/{name}"' in source for name in openunmix._FILES.values())
    name = openunmix._FILES["bass"]
    (hub / openunmix._CACHE).mkdir()
    torch.save({"found": torch.ones(1)}, hub / openunmix._CACHE / name)
    assert "found" in torch.hub.load_state_dict_from_url(f"{openunmix._URL}/{name}")


@pytest.mark.slow
def test_demucs_with_random_weights_of_the_real_network(tmp_path, rng):
    from torchaudio.models import hdemucs_high

    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = hdemucs_high(sources=["drums", "bass", "other", "vocals"]).eval()
    path = tmp_path / "weights.pt"
    torch.save(network.state_dict(), path)
    separator = HybridDemucs(device="cpu", weights=path)
    prepare(separator, STEMS)
    mixture = 0.1 * rng.standard_normal((2, SAMPLE_RATE))
    stems = separator(mixture, sample_rate=SAMPLE_RATE)
    again = separator(mixture, sample_rate=SAMPLE_RATE)

    mid = mixture.mean(axis=0)
    x = torch.from_numpy((mixture - mid.mean()) / mid.std()).float()
    with torch.inference_mode():
        expected = network(x[None])[0].numpy() * mid.std() + mid.mean()
    for k, name in enumerate(["drums", "bass", "other", "vocals"]):
        np.testing.assert_allclose(stems[name], expected[k], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(stems[name], again[name])
    wrong = replace(separator, sha256="00000000")
    with pytest.raises(InputError, match="begins with 00000000"):
        wrong.prepare()


def test_demucs_refuses_weights_of_another_network(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.ones(1)}, path)
    with pytest.raises(InputError, match="expected weights of HDemucs, found others"):
        HybridDemucs(device="cpu", weights=str(path)).prepare()


def test_openunmix_with_random_weights_of_the_real_network(tmp_path, rng):
    umxhq = pytest.importorskip("openunmix").umxhq
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = umxhq(niter=0, pretrained=False).eval()
    window = torch.hann_window(4096)  # the published files hold it, too
    for name, part in network.target_models.items():
        state = {**part.state_dict(), "stft.window": window, "sample_rate": torch.tensor(44100)}
        torch.save(state, tmp_path / f"{name}.pth")
    separator = OpenUnmix(device="cpu", weights=tmp_path)
    prepare(separator, STEMS)
    mixture = 0.1 * rng.standard_normal((2, SAMPLE_RATE))
    stems = separator(mixture, sample_rate=SAMPLE_RATE)

    with torch.inference_mode():
        expected = network(torch.from_numpy(mixture).float()[None])[0].numpy()
    for k, name in enumerate(["vocals", "drums", "bass", "other"]):
        np.testing.assert_allclose(stems[name], expected[k], rtol=0, atol=1e-6)
    assert np.std(expected, axis=0).min() > 0  # the networks differ, so the order is tested


def test_openunmix_names_every_missing_file(tmp_path):
    (tmp_path / "drums.pth").touch()
    (tmp_path / "bass.pth").touch()
    (tmp_path / "bass-8d85a5bd.pth").touch()
    with pytest.raises(InputError) as caught:
        OpenUnmix(device="cpu", weights=tmp_path).prepare()
    found = [problem.split(";")[0].rpartition("one file ")[2] for problem in caught.value.problems]
    assert found == [
        "vocals.pth or vocals-<SHA-256>.pth, found 0",
        "bass.pth or bass-<SHA-256>.pth, found 2",
        "other.pth or other-<SHA-256>.pth, found 0",
    ]


def test_openunmix_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "openunmix", None)
    with pytest.raises(InputError, match=r"installed \(1\.3.*\) but cannot be imported: import of"):
        OpenUnmix(device="cpu").prepare()

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(InputError, match=r"not installed: pip install 'openunmix"):
        OpenUnmix(device="cpu").prepare()
