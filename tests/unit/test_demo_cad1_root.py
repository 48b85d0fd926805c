"""The demo's challenge root of CAD1 Task 1."""

from __future__ import annotations

import json

import pytest

from cadenza import audio
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.demo.cad1_root import write_cad1_task1_root
from cadenza.errors import InputError
from cadenza.stems import STEMS


def test_the_root_is_complete_and_is_not_written_twice(tmp_path):
    root = tmp_path / "root"
    written = write_cad1_task1_root(root, duration_s=1)
    assert len(written) == 15
    assert write_cad1_task1_root(root, duration_s=1) == []
    metadata = root / "metadata"
    for split, n_pairs in (("valid", 2), ("test", 1)):
        paths = {
            "music_file": metadata / f"musdb18.{split}.json",
            "listeners_file": metadata / f"listeners.{split}.json",
            "music_dir": root / "audio" / "musdb18hq",
            "music_segments_test_file": metadata / "musdb18.segments.test.json",
        }
        pairs = read_song_pairs(paths, with_segments=split == "test")
        assert len(pairs) == n_pairs
        for pair in pairs:
            lengths = {audio.info(pair.file(track)).frames for track in (*STEMS, "mixture")}
            assert lengths == {44100}


def test_segments_lie_in_the_song(tmp_path):
    write_cad1_task1_root(tmp_path / "root", duration_s=2)
    path = tmp_path / "root" / "metadata" / "musdb18.segments.test.json"
    (segments,) = json.loads(path.read_text()).values()
    for segment in segments.values():
        assert 0 < segment["start"] < segment["end"] <= 2
        assert segment["end"] - segment["start"] == segment["duration"]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="expected a new or empty folder"):
        write_cad1_task1_root(tmp_path)
