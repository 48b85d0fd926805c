"""Result tables."""

from __future__ import annotations

import pytest

from cadenza.errors import InputError
from cadenza.runner.tables import clipping, mean_of, read_table, write_notes, write_table

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


def test_items_that_are_clipped_a_lot_are_counted_and_told_what_helps():
    rows = [{"clipped_fraction": value} for value in (0.0, 0.01, "0.02", 0.5, "")]
    text = clipping(rows, soft=False, remedy="turn it down")
    assert text == (
        "; 3 were clipped, 2 of them in more than 1 % of the samples, at most 50 % (turn it down)"
    )
    little = clipping(rows[:2], soft=False, remedy="turn it down")
    assert (
        little == "; 1 was clipped, in at most 1 % of the samples (soft_clip=true limits smoothly)"
    )
    one = clipping(rows[3:4], soft=True)
    assert one == "; 1 was soft-clipped, in more than 1 % of the samples, at most 50 %"
    assert clipping(rows[:1], remedy="turn it down") == clipping([], remedy="x") == ""
