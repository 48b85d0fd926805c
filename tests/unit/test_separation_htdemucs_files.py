"""Files of Hybrid Transformer Demucs that are wrong, too large or hostile."""

from __future__ import annotations

import os
import re
import resource
from fractions import Fraction

import pytest
import torch
from omegaconf import OmegaConf

from cadenza.errors import InputError
from cadenza.separation.htdemucs import HTDemucs

from .htdemucs_networks import SOURCES, small_network, write, write_safetensors

pytest.importorskip("demucs", reason="the optional package demucs is not installed")
from demucs import states
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs as Network


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("htdemucs"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1", "expected YAML with plain values"),
        ("models: ['../../x']", "models must be a list of names"),
        ("models: []", "models must be a list of names"),
        ("models: [a]\nweights: [[1, 1, 1]]", "weights must be a list for each model"),
        ("models: [a]\nweights: [[1, 1, 1, 0]]", "weights must be a list for each model"),
        ("models: [a]\nweights: [[1, 1, 1, .nan]]", "weights must be a list for each model"),
        ("models: [a]", "expected one file a.th, a-<SHA-256>.th or a.safetensors, found 0"),
        ("!!python/object/apply:os.system ['true']", "expected YAML with plain values"),
        ("x: &x [1]\nmodels: [*x]", "aliases are not allowed"),
    ],
)
def test_bags_that_are_none(tmp_path, content, message):
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(InputError, match=re.escape(message)):
        HTDemucs("mine", device="cpu", weights=tmp_path).prepare()


def prepared(path, **options):
    HTDemucs(device="cpu", weights=path, **options).prepare()


def test_wrong_files(tmp_path, path):
    with pytest.raises(InputError, match=r"nowhere\.th: file not found"):
        prepared(tmp_path / "nowhere.th")
    with pytest.raises(InputError, match="begins with 0000, found"):
        prepared(path, sha256="0000")
    with pytest.raises(InputError, match="sha256 is the checksum of one file, but weights is a"):
        prepared(tmp_path, sha256="0000")
    (tmp_path / "a.th").write_bytes(b"not a network")
    (tmp_path / "a.safetensors").write_bytes(b"not a network")
    torch.save(small_network().state_dict(), tmp_path / "b.th")
    for name in ("a.th", "a.safetensors", "b.th"):
        with pytest.raises(InputError, match=f"{name}: expected"):
            prepared(tmp_path / name)
    with pytest.raises(InputError, match=r"expected one file 955717e8\.th, .* found 0"):
        prepared(tmp_path)
    six = write(tmp_path, "six", small_network(sources=[*SOURCES, "guitar", "piano"]))
    with pytest.raises(InputError, match=r"six-.*expected a network with .*found .*guitar"):
        prepared(six)


def test_networks_of_another_class_or_size(tmp_path):
    other = small_network(kind=HDemucs, sources=SOURCES, channels=4, depth=4, dconv_comp=2)
    with pytest.raises(InputError, match="expected weights of a network"):
        prepared(write(tmp_path, "other", other))
    content = states.serialize_model(small_network(), OmegaConf.create({}))
    torch.save({**content, "kwargs": {**content["kwargs"], "channels": 12}}, tmp_path / "size.th")
    with pytest.raises(InputError, match=r"expected weights of HTDemucs, found .* size mismatch"):
        prepared(tmp_path / "size.th")
    torch.save({**content, "kwargs": {"sources": 3}}, tmp_path / "options.th")
    with pytest.raises(InputError, match="no network can be built with the options in this file"):
        prepared(tmp_path / "options.th")
    torch.save({**content, "kwargs": {**content["kwargs"], "depth": 10**6}}, tmp_path / "deep.th")
    with pytest.raises(InputError, match=r"depth must be a whole number up to 16, got 1000000"):
        prepared(tmp_path / "deep.th")
    torch.save({**content, "state": {"__quantized": True}}, tmp_path / "quantized.th")
    with pytest.raises(InputError, match="expected weights of a network"):
        prepared(tmp_path / "quantized.th")


@pytest.mark.parametrize("segment", [0, -1, Fraction(1, 999999999), 999999999, "7.8", None])
def test_impossible_segments_are_refused_before_the_first_song(tmp_path, segment):
    content = states.serialize_model(small_network(), OmegaConf.create({}))
    kwargs = {**content["kwargs"], "segment": segment, "use_train_segment": False}
    torch.save({**content, "kwargs": kwargs}, tmp_path / "a.th")
    with pytest.raises(InputError, match=r"a\.th: the segment of the network must be from 0\.1 to"):
        prepared(tmp_path / "a.th")


def test_no_memory_is_taken_for_a_network_whose_weights_do_not_fit(tmp_path):
    """72 GB of weights, in a file of a few MB."""
    content = states.serialize_model(small_network(), OmegaConf.create({}))
    huge = {**content["kwargs"], "bottom_channels": 60_000, "t_layers": 2, "t_heads": 2}
    torch.save({**content, "kwargs": huge}, tmp_path / "a.th")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"a\.th: expected weights of HTDemucs, found others"):
        prepared(tmp_path / "a.th")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


class Call:
    """A pickle that calls a function when it is loaded."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_hostile_pickles_are_refused_without_running_them(tmp_path):
    content = states.serialize_model(small_network(), OmegaConf.create({}))
    trap = Call(os.mkdir, str(tmp_path / "sprung"))
    hostile = {
        "klass": trap,
        "kwargs": {**content["kwargs"], "segment": trap},
        "state": {**content["state"], "x": trap},
        "training_args": trap,
    }
    for part, value in hostile.items():
        torch.save({**content, part: value}, tmp_path / "a.th")
        with pytest.raises(InputError, match=r"a\.th: expected weights of a network") as caught:
            prepared(tmp_path / "a.th")
        assert len(caught.value.problems) == 1
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_what_stands_in_for_classes_does_nothing_else(tmp_path, monkeypatch):
    """Names that a file may use cannot be called with harmful arguments."""
    content = states.serialize_model(small_network(), OmegaConf.create({}))
    monkeypatch.setattr(Network, "__init__", pytest.fail)
    torch.save({**content, "klass": Call(Network, "big")}, tmp_path / "a.th")
    with pytest.raises(InputError, match=r"a\.th: expected"):
        prepared(tmp_path / "a.th")
    monkeypatch.undo()
    for arguments in (("1e999999999",), ("9" * 99,), (1, 0)):
        endless = Call(Fraction, *arguments)
        torch.save({**content, "kwargs": {"segment": endless}}, tmp_path / "b.th")
        with pytest.raises(InputError, match=r"b\.th: expected weights of a network"):
            prepared(tmp_path / "b.th")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"klass": "os.system"}, r"expected a network demucs.htdemucs.HTDemucs, found os.system"),
        ({"args": "["}, "expected a network of demucs with klass, args and kwargs in its header"),
        ({"kwargs": "3"}, "expected the arguments of a network"),
        ({"kwargs": '{"a": {"_type": "fraction"}}'}, "expected a network of demucs"),
        ({"kwargs": "[" * 100_000}, "expected a network of demucs"),
    ],
)
def test_hostile_headers(tmp_path, metadata, message):
    path = write_safetensors(tmp_path / "a.safetensors", small_network(), **metadata)
    with pytest.raises(InputError, match=f"a.safetensors: {message}"):
        prepared(path)
