"""What a run shows: progress, reasons, and warnings once."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from cadenza import audio

from .run_helpers import Interrupt, Work, start


def lines_of(caplog) -> list[str]:
    """What the console shows, without what depends on the time."""
    shown = [record for record in caplog.records if record.levelno >= logging.INFO]
    return [record.getMessage().partition(" (")[0] for record in shown]


@contextmanager
def attached(handlers: Sequence[logging.Handler]) -> Iterator[None]:
    """Log to these handlers, then close them."""
    root = logging.getLogger()
    root.handlers += handlers
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def test_the_log_counts_on_after_a_resume_and_shows_what_was_found(tmp_path, caplog):
    caplog.set_level("INFO")
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, Interrupt(), show="size")
    assert lines_of(caplog) == ["1 of 3: item0, size 2", "2 of 3: item1, size 4"]
    assert "items per minute" in caplog.text
    assert " left)" in caplog.text
    caplog.clear()
    start(tmp_path, show="size")
    assert lines_of(caplog) == ["2 of 3 items were finished before", "3 of 3: item2, size 6"]


def test_a_reason_is_told_once(tmp_path, caplog):
    def fail(item):
        raise ValueError("no luck " * 100 if item.data else "")

    start(tmp_path, fail)
    first, second, third, summary = lines_of(caplog)
    assert first == "1 of 3: item0 failed: ValueError:"
    assert len(second) < 250
    assert third == "3 of 3: item2 failed: same reason as item1"
    assert "3 of 3 items failed" in summary
    assert (tmp_path / "t.failures.csv").read_text().count("no luck " * 99) == 2


def test_equal_warnings_are_shown_once_and_counted_at_the_end(tmp_path):
    def warn(item):
        logging.getLogger("cadenza.audio").warning("%s: mono", item.key)
        return Work()(item)

    console, file = io.StringIO(), tmp_path / "all.log"
    handlers = [logging.StreamHandler(console), logging.FileHandler(file)]
    with attached(handlers):
        start(tmp_path, warn)
    assert [line for line in console.getvalue().splitlines() if "mono" in line] == [
        "item0: mono",
        "2 more warnings like this: item0: mono",
    ]
    assert "item2: mono" in file.read_text()


def test_a_terminal_shows_a_bar_that_counts_on(tmp_path, monkeypatch, capfd):
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, Interrupt())
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    start(tmp_path, show="size")
    seen = capfd.readouterr().err
    assert "3 of 3" in seen
    assert "size 6" in seen


def test_clipped_files_are_left_to_the_last_line(tmp_path):
    def clip(item):
        audio.write_wav(tmp_path / f"{item.key}.wav", [0.5, 2.0], 44100)
        return Work()(item)

    console, file = io.StringIO(), tmp_path / "all.log"
    handlers = [logging.StreamHandler(console), logging.FileHandler(file)]
    with attached(handlers):
        start(tmp_path, clip)
    assert "clipped" not in console.getvalue()
    assert file.read_text().count("1 samples (50 %) above full scale were clipped") == 3
