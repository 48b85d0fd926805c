"""Parts of a work list (recipes §0.2)."""

from __future__ import annotations

from threading import Timer

import pytest
from filelock import FileLock

from cadenza.errors import InputError
from cadenza.runner.sharding import Shard, every_nth

from .run_helpers import start


def test_shards_are_strided_and_cover_everything_once():
    items = list(range(11))
    parts = [Shard(index, 3).take(items) for index in range(3)]
    assert parts[1] == [1, 4, 7, 10]
    assert sorted(item for part in parts for item in part) == items


@pytest.mark.parametrize(("index", "count"), [(3, 3), (-1, 3), (7, 1)])
def test_batch_out_of_range_is_an_error(index, count):
    """Recipes T22."""
    with pytest.raises(InputError, match=rf"evaluate.batch must be 0 ... {count - 1} .* {index}"):
        Shard(index, count)


def test_no_batches_is_an_error():
    """Recipes T22."""
    with pytest.raises(InputError, match="batch_size must be at least 1, got 0"):
        Shard(0, 0)


def test_a_small_test_takes_every_nth_item_from_the_first():
    assert every_nth(range(31), 15) == [0, 15, 30]
    assert every_nth("abc", 1) == ["a", "b", "c"]


def test_a_job_that_slurm_has_queued_again_waits_for_the_first_one(tmp_path, monkeypatch):
    """It may still run on a node that SLURM has lost."""
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    first = FileLock(tmp_path / ".t.csv.lock", thread_local=False)
    first.acquire()
    Timer(0.3, first.release).start()
    assert start(tmp_path)[0].exit_status == 0
