"""What the fault campaign found: power cuts, damaged tables and scales, disks that fail."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cadenza import audio
from cadenza._archive import unpack_zips
from cadenza._files import file_digest, replacing
from cadenza.challenges.scoring import evaluation_files
from cadenza.errors import InputError
from cadenza.report.building import _require_its_score
from cadenza.report.item import is_current, mark_current
from cadenza.runner.console import LogFile
from cadenza.runner.items import Item
from cadenza.runner.journal import Entry, Journal, journal_path
from cadenza.runner.merging import ShardedTable
from cadenza.runner.messages import message
from cadenza.runner.tables import read_table, write_table
from cadenza.runner.written import Written
from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet.network import ConvTasNet, ConvTasNetConfig
from cadenza.training import history
from cadenza.training.corpus import EnsembleCorpus
from cadenza.training.pieces import file_part

COLUMNS = ["song", "score"]


@pytest.fixture
def calls(monkeypatch):
    """Names of the functions of `os` that make content and names durable, as they are called."""
    called = []
    for name in ("fsync", "sync", "replace", "rename"):
        original = getattr(os, name)

        def noted(*arguments, name=name, original=original):
            called.append(name)
            return original(*arguments)

        monkeypatch.setattr(os, name, noted)
    return called


def test_content_is_on_the_disk_before_its_name(tmp_path, calls):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("a")
    assert calls == ["fsync", "replace"]


def test_unpacked_files_are_on_the_disk_before_their_folder_has_its_name(tmp_path, calls):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("music/a.wav", b"1")
        archive.writestr("music/b.wav", b"2")
    unpack_zips({tmp_path / "a.zip": tmp_path / "music"})
    assert calls == ["sync", "rename"]


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 40,
        b"",
        b"\xb4\xff\x00\x01",
        b"song,score\r\na,0.1\r\nb\r\n",
        b"song,score\r\na,0.1,2\r\n",
        b'song,score\r\n"a,0.1',
    ],
)
def test_a_damaged_table_is_named(tmp_path, content):
    (tmp_path / "scores.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"scores\.csv: (damaged table|expected the columns)"):
        read_table(tmp_path / "scores.csv", COLUMNS)


class Song:
    """A record of a work list."""

    depends_on = None

    def __init__(self, key: str) -> None:
        self.key, self.labels = key, {"song": key}


def test_a_number_that_is_cut_short_is_not_merged(tmp_path):
    table = ShardedTable(tmp_path / "scores.csv", COLUMNS, "score", n_shards=2)
    for part, song in zip(table.parts, "ab", strict=True):
        row = {"song": song, "score": 0.8125}
        write_table(part, COLUMNS, [row])
        journal = Journal(journal_path(part))
        journal.start({}, [Entry(song, "", [], row, [], [], "")])
    assert [row["score"] for row in table.merge([Song("a"), Song("b")])] == ["0.8125", "0.8125"]
    part = table.parts[1]
    part.write_bytes(part.read_bytes()[:-4])
    table.path.unlink()
    with pytest.raises(InputError, match=r"scores_2-2\.csv: b: scores_2-2.* has other values"):
        table.merge([Song("a"), Song("b")])
    assert not table.path.exists()


def test_scores_depend_on_the_scales_of_flac_files(tmp_path):
    plain, scaled = tmp_path / "plain.flac", tmp_path / "scaled.flac"
    audio.write_flac(plain, np.full(100, 0.5), 24000)
    audio.write_flac(scaled, np.full(100, 0.5), 24000, scale=True)
    found = evaluation_files([], [plain, scaled], allow_missing=False)
    assert found == (plain, scaled, tmp_path / "scaled.txt")


@pytest.fixture
def written(tmp_path):
    """A file and its scale, as the journal of a step knows them."""
    path = tmp_path / "a.flac"
    audio.write_flac(path, np.full(100, 0.123456789), 24000, scale=True)
    item = Item("a", {}, None, outputs=(path, path.with_suffix(".txt")))
    entry = Entry("a", "", [file_digest(p) for p in item.outputs], {}, [], [], "")
    Journal(journal_path(tmp_path / "enhanced.csv")).start({}, [entry])
    return item.outputs


def test_a_scale_that_is_cut_short_is_noticed(tmp_path, written, caplog):
    Written(tmp_path / "enhanced.csv").warn_of_changes("a", written)
    assert caplog.text == ""
    written[1].write_text(written[1].read_text()[:5])
    Written(tmp_path / "enhanced.csv").warn_of_changes("a", written)
    assert "a.txt: is not what was written" in caplog.text
    written[0].unlink()
    Written(tmp_path / "enhanced.csv").warn_of_changes("a", written)
    assert "a.flac: was written, and is missing now" in caplog.text


def test_nothing_is_said_of_files_from_elsewhere(tmp_path, caplog):
    Written(tmp_path / "nowhere" / "enhanced.csv").warn_of_changes("a", [tmp_path / "a.flac"])
    assert caplog.text == ""


def test_a_log_on_a_full_disk_says_so_once_without_a_traceback(tmp_path, capsys):
    handler = LogFile(tmp_path / "run.log")

    class Full:
        def write(self, text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        flush = close = lambda self: None

    handler.stream.close()
    handler.stream = Full()
    for _ in range(3):
        handler.handle(logging.LogRecord("a", logging.INFO, "", 1, "text", (), None))
    handler.stream = None
    handler.close()
    expected = f"{tmp_path}/run.log: cannot write the log: no space left on device\n"
    assert capsys.readouterr().err == expected


def test_errors_of_the_disk_in_plain_words():
    error = PermissionError(errno.EACCES, "Permission denied", "exp/.hydra")
    assert message(error, known=list, blocks={}) == "exp/.hydra: permission denied"


def test_equal_networks_give_equal_files(tmp_path):
    network = ConvTasNet(ConvTasNetConfig(N=4, L=4, B=4, H=4, X=1, R=1))
    metadata = dict.fromkeys(("sources", "epoch", "loss", "with", "seed"), "text ü")
    contents = set()
    for number in range(8):
        convtasnet_files.save(network, tmp_path / f"{number}", metadata=metadata)
        contents.add((tmp_path / f"{number}" / convtasnet_files.WEIGHTS_FILE).read_bytes())
    assert len(contents) == 1
    again, found = convtasnet_files.load(tmp_path / "0")
    assert found == {"format": "pt", **metadata}
    for name, value in network.state_dict().items():
        assert (again.state_dict()[name] == value).all()


def test_the_thread_of_tensorboard_fails_without_a_traceback(capsys):
    hook = threading.excepthook
    try:
        threading.excepthook = history._quiet_about_the_disk
        for error in (OSError("full"), KeyError("a bug")):
            thread = threading.Thread(target=_raise, args=(error,))
            thread.start()
            thread.join()
    finally:
        threading.excepthook = hook
    seen = capsys.readouterr().err
    assert "full" not in seen
    assert "a bug" in seen


def _raise(error: Exception) -> None:
    raise error


def test_mono_music_for_training_is_announced(tmp_path, caplog):
    audio.write_wav(tmp_path / "a.wav", np.zeros(4410), 44100)
    file_part(tmp_path / "a.wav", "Flute", sample_rate=44100)
    assert "a.wav: mono, used for both channels" in caplog.text


def test_a_time_that_is_no_number_is_not_trained_with(tmp_path):
    path = tmp_path / "music.train.json"
    source = {"instrument": "Flute", "track": "a.wav", "start": True, "duration": 0.1}
    path.write_text(json.dumps({"duet": {"source_1": source}}))
    (tmp_path / "train").mkdir()
    files = {"train_file": path.name, "valid_file": path.name, "test_file": path.name}
    folders = {"root_path": tmp_path, "music_tracks_file": tmp_path}
    corpus = EnsembleCorpus(
        target="Flute", sample_rate=44100, segment_length=1, samples_per_track=1, **folders, **files
    )
    with pytest.raises(InputError, match=r"music\.train\.json: duet: .*start must be a number"):
        corpus.pieces("train")


def test_a_page_does_not_show_other_music_than_was_scored():
    result = SimpleNamespace(left=0.5, right=0.75, fingerprint="abc")
    scores = {"drums, left ear": 0.4, "bass, left ear": 0.6}
    same = {name: SimpleNamespace(score=score) for name, score in scores.items()}
    _require_its_score(result, same)
    with pytest.raises(InputError, match=r"changed since .* right ear was 0\.7500 and is 0\.7000"):
        _require_its_score(result, {**same, "right ear": SimpleNamespace(score=0.7)})


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"")])
def test_a_page_whose_files_are_incomplete_is_made_again(tmp_path, damage):
    (tmp_path / "index.html").write_text("page")
    (tmp_path / "picture.png").write_bytes(b"picture")
    mark_current(tmp_path, "abc")
    assert is_current(tmp_path, "abc")
    assert not is_current(tmp_path, "abd")
    damage(Path(tmp_path / "picture.png"))
    assert not is_current(tmp_path, "abc")
