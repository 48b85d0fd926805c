"""Configurations and weights of RoFormers that are wrong, too large or hostile."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import torch
import yaml

from cadenza.errors import InputError
from cadenza.separation import prepare, roformer_files
from cadenza.separation.roformer import Roformer
from cadenza.stems import STEMS

from .roformer_networks import configuration, write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"num_bands": 60}}, "got freqs_per_bands and num_bands"),
        ({"model": {"stereo": False}}, "model.stereo must be true, got False"),
        ({"model": {"num_stems": 1}}, "model.num_stems must be 4, the number of instruments, got"),
        ({"model": {"skip_connection": True}}, "model.skip_connection must be False, got True"),
        ({"model": {"mlp_expansion_factor": 2}}, "model.mlp_expansion_factor must be 4, got 2"),
        ({"model": {"dims": 2}}, "BSRoformer has no options dims in the package BS-RoFormer"),
        ({"model": {"dim": "x"}}, "the network cannot be built"),
        ({"model": {"freqs_per_bands": [3, 4]}}, "cannot be built: the number of freqs"),
        ({"audio": {"chunk_size": 0}}, "chunk_size must be a whole number from 2048 to 167"),
        ({"audio": {"chunk_size": 10**12}}, "chunk_size must be a whole number from 2048 to 16"),
        ({"audio": {"sample_rate": "44k"}}, "sample_rate must be a whole number from 8000 to 192"),
        ({"audio": {"sample_rate": 10**9}}, "sample_rate must be a whole number from 8000 to 192"),
        ({"inference": {"num_overlap": 1.5}}, "num_overlap must be a whole number from 1 to 100"),
        ({"inference": {"num_overlap": 10**6}}, "num_overlap must be a whole number from 1 to 10"),
        ({"model": {"depth": 10**6}}, "model.depth must be a whole number from 1 to 64, got 100"),
        ({"model": {"stft_n_fft": 10**9}}, "model.stft_n_fft must be a whole number from 128 to"),
        ({"training": {"instruments": None}}, "training.instruments must be a list of names"),
        (
            {"training": {"instruments": ["a", "b", "c", "d"]}},
            "expected a network for vocals, drums, bass, other, or for vocals, drums or bass alone",
        ),
        ({"training": {"target_instrument": "other"}, "model": {"num_stems": 1}}, "one for other"),
        (
            {"training": {"instruments": ["vocals", "guitar"], "target_instrument": "guitar"},
             "model": {"num_stems": 1}},
            "for guitar",
        ),
        (
            {"training": {"instruments": ["vocals", "other"], "target_instrument": "drums"},
             "model": {"num_stems": 1}},
            "target_instrument must be null or one of training.instruments, vocals, other, got 'dr",
        ),
    ],
)  # fmt: skip
def test_wrong_configurations(tmp_path, change, message):
    content = configuration()
    for section, values in change.items():
        content[section] |= values
    (tmp_path / "config.yaml").write_text(yaml.dump(content))
    separator = Roformer(tmp_path / "none.ckpt", tmp_path / "config.yaml", device="cpu")
    with pytest.raises(InputError, match=f"config.yaml: .*{re.escape(message)}") as caught:
        prepare(separator, STEMS)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a section model with keys"),
        ("- 1", "expected a section model with keys"),
        ("model: [1]", "expected a section model with keys"),
        ("model: {dim: 1}\ntraining: {a: 1}", "model must have freqs_per_bands .* got neither"),
        ("model: [", "expected YAML with plain values and tuples"),
        ("model: !!python/object/apply:os.system ['true']", "expected YAML with plain values"),
        ("model: !!python/name:os.system", "expected YAML with plain values"),
        ("[" * 100_000, "expected YAML with plain values"),
        ("# " + "x" * 2**20, "expected the configuration of the network, found a file of more"),
        ("model: {stereo: 0x" + "f" * 10_000 + ", num_bands: 1}\ntraining: {a: 1}", "model.stereo"),
        ("a: &a {x: 1}\nmodel: *a", "expected YAML with .*: aliases are not allowed"),
    ],
)
def test_files_that_are_no_configurations(tmp_path, text, message):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=f"config.yaml: {message}"):
        _ = Roformer("a", tmp_path / "config.yaml").sources


def test_missing_files_and_packages(tmp_path, monkeypatch):
    separator, _ = write(tmp_path)
    with pytest.raises(InputError, match=r"none\.yaml: file not found; it must be the config"):
        prepare(replace(separator, model_config=tmp_path / "none.yaml"), STEMS)
    with pytest.raises(InputError, match=r"none\.ckpt: file not found; the separator's weights"):
        prepare(replace(separator, weights=tmp_path / "none.ckpt"), STEMS)
    with pytest.raises(InputError, match="begins with 0000, found"):
        prepare(replace(separator, sha256="0000"), STEMS)
    monkeypatch.setitem(sys.modules, "bs_roformer", None)
    with pytest.raises(InputError, match=r"is installed \(0\.3\.10\) but cannot be imported: imp"):
        prepare(replace(separator), STEMS)
    for version in ("0.6.0", "0.3.1", "1.0.0"):
        monkeypatch.setattr(metadata, "version", lambda _name, found=version: found)
        with pytest.raises(InputError) as caught:
            prepare(replace(separator), STEMS)
        assert caught.value.problems == [
            (
                f"A RoFormer needs BS-RoFormer 0.3.10, but BS-RoFormer {version} is installed: "
                "pip install 'BS-RoFormer==0.3.10'"
            )
        ]

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(InputError, match=r"not installed: pip install 'BS-RoFormer==0\.3\.10'"):
        prepare(replace(separator), STEMS)


@pytest.mark.parametrize("key", ["stereo", "skip_connection"])
def test_a_configuration_that_grows_when_it_is_read(tmp_path, key):
    """463 bytes that stand for a billion values."""
    levels = [f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 10)}]" for k in range(1, 10)]
    lines = ["l0: &l0 [1, 2]", *levels, f"{key}: *l9", "num_bands: 60"]
    text = "model:\n  " + "\n  ".join(lines) + "\ntraining: {instruments: [vocals, other]}\n"
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match="aliases are not allowed") as caught:
        roformer_files.read_config(tmp_path / "config.yaml")
    assert len(str(caught.value)) < 500


def test_the_filters_of_a_mel_band_network_have_one_sample_rate(tmp_path):
    path = tmp_path / "config.yaml"
    for kind, options in (("mel_band", {}), ("mel_band", {"sample_rate": 32000})):
        content = configuration(kind, **options)
        content["audio"]["sample_rate"] = 48000
        path.write_text(yaml.dump(content))
        with pytest.raises(InputError, match=r"audio\.sample_rate must be model\.sample_rate, \d+"):
            roformer_files.read_config(path)
    content = configuration("mel_band", sample_rate=48000)
    content["audio"]["sample_rate"] = 48000
    path.write_text(yaml.dump(content))
    assert roformer_files.read_config(path).sample_rate == 48000


class Trap:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_wrong_and_hostile_weights(tmp_path):
    separator, network = write(tmp_path)
    state = network.state_dict()
    trap = Trap(tmp_path / "sprung")
    other = {**state, "final_norm.gamma": torch.ones(3)}
    wrong = {
        "expected weights of a network": [trap, {**state, "x": trap}, {"state_dict": trap}, [1]],
        "expected weights of BSRoformer, found others": [other, {}],
    }
    for message, contents in wrong.items():
        for content in contents:
            torch.save(content, tmp_path / "model.ckpt")
            with pytest.raises(InputError, match=rf"model\.ckpt: {message}") as caught:
                prepare(replace(separator), STEMS)
            assert "\n" not in str(caught.value)
    assert not trap.folder.exists()
