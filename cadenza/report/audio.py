"""Sounds of an item: FLAC files to open with anything, and the same as a script for the player.

A browser gives silence for an ``<audio>`` element in Web Audio and refuses ``fetch`` if the page
was opened as a file. Scripts do load from files, so the player gets its FLACs as base64 in scripts.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza._files import replacing
from cadenza.levels import db_to_gain, gain_to_db
from cadenza.loudness import integrated_loudness_lufs
from cadenza.report.results import slug_of
from cadenza.report.signals import Sound

_QUIETEST_LUFS = -60.0  # what is softer than this is not made as soft as this


@dataclass(frozen=True)
class Heard:
    """A sound as the player knows it.

    Parameters
    ----------
    name : str
        Its name in scripts and files.
    label : str
        What its button says.
    is_stem : bool
        Whether it is a part of the music.
    loudness_lufs : float or None
        Integrated loudness in the file; None if it is silent or too short.
    match_db : float
        Gain that brings it to the loudness of the softest main sound, as far as a soft stem can be
        raised without clipping.
    duration_s : float
        Duration in seconds.
    """

    name: str
    label: str
    is_stem: bool
    loudness_lufs: float | None
    match_db: float
    duration_s: float


@dataclass(frozen=True)
class Album:
    """All sounds of an item.

    Parameters
    ----------
    sounds : list of Heard
        In the order of their buttons.
    gain_db : float
        Gain of all files re the signals, so that none is clipped; 0 or less.
    """

    sounds: list[Heard]
    gain_db: float


def write_sounds(folder: Path, sounds: Sequence[Sound]) -> Album:
    """Write the files of all sounds, ``audio.js`` with the main ones and ``stems.js``.

    All get one gain, so their levels remain comparable.
    """
    peak = max(float(np.abs(sound.samples).max(initial=0.0)) for sound in sounds)
    gain_db = min(0.0, -float(gain_to_db(peak)) - 0.1) if peak > 0 else 0.0
    gain = db_to_gain(gain_db)
    loudness = [_loudness(gain * sound.samples, sound.sample_rate) for sound in sounds]
    main = [lufs for lufs, s in zip(loudness, sounds, strict=True) if not s.is_stem]
    target = min((lufs for lufs in main if lufs is not None and lufs > _QUIETEST_LUFS), default=0.0)
    heard: list[Heard] = []
    scripts: dict[str, dict[str, str]] = {"audio.js": {}, "stems.js": {}}
    for sound, lufs in zip(sounds, loudness, strict=True):
        name = slug_of(sound.label.replace(", ", "_").replace(" ", "_"))
        path = folder / f"{name}.flac"
        audio.write_flac(path, gain * sound.samples, sound.sample_rate)
        content = base64.b64encode(path.read_bytes()).decode()
        scripts["stems.js" if sound.is_stem else "audio.js"][name] = content
        match_db = 0.0
        if lufs is not None and lufs > _QUIETEST_LUFS:
            loudest = gain * float(np.abs(sound.samples).max())
            match_db = min(target - lufs, -float(gain_to_db(loudest)))  # without clipping
        heard.append(
            Heard(
                name,
                sound.label,
                sound.is_stem,
                None if lufs is None else round(lufs, 1),
                round(match_db, 1),
                round(sound.duration_s, 4),
            )
        )
    for file, parts in scripts.items():
        if parts:
            with replacing(folder / file) as temporary:
                text = json.dumps(parts)
                temporary.write_text(f"cadenzaSounds({text});\n", encoding="utf-8")
    return Album(heard, round(gain_db, 1))


def _loudness(samples: NDArray[np.float64], sample_rate: int) -> float | None:
    try:
        lufs = integrated_loudness_lufs(samples, sample_rate)
    except ValueError:  # too short
        return None
    return lufs if math.isfinite(lufs) else None
