"""Compression prescribed for the ears of listeners, and the file that CAD2 gives it in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cadenza import _check
from cadenza._files import read_json

_N_BANDS = 6  # octaves with centres from 250 Hz to 8 kHz


@dataclass(frozen=True)
class EarCompression:
    """Compression prescribed for one ear, lowest band first.

    Parameters
    ----------
    ratio : tuple of float
        Compression ratio of each band, positive.
    makeup_gain_db : tuple of float
        Gain in dB of each band after compression.
    """

    ratio: tuple[float, ...]
    makeup_gain_db: tuple[float, ...]


@dataclass(frozen=True)
class ListenerCompression:
    """Compression prescribed for a listener's ears."""

    left: EarCompression
    right: EarCompression


def read_compressor_params(path: str | Path) -> dict[str, ListenerCompression]:
    """Read the compressor parameters of CAD2 listeners (``compressor_params.*.json``).

    Parameters
    ----------
    path : str or Path
        JSON object: listener id -> ``cr_l``, ``cr_r`` (ratios), ``gain_l`` and ``gain_r`` (dB) of
        six bands each. Other keys are ignored.

    Returns
    -------
    dict of str to ListenerCompression
        In the order of the file.

    Raises
    ------
    InputError
        Listing everything that is missing or invalid, by listener and key.

    Examples
    --------
    >>> import json, tempfile
    >>> entry = {"cr_l": [1.5] * 6, "gain_l": [0.0] * 6, "cr_r": [2.0] * 6, "gain_r": [6.0] * 6}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "params.json").write_text(json.dumps({"L0001": entry}))
    ...     parameters = read_compressor_params(f"{folder}/params.json")
    >>> parameters["L0001"].right.ratio
    (2.0, 2.0, 2.0, 2.0, 2.0, 2.0)
    """
    path = Path(path)
    entries = read_json(path, dict)
    problems = [
        f"{path}: listener {name}: {problem}"
        for name, entry in entries.items()
        for problem in _problems(entry)
    ]
    _check.raise_if(problems)
    return {
        name: ListenerCompression(
            left=EarCompression(tuple(entry["cr_l"]), tuple(entry["gain_l"])),
            right=EarCompression(tuple(entry["cr_r"]), tuple(entry["gain_r"])),
        )
        for name, entry in entries.items()
    }


def _problems(entry: object) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield f"expected an object, got {entry!r}"
        return
    for key in ("cr_l", "gain_l", "cr_r", "gain_r"):
        values = entry.get(key)
        if key not in entry:
            yield f"missing {key}"
        elif not (isinstance(values, list) and len(values) == _N_BANDS):
            yield f"{key}: expected {_N_BANDS} numbers, got {values!r}"
        elif not all(_check.is_number(value) for value in values):
            yield f"{key}: expected finite numbers, got {values!r:.100}"
        elif key.startswith("cr") and min(values) <= 0:
            yield f"{key}: ratios must be positive, got {values!r}"
