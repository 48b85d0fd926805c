"""BS-RoFormer and Mel-Band RoFormer: seeded random weights in the real architectures, small."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from cadenza.errors import InputError
from cadenza.runner.plugins import file_digests
from cadenza.separation import prepare, roformer_files
from cadenza.separation.roformer import Roformer
from cadenza.separation.windowed_mean import windowed_mean
from cadenza.stems import STEMS

from .roformer_networks import BANDS, CHUNK, KINDS, SAMPLE_RATE, SONG, VOCALS, configuration, write
from .roformer_oracle import bs_roformer


@pytest.fixture
def mixture(rng):
    return 0.1 * rng.standard_normal((2, 3 * SAMPLE_RATE)) + [[0.02], [0.01]]


def apply(network, mixture):
    with torch.inference_mode():
        return network(torch.from_numpy(mixture).float()[None])[0].numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_one_chunk_is_what_the_network_gives(tmp_path, mixture, kind):
    separator, network = write(tmp_path, configuration(kind, inference={"num_overlap": 1}))
    assert "!!python/tuple" in separator.model_config.read_text()
    prepare(separator, STEMS)
    chunk = mixture[:, :CHUNK]
    original = chunk.copy()
    stems = separator(chunk, sample_rate=SAMPLE_RATE)
    expected = apply(network, chunk)
    assert list(stems) == SONG["instruments"]
    for stem, wanted in zip(stems.values(), expected, strict=True):
        assert stem.dtype == np.float64
        np.testing.assert_allclose(stem, wanted, rtol=0, atol=1e-6)
    assert np.std(expected, axis=0).min() > 0  # the outputs differ, so the order is tested
    np.testing.assert_array_equal(chunk, original)
    again = separator(chunk, sample_rate=SAMPLE_RATE)
    assert all(np.array_equal(again[name], stems[name]) for name in stems)


def test_bs_roformer_is_that_of_the_paper(tmp_path, mixture):
    separator, network = write(tmp_path, configuration("bs", inference={"num_overlap": 1}))
    chunk = mixture[:, :CHUNK]
    expected = bs_roformer(network.state_dict(), chunk, bands=BANDS, n_stems=4)
    stems = separator(chunk, sample_rate=SAMPLE_RATE)
    np.testing.assert_allclose(list(stems.values()), expected, rtol=0, atol=1e-6)


GOLDEN = {
    "bs": (
        [0.029548, 0.024876, 0.035856, 0.025718],
        [-0.011478, -0.000299, -0.012131, -0.008704],
    ),
    "mel_band": (
        [0.031234, 0.034166, 0.039169, 0.044165],
        [-0.045052, -0.046781, -0.045347, -0.039427],
    ),
}
"""Standard deviation of each stem and its sample 2000 on the left, with weights that are sines.

Recorded with torch 2.11.0, BS-RoFormer 0.3.10 and rotary-embedding-torch 0.9.1 on a CPU. Another
version of a package may not change them.
"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimates_stay_what_they_were(tmp_path, kind):
    separator, network = write(tmp_path, configuration(kind, inference={"num_overlap": 1}))
    state = network.state_dict()
    for k, name in enumerate(sorted(state)):
        values = 0.2 * np.sin(1.3 * np.arange(state[name].numel()) + 0.7 * k)
        values += name.endswith("gamma")  # the factor of a normalisation is about 1
        state[name] = torch.from_numpy(values).float().reshape(state[name].shape)
    torch.save(state, tmp_path / "model.ckpt")
    t = 2 * np.pi * np.arange(4410) / SAMPLE_RATE
    music = 0.1 * np.stack([np.sin(440 * t), np.sin(660 * t + 1) + 0.5 * np.sin(3000 * t)])
    stems = separator(music, sample_rate=SAMPLE_RATE).values()
    deviations, samples = GOLDEN[kind]
    # single precision; the order of sums depends on the machine
    np.testing.assert_allclose([stem.std() for stem in stems], deviations, rtol=0, atol=1e-5)
    np.testing.assert_allclose([stem[0, 2000] for stem in stems], samples, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_chunks_are_joined_to_what_the_whole_gives(tmp_path, mixture, kind):
    """The networks attend to all of a chunk, so that noise gives a difference of a few per cent."""
    separator, network = write(tmp_path, configuration(kind))
    stems = separator(mixture, sample_rate=SAMPLE_RATE)
    whole = apply(network, mixture)
    middle = slice(SAMPLE_RATE, 2 * SAMPLE_RATE)
    for stem, wanted in zip(stems.values(), whole, strict=True):
        error = stem[:, middle] - wanted[:, middle]
        assert np.std(error) < 0.1 * np.std(wanted[:, middle])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_for_vocals_gives_vocals_and_rest(tmp_path, mixture, kind):
    separator, network = write(tmp_path, configuration(kind, VOCALS, {"num_overlap": 1}))
    chunk = mixture[:, :CHUNK]
    stems = separator(chunk, sample_rate=SAMPLE_RATE)
    assert list(stems) == ["vocals", "rest"]
    np.testing.assert_allclose(stems["vocals"], apply(network, chunk), rtol=0, atol=1e-6)
    np.testing.assert_allclose(sum(stems.values()), chunk, rtol=0, atol=1e-12)
    with pytest.raises(
        InputError, match=r"got vocals, rest: the configuration .*config.yaml is th"
    ):
        prepare(separator, STEMS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("instruments", "target", "sources"),
    [
        (["vocals", "other"], "other", ["rest", "vocals"]),
        (["Vocals", "Instrumental"], "Vocals", ["vocals", "rest"]),
        (["vocals", "instrumental"], None, ["vocals", "rest"]),
        (["vocals", "bass", "drums", "other"], "drums", ["drums", "rest"]),
        (["Vocals", "Drums", "Bass", "Other"], None, list(STEMS)),
    ],
)
def test_names_of_the_stems(tmp_path, mixture, instruments, target, sources):
    training = {"instruments": instruments, "target_instrument": target}
    separator, _ = write(tmp_path, configuration(training=training))
    assert list(separator.sources) == sources
    stems = separator(mixture[:, :20000], sample_rate=SAMPLE_RATE)
    assert list(stems) == sources


def test_the_level_of_the_music_does_not_matter_if_it_is_normalised(tmp_path, mixture):
    """The spectrum is normalised in each band in any case; what remains is the epsilon of that."""
    content = configuration(inference={"normalize": True, "num_overlap": 1})
    separator, network = write(tmp_path, content)
    chunk = mixture[:, :CHUNK]
    quiet = separator(1e-6 * chunk, sample_rate=SAMPLE_RATE)
    loud = separator(chunk, sample_rate=SAMPLE_RATE)
    mid = chunk.mean(axis=0)
    expected = apply(network, (chunk - mid.mean()) / mid.std()) * mid.std() + mid.mean()
    for k, name in enumerate(loud):
        np.testing.assert_allclose(1e6 * quiet[name], loud[name], rtol=0, atol=1e-5)
        np.testing.assert_allclose(loud[name], expected[k], rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("refine", ["residual", "wiener"])
def test_refined_stems_add_up(tmp_path, mixture, refine):
    separator = replace(write(tmp_path)[0], refine=refine)
    chunk = mixture[:, :CHUNK]
    stems = separator(chunk, sample_rate=SAMPLE_RATE)
    np.testing.assert_allclose(sum(stems.values()), chunk, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("n_samples", [1, 5000, 30000])
def test_music_shorter_than_a_chunk(tmp_path, rng, n_samples):
    mixture = 0.1 * rng.standard_normal((2, n_samples))
    stems = write(tmp_path)[0](mixture, sample_rate=SAMPLE_RATE)
    assert all(stem.shape == mixture.shape and np.isfinite(stem).all() for stem in stems.values())


def test_a_chunk_that_is_no_whole_number_of_hops(tmp_path, rng):
    content = configuration(training=VOCALS)
    content["audio"]["chunk_size"] = 10_000
    mixture = 0.1 * rng.standard_normal((2, 25_000))
    stems = write(tmp_path, content)[0](mixture, sample_rate=SAMPLE_RATE)
    assert stems["vocals"].shape == mixture.shape


@pytest.mark.slow
def test_progress_within_a_song(tmp_path, mixture, capsys):
    separator = replace(write(tmp_path)[0], num_overlap=1, progress=True)
    separator(mixture, sample_rate=SAMPLE_RATE)
    assert re.search(r"separating.* \d/3 ", capsys.readouterr().err)
    replace(separator, progress=False)(mixture, sample_rate=SAMPLE_RATE)
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


@pytest.mark.slow
def test_no_warnings_of_the_package(tmp_path, mixture, recwarn):
    write(tmp_path)[0](mixture[:, :CHUNK], sample_rate=SAMPLE_RATE)
    assert [str(w.message) for w in recwarn] == []


@pytest.mark.slow
@pytest.mark.parametrize("wrap", ["state_dict", "state", "model_state_dict"])
def test_weights_within_a_checkpoint(tmp_path, wrap):
    separator, network = write(tmp_path, wrap=wrap)
    loaded = separator._network.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in network.state_dict().items())


@pytest.mark.slow
def test_weights_as_safetensors(tmp_path):
    separator, network = write(tmp_path)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "a.safetensors")
    loaded = replace(separator, weights=tmp_path / "a.safetensors")._network.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in state.items())


def test_both_files_are_recorded_with_results(tmp_path):
    assert set(file_digests(write(tmp_path)[0])) == {"weights", "model_config"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_overlap": 0}, "num_overlap must be"),
        ({"num_overlap": 1_000_000}, "num_overlap must be at most 100, got 1000000"),
        ({"device": "tpu"}, "device must be null, cpu, .* got 'tpu'"),
        ({"refine": "x"}, "refine must be one of none, residual, wiener, got 'x'"),
        ({"sha256": 12}, "sha256 must be a text .* put it into quotes"),
        ({"weights": None}, "weights must be a file, got None"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        Roformer(**{"weights": "a", "model_config": "b", **options})


def test_the_device_is_checked_before_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    separator = replace(write(tmp_path)[0], device="gpu7", weights=tmp_path / "none.ckpt")
    with pytest.raises(InputError, match="no such device: gpu7"):
        prepare(separator, STEMS)


@pytest.mark.parametrize("n_overlaps", [1, 2, 3, 4])
@pytest.mark.parametrize("n_samples", [1, 99, 100, 101, 149, 150, 151, 777])
def test_windows_average_to_one(rng, n_overlaps, n_samples):
    x = rng.standard_normal((2, n_samples))
    lengths = []

    def double(chunk):
        lengths.append(chunk.shape[1])
        return np.stack([2 * chunk, -chunk])

    result = windowed_mean(double, x, n_sources=2, length=100, n_overlaps=n_overlaps)
    np.testing.assert_allclose(result, [2 * x, -x], rtol=1e-12, atol=1e-12)
    assert set(lengths) == {100}


def test_windows_fade_and_the_ends_are_reflected():
    """Two overlaps: the second chunk counts nothing at its start, one after a tenth of it."""
    chunks = []

    def numbered(chunk):
        chunks.append(chunk)
        return np.full((1, *chunk.shape), float(len(chunks)))

    x = np.arange(1000.0)[None]
    result = windowed_mean(numbered, x, n_sources=1, length=100, n_overlaps=2)[0, 0]
    np.testing.assert_array_equal(chunks[0][0], [*range(50, 0, -1), *range(50)])
    assert result[0] == 1  # the second chunk starts here, with no weight
    assert result[25] == 1.5  # both count fully
    assert result[49] == 2  # the first has faded out
    for options in ({"length": 0, "n_overlaps": 1}, {"length": 10, "n_overlaps": 11}):
        with pytest.raises(ValueError, match="must be"):
            windowed_mean(numbered, x, n_sources=1, **options)
    with pytest.raises(ValueError, match="model must return shape"):
        windowed_mean(numbered, x, n_sources=2, length=100, n_overlaps=2)


PUBLISHED = {
    "bs": (roformer_size := {"dim": 512, "depth": 12, "heads": 8, "dim_head": 64}),
    "mel_band": {**roformer_size, "dim": 384, "depth": 6},
}


@pytest.mark.parametrize(("kind", "n_millions"), [("bs", 159.8), ("mel_band", 228.2)])
def test_the_published_sizes(kind, n_millions, tmp_path):
    """Networks for vocals as they are shared; only counted, their weights have no memory."""
    (tmp_path / "a.yaml").write_text(yaml.dump(configuration(kind, VOCALS, **PUBLISHED[kind])))
    with torch.device("meta"):
        config = roformer_files.read_config(tmp_path / "a.yaml")
        network = roformer_files.build(config)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(n_millions, abs=0.1)
