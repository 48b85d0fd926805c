"""Work lists: thinned and sharded (recipes §0.2)."""

from __future__ import annotations

import pytest

from cadenza.errors import InputError
from cadenza.runner.sharding import Shard, thin


def test_shards_are_strided_and_cover_everything_once():
    items = list(range(11))
    parts = [Shard(index, 3).take(items) for index in range(3)]
    assert parts[1] == [1, 4, 7, 10]
    assert sorted(item for part in parts for item in part) == items


@pytest.mark.parametrize(("index", "count"), [(3, 3), (-1, 3), (7, 1)])
def test_t22_batch_out_of_range_is_an_error(index, count):
    with pytest.raises(InputError, match=rf"evaluate.batch must be 0 ... {count - 1} .* {index}"):
        Shard(index, count)


def test_t22_no_batches_is_an_error():
    with pytest.raises(InputError, match="batch_size must be at least 1, got 0"):
        Shard(0, 0)


def test_small_test_keeps_every_kth_item_from_the_first():
    assert thin(range(31), 15) == [0, 15, 30]
    assert thin("abc", 1) == ["a", "b", "c"]
