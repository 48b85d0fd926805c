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

from cadenza.errors import InputError
from cadenza.separation import weights
from cadenza.separation.packages import Package
from cadenza.separation.plain_yaml import read_yaml, shown
from cadenza.stems import STEMS

if TYPE_CHECKING:
    import torch

REST = "rest"
"""Stem of a network for one instrument: everything else."""

PACKAGE = Package(
    "BS-RoFormer",
    requirement="BS-RoFormer==0.3.10",
    needed_by="A RoFormer",
    version="0.3.10",  # later versions have other layers, which published weights do not fit
)

MOST_OVERLAPS = 100
"""Highest `num_overlap`; more would only take longer."""

_EVERYTHING_ELSE = ("other", "instrumental", "instrument")
_WRAPPERS = ("state_dict", "state", "model_state_dict")
_FIXED = {"linear_transformer_depth": 0, "mlp_expansion_factor": 4, "skip_connection": False}
"""Options of the training repository for which the package's networks have one value."""

_AT_MOST = {
    "depth": 64,
    "time_transformer_depth": 64,
    "freq_transformer_depth": 64,
    "mask_estimator_depth": 64,
    "num_bands": 512,
}
"""Limits of options that repeat parts of the network; published networks have a quarter of it."""

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
    sections = _read_sections(path)
    model, training, inference = (sections[x] for x in ("model", "training", "inference"))
    kinds = {"freqs_per_bands": "bs", "num_bands": "mel_band"}
    found = [kinds[key] for key in kinds if key in model]
    if len(found) != 1:
        raise InputError(
            f"{path}: model must have freqs_per_bands (BS-RoFormer) or num_bands (Mel-Band "
            f"RoFormer), got {' and '.join(key for key in kinds if key in model) or 'neither'}"
        )
    if model.get("stereo") is not True:
        raise InputError(f"{path}: model.stereo must be true, got {shown(model.get('stereo'))}")
    outputs, sources = _stems(path, training, model.get("num_stems", 1))
    numbers = _numbers(path, sections)
    return RoformerConfig(
        path,
        "bs" if found == ["bs"] else "mel_band",
        _options(path, model),
        outputs,
        sources,
        sample_rate=numbers["sample_rate"],
        chunk=numbers["chunk_size"],
        num_overlap=numbers["num_overlap"],
        normalize=inference.get("normalize") is True,
    )


def _read_sections(path: Path) -> dict[str, dict[str, Any]]:
    """Sections of the file; ``audio`` and ``inference`` may be missing."""
    content = read_yaml(path, "the configuration of the network")
    names = ("audio", "model", "training", "inference")
    sections = {
        name: (content.get(name) if isinstance(content, Mapping) else None) or {} for name in names
    }
    for name, section in sections.items():
        if not isinstance(section, Mapping) or (name in ("model", "training") and not section):
            raise InputError(f"{path}: expected a section {name} with keys")
    return sections


def _numbers(path: Path, sections: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Whole numbers that say how the network is used, each within its limits."""
    audio, model, inference = sections["audio"], sections["model"], sections["inference"]
    n_fft = _whole(path, "model.stft_n_fft", model.get("stft_n_fft", 2048), 128, 2**16)
    rate = audio.get("sample_rate", model.get("sample_rate", 44100))
    of_filters = model.get("sample_rate", 44100)
    if "num_bands" in model and rate != of_filters:
        raise InputError(
            f"{path}: audio.sample_rate must be model.sample_rate, {shown(of_filters)}, the rate "
            f"of the network's mel filters; got {shown(rate)}"
        )
    for key in _AT_MOST.keys() & model.keys():
        _whole(path, f"model.{key}", model[key], 1, _AT_MOST[key])
    chunk = inference.get("chunk_size", audio.get("chunk_size"))
    overlaps = inference.get("num_overlap", 2)
    return {
        "sample_rate": _whole(path, "sample_rate", rate, 8000, 192_000),
        # the network transforms at least one frame; the longest is minutes of music
        "chunk_size": _whole(path, "chunk_size", chunk, n_fft, 2**24),
        "num_overlap": _whole(path, "num_overlap", overlaps, 1, MOST_OVERLAPS),
    }


def _whole(path: Path, name: str, value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise InputError(
            f"{path}: {name} must be a whole number from {least} to {most}, got {shown(value)}"
        )
    return value


def _options(path: Path, model: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the network, without those that it does not need."""
    for key, value in _FIXED.items():
        if model.get(key, value) != value:
            raise InputError(f"{path}: model.{key} must be {value}, got {shown(model[key])}")
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
        name = target.lower() if isinstance(target, str) else ""
        outputs = [REST if is_vocal and name in _EVERYTHING_ELSE else name]
        if outputs[0] not in names:
            raise InputError(
                f"{path}: training.target_instrument must be null or one of "
                f"training.instruments, {', '.join(instruments)}, got {shown(target)}"
            )
        sources = [*outputs, "vocals" if outputs == [REST] else REST]
    else:
        outputs = sources = names
    if num_stems != len(outputs):
        raise InputError(
            f"{path}: model.num_stems must be {len(outputs)}, the number of "
            f"{'instruments' if target is None else 'target instruments'}, got {shown(num_stems)}"
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
    with PACKAGE.importing():
        from bs_roformer import BSRoformer, MelBandRoformer
        from bs_roformer.attend import Attend
    from torch.nn.functional import scaled_dot_product_attention

    kind = BSRoformer if config.kind == "bs" else MelBandRoformer
    known = inspect.signature(kind).parameters
    if unknown := [key for key in config.options if key not in known]:
        raise InputError(
            f"{config.path}: {kind.__name__} has no options {', '.join(unknown)} in the package "
            f"{PACKAGE.name} {PACKAGE.installed}"
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
    import torch

    with torch.device("meta"):  # no memory, until the weights are known to fit
        skeleton = build(config)
    if path.suffix == ".safetensors":
        state: Any = weights.read_safetensors(path, sha256=sha256)[0]
    else:
        state = weights.read(path, sha256=sha256)
    for name in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
            break
    weights.fill(skeleton, state, path)
    network = build(config)
    weights.fill(network, state, path)
    return network
