"""Small networks of Hybrid Transformer Demucs with seeded random weights, and files of them.

Files are written by the package demucs itself.
"""

from __future__ import annotations

import json
import warnings
from fractions import Fraction

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

pytest.importorskip("demucs", reason="the optional package demucs is not installed")
from demucs import states
from demucs.htdemucs import HTDemucs as Network

SOURCES = ["drums", "bass", "other", "vocals"]
SMALL = {
    "sources": SOURCES,
    "channels": 8,
    "dconv_comp": 4,
    "depth": 3,
    "nfft": 1024,
    "t_layers": 1,
    "t_heads": 2,
    "segment": Fraction(1, 2),
}


def small_network(seed=1, kind=Network, **options):
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        network = kind(**{**SMALL, **options} if kind is Network else options)
    return network.eval()


def write(folder, name="network", network=None):
    """Write a network as demucs does; its file has a checksum in its name."""
    content = states.serialize_model(network or small_network(), OmegaConf.create({"seed": 1}))
    states.save_with_checksum(content, folder / f"{name}.th")
    (path,) = folder.glob(f"{name}-*.th")
    return path


def write_safetensors(path, network, **metadata):
    kwargs = dict(network._init_args_kwargs[1])
    segment = kwargs["segment"]
    kwargs["segment"] = {
        "_type": "fraction",
        "numerator": segment.numerator,
        "denominator": segment.denominator,
    }
    header = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(kwargs)}
    save_file(network.state_dict(), path, {**header, **metadata})
    return path
