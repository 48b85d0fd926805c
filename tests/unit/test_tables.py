"""Result tables."""

from __future__ import annotations

import pytest

from cadenza.errors import InputError
from cadenza.runner.tables import mean_of, read_table, write_notes, write_table

COLUMNS = ["scene", "listener", "score"]


def test_table_format(tmp_path):
    path = tmp_path / "scores.csv"
    write_table(path, COLUMNS, [{"scene": "a, b", "listener": "L1", "score": 0.1 + 0.2}])
    assert path.read_bytes() == b'scene,listener,score\r\n"a, b",L1,0.30000000000000004\r\n'
    assert [p.name for p in tmp_path.iterdir()] == ["scores.csv"]


def test_a_table_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("a,b\r\n1,2\r\n")
    with pytest.raises(InputError, match="expected the columns scene, listener, score"):
        read_table(path, COLUMNS)


def test_mean_tells_how_many_values_it_covers():
    rows = [{"score": 0.5}, {"score": "0.25"}, {"score": ""}, {}]
    assert mean_of(rows, "score") == (0.375, 2)


def test_notes_have_a_row_each_and_no_notes_no_file(tmp_path):
    path = tmp_path / "scores.flags.csv"
    write_notes(path, "flag", {"one": ["left: loud", "right: loud"], "two": []})
    assert read_table(path, ["item", "flag"]) == [
        {"item": "one", "flag": "left: loud"},
        {"item": "one", "flag": "right: loud"},
    ]
    write_notes(path, "flag", {"one": []})
    assert not path.exists()
