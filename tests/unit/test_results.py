"""Result tables and their merging (recipes §0.4)."""

from __future__ import annotations

import pytest

from cadenza.errors import InputError
from cadenza.runner.results import Journal, mean_of, merge_tables, read_table, write_table

COLUMNS = ["scene", "listener", "score"]


@pytest.fixture
def parts(tmp_path):
    """Two shards of four pairs, dealt alternately."""
    rows = [dict(zip(COLUMNS, (f"s{i // 2}", f"L{i % 2}", i / 10), strict=True)) for i in range(4)]
    paths = [tmp_path / f"scores_{n}-2.csv" for n in (1, 2)]
    for index, path in enumerate(paths):
        write_table(path, COLUMNS, rows[index::2])
    return paths, [(row["scene"], row["listener"]) for row in rows]


def test_table_format(tmp_path):
    path = tmp_path / "scores.csv"
    write_table(path, COLUMNS, [{"scene": "a, b", "listener": "L1", "score": 0.1 + 0.2}])
    assert path.read_bytes() == b'scene,listener,score\r\n"a, b",L1,0.30000000000000004\r\n'
    assert [p.name for p in tmp_path.iterdir()] == ["scores.csv"]


def test_t21_merged_rows_are_in_pair_order(parts, tmp_path):
    paths, keys = parts
    merged = merge_tables(paths, tmp_path / "scores.csv", COLUMNS, keys)
    assert [row["score"] for row in merged] == ["0.0", "0.1", "0.2", "0.3"]
    assert read_table(tmp_path / "scores.csv", COLUMNS) == merged


def test_t21_one_part_can_be_merged(tmp_path):
    path = tmp_path / "scores.csv"
    write_table(path, COLUMNS, [{"scene": "s", "listener": "L", "score": 1.0}])
    before = path.read_bytes()
    merge_tables([path], path, COLUMNS, [("s", "L")])
    assert path.read_bytes() == before


def test_t21_every_missing_part_is_named(parts, tmp_path):
    paths, keys = parts
    for path in paths:
        path.unlink()
    with pytest.raises(InputError, match=r"(?s)scores_1-2.csv.*scores_2-2.csv"):
        merge_tables(paths, tmp_path / "scores.csv", COLUMNS, keys)


def test_t21_missing_double_and_unknown_rows_are_named(parts, tmp_path):
    paths, keys = parts
    with pytest.raises(InputError) as error:
        merge_tables([*paths, paths[0]], tmp_path / "out.csv", COLUMNS, [*keys[1:], ("s9", "L9")])
    text = str(error.value)
    assert "s1 L0 is there twice" in text
    assert "no result for s9 L9" in text
    assert "unknown item s0 L0" in text
    assert not (tmp_path / "out.csv").exists()


def test_parts_made_with_different_settings_are_not_mixed(parts, tmp_path):
    paths, keys = parts
    Journal(tmp_path / "scores_1-2.journal.jsonl").start({"nfir": 220}, [])
    Journal(tmp_path / "scores_2-2.journal.jsonl").start({"nfir": 140}, [])
    with pytest.raises(InputError, match="different settings"):
        merge_tables(paths, tmp_path / "scores.csv", COLUMNS, keys)


def test_a_table_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("a,b\r\n1,2\r\n")
    with pytest.raises(InputError, match="expected the columns scene, listener, score"):
        read_table(path, COLUMNS)


def test_mean_tells_how_many_values_it_covers():
    rows = [{"score": 0.5}, {"score": "0.25"}, {"score": ""}, {}]
    assert mean_of(rows, "score") == (0.375, 2)


def test_a_line_that_was_cut_short_is_dropped(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.start({"a": 1}, [{"key": "one", "row": {}}])
    journal.append({"key": "two", "row": {}})
    text = journal.path.read_text()
    journal.path.write_text(text[:-4])
    again = Journal(journal.path)
    assert again.settings == {"a": 1}
    assert list(again.entries) == ["one"]
