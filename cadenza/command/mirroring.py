"""`cadenza demo --mirror`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cadenza._paths import in_bytes
from cadenza.demo.mirror import write_mirror

_URL = "http://127.0.0.1:8000"


def write_and_explain(folder: Path) -> None:
    """Write a mirror, and print how to serve it and fetch from it."""
    click.echo(f"writing a small mirror of Zenodo to {folder} ...")
    archives = write_mirror(folder)
    size = in_bytes(sum(path.stat().st_size for path in archives))
    where = shlex.quote(str(folder))
    click.echo(f"{len(archives)} archives, {size}. Serve them in one terminal:\n")
    click.echo(f"  python -m http.server 8000 --bind 127.0.0.1 --directory {where}\n")
    click.echo("and fetch from them in another:\n")
    click.echo(f"  cadenza fetch icassp_2024 core validation --to data --from {_URL}")
