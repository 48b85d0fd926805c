"""The demo's download folder of CAD2 Task 2, and the compressor settings in it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cadenza import audio, levels
from cadenza.audiogram import read_listeners
from cadenza.demo.cad2_root import DOWNLOAD, write_cad2_task2_root
from cadenza.demo.icassp_root import write_icassp_2024_root
from cadenza.errors import InputError
from cadenza.synthetic.audiograms import STANDARD_LEVELS_DB_HL, standard_audiogram
from cadenza.synthetic.fitting import BAND_CENTRES_HZ, fit
from tests.unit.demo_helpers import FS, contents

DURATION_S = 3.0


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "root"
    write_cad2_task2_root(folder, duration_s=DURATION_S)
    return folder


@pytest.fixture(scope="module")
def metadata(root):
    folder = root / DOWNLOAD / "metadata"
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}


def sources_of(item):
    return {name: entry for name, entry in item.items() if name.startswith("source_")}


def test_metadata_is_complete(metadata):
    assert set(metadata) == {
        "compressor_params.train.json",
        "compressor_params.valid.json",
        "gains.json",
        "gains_meta.json",
        "listeners.train.json",
        "listeners.valid.json",
        "music.train.json",
        "music.valid.json",
        "music.valid.to_generate.json",
        "music_tracks.train.json",
        "music_tracks.valid.json",
        "scene_listeners.valid.json",
        "scenes.valid.json",
    }


def test_metadata_looks_like_the_published_one(metadata, shared):
    """The same files, and in those about music the same entries in a piece and its sources."""
    published = shared / "data" / "cad2_task2" / "zenodo_download" / "metadata"
    assert set(metadata) == {path.name for path in published.glob("*.json")}
    for name in ("music.train.json", "music.valid.json", "music.valid.to_generate.json"):
        (ours, *_), (theirs, *_) = (
            list(content.values())
            for content in (metadata[name], json.loads((published / name).read_text()))
        )
        assert {k: set(v) for k, v in ours.items()} == {k: set(v) for k, v in theirs.items()}


def test_tracks_are_there_and_mixtures_are_their_exact_sum(root, metadata):
    tracks = metadata["music_tracks.train.json"]
    assert {entry["dataset"] for entry in tracks.values()} == {"EnsembleSet", "CadenzaWoodwind"}
    for entry in tracks.values():
        folder = root / DOWNLOAD / entry["dataset"]
        stems = [audio.read(folder / path)[0] for path in entry["stems_path"]]
        mixture, rate = audio.read(folder / entry["mixture_path"])
        assert rate == FS
        assert mixture.shape == (2, round(2 * DURATION_S * FS))
        np.testing.assert_array_equal(mixture, sum(stems))
        assert 0.1 < np.abs(mixture).max() < 0.9
    flacs = list((root / DOWNLOAD).rglob("*.flac"))
    assert len(flacs) == sum(len(entry["stems_path"]) + 1 for entry in tracks.values())


def test_excerpts_for_training_and_validation_are_different_music(root, metadata):
    train, cut = metadata["music.train.json"], metadata["music.valid.to_generate.json"]
    for before, after in zip(train.values(), cut.values(), strict=True):
        for name, source in sources_of(after).items():
            assert before[name]["track"] == source["track"]
            end_s = before[name]["start"] + before[name]["duration"]
            assert end_s <= source["start"]
            path = root / DOWNLOAD / source["source_dataset"] / source["track"]
            for entry in (before[name], source):
                signal, _ = audio.read(path, start_s=entry["start"], duration_s=entry["duration"])
                assert signal.shape[1] == round(DURATION_S * FS)
                assert levels.rms(signal) > 0.005  # every source plays in every excerpt


def test_validation_pieces_are_what_the_cuts_will_be(metadata):
    pieces, cut = metadata["music.valid.json"], metadata["music.valid.to_generate.json"]
    assert list(pieces) == list(cut)
    for name, piece in pieces.items():
        sources = sources_of(piece)
        assert list(sources) == list(sources_of(cut[name]))
        assert piece["mixture"]["track"] == cut[name]["mixture_target"]["track"]
        for key, entry in sources.items():
            file_name = cut[name][key]["track"].split("/")[-1]
            assert (
                entry["track"]
                == f"valid/{name}/{file_name}"
                == f"valid/{name}/{entry['instrument']}.flac"
            )
            assert (entry["start"], entry["duration"]) == (0, DURATION_S)


def test_scenes_refer_to_what_exists(metadata, root):
    scenes, listeners = metadata["scenes.valid.json"], metadata["scene_listeners.valid.json"]
    assert list(scenes) == list(listeners) == ["S50001", "S50002", "S50003", "S50004"]
    valid = read_listeners(root / DOWNLOAD / "metadata" / "listeners.valid.json")
    for scene, entry in scenes.items():
        sources = sources_of(metadata["music.valid.json"][entry["music"]])
        assert set(metadata["gains.json"][entry["gain"]]) == set(sources)
        assert len(set(listeners[scene])) == 2
        assert set(listeners[scene]) <= set(valid)


def test_gain_tables_agree(metadata):
    gains, by_sources = metadata["gains.json"], metadata["gains_meta.json"]
    assert {n: len(table) for n, table in by_sources.items()} == {
        "2": 12,
        "3": 126,
        "4": 1104,
        "5": 9030,
    }
    assert gains == {key: value for table in by_sources.values() for key, value in table.items()}


@pytest.mark.parametrize("split", ["train", "valid"])
def test_every_listener_has_a_compressor(metadata, split):
    listeners = metadata[f"listeners.{split}.json"]
    compressors = metadata[f"compressor_params.{split}.json"]
    assert list(listeners) == list(compressors)
    for settings in compressors.values():
        assert settings["frequencies"] == list(BAND_CENTRES_HZ)
        for side in "lr":
            assert len(settings[f"cr_{side}"]) == len(settings[f"gain_{side}"]) == 6


def test_root_that_is_complete_is_not_touched(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert write_cad2_task2_root(root, duration_s=DURATION_S) == []
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_root_is_completed_with_the_same_bytes(root, tmp_path):
    written = write_cad2_task2_root(tmp_path, duration_s=DURATION_S)
    lost = [path for path in written if path.stem in ("Viola", "Flute", "scenes.valid")]
    assert len(lost) == 3
    for path in lost:
        path.unlink()
    assert sorted(write_cad2_task2_root(tmp_path, duration_s=DURATION_S)) == sorted(lost)
    assert contents(tmp_path) == contents(root)


def test_root_of_another_demo_is_refused(root, tmp_path):
    with pytest.raises(InputError, match="holds another demo"):
        write_cad2_task2_root(root, duration_s=DURATION_S, seed=1)
    with pytest.raises(InputError, match="holds another demo"):
        write_icassp_2024_root(root, duration_s=DURATION_S)


# Compressor settings


@pytest.mark.parametrize("name", STANDARD_LEVELS_DB_HL)
def test_settings_are_within_the_limits_of_the_challenge(name):
    ratios, gains_db = (np.array(values) for values in fit(standard_audiogram(name)))
    assert ((ratios >= 1) & (ratios <= 6)).all()
    assert ((gains_db >= 0) & (gains_db <= 30)).all()
    # 40 dB more at the input are 40 dB less the gain at the output, unless rounding hides it
    np.testing.assert_allclose(40 / ratios, 40 - gains_db, rtol=0.005)


def test_settings_grow_with_the_loss():
    fits = [fit(standard_audiogram(f"N{n}")) for n in range(1, 8)]
    for setting in zip(*fits, strict=True):
        assert (np.diff(setting, axis=0) >= 0).all()


def test_gain_follows_the_cambridge_formula():
    """0.48 times the threshold, with an intercept: N3 has 35, 40 and 60 dB HL there."""
    _, gains_db = fit(standard_audiogram("N3"))
    assert (gains_db[0], gains_db[2], gains_db[4]) == (6.8, 19.2, 28.8)
