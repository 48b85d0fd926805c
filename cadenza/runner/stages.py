"""What happens to items before they are processed: read ahead, and worked on together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from cadenza.runner.items import Item, Result
from cadenza.runner.journal import Row

T = TypeVar("T")
Together: TypeAlias = Callable[[list[Any]], Sequence[object]]
Outcome: TypeAlias = Callable[[], Row | Result]
"""Returns what came out of an item, or raises its error."""


def prepared(
    items: Sequence[Item[T]],
    read_item: Callable[[Item[T]], object] | None,
    together: Together | None,
    at_once: int,
) -> Iterator[Callable[[], object]]:
    """Yield for every item a function that returns what is processed, or raises its error.

    Parameters
    ----------
    items : sequence of Item
    read_item, together, at_once
        As for `run_items`.
    """
    reads = _ahead(read_item, items)
    if together is None:
        yield from reads
        return
    while group := list(islice(reads, at_once)):
        yield from _worked_on(group, together)


def one_by_one(
    items: Sequence[Item[T]],
    inputs: Iterable[Callable[[], object]],
    process_item: Callable[[Any], Row | Result],
) -> Generator[tuple[Item[T], Outcome], None, None]:
    """Yield every item with a function that processes it, or raises its error.

    Parameters
    ----------
    items : sequence of Item
    inputs : iterable of callable
        From `prepared`.
    process_item : callable
        As for `run_items`.
    """

    def outcome(input_of: Callable[[], object]) -> Row | Result:
        return process_item(input_of())

    for item, input_of in zip(items, inputs, strict=True):
        yield item, partial(outcome, input_of)


def _worked_on(
    reads: Sequence[Callable[[], object]], together: Together
) -> Iterator[Callable[[], object]]:
    """Work on a group of items together, apart from those that could not be read."""
    outcomes: list[Callable[[], object]] = []
    inputs: dict[int, object] = {}
    for i, read in enumerate(reads):
        try:
            inputs[i] = read()
        except Exception as error:
            outcomes.append(partial(_raised, error))
        else:
            outcomes.append(partial(_alone, together, inputs[i]))
    if len(inputs) > 1:
        try:
            results = together(list(inputs.values()))
        except Exception:  # of one item; when they are worked on alone, it becomes clear of which
            return iter(outcomes)
        for i, result in zip(inputs, results, strict=True):
            outcomes[i] = partial(_itself, result)
    return iter(outcomes)


def _ahead(
    read_item: Callable[[Item[T]], object] | None, items: Sequence[Item[T]]
) -> Iterator[Callable[[], object]]:
    """Yield for every item a function that waits for what was read, or raises its error."""
    if read_item is None:
        yield from (partial(_itself, item) for item in items)
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        futures: deque[Future[object]] = deque()
        for item in items:
            futures.append(thread.submit(read_item, item))
            if len(futures) > 1:
                yield futures.popleft().result
        if futures:
            yield futures.popleft().result


def _alone(together: Together, value: object) -> object:
    return together([value])[0]


def _itself(value: object) -> object:
    return value


def _raised(error: Exception) -> object:
    raise error
