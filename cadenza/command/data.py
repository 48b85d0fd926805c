"""What can be typed after `cadenza fetch` and `cadenza validate`, and their help."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource


class _Path(click.Path):
    """A path that may begin with ``~``, which shells leave as it is in ``--to=~/data``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        # not with pathlib, which refuses files that happen to begin with ~
        return super().convert(os.path.expanduser(value), param, ctx)  # noqa: PTH111


FILE = _Path(path_type=Path)


@click.command(
    epilog="""Examples:

    \b
    cadenza fetch icassp_2024
    cadenza fetch icassp_2024 core validation --to /data/icassp

    Exit status: 0 all of it is there; 2 some is not."""
)
@click.argument("challenge")
@click.argument("parts", nargs=-1, metavar="[PART]...")
@click.option("--to", type=FILE, metavar="FOLDER", help="Where the data go.")
@click.option(
    "--from",
    "url",
    metavar="URL",
    help="A mirror of https://zenodo.org. Default: the environment variable CADENZA_ZENODO_URL.",
)
@click.option(
    "--registry",
    type=FILE,
    metavar="FILE",
    help="A TOML file with more challenges and parts, in the form of cadenza's own.",
)
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Files that are downloaded at a time.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Compare the content of unpacked files too, and restore those that have been edited.",
)
@click.option(
    "--dry-run", is_flag=True, help="Only say what would be done, and what would be refused."
)
def fetch(**options: Any) -> int:  # noqa: ANN401
    """Download data of a CHALLENGE, such as icassp_2024; the beginning is enough.

    PART names what is needed, or is "all"; without it, the parts are listed. Downloads are
    verified and unpacked. After an interruption the same command continues. A second call checks
    what is there, and restores unpacked files that are missing.
    """
    from cadenza.command.fetching import fetch_parts

    return fetch_parts(**options)


@click.command(
    epilog="""Examples:

    \b
    cadenza validate icassp_2024 /data/icassp
    cadenza validate cad1 /data/cad1 --split valid --deep
    cadenza validate cad1 /data/cad1 --scores E005 split=test evaluate.segments=true release=0.3.4

    Exit status: 0 all parts can be used, or made by a script that can be run; 1 some are missing or
    damaged, or nothing can be run; 2 no challenge root. With --scores: 0 all scores agree; 1 some
    differ, or could not be compared; 2 bad input."""
)
@click.argument("challenge")
@click.argument("folder", type=FILE)
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--split",
    "splits",
    multiple=True,
    metavar="SPLIT",
    help="Check only this split, such as valid; repeatable. Without it, all splits are listed, and "
    "those of which anything is there must be complete.",
)
@click.option("--deep", is_flag=True, help="Decode audio files, and read zip files, to their end.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Files that are read at a time. Default: all cores.",
)
@click.option(
    "--scores",
    "package",
    type=FILE,
    metavar="PACKAGE",
    help="Instead: score the signals in an entrant's folder again, and compare with the tables of "
    "scores (.csv) in it. KEY=VALUE are settings of evaluate.py.",
)
@click.option(
    "--to", type=FILE, metavar="FOLDER", help="For --scores: results. Default: scores_of_PACKAGE."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-3,
    show_default=True,
    help="For --scores: smaller differences do not count.",
)
def validate(
    challenge: str,
    folder: Path,
    settings: tuple[str, ...],
    *,
    splits: tuple[str, ...],
    deep: bool,
    jobs: int | None,
    package: Path | None,
    to: Path | None,
    tolerance: float,
) -> int:
    """Say what FOLDER has of a CHALLENGE: what is missing or damaged, and what can be run.

    CHALLENGE is icassp_2024, cad1_task1 or cad2_task2; the beginning is enough. Metadata are read
    and compared with each other. Of audio files only the headers are read, unless --deep is given.
    After an interruption, --deep reads only the rest.
    """
    if package:
        if deep or jobs or splits:
            raise click.UsageError("--scores takes neither --deep, --jobs nor --split")
        from cadenza.command.comparing import Wish, compare_scores

        return compare_scores(Wish(challenge, folder, package, settings, to, tolerance))
    source = click.get_current_context().get_parameter_source("tolerance")
    if settings or to or source is not ParameterSource.DEFAULT:
        raise click.UsageError("KEY=VALUE, --to and --tolerance are for --scores")
    from cadenza.command.validating import validate_folder

    return validate_folder(challenge, folder, splits=splits, deep=deep, jobs=jobs)
