"""The journal: what is damaged is dropped, the rest counts."""

from __future__ import annotations

import logging

import pytest

from cadenza.runner.journal import Entry, Journal


def finished(key: str, score: float) -> Entry:
    return Entry(key, "fingerprint", [], {"score": score}, [], [], failure="")


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "t.journal.jsonl")
    journal.start({"a": 1}, [finished("one", 0.25)])
    journal.append(finished("two", 0.5))
    journal.append(finished("three", 0.75))
    return journal


def again(journal, caplog):
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        return Journal(journal.path), [record.getMessage() for record in caplog.records]


def test_everything_comes_back(journal, caplog):
    read, warnings = again(journal, caplog)
    assert read.settings == {"a": 1}
    assert read.entries == journal.entries
    assert read.made_with({"a": 1})
    assert not read.made_with({"a": 2})
    assert warnings == []


def test_a_line_that_was_cut_short_is_dropped_without_a_word(journal, caplog):
    journal.path.write_bytes(journal.path.read_bytes()[:-4])
    read, warnings = again(journal, caplog)
    assert list(read.entries) == ["one", "two"]
    assert warnings == []


def test_a_changed_digit_is_damage(journal, caplog):
    """A valid line with a wrong score must not be taken as finished."""
    text = journal.path.read_text()
    journal.path.write_text(text.replace('"score": 0.5', '"score": 0.9'))
    read, warnings = again(journal, caplog)
    assert list(read.entries) == ["one", "three"]
    assert warnings == [f"{journal.path}: line 3 is damaged; its item is made again"]


@pytest.mark.parametrize("junk", [b"\x00\xff\x80\n", b"{}\n", b"[1]\n", b"5\n", b'"x"\n', b"\n"])
def test_other_lines_are_dropped_and_the_rest_counts(journal, caplog, junk):
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join([*lines[:2], junk, *lines[2:], junk]))
    read, warnings = again(journal, caplog)
    assert read.entries == journal.entries
    assert warnings == [f"{journal.path}: lines 3, 6 are damaged; their items are made again"]


def test_damaged_settings_cost_no_results(journal, caplog):
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join([b"damaged\n", *lines[1:]]))
    read, warnings = again(journal, caplog)
    assert read.settings is None
    assert read.entries == journal.entries
    assert read.made_with({"a": 1})
    assert not read.made_with({"a": 2})
    assert len(warnings) == 1


def test_a_file_of_random_bytes_holds_nothing(journal, caplog, rng):
    journal.path.write_bytes(rng.bytes(5000).replace(b"\n", b" "))
    read, warnings = again(journal, caplog)
    assert read.entries == {}
    assert len(warnings) == 1
