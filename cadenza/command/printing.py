"""What `cadenza score` prints: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from cadenza import __version__
from cadenza.command.listening import presented
from cadenza.haaqi import HaaqiScore
from cadenza.haaqi.constants import SAMPLE_RATE
from cadenza.haaqi.parts import FLAG_MEANINGS, PARTS

if TYPE_CHECKING:
    from cadenza.command.scoring import Session

_TITLE_WIDTH, _NUMBER_WIDTH = 25, 9


def heading(session: Session) -> str:
    """Who listened to what, how loud."""
    request, reference = session.request, session.request.reference
    duration_s = session.reference.shape[-1] / session.sample_rate
    rates = f"{session.file_rate} Hz"
    if session.sample_rate != session.file_rate:
        rates += f", compared at {session.sample_rate} Hz"
    losses = ", ".join(
        f"{name} {audiogram.severity.lower()}" for name, audiogram in session.ears.items()
    )
    who = f"{request.listener.rpartition(':')[2]}, " if request.listener else ""
    levels = " and ".join(f"{level:.2f}" for level in session.levels_db_spl)
    level = f"an RMS of 1 is at {levels} dB SPL"
    if request.level_db_spl is None:
        music = request.level_from or "the reference"
        level = f"{music} is presented at {presented(request):g} dB SPL ({level})"
    amplified = {
        "nalr": "HAAQI amplifies the reference by NAL-R",
        "none": "the reference is taken as already amplified for the listener",
    }[request.equalisation]
    return "\n".join(
        (
            f"reference: {reference}, {duration_s:.1f} s, {rates}",
            f"hearing loss: {who}{losses}",
            f"level: {level}",
            f"equalisation: {amplified}",
        )
    )


def table(title: str, ears: Mapping[str, HaaqiScore]) -> str:
    """The parts of the scores of one file, a row each, with how to read them."""
    lines = [title, _row("", list(ears), "")]
    for part in PARTS:
        numbers = [f"{getattr(score, part.name):.4f}" for score in ears.values()]
        lines.append(_row(2 * part.depth * " " + part.title, numbers, part.meaning))
    delays = [f"{1000 * score.delay_samples / SAMPLE_RATE:.2f}" for score in ears.values()]
    lines.append(_row("delay in ms", delays, "how late it is; removed before scoring"))
    flags = [
        f"{name}: {flag}: {FLAG_MEANINGS[flag]}"
        for name, score in ears.items()
        for flag in score.flags
    ]
    lines += [f"doubtful, {flag}" for flag in flags] or ["flags: none, no reason to doubt this"]
    if len(ears) > 1:
        lines.append(f"mean score of both ears: {_mean(ears):.4f}")
    return "\n".join(lines)


def _row(title: str, numbers: list[str], meaning: str) -> str:
    cells = "".join(number.rjust(_NUMBER_WIDTH) for number in numbers)
    return f"{title:{_TITLE_WIDTH}}{cells}   {meaning}".rstrip()


def ranking(results: Mapping[Path, Mapping[str, HaaqiScore]]) -> str:
    """All files with their mean scores, best first."""
    means = {file: _mean(ears) for file, ears in results.items()}
    best_first = sorted(means, key=lambda file: -means[file])
    return "\n".join(["best first:", *(f"{means[file]:.4f}  {file}" for file in best_first)])


def as_json(
    session: Session,
    results: Mapping[Path, Mapping[str, HaaqiScore]],
    problems: Mapping[Path, str],
) -> str:
    """Everything with all digits."""
    request = session.request
    content = {
        "cadenza": __version__,
        "reference": str(request.reference),
        "sample_rate": session.sample_rate,
        "equalisation": request.equalisation,
        "noise": request.noise,
        "seed": request.seed,
        "ears": {
            name: {
                "levels_db_hl": audiogram.levels_db_hl.tolist(),
                "frequencies_hz": audiogram.frequencies_hz.tolist(),
                "level_db_spl": level_db_spl,
            }
            for (name, audiogram), level_db_spl in zip(
                session.ears.items(), session.levels_db_spl, strict=True
            )
        },
        "results": [
            {"processed": str(file), "error": problems[file]}
            if file in problems
            else {"processed": str(file), **_numbers(results[file])}
            for file in request.processed
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _numbers(ears: Mapping[str, HaaqiScore]) -> dict[str, Any]:
    return {
        "score": _mean(ears),
        "ears": {
            name: {
                **{part.name: getattr(score, part.name) for part in PARTS},
                "delay_samples": score.delay_samples,
                "flags": list(score.flags),
            }
            for name, score in ears.items()
        },
    }


def _mean(ears: Mapping[str, HaaqiScore]) -> float:
    return fmean(score.score for score in ears.values())
