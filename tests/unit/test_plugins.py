"""Which files of a user's own code a run depends on."""

from __future__ import annotations

import functools
import importlib
import sys
import sysconfig
from pathlib import Path

import pytest

from cadenza.hearing_aid import NALRAid
from cadenza.runner.plugins import file_digests


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes modules into a folder of the path; they are forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(**sources: str) -> None:
        for name, source in sources.items():
            path = tmp_path.joinpath(*name.split("__in__")[::-1]).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def digests(module: str, name: str = "Mine") -> dict[str, str]:
    return file_digests(getattr(importlib.import_module(module), name)())


CLASS = "class Mine:\n    pass\n"


def test_blocks_of_cadenza_depend_on_no_file():
    assert file_digests(NALRAid(sample_rate=44100)) == {}


def test_modules_of_the_same_folder_are_followed_wherever_they_are_imported(write):
    write(
        mine=f"import numpy, cadenza, helper\n{CLASS}    def late(self):\n        import late\n",
        helper="from deeper import x\n",
        deeper="x = 1\n",
        late="",
        unrelated="",
    )
    assert list(digests("mine")) == ["deeper.py", "helper.py", "late.py", "mine.py"]


def test_a_change_of_a_helper_changes_its_digest_only(write):
    write(mine=f"import helper\n{CLASS}", helper="x = 1\n")
    before = digests("mine")
    write(helper="x = 2\n")
    after = digests("mine")
    assert before["mine.py"] == after["mine.py"]
    assert before["helper.py"] != after["helper.py"]


def test_a_module_that_is_imported_by_name_counts_once_it_is_loaded(write):
    write(mine=f"import importlib\nimportlib.import_module('hel' + 'per')\n{CLASS}", helper="")
    assert list(digests("mine")) == ["helper.py", "mine.py"]


def test_the_home_of_a_package_is_the_package(write):
    write(
        __init____in__pkg="",
        mine__in__models__in__pkg=f"from ..tools import dsp\nfrom .near import x\n{CLASS}",
        near__in__models__in__pkg="x = 1\n",
        dsp__in__tools__in__pkg="",
        beside="import pkg\n",
    )
    found = digests("pkg.models.mine")
    assert list(found) == [
        "pkg/__init__.py",
        "pkg/models/mine.py",
        "pkg/models/near.py",
        "pkg/tools/dsp.py",
    ]


def test_a_module_among_installed_packages_is_alone(write, tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda kind: str(tmp_path))
    write(mine=f"import helper, numpy\n{CLASS}", helper="")
    assert list(digests("mine")) == ["mine.py"]


def test_functions_count_like_classes(write):
    write(mine="def aid(signal, listener, gain=1):\n    return signal\n")
    aid = importlib.import_module("mine").aid
    assert list(file_digests(aid)) == ["mine.py"]
    assert file_digests(functools.partial(aid, gain=2)) == file_digests(aid)


def test_a_class_without_a_file_is_no_error():
    namespace: dict[str, type] = {"__name__": "nowhere"}
    exec(CLASS, namespace)
    assert file_digests(namespace["Mine"]()) == {}


def test_local_weights_count(tmp_path):
    class Network:
        weights = tmp_path / "weights"

    (tmp_path / "weights" / "sub").mkdir(parents=True)
    Path(Network.weights, "sub", "model.bin").write_bytes(b"1")
    assert "weights/sub/model.bin" in file_digests(Network())
