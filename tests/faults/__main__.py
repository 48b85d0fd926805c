"""``python -m tests.faults``: inject random faults into all steps and print what came of them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # before numpy: threads do not survive a fork

from .campaign import main  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=500, help="number of faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="", help='part of "<step>, <fault>"')
    parser.add_argument("--keep", action="store_true", help="write the tables into the docs")
    given = parser.parse_args()
    page = PAGE if given.keep else None
    sys.exit(main(given.n, given.seed, given.jobs, given.only, page))
