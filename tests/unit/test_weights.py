"""Files of weights: only whole ones of the right network, with the right checksum, are used."""

from __future__ import annotations

import hashlib
import pickle

import pytest
import torch

from cadenza.errors import InputError
from cadenza.separation import weights
from cadenza.separation.demucs import HybridDemucs


class Trap:
    """A pickle that would run code when it is loaded."""

    def __reduce__(self):
        return (pytest.fail, ("code in a file of weights was run",))


def test_files_that_are_no_weights(tmp_path):
    network = torch.nn.Linear(2, 3)
    path = tmp_path / "weights.pt"
    with pytest.raises(
        InputError, match=r"weights.pt: file not found; the separator's weights must"
    ):
        weights.load(network, path)
    for content in (b"", b"not a network", pickle.dumps(Trap(), protocol=2)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"weights.pt: expected weights of a network"):
            weights.load(network, path)
    for content in (Trap(), torch.ones(3)):
        torch.save(content, path)
        with pytest.raises(InputError, match=r"weights.pt: expected weights of a network"):
            weights.load(network, path)


def test_weights_of_another_network(tmp_path):
    network = torch.nn.Linear(2, 3)
    path = tmp_path / "weights.pt"
    fitting = {name: x + 1 for name, x in network.state_dict().items()}
    wrong = [
        ({"weight": fitting["weight"]}, 'Missing key.*"bias"'),
        ({**fitting, "extra": torch.ones(1)}, 'Unexpected key.*"extra"'),
        ({**fitting, "bias": torch.ones(4)}, "size mismatch for bias"),
    ]
    for state, message in wrong:
        torch.save(state, path)
        with pytest.raises(
            InputError, match=f"expected weights of Linear, found others. {message}"
        ):
            weights.load(network, path)
    torch.save({**fitting, "stft.window": torch.ones(4)}, path)
    weights.load(network, path, allow_others=True)
    assert torch.equal(network.bias, fitting["bias"])


def test_checksums(tmp_path):
    network = torch.nn.Linear(2, 3)
    path = tmp_path / "weights.pt"
    torch.save(network.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    weights.load(network, path, sha256=digest[:10].upper())
    weights.load(network, path.rename(tmp_path / f"weights-{digest[:8]}.pt"))
    with pytest.raises(InputError, match="expected a SHA-256 that begins with 0000, found"):
        weights.load(network, tmp_path / f"weights-{digest[:8]}.pt", sha256="0000")
    for wrong in (12345678, "", "sha256:0123"):
        with pytest.raises(InputError, match=f"sha256 must be a text .*, got {wrong!r}"):
            weights.load(network, tmp_path / f"weights-{digest[:8]}.pt", sha256=wrong)
        with pytest.raises(InputError, match="sha256 must be a text"):
            HybridDemucs(sha256=wrong)
    with pytest.raises(InputError, match="got 12345678: put it into quotes"):
        HybridDemucs(sha256=12345678)
    damaged = (tmp_path / f"weights-{digest[:8]}.pt").rename(tmp_path / "weights-00000000.pt")
    with pytest.raises(InputError, match="begins with 00000000, found"):
        weights.load(network, damaged)


def test_weights_that_torch_would_convert_without_a_word(tmp_path):
    """Other kinds of numbers, names that are none, and tensors that need no room in a file."""
    network, path = torch.nn.Linear(2, 3), tmp_path / "weights.pt"
    good = network.state_dict()
    wrong = [
        ({**good, 1: torch.ones(1)}, "a dictionary of tensors written by torch.save"),
        (
            {**good, "bias": torch.ones(3, dtype=torch.int8)},
            "floating-point numbers in bias",
        ),
        ({**good, "bias": torch.ones(3, dtype=torch.complex64)}, "found torch.complex64"),
        ({**good, "bias": torch.ones(1).expand(3)}, "all numbers of bias, found a shorter form"),
    ]
    for state, message in wrong:
        torch.save(state, path)
        with pytest.raises(InputError, match=rf"weights\.pt: expected .*{message}"):
            weights.load(network, path)
    norm = torch.nn.BatchNorm1d(2)
    torch.save({**norm.state_dict(), "num_batches_tracked": torch.tensor(1.0)}, path)
    with pytest.raises(InputError, match="expected whole numbers in num_batches_tracked, found"):
        weights.load(norm, path)
    torch.save({name: value.half() for name, value in good.items()}, path)  # as demucs stores them
    weights.load(network, path)
