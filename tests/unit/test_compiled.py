"""The compiled loops: cache, message and SIMD code."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import numba
import pytest

import cadenza
from cadenza import _compiled
from cadenza.haaqi.kernels import correlation, ear, noise

CADENZA = Path(cadenza.__file__).parent

PROGRAM = """
import numpy as np
from cadenza.haaqi.kernels.{module} import {loop}
from cadenza._compiled import announced
signal, samples = np.ones(9, np.float32), np.ones((2, 9))
with announced("the test"):
    {loop}({arguments})
"""
LAGGED_SUMS = PROGRAM.format(
    module="correlation", loop="lagged_sums", arguments="signal, signal, 0, 1"
)
ADD_NORMALS = PROGRAM.format(
    module="noise", loop="add_normals", arguments="signal, samples / 2, 4, 0, 1.0"
)
MESSAGE = "compiling the test for this machine; this happens only once\n"


def run(source: Path, cache: Path, program: str = LAGGED_SUMS) -> str:
    """What a program logs that needs a compiled loop."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment |= dict.fromkeys(("NUMBA_CACHE_DIR", "HOME", "XDG_CACHE_HOME"), str(cache))
    done = subprocess.run(
        [sys.executable, "-c", program],
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
    for folder in (package / "haaqi" / "kernels", package / "hearing_aid"):
        (folder / "__pycache__").touch()  # a file in the place of the folder
    assert run(tmp_path, Path("/dev/null")) == MESSAGE
    assert run(tmp_path, Path("/dev/null")) == MESSAGE


@pytest.mark.slow
def test_the_cache_notices_changes_of_imported_kernels(tmp_path):
    package = shutil.copytree(CADENZA, tmp_path / "cadenza", ignore=lambda *_: ["__pycache__"])
    cache = tmp_path / "cache"
    assert run(tmp_path, cache, ADD_NORMALS) == MESSAGE
    assert run(tmp_path, cache, ADD_NORMALS) == ""
    with (package / "haaqi" / "kernels" / "elementary.py").open("a") as file:
        file.write("# changed\n")
    assert run(tmp_path, cache, ADD_NORMALS) == MESSAGE


def test_the_name_of_cached_code_depends_on_imported_constants():
    def make(tiny):
        loop = FunctionType(energy_above.__code__, {"TINY": tiny}, "energy_above")
        return _compiled.kernel()(loop).py_func.__qualname__

    assert make(1e-30) == make(1e-30) != make(1e-31)


def energy_above(x):
    return x if x > TINY else 0.0  # noqa: F821


HOT_LOOPS = {
    ear.control_energy: "f8[::1](f8[::1], f8[::1], f8[::1])",
    ear._filter_block: "void(f8[:,::1], f8[:,::1], f8[::1], f8[:,::1], f8[:,::1])",
    ear._gain_block: "void(f8[::1], f8[::1], f8[::1])",
    ear._sensation_block: "void(f4[::1], f8, f8[::1])",
    noise.add_normals: "void(f4[::1], f8[:,::1], i8, i8, f8)",
    correlation._add_products: "void(f8[::1], f8[::1], f8[::1])",
}


@pytest.mark.slow
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="knows only the instructions of x86-64"
)
@pytest.mark.parametrize("loop", HOT_LOOPS, ids=lambda loop: loop.py_func.__name__)
def test_hot_loops_are_simd_code(loop):
    """Without packed products of doubles a loop is several times slower."""
    fresh = numba.jit(**loop.targetoptions)(loop.py_func)  # cached code cannot be inspected
    fresh.compile(HOT_LOOPS[loop])
    (code,) = fresh.inspect_asm().values()
    assert re.search(r"\bv?(?:mul|fn?m(?:add|sub)\d*)pd\b", code)
