"""Separators around ConvTasNet networks, which are random here, and a hub that is a folder."""

from __future__ import annotations

import huggingface_hub
import huggingface_hub.constants
import huggingface_hub.errors
import numpy as np
import pytest

from cadenza.errors import InputError
from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet.files import model_name
from cadenza.separation.convtasnet.network import ConvTasNet, initialise
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.convtasnet_instrument import ConvTasNetInstrument
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.refine import wiener
from cadenza.stems import INSTRUMENTS

from .test_convtasnet import SAMPLE_RATE, tiny


@pytest.fixture
def models_dir(tmp_path):
    for seed, instrument in enumerate(("Flute", "Oboe")):
        network = tiny()
        initialise(network, seed=seed)
        folder = tmp_path / model_name(instrument, causal=False)
        convtasnet_files.save(network, folder, metadata={"sources": f"{instrument},accompaniment"})
    return tmp_path


def test_an_instrument_is_its_target_and_a_part_of_the_rest(models_dir, rng):
    mixture = 0.1 * rng.standard_normal((2, 6000))
    original = mixture.copy()
    separator = ConvTasNetEnsemble(device="cpu", models_dir=models_dir, add_residual=0.3)
    stems = separator(mixture, sample_rate=SAMPLE_RATE, instruments=["Oboe", "Flute", "Oboe"])
    assert list(stems) == ["Oboe", "Flute"]  # B4: two voices are estimated once
    folder = models_dir / model_name("Oboe", causal=False)
    oboe = ConvTasNetInstrument(device="cpu", weights=folder, instrument="Oboe")
    parts = oboe(mixture, sample_rate=SAMPLE_RATE)
    expected = parts["target"] + 0.3 * parts["accompaniment"]
    np.testing.assert_array_equal(stems["Oboe"], expected)
    np.testing.assert_array_equal(mixture, original)


@pytest.mark.parametrize("refine", ["residual", "wiener"])
@pytest.mark.parametrize("instruments", [["Oboe"], ["Oboe", "Flute", "Oboe"]])
def test_instruments_divide_the_mixture_among_them(refine, instruments, models_dir, rng):
    mixture = 0.1 * rng.standard_normal((2, 6000))
    separator = ConvTasNetEnsemble(
        device="cpu", models_dir=models_dir, add_residual=0, refine=refine
    )
    stems = separator(mixture, sample_rate=SAMPLE_RATE, instruments=instruments)
    assert list(stems) == list(dict.fromkeys(instruments))
    np.testing.assert_allclose(sum(stems.values()), mixture, rtol=0, atol=1e-13)


def test_joint_masks_have_a_part_for_what_no_network_finds(models_dir, rng):
    mixture = 0.1 * rng.standard_normal((2, 6000))
    options = {"device": "cpu", "models_dir": models_dir, "add_residual": 0.0}
    call = {"sample_rate": SAMPLE_RATE, "instruments": ["Oboe", "Flute"]}
    oboe, flute = (
        ConvTasNetInstrument(
            device="cpu",
            weights=models_dir / model_name(name, causal=False),
            instrument=name,
            refine="wiener",  # each against all others first
        )(mixture, sample_rate=SAMPLE_RATE)["target"]
        for name in call["instruments"]
    )
    stems = ConvTasNetEnsemble(**options, refine="wiener")(mixture, **call)
    *masked, rest = wiener([oboe, flute, mixture - oboe - flute], mixture)
    assert np.mean(rest**2) > 0.01 * np.mean(mixture**2)
    for found, expected in zip(stems.values(), masked, strict=True):
        np.testing.assert_allclose(found, expected + rest / 2, rtol=0, atol=1e-15)


def test_the_accompaniment_of_a_refined_instrument_is_the_rest_of_the_mixture(models_dir, rng):
    mixture = 0.1 * rng.standard_normal(6000)
    options = {"device": "cpu", "models_dir": models_dir, "refine": "residual"}
    call = {"sample_rate": SAMPLE_RATE, "instruments": ["Oboe", "Flute"]}
    alone = ConvTasNetEnsemble(**options, add_residual=0)(mixture, **call)
    mixed = ConvTasNetEnsemble(**options, add_residual=0.3)(mixture, **call)
    for name, stem in alone.items():
        expected = stem + 0.3 * (mixture - stem)
        np.testing.assert_allclose(mixed[name], expected, rtol=0, atol=1e-15)


def test_each_network_is_loaded_once_and_only_if_it_is_needed(models_dir, monkeypatch, rng):
    loaded = []
    load = convtasnet_files.load
    monkeypatch.setattr(convtasnet_files, "load", lambda f: loaded.append(f.name) or load(f))
    separator = ConvTasNetEnsemble(device="cpu", models_dir=models_dir)
    separator.prepare(["Flute", "Flute"])
    for _ in range(2):
        separator(rng.standard_normal((2, 5000)), sample_rate=44100, instruments=["Flute"])
    assert loaded == ["ConvTasNet_Flute_NonCausal"]


def test_segment_and_overlap_are_used(models_dir, monkeypatch, rng):
    """B6."""
    lengths = []
    forward = ConvTasNet.forward
    monkeypatch.setattr(
        ConvTasNet, "forward", lambda self, x: lengths.append(x.shape[-1]) or forward(self, x)
    )
    separator = ConvTasNetEnsemble(
        device="cpu", models_dir=models_dir, segment_s=1.0, overlap_s=0.1
    )
    separator(rng.standard_normal((2, 100_000)), sample_rate=44100, instruments=["Flute"])
    assert lengths == [48510, 52920, 7390]


def test_all_missing_networks_are_named(models_dir):
    separator = ConvTasNetEnsemble(device="cpu", models_dir=models_dir)
    with pytest.raises(InputError) as caught:
        separator.prepare()
    assert len(caught.value.problems) == 6
    assert str(models_dir / "ConvTasNet_Violin_NonCausal") in str(caught.value)
    with pytest.raises(InputError, match="ConvTasNet_Oboe_Causal"):
        ConvTasNetEnsemble(models_dir=models_dir, causality="causal").prepare(["Oboe"])


def test_wrong_choices(models_dir):
    with pytest.raises(ValueError, match="causality must be noncausal or causal, got 'both'"):
        ConvTasNetEnsemble(causality="both")
    for options in ({"segment_s": 0}, {"overlap_s": -1}, {"add_residual": -0.1}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
            ConvTasNetEnsemble(**options)
    with pytest.raises(ValueError, match="segment_s must be positive"):
        ConvTasNetVDBO(segment_s=0)
    with pytest.raises(InputError, match="device must be null, cpu"):
        ConvTasNetEnsemble(device="tpu")
    with pytest.raises(InputError, match=r"instrument must be one of Bassoon, .* got 'Horn'"):
        ConvTasNetEnsemble(models_dir=models_dir).prepare(["Horn"])
    flute = models_dir / model_name("Flute", causal=False)
    with pytest.raises(InputError, match=r"expected a network for Oboe,.* found one for Flute,"):
        ConvTasNetInstrument(weights=flute, instrument="Oboe").prepare()
    with pytest.raises(InputError, match=r"expected a network with \(C, .*\(4, 2, 44100\), found"):
        ConvTasNetVDBO(weights=flute).prepare()


def test_four_stems_for_popular_music(tmp_path, rng):
    convtasnet_files.save(tiny(C=4), tmp_path, metadata={"sources": "vocals,drums,bass,other"})
    separator = ConvTasNetVDBO(device="cpu", weights=tmp_path)
    stems = separator(0.1 * rng.standard_normal((2, 8000)), sample_rate=22050)
    assert {name: stem.shape for name, stem in stems.items()} == dict.fromkeys(
        ("vocals", "drums", "bass", "other"), (2, 8000)
    )


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The cache of the hub in an empty folder, and no network."""

    def offline(*_args, **_kwargs):
        raise huggingface_hub.errors.LocalEntryNotFoundError("no route to host")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    return tmp_path


def test_offline_the_message_names_the_files_and_where_to_put_them(hub):
    with pytest.raises(InputError) as caught:
        ConvTasNetEnsemble(device="cpu").prepare()
    *missing, advice = caught.value.problems
    why = "cannot be downloaded (LocalEntryNotFoundError)"
    assert missing == [f"ConvTasNet_{name}_NonCausal {why}" for name in INSTRUMENTS]
    assert "https://huggingface.co/cadenzachallenge" in advice
    assert "FOLDER/<name of the network>, and set the separator's models_dir to FOLDER" in advice


def test_what_is_in_the_cache_of_the_hub_needs_no_network(hub):
    repository = hub / "models--cadenzachallenge--ConvTasNet_Viola_Causal"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    convtasnet_files.save(
        tiny(causal=True, norm_type="cLN"), repository / "snapshots" / "abc", metadata={}
    )
    separator = ConvTasNetEnsemble(device="cpu", causality="causal")
    separator.prepare(["Viola"])
    (repository / "snapshots" / "abc" / "config.json").unlink()
    with pytest.raises(InputError, match="ConvTasNet_Viola_Causal cannot be downloaded"):
        ConvTasNetEnsemble(device="cpu", causality="causal").prepare(["Viola"])


def test_only_two_files_are_downloaded(hub, monkeypatch):
    calls = []

    def download(repository, *, allow_patterns):
        calls.append((repository, allow_patterns))
        convtasnet_files.save(tiny(), hub / "fetched", metadata={})
        return str(hub / "fetched")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert convtasnet_files.download("ConvTasNet_Sax_NonCausal") == hub / "fetched"
    ConvTasNetEnsemble(device="cpu").prepare(["Sax"])
    expected = ("cadenzachallenge/ConvTasNet_Sax_NonCausal", ["config.json", "model.safetensors"])
    assert calls == [expected] * 2
