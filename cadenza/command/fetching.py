"""`cadenza fetch`."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

import click

from cadenza._check import raise_if
from cadenza._paths import find_roots, in_bytes
from cadenza.datasets import Challenge, FetchPlan, Part, fetch, plan_fetch, read_registry
from cadenza.datasets.planning import Step, manifest_file
from cadenza.datasets.registry import find_challenge
from cadenza.datasets.unpacking import in_few_words, read_manifest
from cadenza.datasets.validation_cad2_task2 import find_download
from cadenza.datasets.validation_roots import INSPECTORS, is_root
from cadenza.datasets.validation_steps import setting
from cadenza.errors import InputError


def fetch_parts(
    *,
    challenge: str,
    parts: tuple[str, ...],
    to: Path | None,
    url: str | None,
    registry: Path | None,
    connections: int,
    repair: bool,
    dry_run: bool,
) -> int:
    """List the parts of a challenge, or fetch some; returns the exit status."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("cadenza.datasets").setLevel(logging.INFO)
    challenges = read_registry(registry)
    known = challenges[find_challenge(challenge, challenges)]
    chosen = known.choose(parts)
    if not chosen:
        _list(known)
        return 0
    if to is None and not dry_run:
        raise InputError("missing option --to FOLDER: where should the data go?")
    optional = {part.name for part in chosen} - {*parts} if "all" in parts else set()
    plan = plan_fetch(chosen, to or Path(), url=url, optional=optional, repair=repair)
    _show(plan)
    if dry_run:
        raise_if(plan.problems)
        return 0
    try:
        fetch(plan, connections=connections)
    except KeyboardInterrupt:
        click.echo("What has arrived is kept: the same command continues from there.", err=True)
        raise
    lacking = f", except {', '.join(plan.absent)}" if plan.absent else ""
    click.echo(f"All of it is in {plan.folder}{lacking}.")
    _show_next(known, chosen, plan)
    return 0


def _list(challenge: Challenge) -> None:
    click.echo(f"{challenge.title}:\n")
    for part in challenge.parts.values():
        size = f"about {in_bytes(part.about_bytes)}" if part.about_bytes else "size unknown"
        click.echo(f"  {part.name:<12} {size:>14}  {part.content}")
    click.echo(f"\nTo fetch some of them: cadenza fetch {challenge.name} PART... --to FOLDER")


def _show_next(challenge: Challenge, chosen: list[Part], plan: FetchPlan) -> None:
    """Print the settings with which the scripts find the data, and what says more."""
    name, folder = challenge.name, plan.folder
    download = find_download(folder) if name == "cad2_task2" else None
    root = folder if download else _root(name, plan)
    if root is None:
        metadata = challenge.metadata
        is_data = any(part.name in challenge.parts for part in chosen)
        if metadata and is_data and metadata not in {part.name for part in chosen}:
            command = ["cadenza", "fetch", name, metadata, "--to", str(folder)]
            click.echo(f"The recipes also need the metadata: {shlex.join(command)}")
        return
    click.echo(f"For the recipes: {shlex.quote(setting('path.root', root))}")
    if download:
        where = shlex.quote(setting("path.zenodo_download_path", download))
        click.echo(f"For process_zenodo_download.py, which comes first, also: {where}")
    if name in INSPECTORS:
        click.echo(f"What can be run: {shlex.join(['cadenza', 'validate', name, str(root)])}")


def _root(challenge: str, plan: FetchPlan) -> Path | None:
    """The root of this challenge; of several, the one with files that the plan is about."""
    names = [
        name
        for step in plan.steps
        for name in read_manifest(manifest_file(plan.folder, step.part)).files
    ]

    def is_own(root: Path) -> bool:
        below = root.relative_to(plan.folder).as_posix()
        return any(below == "." or name.startswith(f"{below}/") for name in names)

    is_known = challenge in INSPECTORS
    roots = [r for r in find_roots(plan.folder) if not is_known or is_root(challenge, r)]
    own = [root for root in roots if is_own(root)]
    return next(iter([*own, *(roots if is_known else [])]), None)


def _show(plan: FetchPlan) -> None:
    for step in plan.steps:
        name = f"{step.part.name} ({step.file.name}, {in_bytes(step.file.size)})"
        click.echo(f"{name}: {_state(step)}")
        if step.missing:
            click.echo(f"    to be restored: {in_few_words(step.missing)}")
        if step.changed:
            click.echo(
                f"    edited since it was unpacked: {in_few_words(step.changed)}; "
                "--repair restores it"
            )
    if plan.offline:
        click.echo(f"offline: {plan.offline}; going by what the records said before")
    if plan.n_disk_bytes:
        click.echo(
            f"{in_bytes(plan.n_bytes)} to download, {in_bytes(plan.n_disk_bytes)} of disk needed"
        )


def _state(step: Step) -> str:
    if step.is_loaded:
        state = "is there and whole"
    elif not step.is_to_load:
        return "unpacked; the archive is gone, and not needed"
    elif step.n_missing_bytes < step.file.size:
        state = f"{in_bytes(step.n_missing_bytes)} are missing"
    else:
        state = "to fetch"
    if not step.part.unpack:
        return state
    if step.n_unpacked is None:
        return f"{state}, to be unpacked"
    if step.missing:
        return f"{state}, {len(step.missing)} of {step.n_unpacked} unpacked files to be restored"
    return f"{state}, unpacked"
