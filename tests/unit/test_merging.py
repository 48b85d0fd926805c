"""Merging the tables of shards (recipes §0.4, T21)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cadenza.errors import InputError
from cadenza.runner.journal import Journal
from cadenza.runner.merging import ShardedTable, merge_batches
from cadenza.runner.sharding import Shard
from cadenza.runner.tables import read_table, write_notes, write_table

from .run_helpers import Work, start

COLUMNS = ["scene", "listener", "score"]


@dataclass
class Pair:
    scene: str
    listener: str

    @property
    def key(self):
        return f"{self.scene}_{self.listener}"

    @property
    def labels(self):
        return {"scene": self.scene, "listener": self.listener}

    depends_on = None


PAIRS = [Pair(f"s{i // 2}", f"L{i % 2}") for i in range(4)]
ROWS = [{**pair.labels, "score": i / 10} for i, pair in enumerate(PAIRS)]


@pytest.fixture
def table(tmp_path):
    """Four pairs in two shards."""
    table = ShardedTable(tmp_path / "scores.csv", COLUMNS, "score", n_shards=2)
    for index, path in enumerate(table.parts):
        write_table(path, COLUMNS, Shard(index, 2).take(ROWS))
    return table


def test_merged_rows_are_in_the_order_of_the_work_list(table):
    merged = table.merge(PAIRS)
    assert [row["score"] for row in merged] == ["0.0", "0.1", "0.2", "0.3"]
    assert read_table(table.path, COLUMNS) == merged


def test_one_part_can_be_merged(tmp_path):
    table = ShardedTable(tmp_path / "scores.csv", COLUMNS, "score", n_shards=1)
    write_table(table.path, COLUMNS, ROWS)
    before = table.path.read_bytes()
    table.merge(PAIRS)
    assert table.path.read_bytes() == before


def test_every_missing_part_is_named(table):
    for path in table.parts:
        path.unlink()
    with pytest.raises(InputError, match=r"(?s)scores_1-2.csv.*scores_2-2.csv"):
        table.merge(PAIRS)


def test_missing_double_and_unknown_rows_are_named(table):
    write_table(table.parts[1], COLUMNS, [*ROWS[1::2], {**ROWS[0], "score": 0.7}])
    with pytest.raises(InputError) as error:
        table.merge([PAIRS[0], *PAIRS[2:], Pair("s9", "L9")])
    text = str(error.value)
    assert "s0 L0 is there twice, with other values" in text
    assert "no result for s9 L9" in text
    assert "unknown item s0 L1" in text
    assert not table.path.exists()


def test_the_same_result_in_two_parts_counts_once(table):
    """A small test cuts the work list in other shards than a full run."""
    write_table(table.parts[1], COLUMNS, [*ROWS[1::2], ROWS[0]])
    assert len(table.merge(PAIRS)) == 4


def test_parts_made_with_different_settings_are_not_mixed(table, tmp_path):
    Journal(tmp_path / "scores_1-2.journal.jsonl").start({"nalr": {"nfir": 220}}, [])
    Journal(tmp_path / "scores_2-2.journal.jsonl").start({"nalr": {"nfir": 140}}, [])
    with pytest.raises(InputError, match=r"(?s)different settings.*nalr.nfir: 220 before, 140 now"):
        table.merge(PAIRS)


def test_a_small_test_needs_only_its_rows_and_keeps_the_others(table):
    assert [row["score"] for row in table.merge(PAIRS, every=3)] == ["0.0", "0.3"]
    assert len(read_table(table.path, COLUMNS)) == 4


def test_a_small_test_does_not_shrink_the_merged_table(table):
    table.merge(PAIRS)
    before = table.path.read_bytes()
    for part in table.parts:
        write_table(part, COLUMNS, ROWS[:1])
    with pytest.raises(InputError, match=r"scores.csv: would lose 3 results"):
        table.merge(PAIRS, every=4)
    assert table.path.read_bytes() == before


def test_failures_and_flags_are_merged_in_order(table, tmp_path):
    write_notes(tmp_path / "scores_1-2.failures.csv", "reason", {"s1_L0": ["silent"]})
    write_notes(tmp_path / "scores_2-2.failures.csv", "reason", {"s0_L1": ["loud"]})
    write_notes(tmp_path / "scores.flags.csv", "flag", {"s0_L0": ["of an earlier merge"]})
    table.merge(PAIRS)
    reasons = read_table(tmp_path / "scores.failures.csv", ["item", "reason"])
    assert [row["item"] for row in reasons] == ["s0_L1", "s1_L0"]
    assert not (tmp_path / "scores.flags.csv").exists()


def test_all_tables_that_have_parts_are_merged(table, tmp_path, capsys):
    clipping = ShardedTable(tmp_path / "enhanced_signals.csv", COLUMNS, "score", n_shards=2)
    assert merge_batches([table, clipping], PAIRS, every=1) == 0
    assert not clipping.path.exists()
    for index, path in enumerate(clipping.parts):
        write_table(path, COLUMNS, Shard(index, 2).take([*ROWS[:3], {**ROWS[3], "score": ""}]))
    assert merge_batches([table, clipping], PAIRS, every=1) == 1, "a value is missing"
    assert read_table(clipping.path, COLUMNS)[3]["score"] == ""
    assert "mean score 0.1000 over 3 of 4 items" in capsys.readouterr().out
    table.path.unlink()
    for path in table.parts:
        path.unlink()
    assert merge_batches([table, clipping], PAIRS, every=1) == 1, "without scores"


def test_the_last_shard_merges(tmp_path):
    fail = (3,)
    run_shards(tmp_path / "shards", [0], fail)
    assert not (tmp_path / "shards" / "t.csv").exists()
    run_shards(tmp_path / "shards", [1], fail)
    start(tmp_path / "whole", Work(fail), n_items=5)
    for name in ("t.csv", "t.failures.csv"):
        merged, whole = (tmp_path / folder / name for folder in ("shards", "whole"))
        assert merged.read_bytes() == whole.read_bytes()
    run_shards(tmp_path / "shards", [0, 1])  # without the failure
    assert not (tmp_path / "shards" / "t.failures.csv").exists()


def test_shards_that_were_made_with_other_settings_are_not_merged(tmp_path):
    run_shards(tmp_path, [0, 1])
    before = (tmp_path / "t.csv").read_bytes()
    options = {"settings": {"step": "test 2"}, "resume": "changed"}
    run_shards(tmp_path, [0], (2,), **options)
    assert (tmp_path / "t.csv").read_bytes() == before
    run_shards(tmp_path, [1], **options)
    assert (tmp_path / "t.csv").read_bytes() != before


def run_shards(folder, indices, fail=(), **options):
    for index in indices:
        start(folder, Work(fail), n_items=5, shard=Shard(index, 2), **options)
