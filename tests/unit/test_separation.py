"""Separation: the protocol and what all separators share, the oracle, the configurations."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cadenza import audio
from cadenza.errors import InputError
from cadenza.separation import Excerpt, FileSeparator, input_files, prepare, separate, separate_file
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.oracle import Oracle
from cadenza.separation.refine import refined
from cadenza.separation.spectral import Spectral
from cadenza.stems import INSTRUMENTS
from tests.conftest import REPOSITORY, tone

SAMPLE_RATE = 44100
SOURCES = ("voice", "rest")


class Shares:
    """A user's separator: no base class, fixed shares of the mixture."""

    sources = SOURCES

    def __call__(self, mixture, *, sample_rate):
        assert sample_rate == SAMPLE_RATE
        return {"voice": 0.25 * mixture, "rest": 0.75 * mixture}


def shares(mixture):
    return np.stack([0.25 * mixture, 0.75 * mixture])


def run(mixture, model=shares, *, model_sample_rate=SAMPLE_RATE):
    return separate(
        model,
        mixture,
        sources=SOURCES,
        sample_rate=SAMPLE_RATE,
        model_sample_rate=model_sample_rate,
    )


def test_stems_get_the_names_in_the_models_order(rng):
    mixture = rng.standard_normal((2, 500))
    original = mixture.copy()
    stems = run(mixture)
    assert list(stems) == ["voice", "rest"]
    np.testing.assert_array_equal(stems["voice"], 0.25 * original)
    np.testing.assert_array_equal(mixture, original)


@pytest.mark.parametrize("n_samples", [44100, 44101, 44102, 44103])
@pytest.mark.parametrize("model_sample_rate", [16000, 48000])
def test_other_model_rate_is_resampled_along_time_and_back(n_samples, model_sample_rate):
    """B7."""
    mixture = np.stack([tone(n_samples), -0.5 * tone(n_samples)])
    seen = []

    def model(x):
        seen.append(x.shape)
        return shares(x)

    stems = run(mixture, model, model_sample_rate=model_sample_rate)
    assert seen == [(2, int(n_samples * model_sample_rate / SAMPLE_RATE + 0.5))]
    middle = slice(2000, -2000)  # the signal begins and ends abruptly
    for name, share in (("voice", 0.25), ("rest", 0.75)):
        assert stems[name].shape == mixture.shape
        np.testing.assert_allclose(stems[name][:, middle], share * mixture[:, middle], atol=1e-4)


def test_silence_gives_silence_without_asking_the_model(caplog):
    """B8."""
    with caplog.at_level(logging.WARNING):
        stems = run(np.zeros((2, 300)), model=None)
    assert "silent mixture" in caplog.text
    assert all(stem.shape == (2, 300) and not stem.any() for stem in stems.values())


@pytest.mark.parametrize("shape", [(400,), (1, 400)])
def test_mono_is_used_for_both_channels(rng, caplog, shape):
    """B9."""
    mono = rng.standard_normal(shape)
    with caplog.at_level(logging.WARNING):
        stems = run(mono)
    assert "mono" in caplog.text
    np.testing.assert_array_equal(stems["rest"], 0.75 * np.stack([mono.ravel(), mono.ravel()]))


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        (np.ones((3, 10)), r"mixture must have 1 or 2 channels, got shape \(3, 10\)"),
        (np.ones((2, 2, 10)), "mixture must have 1 or 2 axes"),
        (np.full((2, 10), np.nan), "mixture must be finite"),
    ],
)
def test_bad_mixtures(mixture, message):
    with pytest.raises(ValueError, match=message):
        run(mixture)


def test_separate_file_reads_any_rate_and_mono(tmp_path, caplog):
    audio.write_wav(tmp_path / "mixture.wav", 0.5 * tone(48000, 48000), 48000)
    stems = separate_file(Shares(), tmp_path / "mixture.wav", sample_rate=SAMPLE_RATE)
    mixture, _ = audio.read(tmp_path / "mixture.wav", sample_rate=SAMPLE_RATE, channels=2)
    assert mixture.shape == (2, 44100)
    np.testing.assert_array_equal(stems["rest"], 0.75 * mixture)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x: {"voice": x}, r"must return the stems \['voice', 'rest'\], got \['voice'\]"),
        (lambda x: np.stack([x, x]), "must return the stems .*, got ndarray"),
        (lambda x: {"voice": x, "rest": x[:1]}, r"stem rest of .* must have the shape \(2, 100\)"),
        (lambda x: {"voice": x, "rest": x.T}, "stem rest of .* must have time on the last axis"),
        (lambda x: {"voice": x * np.nan, "rest": x}, "stem voice of .* must be finite"),
    ],
)
def test_separate_file_checks_what_a_users_separator_returns(tmp_path, rng, result, message):
    class Mistaken(Shares):
        def __call__(self, mixture, *, sample_rate):
            return result(mixture)

    audio.write_wav(tmp_path / "mixture.wav", 0.1 * rng.standard_normal((2, 100)), SAMPLE_RATE)
    with pytest.raises(ValueError, match=message):
        separate_file(Mistaken(), tmp_path / "mixture.wav", sample_rate=SAMPLE_RATE)


def test_separate_file_names_a_missing_mixture(tmp_path):
    with pytest.raises(InputError, match=r"mixture.wav: file not found"):
        separate_file(Shares(), tmp_path / "mixture.wav", sample_rate=SAMPLE_RATE)


def test_prepare_lets_the_separator_load_what_it_needs():
    loaded = []

    class Loading(Shares):
        def prepare(self):
            loaded.append(self)

    separator = Loading()
    prepare(separator, ["rest", "voice"])
    assert loaded == [separator]
    prepare(Shares(), SOURCES)  # a separator that has nothing to load


def test_prepare_compares_the_sources():
    with pytest.raises(InputError, match="Shares must have the sources vocals, rest, got voice"):
        prepare(Shares(), ("vocals", "rest"))
    with pytest.raises(InputError, match="got no attribute sources"):
        prepare(lambda mixture, *, sample_rate: {}, SOURCES)


@pytest.fixture
def song(tmp_path, rng):
    """Folder of a song with stems and, as the oracle does not need it, no mixture."""
    for name in ("vocals", "drums", "other"):
        audio.write_wav(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal((2, 800)), SAMPLE_RATE)
    audio.write_flac(tmp_path / "bass.flac", 0.1 * rng.standard_normal((2, 800)), SAMPLE_RATE)
    return tmp_path


def test_oracle_gives_the_stems_exactly_as_they_are_in_the_files(song):
    stems = separate_file(Oracle(), song / "mixture.wav", sample_rate=SAMPLE_RATE)
    assert set(stems) == {"vocals", "drums", "bass", "other"}
    for name, stem in stems.items():
        file = song / f"{name}.{'flac' if name == 'bass' else 'wav'}"
        np.testing.assert_array_equal(stem, audio.read(file)[0])
        assert stem.dtype == np.float64


def test_oracle_refines_with_the_mixture_beside_the_stems(song, rng):
    stems = Oracle().separate_file(song / "mixture.wav", sample_rate=SAMPLE_RATE)
    mixture = sum(stems.values()) + 0.01 * rng.standard_normal(stems["vocals"].shape)
    audio.write_wav(song / "mixture.wav", mixture, SAMPLE_RATE)
    mixture, _ = audio.read(song / "mixture.wav")
    for name in ("residual", "wiener"):
        found = Oracle(refine=name).separate_file(song / "mixture.wav", sample_rate=SAMPLE_RATE)
        expected = refined(stems, mixture, name)
        for source in stems:
            np.testing.assert_array_equal(found[source], expected[source])
    with pytest.raises(InputError, match="refine must be one of none, residual, wiener, got None"):
        Oracle(refine=None)


def test_oracle_refines_the_sources_of_a_piece(song):
    piece = {name: Excerpt(song / f"{name}.wav", 0.0, 0.01) for name in ("vocals", "drums")}
    mixture = Excerpt(song / "vocals.wav", 0.005, 0.01)
    options = {"mixture": mixture, "sample_rate": SAMPLE_RATE}
    plain = Oracle().read_sources(piece, **options)
    found = Oracle(refine="residual").read_sources(piece, **options)
    whole, _ = audio.read(song / "vocals.wav", start_s=0.005, duration_s=0.01, channels=2)
    np.testing.assert_allclose(sum(found.values()), whole, rtol=0, atol=1e-12)
    for source, signal in plain.items():
        np.testing.assert_allclose(
            found[source] - signal, (whole - sum(plain.values())) / 2, rtol=0, atol=1e-12
        )


def test_oracle_names_its_files_and_others_only_the_mixture(song):
    mixture = song / "mixture.wav"
    assert isinstance(Oracle(), FileSeparator)
    assert [p.name for p in input_files(Oracle(), mixture)] == [
        "mixture.wav",
        "vocals.wav",
        "drums.wav",
        "bass.flac",
        "other.wav",
    ]
    assert input_files(Shares(), mixture) == (mixture,)


def test_oracle_needs_all_stems_in_one_length(song, rng):
    audio.write_wav(song / "drums.wav", 0.1 * rng.standard_normal((2, 801)), SAMPLE_RATE)
    with pytest.raises(InputError, match=r"stems of one length, found .*'drums': 801"):
        separate_file(Oracle(), song / "mixture.wav", sample_rate=SAMPLE_RATE)
    (song / "drums.wav").unlink()
    with pytest.raises(InputError, match=r"drums.wav: file not found"):
        separate_file(Oracle(), song / "mixture.wav", sample_rate=SAMPLE_RATE)


CONFIGS = sorted((REPOSITORY / "configs" / "separator").glob("*.yaml"))


@pytest.mark.parametrize("path", [p for p in CONFIGS if p.stem != "custom"], ids=lambda p: p.stem)
def test_configuration_builds_its_separator_with_the_librarys_defaults(path: Path):
    block = OmegaConf.load(path)
    needed = {key: "given" for key in block if OmegaConf.is_missing(block, key)}
    block = OmegaConf.merge(block, needed)
    separator = instantiate(block, _convert_="all")
    if path.stem == "ensemble":
        needed = {"members": {"network": ConvTasNetVDBO(), "spectral": Spectral()}}
        needed["weights"] = {"network": 1.0, "spectral": 1.0}
    if path.stem == "htdemucs_ft":
        needed = {"model": "htdemucs_ft"}
    assert separator == type(separator)(**needed)
    if path.stem != "roformer":  # its sources are in the user's file
        stems = {"vocals", "drums", "bass", "other"}
        assert set(separator.sources) == (set(INSTRUMENTS) if path.stem == "convtasnet" else stems)
    text = path.read_text(encoding="utf-8")
    assert all(
        "  # " in line for line in text.splitlines() if line and not line.startswith(("#", "_"))
    )
