"""What `cadenza validate` says: absent parts, scenes, what to do, warnings."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from cadenza.command import main
from cadenza.datasets.validation import validate

from .challenge_roots import write_cad1, write_icassp


@pytest.fixture
def cad1(tmp_path) -> Path:
    write_cad1(tmp_path / "cad1")
    return tmp_path / "cad1"


def test_of_what_is_absent_one_file_is_named(tmp_path, capsys):
    write_icassp(tmp_path)
    shutil.rmtree(tmp_path / "audio/music")
    main(["validate", "icassp", str(tmp_path)])
    output = capsys.readouterr().out
    assert output.count("audio/music/train/") == 2
    assert "vocals.wav: missing; and 7 more\n" in output


def test_a_scene_that_nobody_listens_to(tmp_path):
    write_icassp(tmp_path)
    file = tmp_path / "metadata/scene_listeners.train.json"
    people = json.loads(file.read_text())
    people.popitem()
    file.write_text(json.dumps(people))
    notes = {part.key: part.note for part in validate("icassp", tmp_path).parts}
    assert notes["train scenes"] == "4 scenes, 6 pairs, 1 scene without a listener"


def test_how_to_replace_damaged_files(cad1, capsys):
    (cad1 / "metadata/listeners.valid.json").write_text("{")
    assert main(["validate", "cad1", str(cad1)]) == 1
    assert "command again with --repair." in capsys.readouterr().out


def test_a_folder_that_may_not_be_read(cad1, capsys, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert main(["validate", "cad1", str(cad1)]) == 2
    assert capsys.readouterr().err == f"cadenza: {cad1}/metadata: permission denied\n"


def test_a_warning_is_printed_once(tmp_path, capsys, monkeypatch):
    """Listeners are read for themselves, for the scenes and for the pairs."""
    write_icassp(tmp_path)
    file = tmp_path / "metadata/listeners.train.json"
    people = json.loads(file.read_text())
    next(iter(people.values()))["audiogram_levels_l"][0] = 200
    file.write_text(json.dumps(people))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    main(["validate", "icassp", str(tmp_path)])
    assert capsys.readouterr().err.count("left ear: audiogram levels are outside") == 1
