"""The demo's challenge roots."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cadenza import audio
from cadenza.audiogram import read_listeners
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.demo.cad1_task1_root import write_cad1_task1_root
from cadenza.demo.cad2_task2_root import DOWNLOAD, write_cad2_task2_root
from cadenza.demo.icassp_2024_root import write_icassp_2024_root
from cadenza.errors import InputError
from cadenza.hrtf import read_head_response
from cadenza.levels import gain_to_db, rms
from cadenza.stems import STEMS
from cadenza.synthetic.listeners import BAND_CENTRES_HZ

FS = 44100
DURATIONS_S = {"icassp_2024": 1.0, "cad1_task1": 1.0, "cad2_task2": 3.0}
WRITERS = {
    "icassp_2024": write_icassp_2024_root,
    "cad1_task1": write_cad1_task1_root,
    "cad2_task2": write_cad2_task2_root,
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """A root of each challenge, by name."""
    folder = tmp_path_factory.mktemp("demo")
    for challenge, write_root in WRITERS.items():
        write_root(folder / challenge, duration_s=DURATIONS_S[challenge])
    return {challenge: folder / challenge for challenge in WRITERS}


def contents(folder):
    """Bytes of all files by path."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# All roots


@pytest.mark.parametrize("challenge", WRITERS)
def test_a_complete_root_is_not_touched(roots, challenge):
    root = roots[challenge]
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert WRITERS[challenge](root, duration_s=DURATIONS_S[challenge]) == []
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.parametrize("challenge", WRITERS)
def test_music_is_loud_enough_to_listen_to(roots, challenge):
    for path in (p for p in roots[challenge].rglob("*mix*") if p.suffix in (".wav", ".flac")):
        assert gain_to_db(rms(audio.read(path)[0]).max()) == pytest.approx(-30, abs=3)


@pytest.mark.parametrize("challenge", ["icassp_2024", "cad2_task2"])
def test_a_root_is_completed_with_the_same_bytes(roots, challenge, tmp_path):
    written = WRITERS[challenge](tmp_path, duration_s=DURATIONS_S[challenge])
    assert set(written) == set(tmp_path.rglob("*.*")) - {tmp_path / "demo.json"}
    lost = [path for path in written if path.stem in ("drums", "mixture", "Viola", "gains")]
    lost.append(next(tmp_path.rglob("listeners.valid.json")))
    for path in lost:
        path.unlink()
    assert sorted(WRITERS[challenge](tmp_path, duration_s=DURATIONS_S[challenge])) == sorted(lost)
    assert contents(tmp_path) == contents(roots[challenge])


@pytest.mark.parametrize("challenge", WRITERS)
def test_a_root_with_other_arguments_or_of_another_challenge_is_refused(roots, challenge):
    before = contents(roots[challenge])
    duration_s = DURATIONS_S[challenge]
    for argument in ({"duration_s": 0.6}, {"duration_s": duration_s, "seed": 1}):
        with pytest.raises(InputError, match="holds another demo"):
            WRITERS[challenge](roots[challenge], **argument)
    for write_root in WRITERS.values():
        if write_root is not WRITERS[challenge]:
            with pytest.raises(InputError, match=f'holds another demo.*"{challenge}".*expected'):
                write_root(roots[challenge], duration_s=duration_s)
    assert contents(roots[challenge]) == before


@pytest.mark.parametrize("write_root", WRITERS.values(), ids=WRITERS)
def test_a_folder_with_other_files_is_left_alone(write_root, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="expected a new or empty folder"):
        write_root(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("write_root", WRITERS.values(), ids=WRITERS)
def test_a_bad_duration_writes_nothing(write_root, tmp_path):
    with pytest.raises(ValueError, match="duration_s must be positive, got -1"):
        write_root(tmp_path / "root", duration_s=-1)
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("challenge", ["icassp_2024", "cad1_task1"])
def test_song_mixtures_are_the_exact_sum_of_their_stems(roots, challenge):
    mixtures = list(roots[challenge].rglob("mixture.wav"))
    assert len(mixtures) == 2
    for path in mixtures:
        files = {file.stem: audio.read(file, channels=2)[0] for file in path.parent.iterdir()}
        mixture = files.pop("mixture")
        assert set(files) == set(STEMS)
        assert mixture.shape == (2, FS)
        np.testing.assert_array_equal(mixture, sum(files.values()))
        assert min(rms(stem) for stem in files.values()) > 0.0003
        assert 0.02 < np.abs(mixture).max() < 0.5


# ICASSP 2024


def test_icassp_references_resolve(roots):
    root = roots["icassp_2024"]
    metadata = {
        path.name: json.loads(path.read_text()) for path in (root / "metadata").glob("*.json")
    }
    assert set(metadata) == {
        "gains.json",
        "head_loudspeaker_positions.json",
        "listeners.train.json",
        "listeners.valid.json",
        "musdb18.train.json",
    }
    assert len(metadata["gains.json"]) == 1105
    positions = metadata["head_loudspeaker_positions.json"]
    assert list(positions) == [f"hlp_{n:04d}" for n in range(1, 10)]
    assert (positions["hlp_0002"]["left_angle"], positions["hlp_0002"]["right_angle"]) == (
        -37.5,
        30.0,
    )
    for position in positions.values():
        head = read_head_response(
            root / "audio" / "hrtf",
            microphone=position["mic"],
            subject=position["subject"],
            left_angle_deg=position["left_angle"],
            right_angle_deg=position["right_angle"],
            sample_rate=FS,
        )
        near, far = np.abs(head.left_speaker).max(axis=1)
        assert 1 > near > far
    for song in metadata["musdb18.train.json"]:
        assert song["Path"] == f"{song['Split']}/{song['Track Name']}"
        assert (root / "audio" / "music" / song["Path"]).is_dir()
    assert len(read_listeners(root / "metadata" / "listeners.train.json")) == 4
    assert not set(metadata["listeners.train.json"]) & set(metadata["listeners.valid.json"])


# CAD1


def test_cad1_pairs_are_complete(roots):
    metadata = roots["cad1_task1"] / "metadata"
    for split, n_pairs in (("valid", 2), ("test", 1)):
        paths = {
            "music_file": metadata / f"musdb18.{split}.json",
            "listeners_file": metadata / f"listeners.{split}.json",
            "music_dir": roots["cad1_task1"] / "audio" / "musdb18hq",
            "music_segments_test_file": metadata / "musdb18.segments.test.json",
        }
        pairs = read_song_pairs(paths, with_segments=split == "test")
        assert len(pairs) == n_pairs
        for pair in pairs:
            lengths = {audio.info(pair.file(track)).frames for track in (*STEMS, "mixture")}
            assert lengths == {FS}


def test_cad1_segments_lie_in_the_song(roots):
    path = roots["cad1_task1"] / "metadata" / "musdb18.segments.test.json"
    (segments,) = json.loads(path.read_text()).values()
    for segment in segments.values():
        assert 0 < segment["start"] < segment["end"] <= DURATIONS_S["cad1_task1"]
        assert segment["end"] - segment["start"] == segment["duration"]


# CAD2


@pytest.fixture(scope="module")
def root(roots):
    return roots["cad2_task2"]


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
        assert mixture.shape == (2, round(2 * DURATIONS_S["cad2_task2"] * FS))
        np.testing.assert_array_equal(mixture, sum(stems))
        assert 0.01 < np.abs(mixture).max() < 0.5
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
                assert signal.shape[1] == round(DURATIONS_S["cad2_task2"] * FS)
                assert rms(signal) > 0.0003  # every source plays in every excerpt


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
            assert (entry["start"], entry["duration"]) == (0, DURATIONS_S["cad2_task2"])


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
