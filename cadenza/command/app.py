"""What can be typed after `cadenza`, its help, its errors and exit statuses.

Exit status: 0 all good; 1 some items failed; 2 bad input or options, nothing was processed; 130
interrupted. Only click is imported here, so that help and mistakes take no time: each command
imports what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cadenza import __version__
from cadenza._files import reason_of_system
from cadenza.command.request import EQUALISATIONS, NOISES, ScoreRequest
from cadenza.errors import InputError

_FILE = click.Path(path_type=Path)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'cadenza COMMAND --help' explains a command.",
)
@click.version_option(__version__, message="cadenza %(version)s")
def cli() -> None:
    """Make music better for people with hearing loss, and measure how good it is."""


@cli.command(
    epilog="""Examples:

    \b
    cadenza score original.wav enhanced.wav --audiogram 20,20,25,30,35,40,45,50
    cadenza score original.wav a.flac b.flac --listener listeners.json:L0001 --json

    Exit status: 0 all files were scored; 1 some files could not be scored; 2 none could."""
)
@click.argument("reference", type=_FILE)
@click.argument("processed", nargs=-1, required=True, type=_FILE)
@click.option(
    "--audiogram",
    metavar="DB,DB,...",
    help="Hearing thresholds in dB HL, of both ears for stereo files.",
)
@click.option(
    "--audiogram-right", metavar="DB,DB,...", help="Thresholds of the right ear, if they differ."
)
@click.option(
    "--frequencies",
    metavar="HZ,HZ,...",
    help="Frequencies of the thresholds. Default: 250,500,1000,2000,3000,4000,6000,8000.",
)
@click.option(
    "--listener", metavar="FILE:NAME", help="Instead: a listener of a file: listeners.json:L0001."
)
@click.option(
    "--ear", type=click.Choice(["left", "right"]), help="Ear of --listener for mono files."
)
@click.option(
    "--equalisation",
    type=click.Choice(EQUALISATIONS),
    default="nalr",
    show_default=True,
    help="nalr: REFERENCE is unamplified music, and HAAQI amplifies it for the listener. none: it "
    "has already been amplified for the listener.",
)
@click.option(
    "--presented-db-spl",
    type=float,
    metavar="DB",
    help="Level in dB SPL at which each channel of REFERENCE is presented. Default: 65.",
)
@click.option(
    "--level-from",
    type=_FILE,
    metavar="FILE",
    help="Music that is presented at --presented-db-spl, if not REFERENCE. In the challenges, it "
    "is the music before amplification.",
)
@click.option(
    "--level-db-spl",
    metavar="DB[,DB]",
    help="Instead of --presented-db-spl: level in dB SPL of a signal with an RMS of 1, for both "
    "ears or for each.",
)
@click.option(
    "--resample",
    "resample_hz",
    type=click.IntRange(min=8000),
    metavar="HZ",
    help="Resample all files to this rate first; the challenges use 24000.",
)
@click.option(
    "--noise",
    type=click.Choice(NOISES),
    default="seeded",
    show_default=True,
    help="Internal noise of the ear. fast: scores differ about as much as with another seed.",
)
@click.option(
    "--seed",
    default="0",
    show_default=True,
    help="Seed of the noise: a whole number, or a name as in the challenges (scene_10001).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON with all digits.")
@click.option(
    "--report",
    type=_FILE,
    metavar="FOLDER",
    help="Also write a page to FOLDER that plays the files and shows where quality was lost.",
)
def score(**options: Any) -> int:  # noqa: ANN401
    """Score each PROCESSED file against REFERENCE with HAAQI.

    Mono files are scored for one ear, stereo files for both. Prints the score, its nonlinear and
    linear part, the features and reasons to doubt the score, and says how to read each of them.
    """
    request = ScoreRequest(**options)  # refuses names that it does not know
    from cadenza.command.scoring import score_files

    return score_files(request)


@cli.command(
    epilog="""Examples:

    \b
    cadenza report exp --to report
    cadenza report exp_before exp_after --to comparison --items changed:20

    Exit status: 0 all pages are complete; 1 some items have nothing to hear; 2 no report."""
)
@click.argument("run", type=_FILE)
@click.argument("other_run", required=False, type=_FILE)
@click.option("--to", required=True, type=_FILE, metavar="FOLDER", help="Where the report goes.")
@click.option(
    "--items",
    default="all",
    show_default=True,
    metavar="WHICH",
    help="Items that get a page: all, none, worst:20, best:20, changed:20 (of two runs), or names "
    "separated by commas.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.5),
    default=30,
    show_default=True,
    help="Seconds of music on a page at most; of longer music, the part where most was lost.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes. Default: one for each core.")
@click.option(
    "--own-classes",
    is_flag=True,
    help="Also use hearing aids outside cadenza. They run code: do this only for runs you trust.",
)
def report(
    run: Path,
    other_run: Path | None,
    to: Path,
    items: str,
    seconds: float,
    jobs: int | None,
    *,
    own_classes: bool,
) -> int:
    """Make pages with charts and players of the results of a RUN, or compare it with OTHER_RUN.

    A run is the path.exp_folder of enhance.py and evaluate.py of any challenge. It may be
    unfinished, or in batches. The report opens in a browser and needs no network. A second call
    makes only the pages of items that have changed.
    """
    from cadenza.command.reporting import report_runs

    return report_runs(
        run,
        other_run,
        to=to,
        items=items,
        seconds=seconds,
        jobs=jobs,
        own_classes=own_classes,
    )


@cli.command(
    epilog="""Examples:

    \b
    cadenza fetch icassp_2024
    cadenza fetch icassp_2024 core validation --to /data/icassp

    Exit status: 0 all of it is there; 2 some is not."""
)
@click.argument("challenge")
@click.argument("part", nargs=-1)
@click.option("--to", type=_FILE, metavar="FOLDER", help="Where the data go.")
@click.option(
    "--from",
    "url",
    metavar="URL",
    help="A mirror of https://zenodo.org. Default: the environment variable CADENZA_ZENODO_URL.",
)
@click.option(
    "--registry",
    type=_FILE,
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
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--unpack-again",
    is_flag=True,
    help="Unpack the archives once more, in place of files that were lost, damaged or changed.",
)
def fetch(
    challenge: str,
    part: tuple[str, ...],
    to: Path | None,
    url: str | None,
    registry: Path | None,
    connections: int,
    dry_run: bool,
    unpack_again: bool,
) -> int:
    """Download data of a CHALLENGE: icassp_2024, cad1_task1 or cad2_task2.

    The beginning of the name is enough. PART names what is needed, or is "all"; without it, the
    parts are listed. Downloads are verified and unpacked. After an interruption the same command
    continues; a second call only checks what is there.
    """
    from cadenza.command.fetching import fetch_parts

    return fetch_parts(
        challenge,
        part,
        to=to,
        url=url,
        registry=registry,
        connections=connections,
        dry_run=dry_run,
        unpack_again=unpack_again,
    )


@cli.command(
    epilog="""Examples:

    \b
    cadenza validate icassp_2024 /data/icassp
    cadenza validate cad1 /data/cad1 --deep
    cadenza validate cad1 /data/cad1 --scores E005 split=test evaluate.segments=true release=0.3.4

    Exit status: 0 something can be run and nothing is damaged; 1 something is damaged, or nothing
    can be run; 2 no challenge root. With --scores: 0 all scores agree; 1 some differ, or could not
    be compared; 2 bad input."""
)
@click.argument("challenge")
@click.argument("folder", type=_FILE)
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--deep", is_flag=True, help="Decode audio files, and read zip files, to their end.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Files that are read at a time. Default: all cores.",
)
@click.option(
    "--scores",
    "package",
    type=_FILE,
    metavar="PACKAGE",
    help="Instead: score the signals in an entrant's folder again, and compare with the tables of "
    "scores (.csv) in it. KEY=VALUE are settings of evaluate.py.",
)
@click.option(
    "--to", type=_FILE, metavar="FOLDER", help="For --scores: results. Default: scores_of_PACKAGE."
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
        if deep or jobs:
            raise click.UsageError("--scores takes neither --deep nor --jobs")
        from cadenza.command.comparing import Wish, compare_scores

        return compare_scores(Wish(challenge, folder, package, settings, to, tolerance))
    if settings or to:
        raise click.UsageError("KEY=VALUE and --to are for --scores")
    from cadenza.command.validating import validate_folder

    return validate_folder(challenge, folder, deep=deep, jobs=jobs)


@cli.command(
    epilog="""Examples:

    \b
    cadenza demo
    cadenza demo --mirror mirror"""
)
@click.argument("folder", default="demo")
@click.option(
    "--mirror",
    is_flag=True,
    help="Instead: write a small mirror of Zenodo to FOLDER, to try out cadenza fetch.",
)
def demo(folder: str, *, mirror: bool) -> None:
    """Run the three challenges on generated music, in FOLDER (default: demo).

    Takes a few minutes the first time. Nothing is downloaded.
    """
    if mirror:
        from cadenza.command.mirroring import write_and_explain

        write_and_explain(Path(folder))
        return
    from cadenza.demo.__main__ import main as run_demo

    run_demo([folder])


@cli.command(name="compile")
def compile_() -> None:
    """Compile HAAQI and the compressors for this machine, once.

    Takes about 20 seconds. Without it, the first score takes that much longer.
    """
    from cadenza.command.compiling import compile_kernels

    click.echo(f"cadenza is ready ({compile_kernels():.0f} s).")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; mistakes are told in one line each.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the command line.

    Returns
    -------
    int
        Exit status.

    Examples
    --------
    >>> main(["--version"])
    cadenza 0.1.0
    0
    """
    try:
        status = cli.main(arguments, prog_name="cadenza", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "cadenza"
        return _say(where, [" ".join(error.format_message().split())])
    except InputError as error:
        return _say("cadenza", error.problems)
    except OSError as error:
        place = f"{error.filename}: {reason_of_system(error)}" if error.filename else str(error)
        return _say("cadenza", [place])
    except click.Abort:
        _say("cadenza", ["interrupted"])
        return 130
    return status or 0


def _say(where: str, problems: Sequence[str]) -> int:
    for problem in problems:
        click.echo(f"{where}: {problem}", err=True)
    return 2
