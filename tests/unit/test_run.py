"""The run loop: resume, failures, locks, and kills at any moment."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from cadenza._files import replacing
from cadenza.errors import InputError
from cadenza.runner.items import Result
from cadenza.runner.run import run_items
from cadenza.runner.sharding import Shard

from .run_helpers import COLUMNS, Interrupt, Work, make_items, snapshot, start


def test_items_are_done_once(tmp_path):
    report, calls = start(tmp_path)
    assert calls == ["item0", "item1", "item2"]
    assert report.exit_status == 0
    assert (tmp_path / "t.csv").read_text() == "item,size\nitem0,2\nitem1,4\nitem2,6\n"
    before = snapshot(tmp_path)
    assert start(tmp_path)[1] == []
    assert snapshot(tmp_path) == before


def test_resume_false_starts_again(tmp_path):
    start(tmp_path)
    assert len(start(tmp_path, resume=False)[1]) == 3


def test_a_failure_is_recorded_and_tried_again(tmp_path):
    """Recipes T18, T20."""
    report, calls = start(tmp_path, Work(fail=(1,)))
    assert len(calls) == 3
    assert report.exit_status == 1
    assert "item1,\n" in (tmp_path / "t.csv").read_text()
    assert "item1,ValueError: no luck with 1" in (tmp_path / "t.failures.csv").read_text()
    report, calls = start(tmp_path)
    assert calls == ["item1"]
    assert report.exit_status == 0
    assert not (tmp_path / "t.failures.csv").exists()
    assert start(tmp_path / "undisturbed")[0].rows == report.rows


def test_on_error_stop(tmp_path):
    report, calls = start(tmp_path, Work(fail=(0,)), on_error="stop")
    assert calls == ["item0"]
    assert report.exit_status == 1


def test_unknown_on_error_is_refused(tmp_path):
    with pytest.raises(InputError, match="on_error must be continue or stop, got 'maybe'"):
        start(tmp_path, on_error="maybe")


def test_changed_settings_are_named_and_nothing_is_mixed(tmp_path):
    start(tmp_path, settings={"separator": {"margin": 2.0}})
    before = snapshot(tmp_path)
    with pytest.raises(
        InputError, match=r"(?s)other settings.*separator.margin: 2.0 before, 3.0 now"
    ):
        start(tmp_path, settings={"separator": {"margin": 3.0}})
    assert snapshot(tmp_path) == before


def change_input(folder: Path, index: int = 1) -> None:
    (folder / f"in_{index}.txt").write_text("changed")


def test_changed_inputs_are_refused_and_the_message_names_the_way_out(tmp_path):
    for index in range(3):
        (tmp_path / f"in_{index}.txt").write_text("x" * 300_000)
    start(tmp_path)
    # the same size, and only a byte in the middle
    (tmp_path / "in_1.txt").write_text("x" * 99_999 + "y" + "x" * 200_000)
    with pytest.raises(
        InputError, match=r"inputs of 1 finished items have changed.*item1; resume=changed"
    ):
        start(tmp_path)


def test_resume_changed_makes_only_what_has_changed_again(tmp_path):
    start(tmp_path)
    change_input(tmp_path)
    report, calls = start(tmp_path, resume="changed")
    assert calls == ["item1"]
    assert [row["size"] for row in report.rows] == [2, 14, 6]
    assert start(tmp_path)[1] == []


def test_resume_changed_with_other_settings_makes_all_again_and_can_be_interrupted(tmp_path):
    start(tmp_path, settings={"nfir": 220})
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, Interrupt(), settings={"nfir": 140}, resume="changed")
    assert start(tmp_path, settings={"nfir": 140}, resume="changed")[1] == ["item2"]


def test_results_of_other_shards_that_are_out_of_date_are_not_used(tmp_path):
    start(tmp_path)
    change_input(tmp_path)
    assert start(tmp_path, shard=Shard(1, 2), resume="changed")[1] == ["item1"]
    # the table of all items has the old result of item1, that of the shard has the new one
    assert start(tmp_path)[1] == []
    assert "item1,14" in (tmp_path / "t.csv").read_text()


def test_unknown_resume_is_refused(tmp_path):
    with pytest.raises(InputError, match="resume must be true, false or changed, got 'maybe'"):
        start(tmp_path, resume="maybe")


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_text("xx")])
def test_a_missing_or_damaged_output_is_made_again(tmp_path, damage):
    """Recipes T11."""
    start(tmp_path)
    before = snapshot(tmp_path)
    damage(tmp_path / "out_1.txt")
    assert start(tmp_path)[1] == ["item1"]
    assert snapshot(tmp_path) == before


def test_all_missing_inputs_are_listed_before_any_work(tmp_path):
    items = make_items(tmp_path)
    for item in items[1:]:
        item.inputs[0].unlink()
    work = Work()
    with pytest.raises(InputError, match=r"(?s)in_1.txt.*in_2.txt"):
        run_items(items, work, folder=tmp_path, name="t", columns=COLUMNS, settings={})
    assert work.calls == []


def test_shards_have_tables_of_their_own_and_know_each_others_results(tmp_path):
    assert start(tmp_path, shard=Shard(1, 2))[1] == ["item1"]
    assert (tmp_path / "t_2-2.csv").read_text() == "item,size\nitem1,4\n"
    assert start(tmp_path)[1] == ["item0", "item2"]


def test_shards_with_other_settings_are_not_mixed(tmp_path):
    start(tmp_path, shard=Shard(0, 2), settings={"nfir": 220})
    with pytest.raises(InputError, match=r"(?s)t_1-2.*nfir: 220 before, 140 now"):
        start(tmp_path, shard=Shard(1, 2), settings={"nfir": 140})
    # started again, the results of the other shard are gone
    assert len(start(tmp_path, shard=Shard(1, 2), settings={"nfir": 140}, resume=False)[1]) == 1
    assert not (tmp_path / "t_1-2.csv").exists()
    assert len(start(tmp_path, shard=Shard(0, 2), settings={"nfir": 140})[1]) == 2


def test_a_small_test_in_a_finished_folder_loses_nothing(tmp_path):
    start(tmp_path, Work(fail=(1,)))
    before = snapshot(tmp_path)
    report, calls = start(tmp_path, every=2)
    assert calls == []
    assert [row["item"] for row in report.rows] == ["item0", "item2"]
    assert (report.n_items, report.exit_status) == (2, 0)
    assert snapshot(tmp_path) == before
    assert start(tmp_path, every=2, resume=False)[1] == ["item0", "item2"]
    assert snapshot(tmp_path) == before


def test_a_small_test_keeps_the_table_that_was_merged_from_shards(tmp_path):
    for index in range(2):
        start(tmp_path, Work(fail=(2,)), shard=Shard(index, 2))
    assert start(tmp_path, every=3)[1] == []
    assert (tmp_path / "t.csv").read_text() == "item,size\nitem0,2\nitem1,4\nitem2,\n"
    assert (tmp_path / "t.failures.csv").read_text().count("item2") == 1


@pytest.mark.parametrize("resume", ["changed", False])
@pytest.mark.parametrize("shards", [1, 2])
def test_a_small_test_with_other_settings_does_not_cost_finished_results(tmp_path, resume, shards):
    for index in range(shards):
        start(tmp_path, shard=Shard(index, shards))
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="would cost 2 finished results; give it another folder"):
        start(tmp_path, every=3, settings={"step": "test 2"}, resume=resume)
    assert snapshot(tmp_path) == before


def test_a_full_run_continues_a_small_test(tmp_path):
    folders = tmp_path / "small first", tmp_path / "all at once"
    start(folders[0], every=2)
    assert start(folders[0])[1] == ["item1"]
    start(folders[1])
    assert snapshot(folders[0]) == snapshot(folders[1])


def test_a_journal_keeps_items_that_are_no_longer_listed(tmp_path):
    start(tmp_path)
    before = snapshot(tmp_path)
    options = {"folder": tmp_path, "name": "t", "columns": COLUMNS, "settings": {"step": "test 1"}}
    report = run_items(make_items(tmp_path)[1:2], Work(), **options)
    assert [row["item"] for row in report.rows] == ["item1"]
    assert (tmp_path / "t.csv").read_text() == "item,size\nitem1,4\n"
    assert start(tmp_path)[1] == []
    assert snapshot(tmp_path) == before


def test_a_damaged_line_of_the_journal_costs_one_item(tmp_path, caplog):
    start(tmp_path)
    before = snapshot(tmp_path)
    path = tmp_path / "t.journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"item1", b"item7"), *lines[3:]]))
    assert start(tmp_path)[1] == ["item1"]
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings == [f"{path}: line 3 is damaged; its item is made again"]
    assert snapshot(tmp_path) == before


def test_damaged_settings_of_the_journal_cost_nothing(tmp_path):
    start(tmp_path)
    before = snapshot(tmp_path)
    path = tmp_path / "t.journal.jsonl"
    path.write_bytes(b"{" + path.read_bytes())
    assert start(tmp_path)[1] == []
    assert snapshot(tmp_path) == before
    path.write_bytes(b"{" + path.read_bytes())
    with pytest.raises(InputError, match=r"(?s)other settings.*is damaged"):
        start(tmp_path, settings={"step": "test 2"})


def test_random_bytes_instead_of_a_journal(tmp_path, rng):
    start(tmp_path)
    before = snapshot(tmp_path)
    (tmp_path / "t.journal.jsonl").write_bytes(rng.bytes(2000))
    assert len(start(tmp_path)[1]) == 3
    assert snapshot(tmp_path) == before


def test_items_must_have_names_and_files_of_their_own(tmp_path):
    items = make_items(tmp_path)
    with pytest.raises(InputError, match=r"(?s)called item0.*would write .*out_0.txt"):
        run_items(
            [*items, items[0]], Work(), folder=tmp_path, name="t", columns=COLUMNS, settings={}
        )


def test_a_temporary_file_of_a_living_process_is_left_alone(tmp_path):
    path = tmp_path / "out.txt"
    with replacing(path) as ours:
        ours.write_text("first")
        with replacing(path) as theirs:
            theirs.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


def test_two_runs_at_once_are_refused(tmp_path):
    with FileLock(tmp_path / ".t.csv.lock"), pytest.raises(InputError, match="another run"):
        start(tmp_path)


def test_the_next_item_is_read_while_this_one_is_processed(tmp_path):
    started = []

    def read_item(item):
        started.append(item.key)
        if item.data == 1:
            raise OSError("cannot read it")
        return item, item.inputs[0].read_text()

    def process_item(read):
        item, text = read
        while len(started) < min(item.data + 2, 3):
            time.sleep(0.001)  # the next one is read before this one is done
        with replacing(item.outputs[0]) as temporary:
            temporary.write_text(text)
        return {"size": len(text)}

    options = {"folder": tmp_path, "name": "t", "columns": COLUMNS, "settings": {}}
    report = run_items(make_items(tmp_path), process_item, read_item=read_item, **options)
    assert [row["size"] for row in report.rows] == [1, 3]
    assert report.failures == {"item1": "OSError: cannot read it"}


def start_together(folder, *, fail=(), at_once=2):
    """Items of size 1, 2 ..., which are read, doubled in groups, and put into the table."""
    groups = []

    def read_item(item):
        if item.data in fail:
            raise OSError("cannot read it")
        return item.data + 1

    def together(sizes):
        groups.append(sizes)
        if 3 in sizes:
            raise ValueError("no luck with 3")
        return [2 * size for size in sizes]

    report = run_items(
        [replace(item, outputs=()) for item in make_items(folder, 5)],
        lambda size: {"size": size},
        folder=folder,
        name="t",
        columns=COLUMNS,
        settings={},
        read_item=read_item,
        together=together,
        at_once=at_once,
    )
    return report, groups


def test_items_are_worked_on_together(tmp_path):
    report, groups = start_together(tmp_path, at_once=2)
    assert [row["size"] for row in report.rows] == [2, 4, 8, 10]
    # the group with 3 is tried again, one by one
    assert groups == [[1, 2], [3, 4], [3], [4], [5]]
    assert report.failures == {"item2": "ValueError: no luck with 3"}


def test_an_item_that_cannot_be_read_does_not_harm_its_group(tmp_path):
    report, groups = start_together(tmp_path, fail=(1, 2), at_once=4)
    assert groups == [[1, 4], [5]]
    assert [row["size"] for row in report.rows] == [2, 8, 10]
    assert set(report.failures) == {"item1", "item2"}


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, Interrupt())
    assert (tmp_path / "t.csv").read_text() == "item,size\nitem0,2\nitem1,4\n"
    assert start(tmp_path)[1] == ["item2"]


class Doubtful(Work):
    """Lacks a value of the first item, and doubts that of the second."""

    def __call__(self, item):
        row = super().__call__(item)
        if item.data == 0:
            return Result({}, missing=("no size", "no luck"))
        return Result(row, flags=("too long",) if item.data == 1 else ())


def test_missing_and_doubtful_values_have_tables_of_their_own(tmp_path, caplog):
    for _ in range(2):  # also if all was finished before
        caplog.clear()
        report, _ = start(tmp_path, Doubtful())
        assert (tmp_path / "t.csv").read_text() == "item,size\nitem0,\nitem1,4\nitem2,6\n"
        assert (tmp_path / "t.failures.csv").read_text() == "item,reason\nitem0,no size; no luck\n"
        assert (tmp_path / "t.flags.csv").read_text() == "item,flag\nitem1,too long\n"
        assert report.exit_status == 1
        assert report.flags == {"item1": ["too long"]}
        assert f"1 of 3 items have doubtful values: {tmp_path / 't.flags.csv'}" in caplog.text
    start(tmp_path, resume=False)
    assert not (tmp_path / "t.flags.csv").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_kill_before_any_file_operation_leaves_nothing_half_done(tmp_path, monkeypatch):
    start(tmp_path / "undisturbed")
    expected = snapshot(tmp_path / "undisturbed")
    killed = 0
    for moment in range(1, 60):
        folder = tmp_path / str(moment)
        if not (child := os.fork()):
            _kill_at(moment, monkeypatch)
            start(folder)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        killed += os.WIFSIGNALED(status)
        start(folder)
        assert snapshot(folder) == expected, f"killed at file operation {moment}"
        if not os.WIFSIGNALED(status):
            break
    assert killed > 20
    assert not os.WIFSIGNALED(status), "the last run was to end undisturbed"


def _kill_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill this process with SIGKILL at its n-th write, rename or open."""
    count = 0

    def counting(function):
        def wrapped(*args, **kwargs):
            nonlocal count
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapped

    for name in ("open", "replace", "unlink", "write_text"):
        monkeypatch.setattr(Path, name, counting(getattr(Path, name)))
