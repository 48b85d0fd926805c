"""Files of a Conv-TasNet: a JSON and a safetensors file in a folder, as for the published ones."""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from cadenza._files import read_json, replacing
from cadenza.errors import InputError
from cadenza.separation import weights

if TYPE_CHECKING:
    from cadenza.separation.convtasnet.network import ConvTasNet, ConvTasNetConfig

logger = logging.getLogger(__name__)

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"

INCLUDED = Path(__file__).parents[1] / "models"
"""Folder with the small networks that are included in cadenza."""

_OWNER = "cadenzachallenge"  # on the Hugging Face hub


def model_name(target: str, *, causal: bool) -> str:
    """Name of the folder with the network of a target, as for the published ones.

    Examples
    --------
    >>> model_name("Violin", causal=False)
    'ConvTasNet_Violin_NonCausal'
    """
    return f"ConvTasNet_{target}_{'Causal' if causal else 'NonCausal'}"


def missing(names: Iterable[str]) -> weights.MissingWeights | None:
    """Published networks that are not in the cache of the hub, if any; nothing is downloaded."""
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    places = [cache / f"models--{_OWNER}--{name}" / "snapshots" for name in names]
    if all(any(place.glob(f"*/{WEIGHTS_FILE}")) for place in places):
        return None
    return weights.MissingWeights(cache, will_download=True)


def cached(name: str) -> dict[str, Path]:
    """Files of a published network in the cache of the hub, by name; none unless all are there."""
    from huggingface_hub import try_to_load_from_cache

    repository = f"{_OWNER}/{name}"
    found = {file: try_to_load_from_cache(repository, file) for file in (CONFIG_FILE, WEIGHTS_FILE)}
    if not all(isinstance(path, str) for path in found.values()):
        return {}
    return {f"{name}/{file}": Path(str(path)) for file, path in found.items()}


def download(name: str) -> Path:
    """Folder of a published network in the cache of the hub; fetched if it is not there.

    Raises
    ------
    InputError
        If the network cannot be fetched; the last line says how to get it in another way, in the
        same words for all networks.
    """
    from huggingface_hub import snapshot_download

    if found := cached(name):
        return found[f"{name}/{CONFIG_FILE}"].parent
    try:
        return Path(
            snapshot_download(f"{_OWNER}/{name}", allow_patterns=[CONFIG_FILE, WEIGHTS_FILE])
        )
    except Exception as error:  # the hub, its cache and the connection fail in many ways
        how = (
            f"on another machine get {CONFIG_FILE} and {WEIGHTS_FILE} of each network from "
            f"https://huggingface.co/{_OWNER}, put them into FOLDER/<name of the network>, and set "
            "the separator's models_dir to FOLDER; or set it to 'included' for the small networks "
            "that are part of cadenza"
        )
        raise InputError([f"{name} cannot be downloaded ({type(error).__name__})", how]) from None


def save(network: ConvTasNet, folder: str | Path, *, metadata: Mapping[str, str]) -> None:
    """Write ``config.json`` and ``model.safetensors``.

    Parameters
    ----------
    network : ConvTasNet
        Written with its present weights.
    folder : str or Path
        Created if necessary; files in it are replaced.
    metadata : mapping of str to str
        Texts for the header of the weights, such as the names of the sources.
    """
    from safetensors.torch import save as to_bytes

    with replacing(Path(folder) / CONFIG_FILE) as temporary:
        temporary.write_text(json.dumps(asdict(network.config), indent=2), encoding="utf-8")
    tensors = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    with replacing(Path(folder) / WEIGHTS_FILE) as temporary:
        # safetensors itself would write a file that only its owner may read
        temporary.write_bytes(_in_order(to_bytes(tensors, {"format": "pt", **metadata})))


def _in_order(content: bytes) -> bytes:
    """The same safetensors file with its header sorted: equal weights then give equal bytes."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(-(-len(text) // 8) * 8)  # the tensors begin at a multiple of eight bytes
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def load(folder: str | Path) -> tuple[ConvTasNet, dict[str, str]]:
    """Read a network from ``config.json`` and ``model.safetensors``.

    Returns
    -------
    network : ConvTasNet
        On the CPU.
    metadata : dict of str to str
        Texts from the header of the weights; published weights do not have those of `save`.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the weights belong to another network.
    """
    from cadenza.separation.convtasnet.network import ConvTasNet

    network = ConvTasNet(_read_config(Path(folder) / CONFIG_FILE))
    path = Path(folder) / WEIGHTS_FILE
    state, metadata = weights.read_safetensors(path)
    weights.fill(network, state, path, expected=f"the network of {CONFIG_FILE}")
    return network, metadata


def _read_config(path: Path) -> ConvTasNetConfig:
    from cadenza.separation.convtasnet.network import ConvTasNetConfig

    values = read_json(path, dict)
    known = {field.name for field in fields(ConvTasNetConfig)}
    if others := sorted(values.keys() - known - {"license", "origin"}):
        logger.warning("%s: unknown keys are ignored: %s", path, ", ".join(others))
    try:
        return ConvTasNetConfig(**{name: values[name] for name in values if name in known})
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
