"""`cadenza fetch`."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

import click

from cadenza._paths import find_root, in_bytes
from cadenza.datasets import FetchPlan, fetch, plan_fetch, read_registry
from cadenza.datasets.registry import Challenge, find_challenge
from cadenza.datasets.validation_cad2_task2 import find_download
from cadenza.datasets.validation_steps import setting
from cadenza.errors import InputError


def fetch_parts(
    challenge: str,
    parts: tuple[str, ...],
    *,
    to: Path | None,
    url: str | None,
    registry: Path | None,
    connections: int,
    dry_run: bool,
    unpack_again: bool,
) -> int:
    """List the parts of a challenge, or fetch some; returns the exit status."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("cadenza.datasets").setLevel(logging.INFO)
    challenges = read_registry(registry)
    challenge = find_challenge(challenge, challenges)
    chosen = challenges[challenge].choose(parts)
    if not chosen:
        click.echo(f"{challenges[challenge].title}:\n")
        for part in challenges[challenge].parts.values():
            size = f"about {in_bytes(part.about_bytes)}"
            click.echo(f"  {part.name:<12} {size:>14}  {part.content}")
        click.echo(f"\nTo fetch some of them: cadenza fetch {challenge} PART... --to FOLDER")
        return 0
    if to is None:
        raise InputError("missing option --to FOLDER: where should the data go?")
    plan = plan_fetch(chosen, to, url=url, unpack_again=unpack_again)
    _show(plan)
    if dry_run:
        return 0
    try:
        fetch(plan, connections=connections)
    except KeyboardInterrupt:
        click.echo("What has arrived is kept: the same command continues from there.", err=True)
        raise
    click.echo(f"All of it is in {to}.")
    _show_next(challenges[challenge], to)
    return 0


def _show_next(challenge: Challenge, folder: Path) -> None:
    """Print the settings with which the scripts find the data, and what says more."""
    download = find_download(folder) if challenge.name == "cad2_task2" else None
    root = folder if download else find_root(folder)
    if root is None:
        for part in challenge.parts.values():
            if part.content.startswith("metadata"):
                command = ["cadenza", "fetch", challenge.name, part.name, "--to", str(folder)]
                click.echo(f"The recipes also need the metadata: {shlex.join(command)}")
        return
    click.echo(f"For the recipes: {shlex.quote(setting('path.root', root))}")
    if download:
        where = shlex.quote(setting("path.zenodo_download_path", download))
        click.echo(f"For process_zenodo_download.py, which comes first, also: {where}")
    command = ["cadenza", "validate", challenge.name, str(root)]
    click.echo(f"What can be run: {shlex.join(command)}")


def _show(plan: FetchPlan) -> None:
    for step in plan.steps:
        if step.is_loaded:
            state = "is there and whole"
        elif step.n_missing_bytes < step.file.size:
            state = f"{in_bytes(step.n_missing_bytes)} are missing"
        else:
            state = "to fetch"
        if step.part.unpack:
            state += ", unpacked" if step.is_unpacked else ", to be unpacked"
        name = f"{step.part.name} ({step.file.name}, {in_bytes(step.file.size)})"
        click.echo(f"{name}: {state}")
    if plan.offline:
        click.echo(f"offline: {plan.offline}; going by what the records said before")
    if plan.n_bytes:
        click.echo(
            f"{in_bytes(plan.n_bytes)} to download, {in_bytes(plan.n_disk_bytes)} of disk needed"
        )
