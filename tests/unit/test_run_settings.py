"""Settings of results: what is compared, what is only recorded, and what a user may do."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import yaml

from cadenza.errors import InputError
from cadenza.runner.journal import NOTES, Journal
from cadenza.runner.merging import ShardedTable
from cadenza.runner.sharding import Shard
from cadenza.runner.written import Written
from tests.test_architecture import RECIPES
from tests.unit.run_helpers import COLUMNS, start

PUBLISHED = {"step": "test 1", NOTES: {"release": "published"}}


def test_messages_name_the_key_of_the_folder(tmp_path):
    start(tmp_path)
    other = {"settings": {"step": "test 2"}, "folder_key": "path.music_dir"}
    with pytest.raises(InputError, match=r"another folder \(path\.music_dir=\.\.\.\) keeps both"):
        start(tmp_path, **other)
    with pytest.raises(InputError, match=r"give it another folder \(path\.music_dir=\.\.\.\)"):
        start(tmp_path, every=3, resume="changed", **other)
    with pytest.raises(InputError, match=r"another folder \(path\.exp_folder=\.\.\.\) keeps both"):
        start(tmp_path, settings=other["settings"])


def test_the_keys_of_folders_exist():
    """In the configuration of each script that names one."""
    keys = {}
    for script in RECIPES:
        for key in re.findall(r'folder_key="(.+)"', script.read_text()):
            keys[script.name] = key
            content = yaml.safe_load((script.parent / "config.yaml").read_text())
            for part in key.split("."):
                content = content[part]
    assert sorted(keys) == [
        "eval.py",
        "generate_at_mic_musdb18.py",
        "process_zenodo_download.py",
    ]


def test_notes_are_recorded_and_not_compared(tmp_path):
    """So that results of earlier versions, which took none, are continued."""
    start(tmp_path)
    before = (tmp_path / "t.journal.jsonl").read_text().splitlines()[1:]
    assert start(tmp_path, settings=PUBLISHED)[1] == []
    first, *after = (tmp_path / "t.journal.jsonl").read_text().splitlines()
    assert json.loads(first)["content"]["settings"] == PUBLISHED
    assert after == before
    assert Journal(tmp_path / "t.journal.jsonl").settings == PUBLISHED
    with pytest.raises(InputError) as raised:
        start(tmp_path, settings={**PUBLISHED, "step": "test 2"})
    assert raised.value.problems[1:] == ["  step: test 1 before, test 2 now"]


def shards(folder, *settings):
    """Make two shards with settings of their own, and the table that merges them."""
    folder.mkdir()
    for index, of_shard in enumerate(settings):
        start(folder, shard=Shard(index, 2), settings=of_shard, resume=index == 0 or "changed")
    return ShardedTable(folder / "t.csv", COLUMNS, "size", n_shards=2)


def test_shards_are_merged_if_their_notes_agree_or_one_has_none(tmp_path):
    records = [SimpleNamespace(key=k, labels={"item": k}) for k in ("item0", "item1", "item2")]
    table = shards(tmp_path / "none", PUBLISHED, {"step": "test 1"})
    assert len(table.merge(records)) == 3
    table = shards(tmp_path / "other", PUBLISHED, {**PUBLISHED, NOTES: {"release": "fixed"}})
    with pytest.raises(InputError, match=r"(?s)different settings.*release: published before, fix"):
        table.merge(records)


def test_settings_of_an_earlier_step(tmp_path, caplog):
    caplog.set_level("INFO")
    table = tmp_path / "t.csv"
    assert Written(table).setting("release") is None
    assert Written(table).setting("release", given="fixed") == "fixed"
    start(tmp_path, settings={"release": "published"})
    written = Written(table)
    caplog.clear()
    assert written.setting("release") == written.setting("release", given="published")
    assert written.setting("release") == "published"
    assert set(caplog.messages) == {f"the signals in {tmp_path} were made with release=published"}
    assert written.setting("level") is None
    with pytest.raises(InputError, match="were made with release=published, not fixed; leave out"):
        written.setting("release", given="fixed")


def test_files_that_were_made_with_several_settings_are_refused(tmp_path):
    for index, release in enumerate(("fixed", "published")):
        folder = tmp_path / release
        start(folder, shard=Shard(index, 2), settings={"release": release})
        for file in folder.glob("t_*"):
            file.rename(tmp_path / file.name)
    with pytest.raises(InputError, match="different settings: release=fixed and release=published"):
        Written(tmp_path / "t.csv").setting("release")
