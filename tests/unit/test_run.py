"""The run loop: resume, failures, locks, and kills at any moment."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from filelock import FileLock

from cadenza._files import replacing
from cadenza.errors import InputError
from cadenza.runner.run import Item, run
from cadenza.runner.sharding import Shard

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


def start(folder: Path, work: Work | None = None, **options):
    work = work or Work()
    options = {"settings": {"step": "test 1"}, **options}
    report = run(make_items(folder), work, folder=folder, name="t", columns=COLUMNS, **options)
    return report, work.calls


def snapshot(folder: Path) -> dict[str, bytes]:
    """Results, and temporary files if any were left behind."""
    return {
        p.name: p.read_bytes()
        for p in folder.iterdir()
        if not p.name.startswith(".") or p.suffix == ".tmp"
    }


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


def test_t18_t20_a_failure_is_recorded_and_tried_again(tmp_path):
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


def test_changed_inputs_are_refused(tmp_path):
    for index in range(3):
        (tmp_path / f"in_{index}.txt").write_text("x" * 300_000)
    start(tmp_path)
    # the same size, and only a byte in the middle
    (tmp_path / "in_1.txt").write_text("x" * 99_999 + "y" + "x" * 200_000)
    with pytest.raises(InputError, match=r"inputs of 1 finished items have changed.*item1"):
        start(tmp_path)


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_text("xx")])
def test_t11_a_missing_or_damaged_output_is_made_again(tmp_path, damage):
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
        run(items, work, folder=tmp_path, name="t", columns=COLUMNS, settings={})
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


def test_a_shorter_work_list_keeps_the_results_of_the_others(tmp_path):
    start(tmp_path)
    before = snapshot(tmp_path)
    options = {"folder": tmp_path, "name": "t", "columns": COLUMNS, "settings": {"step": "test 1"}}
    report = run(make_items(tmp_path)[1:2], Work(), **options)
    assert [row["item"] for row in report.rows] == ["item1"]
    assert (tmp_path / "t.csv").read_text() == "item,size\nitem1,4\n"
    assert start(tmp_path)[1] == []
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("damage", ["{\n", "[1]\n", '{"a": 1}\n{"b": 2}\n'])
def test_a_damaged_journal_is_named_and_can_be_left(tmp_path, damage):
    start(tmp_path)
    before = snapshot(tmp_path)
    (tmp_path / "t.journal.jsonl").write_text(damage)
    with pytest.raises(InputError, match=r"t\.journal\.jsonl: damaged; resume=false"):
        start(tmp_path)
    start(tmp_path, resume=False)
    assert snapshot(tmp_path) == before


def test_items_must_have_names_and_files_of_their_own(tmp_path):
    items = make_items(tmp_path)
    with pytest.raises(InputError, match=r"(?s)called item0.*would write .*out_0.txt"):
        run([*items, items[0]], Work(), folder=tmp_path, name="t", columns=COLUMNS, settings={})


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


def test_the_next_item_is_prepared_while_this_one_is_worked_on(tmp_path):
    started = []

    def prepare(item):
        started.append(item.key)
        if item.data == 1:
            raise OSError("cannot read it")
        return item.inputs[0].read_text()

    def work(item, text):
        while len(started) < min(item.data + 2, 3):
            time.sleep(0.001)  # the next one is prepared before this one is done
        with replacing(item.outputs[0]) as temporary:
            temporary.write_text(text)
        return {"size": len(text)}

    options = {"folder": tmp_path, "name": "t", "columns": COLUMNS, "settings": {}}
    report = run(make_items(tmp_path), work, prepare=prepare, **options)
    assert [row["size"] for row in report.rows] == [1, 3]
    assert report.failures == {"item1": "OSError: cannot read it"}


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    class Interrupt(Work):
        def __call__(self, item):
            if item.data == 2:
                raise KeyboardInterrupt
            return super().__call__(item)

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, Interrupt())
    assert (tmp_path / "t.csv").read_text() == "item,size\nitem0,2\nitem1,4\n"
    assert start(tmp_path)[1] == ["item2"]


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
