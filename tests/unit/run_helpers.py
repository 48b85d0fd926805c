"""Items that copy files, and ways to run them, for the tests of the run loop."""

from __future__ import annotations

from pathlib import Path

from cadenza._files import replacing
from cadenza.runner.items import Item
from cadenza.runner.run import run_items

COLUMNS = ["item", "size"]


def make_items(folder: Path, n_items: int = 3) -> list[Item[int]]:
    folder.mkdir(parents=True, exist_ok=True)
    items = []
    for index in range(n_items):
        source = folder / f"in_{index}.txt"
        if not source.exists():
            source.write_text("x" * (index + 1))
        target = folder / f"out_{index}.txt"
        key = f"item{index}"
        items.append(Item(key, {"item": key}, index, None, (source,), (target,)))
    return items


class Work:
    """Copies an item's input to its output twice over, and counts its calls."""

    def __init__(self, fail: tuple[int, ...] = ()) -> None:
        self.calls: list[str] = []
        self.fail = fail

    def __call__(self, item: Item[int]) -> dict[str, int]:
        self.calls.append(item.key)
        if item.data in self.fail:
            raise ValueError(f"no luck with {item.data}")
        text = item.inputs[0].read_text() * 2
        with replacing(item.outputs[0]) as temporary:
            temporary.write_text(text)
        return {"size": len(text)}


def start(folder: Path, work: Work | None = None, n_items: int = 3, **options):
    work = work or Work()
    options = {"settings": {"step": "test 1"}, **options}
    report = run_items(
        make_items(folder, n_items), work, folder=folder, name="t", columns=COLUMNS, **options
    )
    return report, getattr(work, "calls", [])


def snapshot(folder: Path) -> dict[str, bytes]:
    """Results, and temporary files if any were left behind."""
    return {
        p.name: p.read_bytes()
        for p in folder.iterdir()
        if not p.name.startswith(".") or p.suffix == ".tmp"
    }


class Interrupt(Work):
    """Is interrupted at the third item."""

    def __call__(self, item):
        if item.data == 2:
            raise KeyboardInterrupt
        return super().__call__(item)
