"""`cadenza validate --scores`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
import pandas as pd

from cadenza.challenges.cad1_task1.songs import STEM_SUFFIXES, StemFormat
from cadenza.datasets import read_registry
from cadenza.datasets.entrants import Package, Target, read_package
from cadenza.datasets.score_tables import differences, read_scores
from cadenza.errors import InputError

_SHOWN = 10  # scores that differ most
_OWN = ("root", "exp_folder", "enhanced_dir", "submission_dir")


@dataclass(frozen=True)
class Wish:
    """What the user wants to be compared.

    Parameters
    ----------
    challenge : str
        Name of the challenge, or its beginning.
    root, package : Path
        Challenge root; folder with an entrant's scores and signals.
    settings : sequence of str
        ``key=value`` for the evaluation.
    to : Path, optional
        Folder of the results.
    tolerance : float
        The largest difference that does not count.
    """

    challenge: str
    root: Path
    package: Path
    settings: Sequence[str]
    to: Path | None
    tolerance: float


def compare_scores(wish: Wish) -> int:
    """Score an entrant's signals and compare with the entrant's scores; returns the exit status."""
    given = _by_key(wish.settings)
    to = wish.to or Path(f"scores_of_{wish.package.resolve().name}")
    package = read_package(
        wish.challenge,
        wish.root,
        wish.package,
        split=given.pop("split", None),
        target=_target(given.pop("evaluate.target", None)),
        stems=_stems(given.pop("stems", None)),
        leave_out=to,
    )
    click.echo("\n".join(_description(package, wish)))
    arguments = [*package.prepare(to), *(f"{key}={value}" for key, value in given.items())]
    module = f"cadenza.recipes.{package.evaluation.script}"
    status = subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode
    if status not in (0, 1):
        if (to / "scores.csv").exists():
            click.echo("hint: --to FOLDER keeps results of other settings apart", err=True)
        return status
    compared = _compared(package, to / "scores.csv")
    compared.to_csv(to / "comparison.csv", index=False)
    # not <=: a NaN counts as a difference
    apart = compared[~(compared["difference"].abs() <= wish.tolerance)]
    click.echo("\n".join(_summary(compared, apart, wish.tolerance)))
    click.echo(f"All scores: {to / 'comparison.csv'}")
    is_whole = not status and len(package.complete) == len(package.scores.rows)
    return 0 if is_whole and apart.empty else 1


def _by_key(settings: Sequence[str]) -> dict[str, str]:
    given = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"{text}: expected a setting of evaluate.py, KEY=VALUE")
        if key.removeprefix("path.") in _OWN and key.startswith("path."):
            raise InputError(f"{key}: --to says where the results go; leave it out")
        given[key] = value
    return given


def _target(text: str | None) -> Target | None:
    if text not in (None, "stems", "remix"):
        raise InputError(f"evaluate.target must be stems or remix, got {text}")
    return cast("Target | None", text)


def _stems(text: str | None) -> StemFormat | None:
    if text is not None and text not in STEM_SUFFIXES:
        raise InputError(f"stems must be {' or '.join(STEM_SUFFIXES)}, got {text}")
    return cast("StemFormat | None", text)


def _description(package: Package, wish: Wish) -> Iterator[str]:
    """What was found, before the scoring begins."""
    title = read_registry()[package.challenge].title
    scores, n_pairs = package.scores, len(package.scores.rows)
    files = ", ".join(str(path) for path in scores.files[:3])
    more = len(scores.files) - 3
    yield f"{title}, {package.split}: scores of {wish.package}"
    yield f"scores   {n_pairs} pairs in {files}{f' and {more} more' if more > 0 else ''}"
    yield f"         columns {', '.join(scores.columns)}"
    if len(package.pairs) < n_pairs:
        found = f"{len(package.pairs)} of them are in the split {package.split} of {wish.root}"
        yield f"         {found}; the others are left out"
    yield f"signals  of {len(package.complete)} of {len(package.pairs)} pairs"
    if package.challenge == "cad1_task1":
        suffix = STEM_SUFFIXES[package.stems]
        what = {
            "stems": f"stems ({suffix} files) with the true stems",
            "remix": "the remix with the mixture",
        }
        yield f"compared {what[package.target]}"
    yield ""


def _compared(package: Package, table: Path) -> pd.DataFrame:
    """Their scores and ours, a row each."""
    labels = package.evaluation.labels
    ours = read_scores([table], labels, table.parent)
    rows = [
        {
            **{name: package.pairs[found.key].labels[name] for name in labels},
            "column": found.column,
            "theirs": found.theirs,
            "ours": found.ours,
            "difference": found.ours - found.theirs,
        }
        for found in differences(package.scores, ours)
    ]
    compared = pd.DataFrame(rows)
    if not rows or compared["difference"].isna().all():
        theirs = ", ".join(package.scores.columns)
        raise InputError(f"{table}: nothing to compare with the columns {theirs}")
    return compared


def _summary(compared: pd.DataFrame, apart: pd.DataFrame, tolerance: float) -> Iterator[str]:
    """A line for each column, and the scores that differ most."""
    in_both = compared.dropna(subset="difference")
    sizes = in_both.assign(size=in_both["difference"].abs()).groupby("column", sort=False)
    table = sizes.agg(
        scores=("size", "size"),
        theirs=("theirs", "mean"),
        ours=("ours", "mean"),
        median=("size", "median"),
        largest=("size", "max"),
    )
    yield "\nMeans, and absolute differences"
    numbers = {
        **dict.fromkeys(("theirs", "ours"), "{:.4f}".format),
        **dict.fromkeys(("median", "largest"), "{:.1e}".format),
    }
    yield table.rename_axis(None).to_string(formatters=numbers)
    if apart.empty:
        yield f"\nNo score differs by more than {tolerance:g}."
        return
    alone = "; NaN: in one table only" if len(in_both) < len(compared) else ""
    yield f"\n{len(apart)} of {len(compared)} scores differ by more than {tolerance:g}{alone}"
    largest = apart.loc[apart["difference"].abs().sort_values(ascending=False).index]
    numbers = dict.fromkeys(("theirs", "ours", "difference"), "{:.4f}".format)
    yield largest.head(_SHOWN).to_string(index=False, formatters=numbers)
    if len(apart) > _SHOWN:
        yield f"and {len(apart) - _SHOWN} more"
