"""The compiled loops: cache, message and SIMD code."""

from __future__ import annotations

import ast
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from cadenza.haaqi import warm_up
from cadenza.haaqi.kernels import correlation as correlation_kernel
from cadenza.haaqi.kernels import ear as ear_kernel

CADENZA = Path(ear_kernel.__file__).parents[1]
KERNEL_FILES = sorted(CADENZA.rglob("*_kernel.py"))

PROGRAM = """
import numpy as np
from cadenza.haaqi.kernels.correlation import lagged_sums
from cadenza._compiled import announced
with announced("the test"):
    lagged_sums(np.ones(9, np.float32), np.ones(9, np.float32), 0, 1)
"""


MESSAGE = "compiling the test for this machine, which happens once\n"


def run(source: Path, cache: Path) -> str:
    """What a program logs that needs a compiled loop."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment |= dict.fromkeys(("NUMBA_CACHE_DIR", "HOME", "XDG_CACHE_HOME"), str(cache))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


@pytest.mark.slow
def test_compiling_is_announced_and_happens_once(tmp_path):
    assert run(CADENZA.parent, tmp_path) == MESSAGE
    assert run(CADENZA.parent, tmp_path) == ""


@pytest.mark.slow
def test_without_a_folder_for_the_cache_it_happens_each_time(tmp_path):
    package = shutil.copytree(CADENZA, tmp_path / "cadenza", ignore=lambda *_: ["__pycache__"])
    for folder in (package, package / "haaqi", package / "hearing_aid"):
        (folder / "__pycache__").touch()  # a file in the place of the folder
    assert run(tmp_path, Path("/dev/null")) == MESSAGE
    assert run(tmp_path, Path("/dev/null")) == MESSAGE


@pytest.mark.parametrize("path", KERNEL_FILES, ids=lambda path: path.stem)
def test_kernels_call_no_kernels_of_other_files(path):
    """The cache of compiled code does not notice when an imported kernel changes."""
    tree = ast.parse(path.read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [module for module in modules if module.endswith("_kernel")]


# How many packed operations a loop has at least, if the compiler saw its lanes
VECTORISED = {
    "control_energy": (ear_kernel.control_energy, 20),
    "compressed_band": (ear_kernel.compressed_band, 50),
    "inner_hair_cells": (ear_kernel.inner_hair_cells, 20),
    "add_normals": (ear_kernel.add_normals, 10),
    "frame_covariances": (correlation_kernel.frame_covariances, 8),
}


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="knows only the instructions of x86-64"
)
@pytest.mark.parametrize("name", VECTORISED)
def test_hot_loops_are_vectorised(name):
    """A guard of the speed that does not depend on the load of the machine."""
    warm_up()
    kernel, at_least = VECTORISED[name]
    fresh = numba.jit(**kernel.targetoptions)(kernel.py_func)  # cached code cannot be inspected
    fresh.compile(kernel.signatures[0])
    (code,) = fresh.inspect_asm().values()
    assert len(re.findall(r"\bv?(?:mul|add|fn?m(?:add|sub)\d*)pd\b", code)) >= at_least
