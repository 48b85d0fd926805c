"""ConvTasNet: the network and its files; weights are random or made by formula."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from cadenza.errors import InputError
from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet.network import ConvTasNet, ConvTasNetConfig, initialise
from cadenza.separation.convtasnet_instrument import ConvTasNetInstrument

SAMPLE_RATE = 44100
TINY = {"N": 6, "L": 4, "B": 5, "H": 7, "P": 3, "X": 2, "R": 2, "C": 2, "audio_channels": 2}
VARIANTS = [(False, "gLN"), (True, "cLN")]
PRESETS = Path(__file__).parents[2] / "recipes" / "cad2" / "task2" / "ConvTasNet" / "convtasnet"


def tiny(**changes: object) -> ConvTasNet:
    network = ConvTasNet(ConvTasNetConfig(**{**TINY, **changes}))
    initialise(network, seed=1)
    return network


def published_shapes(*, causal: bool) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published weights: N 256, L 20, B 256, H 512, P 3, X 8, R 3."""
    shapes = {"encoder.conv1d_U.weight": (256, 2, 20)}
    shapes |= {f"separator.network.0.{name}": (1, 256, 1) for name in ("gamma", "beta")}
    shapes |= {"separator.network.1.weight": (256, 256, 1)}
    shift = int(causal)
    for repeat in range(3):
        for block in range(8):
            net = f"separator.network.2.{repeat}.{block}.net."
            shapes |= {
                f"{net}0.weight": (512, 256, 1),
                f"{net}1.weight": (1,),
                f"{net}2.gamma": (1, 512, 1),
                f"{net}2.beta": (1, 512, 1),
                f"{net}3.net.0.weight": (512, 1, 3),
                f"{net}3.net.{1 + shift}.weight": (1,),
                f"{net}3.net.{2 + shift}.gamma": (1, 512, 1),
                f"{net}3.net.{2 + shift}.beta": (1, 512, 1),
                f"{net}3.net.{3 + shift}.weight": (256, 512, 1),
            }
    shapes |= {"separator.network.3.weight": (512, 256, 1)}
    return shapes | {"decoder.basis_signals.weight": (40, 256)}


@pytest.mark.parametrize(
    ("preset", "n_parameters"),
    [("published", 6_595_120), ("large", 10_846_800), ("small", 105_760)],
)
def test_number_of_parameters_of_the_presets(preset, n_parameters):
    values = OmegaConf.load(PRESETS / f"{preset}.yaml")
    values.pop("_target_")
    values["samplerate"] = SAMPLE_RATE
    network = ConvTasNet(ConvTasNetConfig(**values))
    assert sum(parameter.numel() for parameter in network.parameters()) == n_parameters


def test_defaults_are_those_of_published_configurations():
    """A published config.json may leave out what is the default of its constructor."""
    assert list(asdict(ConvTasNetConfig()).values()) == [
        *(256, 20, 256, 512, 3, 8, 4, 4, 1, 44100, "gLN", False, "relu"),
    ]


@pytest.mark.parametrize(
    ("causal", "norm", "expected"),
    [
        (
            *VARIANTS[0],
            [
                *(0.0024227110962295, -0.0195301320824769, 0.00818511328000571),
                *(0.0108299066591046, -0.00483718212490728, 0.0, 0.781680525534812),
            ],
        ),
        (
            *VARIANTS[1],
            [
                *(0.00159455403031972, -0.0186114194237262, 0.00667904269150842),
                *(0.0139622424293615, -0.00286398941575098, 0.0, 0.783704067244452),
            ],
        ),
    ],
    ids=["non-causal gLN", "causal cLN"],
)
def test_checkpoint(causal, norm, expected):
    """Dsp §15.2: weights and input by formula, in double precision."""
    network = tiny(causal=causal, norm_type=norm).double()
    for j, (name, tensor) in enumerate(network.state_dict().items()):
        k = torch.arange(tensor.numel(), dtype=torch.float64)
        values = 0.2 * torch.sin(0.9 * k + 0.1 * j)
        if name.endswith("gamma"):
            values = 1 + 0.1 * torch.sin(0.7 * k + j)
        elif name.endswith("beta"):
            values = 0.05 * torch.cos(0.3 * k + j)
        elif tensor.shape == (1,):
            values = torch.full((1,), 0.25, dtype=torch.float64)
        tensor.copy_(values.reshape(tensor.shape))
    n = torch.arange(41, dtype=torch.float64)
    with torch.no_grad():
        output = network(torch.stack([torch.sin(0.2 * n), 0.5 * torch.cos(0.13 * n)])[None])[0]
    places = [(0, 0, 0), (0, 0, 10), (0, 1, 20), (1, 0, 20), (1, 1, 30), (1, 1, 40)]
    found = [output[place].item() for place in places] + [output.abs().sum().item()]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(("causal", "norm"), VARIANTS)
def test_published_weights_load_by_their_names_and_run(tmp_path, causal, norm):
    rng = torch.Generator().manual_seed(3)
    shapes = published_shapes(causal=causal)
    state = {name: 0.1 * torch.randn(shape, generator=rng) for name, shape in shapes.items()}
    assert sum(tensor.numel() for tensor in state.values()) == 6_595_120
    save_file(state, tmp_path / "model.safetensors")
    config = {"N": 256, "L": 20, "B": 256, "H": 512, "P": 3, "X": 8, "R": 3, "C": 2}
    config |= {"audio_channels": 2, "samplerate": 44100, "mask_nonlinear": "relu"}
    (tmp_path / "config.json").write_text(
        json.dumps(config | {"norm_type": norm, "causal": causal})
    )

    separator = ConvTasNetInstrument(device="cpu", weights=tmp_path, instrument="Violin")
    mixture = 0.1 * np.random.default_rng(4).standard_normal((2, 5000))
    stems = separator(mixture, sample_rate=SAMPLE_RATE)
    assert list(stems) == ["target", "accompaniment"]
    assert all(stem.shape == (2, 5000) and stem.any() for stem in stems.values())
    np.testing.assert_array_equal(
        convtasnet_files.load(tmp_path)[0].state_dict()["separator.network.2.2.7.net.0.weight"],
        state["separator.network.2.2.7.net.0.weight"],
    )


def test_a_causal_network_does_not_look_ahead(rng):
    network = tiny(causal=True, norm_type="cLN").double().eval()
    x = torch.from_numpy(rng.standard_normal((1, 2, 200)))
    changed = x.clone()
    changed[..., 120:] = 0
    with torch.no_grad():
        difference = (network(x) - network(changed)).abs().amax(dim=(0, 1, 2))
    first = int(torch.nonzero(difference)[0])
    assert 120 - TINY["L"] < first <= 120  # a frame that ends later may begin earlier


def test_a_non_causal_network_looks_as_far_ahead_as_back(rng):
    network = tiny(norm_type="cLN").double().eval()
    x = torch.from_numpy(rng.standard_normal((1, 2, 200)))
    changed = x.clone()
    changed[..., 100:104] += 1
    with torch.no_grad():
        difference = (network(x) - network(changed)).abs().amax(dim=(0, 1, 2))
    reach = TINY["R"] * (2 ** TINY["X"] - 1) * TINY["L"] // 2
    affected = torch.nonzero(difference).flatten()
    assert affected[0] == 100 - reach - TINY["L"] // 2
    assert affected[-1] == 103 + reach + TINY["L"] // 2


def test_softmax_masks_add_up_to_one(rng):
    network = tiny(mask_nonlinear="softmax", C=3).double()
    x = torch.from_numpy(rng.standard_normal((1, 2, 60)))
    with torch.no_grad():
        whole = network.decoder(network.encoder(x)[:, None])
        torch.testing.assert_close(network(x).sum(dim=1), whole[:, 0], rtol=0, atol=1e-12)


def test_examples_of_a_batch_do_not_influence_each_other(rng):
    network = tiny().double()
    x = torch.from_numpy(rng.standard_normal((3, 2, 100)))
    with torch.no_grad():
        torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["gLN", "cLN", "BN", "id"])
def test_what_is_shorter_than_a_hop_at_the_end_is_zero(rng, norm):
    x = torch.from_numpy(rng.standard_normal((2, 2, 43)).astype(np.float32))
    output = tiny(norm_type=norm)(x)
    assert output.shape == (2, 2, 2, 43)
    assert not output[..., 42:].any()
    assert output[..., 41].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"N": 0}, "N must be a positive integer, got 0"),
        ({"X": 2.0}, r"X must be a positive integer, got 2\.0"),
        ({"L": 5}, "L must be even, got 5"),
        ({"P": 4}, "P must be odd, got 4"),
        ({"norm_type": "LN"}, "norm_type must be gLN, cLN, BN or id, got 'LN'"),
        ({"mask_nonlinear": "tanh"}, "mask_nonlinear must be relu or softmax, got 'tanh'"),
    ],
)
def test_impossible_networks(changes, message):
    with pytest.raises(ValueError, match=message):
        ConvTasNetConfig(**{**TINY, **changes})


def test_scales_start_at_one_and_offsets_at_zero():
    """B21."""
    network = tiny()
    state = network.state_dict()
    assert all((v == 1).all() for name, v in state.items() if name.endswith("gamma"))
    assert all((v == 0).all() for name, v in state.items() if name.endswith("beta"))
    assert all((v == 0.25).all() for v in state.values() if v.shape == (1,))
    deviation = state["decoder.basis_signals.weight"].std()
    assert 0.5 < deviation / np.sqrt(2 / (8 + 6)) < 1.5


def test_scales_may_start_as_those_of_the_published_networks():
    """Noise with the standard deviation sqrt(2 / (channels + 1)), 0.088 for 256 channels."""
    network = ConvTasNet(ConvTasNetConfig(**{**TINY, "N": 256}))
    initialise(network, seed=1, xavier_norms=True)
    gamma = network.state_dict()["separator.network.0.gamma"]
    assert abs(gamma.mean()) < 0.03
    assert 0.07 < gamma.std() < 0.11


def test_first_weights_depend_on_the_seed_alone():
    before = torch.get_rng_state()
    first, same, other = (ConvTasNet(ConvTasNetConfig(**TINY)) for _ in range(3))
    torch.set_rng_state(before)
    initialise(first, seed=5)
    torch.rand(3)
    initialise(same, seed=5)
    initialise(other, seed=6)
    name = "separator.network.1.weight"
    torch.testing.assert_close(first.state_dict(), same.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])


def test_files_give_the_network_back(tmp_path):
    network = tiny(causal=True, norm_type="cLN")
    convtasnet_files.save(network, tmp_path / "new", metadata={"sources": "Oboe,accompaniment"})
    loaded, metadata = convtasnet_files.load(tmp_path / "new")
    assert loaded.config == network.config
    assert metadata == {"format": "pt", "sources": "Oboe,accompaniment"}
    torch.testing.assert_close(loaded.state_dict(), network.state_dict(), rtol=0, atol=0)
    assert json.loads((tmp_path / "new" / "config.json").read_text())["norm_type"] == "cLN"


def test_broken_files(tmp_path, caplog):
    convtasnet_files.save(tiny(), tmp_path, metadata={})
    config = tmp_path / "config.json"
    values = json.loads(config.read_text())

    config.write_text(json.dumps(values | {"task": "separation"}))
    convtasnet_files.load(tmp_path)
    assert "unknown keys are ignored: task" in caplog.text
    config.write_text(json.dumps(values | {"H": 8}))
    with pytest.raises(InputError, match=r"expected the network of config.json. size mismatch"):
        convtasnet_files.load(tmp_path)
    config.write_text(json.dumps(values | {"R": 3}))
    with pytest.raises(InputError, match=r"expected the network of config.json. Missing key"):
        convtasnet_files.load(tmp_path)
    config.write_text(json.dumps(values | {"L": 3}))
    with pytest.raises(InputError, match=r"config.json: L must be even, got 3"):
        convtasnet_files.load(tmp_path)
    config.write_text("{")
    with pytest.raises(InputError, match=r"config.json: cannot read"):
        convtasnet_files.load(tmp_path)
    config.write_text(json.dumps(values))
    (tmp_path / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(InputError, match="expected weights in safetensors format"):
        convtasnet_files.load(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model.safetensors: expected weights"):
        convtasnet_files.load(tmp_path)
