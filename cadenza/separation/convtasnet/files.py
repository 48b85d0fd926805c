"""Files of a Conv-TasNet, in the format of the published ones: a JSON and a safetensors file."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from cadenza._files import read_json, replacing
from cadenza.errors import InputError

if TYPE_CHECKING:
    from cadenza.separation.convtasnet.network import ConvTasNet, ConvTasNetConfig

logger = logging.getLogger(__name__)

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


def save(network: ConvTasNet, folder: str | Path, *, metadata: Mapping[str, str]) -> None:
    """Write ``config.json`` and ``model.safetensors``, the format of the published models.

    Parameters
    ----------
    network : ConvTasNet
        Written with its present weights.
    folder : str or Path
        Created if necessary; files in it are replaced.
    metadata : mapping of str to str
        Texts for the head of the weights, such as what the sources are.
    """
    from safetensors.torch import save as to_bytes

    with replacing(Path(folder) / CONFIG_FILE) as temporary:
        temporary.write_text(json.dumps(asdict(network.config), indent=2), encoding="utf-8")
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    with replacing(Path(folder) / WEIGHTS_FILE) as temporary:
        # Safetensors would write a file that nobody else may read
        temporary.write_bytes(to_bytes(weights, {"format": "pt", **metadata}))


def load(folder: str | Path) -> tuple[ConvTasNet, dict[str, str]]:
    """Read a network from ``config.json`` and ``model.safetensors``.

    Returns
    -------
    network : ConvTasNet
        On the CPU.
    metadata : dict of str to str
        Texts from the head of the weights; published weights have none of ours.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the weights belong to another network.
    """
    from safetensors import SafetensorError, safe_open

    from cadenza.separation.convtasnet.network import ConvTasNet

    network = ConvTasNet(_read_config(Path(folder) / CONFIG_FILE))
    path = Path(folder) / WEIGHTS_FILE
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: expected weights in safetensors format: {error}") from None
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()[:200]
        raise InputError(f"{path}: expected the network of {CONFIG_FILE}. {first}") from None
    return network, metadata


def _read_config(path: Path) -> ConvTasNetConfig:
    from cadenza.separation.convtasnet.network import ConvTasNetConfig

    values = read_json(path, dict)
    known = {field.name for field in fields(ConvTasNetConfig)}
    if others := sorted(values.keys() - known):
        logger.warning("%s: unknown keys are ignored: %s", path, ", ".join(others))
    try:
        return ConvTasNetConfig(**{name: values[name] for name in values if name in known})
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
