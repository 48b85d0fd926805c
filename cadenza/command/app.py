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
from cadenza.command.data import FILE, fetch, validate
from cadenza.command.request import EQUALISATIONS, NOISES, ScoreRequest
from cadenza.errors import InputError


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'cadenza COMMAND --help' explains a command.",
)
@click.version_option(__version__, message="cadenza %(version)s")
def cli() -> None:
    """Make music better for people with hearing loss, and measure how good it is."""


cli.add_command(fetch)
cli.add_command(validate)


@cli.command(
    epilog="""Examples:

    \b
    cadenza score original.wav enhanced.wav --audiogram 20,20,25,30,35,40,45,50
    cadenza score original.wav a.flac b.flac --listener listeners.json:L0001 --json

    Exit status: 0 all files were scored; 1 some files could not be scored; 2 none could."""
)
@click.argument("reference", type=FILE)
@click.argument("processed", nargs=-1, required=True, type=FILE)
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
    type=FILE,
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
    type=FILE,
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
@click.argument("run", type=FILE)
@click.argument("other_run", required=False, type=FILE)
@click.option("--to", required=True, type=FILE, metavar="FOLDER", help="Where the report goes.")
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
