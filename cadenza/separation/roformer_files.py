"""Configuration and weights of a RoFormer, in the format of Music-Source-Separation-Training.

The configuration is a YAML file with the sections ``audio``, ``model``, ``training`` and
``inference``, the weights are a state dictionary. Networks are those of the package BS-RoFormer.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from cadenza.errors import InputError
from cadenza.separation import weights
from cadenza.stems import STEMS

if TYPE_CHECKING:
    import torch

REST = "rest"
"""Stem of a network for one instrument: everything else."""

_LARGEST = 2**20  # bytes of a configuration
_EVERYTHING_ELSE = ("other", "instrumental", "instrument")
_WRAPPERS = ("state_dict", "state", "model_state_dict")
_FIXED = {"linear_transformer_depth": 0, "mlp_expansion_factor": 4, "skip_connection": False}
"""Options of the training repository for which the package's networks have one value."""

_FOR_TRAINING = {"use_torch_checkpoint", "sage_attention"}
"""Options of the training repository that do not change the estimates."""


@dataclass(frozen=True)
class RoformerConfig:
    """What a configuration says.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"bs", "mel_band"}
        BS-RoFormer or Mel-Band RoFormer.
    options : dict
        Those of the network.
    outputs : tuple of str
        Stems in the order of the network's outputs.
    sources : tuple of str
        `outputs`, and what is left of the mixture if the network has one output.
    sample_rate : int
        In Hz.
    chunk : int
        Samples that the network gets at a time.
    num_overlap : int
        How often the chunks overlap.
    normalize : bool
        Whether the network gets normalised music.
    """

    path: Path
    kind: Literal["bs", "mel_band"]
    options: dict[str, Any]
    outputs: tuple[str, ...]
    sources: tuple[str, ...]
    sample_rate: int
    chunk: int
    num_overlap: int
    normalize: bool


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML that also knows tuples, which these files contain."""


_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node))
)


def read_config(path: Path) -> RoformerConfig:
    """Read a configuration.

    Parameters
    ----------
    path : Path
        YAML file. Tags in it are refused, except ``!!python/tuple``.

    Returns
    -------
    RoformerConfig

    Raises
    ------
    InputError
        If the file is missing or damaged, or its network is not one that can be used here.
    """
    sections = _read_yaml(path)
    model, training = sections["model"], sections["training"]
    audio, inference = sections["audio"], sections["inference"]
    kinds = {"freqs_per_bands": "bs", "num_bands": "mel_band"}
    found = [kinds[key] for key in kinds if key in model]
    if len(found) != 1:
        raise InputError(
            f"{path}: model must have freqs_per_bands (BS-RoFormer) or num_bands (Mel-Band "
            f"RoFormer), got {' and '.join(key for key in kinds if key in model) or 'neither'}"
        )
    if model.get("stereo") is not True:
        raise InputError(f"{path}: model.stereo must be true, got {model.get('stereo')!r}")
    outputs, sources = _stems(path, training, model.get("num_stems", 1))
    rate = audio.get("sample_rate", model.get("sample_rate", 44100))
    chunk: Any = inference.get("chunk_size", audio.get("chunk_size"))
    overlaps = inference.get("num_overlap", 2)
    for key, value in (("sample_rate", rate), ("chunk_size", chunk), ("num_overlap", overlaps)):
        if type(value) is not int or value < 1:
            raise InputError(f"{path}: {key} must be a positive whole number, got {value!r}")
    return RoformerConfig(
        path,
        "bs" if found == ["bs"] else "mel_band",
        _options(path, model),
        outputs,
        sources,
        sample_rate=rate,
        chunk=chunk,
        num_overlap=overlaps,
        normalize=inference.get("normalize") is True,
    )


def _read_yaml(path: Path) -> dict[str, dict[str, Any]]:
    """Sections of the file; ``audio`` and ``inference`` may be missing."""
    if not path.is_file():
        raise InputError(f"{path}: file not found; it must be the configuration of the network")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: expected the configuration of a network, found a larger file")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: expected YAML with plain values and tuples: {reason}") from None
    names = ("audio", "model", "training", "inference")
    sections = {
        name: (content.get(name) if isinstance(content, Mapping) else None) or {} for name in names
    }
    for name, section in sections.items():
        if not isinstance(section, Mapping) or (name in ("model", "training") and not section):
            raise InputError(f"{path}: expected a section {name} with keys")
    return sections


def _options(path: Path, model: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the network, without those that it does not need."""
    for key, value in _FIXED.items():
        if model.get(key, value) != value:
            raise InputError(f"{path}: model.{key} must be {value}, got {model[key]!r}")
    lists_to_tuples = {
        key: tuple(value) if isinstance(value, list) else value for key, value in model.items()
    }
    dropped = _FIXED.keys() | _FOR_TRAINING
    return {str(key): value for key, value in lists_to_tuples.items() if key not in dropped}


def _stems(
    path: Path, training: Mapping[str, Any], num_stems: object
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stems in the order of the network's outputs, and all that can be given."""
    instruments, target = training.get("instruments"), training.get("target_instrument")
    if not isinstance(instruments, list | tuple) or not all(
        isinstance(x, str) for x in instruments
    ):
        raise InputError(f"{path}: training.instruments must be a list of names")
    names = [name.lower() for name in instruments]
    is_vocal = len(names) == 2 and "vocals" in names and bool(set(names) & {*_EVERYTHING_ELSE})
    if is_vocal:  # what is called other here is no stem beside drums and bass
        names = ["vocals" if name == "vocals" else REST for name in names]
    if target is not None:
        name = str(target).lower()
        outputs = [REST if is_vocal and name in _EVERYTHING_ELSE else name]
        sources = [*outputs, "vocals" if outputs == [REST] else REST]
    else:
        outputs = sources = names
    if num_stems != len(outputs):
        raise InputError(
            f"{path}: model.num_stems must be {len(outputs)}, the number of "
            f"{'instruments' if target is None else 'target instruments'}, got {num_stems!r}"
        )
    allowed = [set(STEMS), *({stem, REST} for stem in STEMS if stem != "other")]
    if set(sources) not in allowed or len(set(sources)) != len(sources):
        raise InputError(
            f"{path}: expected a network for {', '.join(STEMS)}, or for vocals, drums or bass "
            f"alone, found one for {', '.join(outputs)}"
        )
    return tuple(outputs), tuple(sources)


def build(config: RoformerConfig) -> torch.nn.Module:
    """Build the network of a configuration, with random weights.

    Raises
    ------
    InputError
        If the package BS-RoFormer is missing, or the network cannot be built.
    """
    try:
        from bs_roformer import BSRoformer, MelBandRoformer
        from bs_roformer.attend import Attend
    except ImportError:
        raise InputError(
            "RoFormers need the package BS-RoFormer, which is not installed: "
            "pip install 'BS-RoFormer==0.3.10'"
        ) from None
    from torch.nn.functional import scaled_dot_product_attention

    kind = BSRoformer if config.kind == "bs" else MelBandRoformer
    known = inspect.signature(kind).parameters
    if unknown := [key for key in config.options if key not in known]:
        raise InputError(
            f"{config.path}: {kind.__name__} has no options {', '.join(unknown)} in the package "
            "BS-RoFormer 0.3.10"
        )
    try:
        # It prints which GPU it has found, and tries a transform without a window
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network: torch.nn.Module = kind(**config.options)
    except Exception as error:  # its constructor fails in many ways
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{config.path}: the network cannot be built: {reason}") from None
    for module in network.modules():
        if isinstance(module, Attend):
            # The package's own choice of kernels is deprecated, and has none for single precision
            # on some GPUs
            module.flash_attn = scaled_dot_product_attention
    return network


def load(config: RoformerConfig, path: Path, *, sha256: str | None = None) -> torch.nn.Module:
    """Build the network of a configuration and fill it with its weights.

    Parameters
    ----------
    config : RoformerConfig
        What to build.
    path : Path
        State dictionary, alone or in a dictionary under ``state_dict``, ``state`` or
        ``model_state_dict``; or a safetensors file.
    sha256 : str, optional
        First digits of the SHA-256 that the file must have.

    Returns
    -------
    torch.nn.Module
        On the CPU.

    Raises
    ------
    InputError
        If a file or the package is missing, or the files do not fit.
    """
    network = build(config)
    if path.suffix == ".safetensors":
        state: Any = weights.read_safetensors(path, sha256=sha256)[0]
    else:
        state = weights.read(path, sha256=sha256)
    for name in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
            break
    weights.fill(network, state, path)
    return network
