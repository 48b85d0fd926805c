"""Scores with their details in a file, so that they need not be computed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from cadenza._files import replacing, require_file
from cadenza.errors import InputError
from cadenza.haaqi.details import CepstralDetails, HaaqiDetails, SpectrumDetails, VibrationDetails
from cadenza.haaqi.score import HaaqiScore

_PARTS = {
    "spectrum": SpectrumDetails,
    "cepstral": CepstralDetails,
    "vibration": VibrationDetails,
}
_FEATURES = (
    "cepstral_correlation",
    "vibration_covariance",
    "loudness_spectrum",
    "normalised_spectrum",
    "delay_samples",
)


def save_scores(path: str | Path, scores: Mapping[str, HaaqiScore]) -> None:
    """Write scores with details to a file of NumPy arrays (``.npz``).

    Parameters
    ----------
    path : str or Path
        The file; missing folders are created.
    scores : mapping of str to HaaqiScore
        Scores by name, made with ``details=True``.

    Raises
    ------
    ValueError
        If a score has no details.

    Examples
    --------
    >>> import tempfile
    >>> from cadenza.audiogram import Audiogram
    >>> from cadenza.haaqi import haaqi
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=12000)
    >>> score = haaqi(
    ...     music, music, sample_rate=24000, audiogram=Audiogram([20] * 8), equalisation="none",
    ...     level_db_spl=85, details=True,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_scores(f"{folder}/scores.npz", {"left": score})
    ...     load_scores(f"{folder}/scores.npz")["left"] == score
    True
    """
    arrays: dict[str, Any] = {}
    for name, score in scores.items():
        if score.details is None:
            raise ValueError(f"scores must be made with details=True, {name} has none")
        arrays[f"{name}|score"] = np.array([getattr(score, feature) for feature in _FEATURES])
        arrays[f"{name}|flags"] = np.array(score.flags, dtype=np.str_)
        for field in fields(HaaqiDetails):
            value = getattr(score.details, field.name)
            for key, array in vars(value).items() if field.name in _PARTS else [("", value)]:
                arrays[f"{name}|{field.name}|{key}"] = array
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_scores(path: str | Path) -> dict[str, HaaqiScore]:
    """Read what `save_scores` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged or something else.
    """
    require_file(Path(path), "HAAQI details")
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = dict(content)
        names = [key.removesuffix("|score") for key in arrays if key.endswith("|score")]
        return {name: _score(name, arrays) for name in names}
    except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: expected HAAQI details, cannot read them: {error}") from None


def _score(name: str, arrays: Mapping[str, NDArray[Any]]) -> HaaqiScore:
    values: dict[str, Any] = dict(zip(_FEATURES, arrays[f"{name}|score"].tolist(), strict=True))
    parts: dict[str, Any] = {
        field.name: arrays.get(f"{name}|{field.name}|") for field in fields(HaaqiDetails)
    }
    for part, kind in _PARTS.items():
        parts[part] = kind(**{f.name: arrays[f"{name}|{part}|{f.name}"] for f in fields(kind)})
    values["delay_samples"] = int(values["delay_samples"])
    flags = tuple(arrays[f"{name}|flags"].tolist())
    return HaaqiScore(**values, flags=flags, details=HaaqiDetails(**parts))
