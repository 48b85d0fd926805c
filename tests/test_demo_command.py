"""`make demo`: all challenges, as a user would run them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


def run_demo(folder):
    command = [sys.executable, "-m", "cadenza.demo", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_demo_ends_with_scores_and_finds_everything_finished_the_second_time(tmp_path):
    first = run_demo(tmp_path / "demo")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "warn" not in (first.stdout + first.stderr).lower()
    tables = first.stdout[first.stdout.index("Mean HAAQI") :]
    means = [[float(x) for x in row.split()] for row in re.findall(r"^all +(.+)$", tables, re.M)]
    (spectral, vdbo, both, oracle), (cad1_both, cad1_oracle), (cad2_network, cad2_oracle) = means
    assert 0.3 < spectral < both < oracle <= 1
    assert 0.3 < vdbo < both
    assert 0.05 < cad1_both < cad1_oracle <= 1
    assert 0.3 < cad2_network < cad2_oracle <= 1
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.flac")}
    second = run_demo(tmp_path / "demo")
    assert second.stdout.endswith(tables)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.flac")} == files


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["one", "two"]])
def test_usage(arguments):
    command = [sys.executable, "-m", "cadenza.demo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Usage: python -m cadenza.demo [FOLDER]" in done.stderr
