"""Hybrid Transformer Demucs: seeded random weights in the real architecture, small.

The published weights are never downloaded.
"""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from importlib import metadata

import numpy as np
import pytest
import torch
import yaml

from cadenza.errors import InputError
from cadenza.runner.plugins import file_digests
from cadenza.separation import htdemucs, prepare
from cadenza.separation.htdemucs import HTDemucs
from cadenza.separation.htdemucs_files import read_network
from cadenza.stems import STEMS

from .htdemucs_networks import SOURCES, small_network, write, write_safetensors

pytest.importorskip("demucs", reason="the optional package demucs is not installed")
from demucs import pretrained, states
from demucs.apply import apply_model
from demucs.hf import load_safetensors_model

SAMPLE_RATE = 44100


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("htdemucs"))


@pytest.fixture
def mixture(rng):
    return 0.1 * rng.standard_normal((2, SAMPLE_RATE)) + [[0.02], [0.01]]


def by_the_package(network, mixture):
    """What the package's own separator does with a mixture, except for its random shifts."""
    signal = torch.from_numpy(mixture).float()
    mid = signal.mean(0)
    normalised = (signal - mid.mean()) / mid.std()
    estimates = apply_model(network, normalised[None], shifts=0)[0]
    return (estimates * mid.std() + mid.mean()).numpy()


def test_the_stems_are_those_of_the_package(path, mixture):
    original = mixture.copy()
    separator = HTDemucs(device="cpu", weights=path)
    prepare(separator, STEMS)
    stems = separator(mixture, sample_rate=SAMPLE_RATE)
    expected = by_the_package(states.load_model(path).eval(), mixture)
    assert list(stems) == SOURCES
    for stem, wanted in zip(stems.values(), expected, strict=True):
        assert stem.dtype == np.float64
        # The package divides by N - 1 where we divide by N
        np.testing.assert_allclose(stem, wanted, rtol=0, atol=1e-5)
    assert np.std(expected, axis=0).min() > 0  # the outputs differ, so the order is tested
    np.testing.assert_array_equal(mixture, original)
    again = separator(mixture, sample_rate=SAMPLE_RATE)
    assert all(np.array_equal(again[name], stems[name]) for name in SOURCES)


def test_chunks_are_joined_to_what_the_whole_gives(tmp_path, rng):
    """Without its transformer, which sees all of a chunk and counts from its start.

    Each chunk is still normalised by itself, so that noise gives a difference of a few per cent.
    The chunks begin on the grid of the network's strides, 256 samples.
    """
    mixture = 0.1 * rng.standard_normal((2, 3 * SAMPLE_RATE))
    segment = Fraction(172 * 256, SAMPLE_RATE)
    network = small_network(use_train_segment=False, segment=segment, t_layers=0)
    path = write(tmp_path, network=network)
    stems = HTDemucs(device="cpu", weights=path)(mixture, sample_rate=SAMPLE_RATE)
    with torch.inference_mode():
        whole = read_network(path).eval()(torch.from_numpy(mixture).float()[None])[0].numpy()
    middle = slice(SAMPLE_RATE, 2 * SAMPLE_RATE)
    for stem, wanted in zip(stems.values(), whole, strict=True):
        error = stem[:, middle] - wanted[:, middle]
        assert np.std(error) < 0.1 * np.std(wanted[:, middle])


def test_the_level_of_the_music_does_not_matter(path, mixture):
    separator = HTDemucs(device="cpu", weights=path)
    quiet = separator(0.001 * mixture, sample_rate=SAMPLE_RATE)
    loud = separator(mixture, sample_rate=SAMPLE_RATE)
    for name in SOURCES:
        np.testing.assert_allclose(1000 * quiet[name], loud[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_samples", [1, 5000])
def test_music_shorter_than_a_segment(path, rng, n_samples):
    mixture = 0.1 * rng.standard_normal((2, n_samples))
    stems = HTDemucs(device="cpu", weights=path)(mixture, sample_rate=SAMPLE_RATE)
    assert all(stem.shape == mixture.shape and np.isfinite(stem).all() for stem in stems.values())


@pytest.mark.parametrize("refine", ["residual", "wiener"])
def test_refined_stems_add_up(path, mixture, refine):
    stems = HTDemucs(device="cpu", weights=path, refine=refine)(mixture, sample_rate=SAMPLE_RATE)
    np.testing.assert_allclose(sum(stems.values()), mixture, rtol=0, atol=1e-10)


def test_progress_within_a_song(path, mixture, capsys):
    HTDemucs(device="cpu", weights=path, progress=True)(mixture, sample_rate=SAMPLE_RATE)
    assert re.search(r"separating.* \d/3 ", capsys.readouterr().err)
    HTDemucs(device="cpu", weights=path, progress=False)(mixture, sample_rate=SAMPLE_RATE)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_the_fine_tuned_bag_takes_each_source_from_its_network(tmp_path, mixture):
    signatures = [name.partition("-")[0] for name in htdemucs._PUBLISHED["htdemucs_ft"]]
    for seed, signature in enumerate(signatures):
        write(tmp_path, signature, small_network(seed))
    bag = HTDemucs("htdemucs_ft", device="cpu", weights=tmp_path)
    stems = bag(mixture, sample_rate=SAMPLE_RATE)
    for source, signature in zip(SOURCES, signatures, strict=True):
        (file,) = tmp_path.glob(f"{signature}-*")
        single = HTDemucs(device="cpu", weights=file)(mixture, sample_rate=SAMPLE_RATE)
        np.testing.assert_allclose(stems[source], single[source], rtol=0, atol=1e-7)
    assert set(file_digests(bag)) == {f"weights/{p.name}" for p in tmp_path.iterdir()}


def test_a_bag_of_ones_own(tmp_path, mixture):
    networks = [small_network(1), small_network(2)]
    write(tmp_path, "first", networks[0])
    write_safetensors(tmp_path / "second.safetensors", networks[1])
    shares = [[1, 3, 0, 1], [1, 1, 1, 0]]
    content = {"models": ["first", "second"], "weights": shares}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    stems = HTDemucs("mine", device="cpu", weights=tmp_path)(mixture, sample_rate=SAMPLE_RATE)
    networks[0].load_state_dict(networks[0].half().float().state_dict())
    single = [by_the_package(network, mixture) for network in networks]
    for k, name in enumerate(SOURCES):
        share = shares[0][k] / (shares[0][k] + shares[1][k])
        expected = share * single[0][k] + (1 - share) * single[1][k]
        np.testing.assert_allclose(stems[name], expected, rtol=0, atol=1e-4)


def test_safetensors_are_read_as_by_the_package(tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", small_network())
    expected = load_safetensors_model(path).state_dict()
    found = read_network(path)
    assert found.segment == Fraction(1, 2)
    assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())


def test_published_files_are_those_of_the_package():
    urls = pretrained._parse_remote_files(pretrained.REMOTE_ROOT / "files.txt")
    for model, names in htdemucs._PUBLISHED.items():
        bag = yaml.safe_load((pretrained.REMOTE_ROOT / f"{model}.yaml").read_text())
        assert [urls[name] for name in bag["models"]] == [f"{htdemucs._URL}/{n}" for n in names]
        shares = bag.get("weights", [[1.0]])
        assert np.array_equal(shares, np.eye(len(names)))
    assert tuple(pretrained.SOURCES) == HTDemucs.sources


@pytest.mark.parametrize("model", ["htdemucs", "htdemucs_ft"])
def test_missing_weights_are_named_and_not_downloaded(tmp_path, monkeypatch, model):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", pytest.fail)
    with pytest.raises(InputError) as caught:
        prepare(HTDemucs(model, device="cpu"), STEMS)
    (message,) = caught.value.problems
    assert all(f"{htdemucs._URL}/{name}" in message for name in htdemucs._PUBLISHED[model])
    assert f"into {tmp_path / 'hub' / 'checkpoints'}" in message


def test_weights_in_the_cache_are_found_and_verified(tmp_path, monkeypatch, path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (cache / htdemucs._PUBLISHED["htdemucs"][0]).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="expected a SHA-256 that begins with 8726e21a, found"):
        HTDemucs(device="cpu").prepare()


def test_without_the_package(monkeypatch, path):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(
        InputError, match=r"^Hybrid Transformer Demucs needs .*: pip install 'demuc"
    ):
        HTDemucs(device="cpu", weights=path).prepare()


def test_a_package_that_cannot_be_imported(monkeypatch, path):
    """As version 4.0 without dora: it is installed, and what is missing is something else."""
    monkeypatch.setitem(sys.modules, "demucs.htdemucs", None)
    message = r"demucs, which is installed \(4\.1.*\) but cannot be imported: import of demucs\.ht"
    with pytest.raises(InputError, match=message) as caught:
        HTDemucs(device="cpu", weights=path).prepare()
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize("version", ["4.0.1", "4.10.0", "5.0"])
def test_another_version_of_the_package(monkeypatch, path, version):
    monkeypatch.setattr(metadata, "version", lambda _name: version)
    with pytest.raises(InputError) as caught:
        HTDemucs(device="cpu", weights=path).prepare()
    assert caught.value.problems == [
        (
            f"Hybrid Transformer Demucs needs demucs 4.1, but demucs {version} is installed: "
            "pip install 'demucs>=4.1,<4.2'"
        )
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "mdx"}, "model must be one of htdemucs, htdemucs_ft, got 'mdx'"),
        ({"overlap": 1.0}, "overlap must be from 0 to 0.9, got 1.0"),
        ({"device": "tpu"}, "device must be null, cpu, .* got 'tpu'"),
        ({"refine": "x"}, "refine must be one of none, residual, wiener, got 'x'"),
        ({"sha256": "12"}, "sha256 is the checksum of weights, which must be one file, got null"),
        ({"sha256": 12, "weights": "x"}, "sha256 must be a text .* put it into quotes"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        HTDemucs(**options)


def test_the_device_is_checked_before_files(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no such device: gpu7"):
        HTDemucs(device="gpu7", weights="nowhere").prepare()


@pytest.mark.slow
def test_the_published_size(tmp_path, rng):
    """One segment in 42 million parameters."""
    network = small_network(
        channels=48,
        dconv_comp=8,
        depth=4,
        nfft=4096,
        segment=Fraction(39, 5),
        t_layers=5,
        t_heads=8,
        bottom_channels=512,
        dconv_mode=3,
    )
    assert sum(p.numel() for p in network.parameters()) == 41_984_456
    path = write(tmp_path, network=network)
    assert 83e6 < path.stat().st_size < 86e6
    mixture = 0.1 * rng.standard_normal((2, 5 * SAMPLE_RATE))
    stems = HTDemucs(device="cpu", weights=path)(mixture, sample_rate=SAMPLE_RATE)
    assert all(stem.shape == mixture.shape and np.isfinite(stem).all() for stem in stems.values())
