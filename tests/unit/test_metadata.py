"""Every place of every metadata file: what does not belong there is named, and nothing is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cadenza._paths import require_files
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.challenges.cad2_task2.download import steps_of_download
from cadenza.challenges.cad2_task2.ensembles import read_ensemble_pairs, read_gain_tables
from cadenza.challenges.icassp_2024 import read_at_mic_samples, read_scene_pairs
from cadenza.errors import InputError

EAR = [10, 20, 30]
LISTENERS = {
    name: {
        "name": name,
        "audiogram_cfs": [250, 1000, 4000],
        "audiogram_levels_l": EAR,
        "audiogram_levels_r": EAR,
    }
    for name in ("L0001", "L0002")
}
SONG = "A Song"
TRACKS = [{"Track Name": SONG, "Split": "train", "Path": "train/A Song"}]
GAINS = {"gain_0001": {"vocals": 1, "drums": -2.5, "bass": 0, "other": 3}}
SEGMENT = {"start": 1.5, "end": 3}
SCENES = {
    "scene_10001": {
        "music": SONG,
        "gain": "gain_0001",
        "head_loudspeaker_positions": "hlp_0001",
    }
}
POSITIONS = {
    "hlp_0001": {"subject": "VP_E1", "mic": "BTE_fr", "left_angle": -30, "right_angle": 22.5}
}


def source(instrument: str, **more: str) -> dict[str, object]:
    track = f"piece/Mix_1/{instrument}.flac"
    return {"instrument": instrument, "track": track, "start": 0, "duration": 15.0, **more}


SOURCES = {"source_1": source("Cello"), "source_2": source("Violin_1")}
COMPRESSION = {f"{kind}_{ear}": [1.5] * 6 for kind in ("cr", "gain") for ear in "lr"}

METADATA = {
    "cad1": {
        "musdb18.json": TRACKS,
        "listeners.json": LISTENERS,
        "segments.json": {
            SONG: {"objective_evaluation": SEGMENT, "subjective_evaluation": SEGMENT}
        },
    },
    "icassp": {
        "scenes.json": SCENES,
        "scene_listeners.json": {"scene_10001": ["L0001", "L0002"]},
        "listeners.json": LISTENERS,
        "gains.json": GAINS,
        "at_mic_music.json": {f"{SONG}-hlp_0001": {"Path": f"train/{SONG}-hlp_0001"}},
    },
    "icassp_generator": {
        "scenes.json": SCENES,
        "musdb18.json": TRACKS,
        "positions.json": POSITIONS,
    },
    "cad2": {
        "scenes.json": {"S50001": {"music": "piece_001", "gain": "gain_0001"}},
        "scene_listeners.json": {"S50001": ["L0001", "L0002"]},
        "listeners.json": LISTENERS,
        "gains.json": {"gain_0001": {"source_1": 1, "source_2": -2.5}},
        "music.json": {"piece_001": {**SOURCES, "mixture": source("Mixture")}},
        "compressor_params.json": dict.fromkeys(LISTENERS, COMPRESSION),
    },
    "cad2_gain_tables": {"gains_meta.json": {"2": {"gain_0001": {"source_1": 1, "source_2": 2}}}},
    "cad2_download": {
        "music_tracks.train.json": {
            "piece": {
                "dataset": "EnsembleSet",
                "stems_path": ["piece/Mix_1/Cello.flac", "piece/Mix_1/Violin_1.flac"],
                "mixture_path": "piece/Mix_1/mix.flac",
            }
        },
        "music.valid.to_generate.json": {
            "piece_001": {
                **{k: {**v, "source_dataset": "EnsembleSet"} for k, v in SOURCES.items()},
                "mixture_target": {"track": "valid/piece_001/mixture.flac"},
            }
        },
    },
}

KEYS_OF_PATHS = {
    "cad1": {"music_file": "musdb18", "music_segments_test_file": "segments"},
    "icassp": {"music_file": "at_mic_music"},
    "icassp_generator": {
        "music_file": "musdb18",
        "scene_file": "scenes",
        "head_loudspeaker_positions_file": "positions",
    },
    "cad2": {"music_file": "music", "enhancer_params_file": "compressor_params"},
}

# (challenge, file, name): fields that may be absent, and names that nothing refers to
OPTIONAL = {
    ("cad1", "musdb18.json", "Path"),
    *(("cad1", "listeners.json", name) for name in LISTENERS),
    ("icassp_generator", "musdb18.json", "Path"),
    ("cad2_download", "music.valid.to_generate.json", "source_dataset"),
    ("cad2_download", "music_tracks.train.json", "piece"),
    ("cad2_download", "music.valid.to_generate.json", "source_1"),
    ("cad2_download", "music.valid.to_generate.json", "source_2"),
    ("cad2_gain_tables", "gains_meta.json", "2"),
    ("cad2_gain_tables", "gains_meta.json", "source_1"),
    ("cad2_gain_tables", "gains_meta.json", "source_2"),
}
NOT_AN_ID = ("", "../x", "/etc", "C:\\x", "x" * 250, "a\nb", "\ud800")
WRONG = {
    str: (None, 5, ["x"], {}, *NOT_AN_ID),
    int: (None, "5", True, [1], {}, float("nan"), 10**400),
    float: (None, "5", True, [1], {}, float("inf"), 10**400),
    list: (None, "L0001", 5, {}, [["L0001"]], [None]),
    dict: (None, "text", 5, [], ["x"]),
}

Place = tuple[str | int, ...]


def read(challenge: str, folder: Path) -> object:
    paths = {f"{path.stem}_file": str(path) for path in folder.glob("*.json")}
    for key, name in KEYS_OF_PATHS.get(challenge, {}).items():
        paths[key] = str(folder / f"{name}.json")
    paths |= {"root": str(folder), "music_dir": str(folder)}
    return {
        "cad1": lambda: read_song_pairs(paths, with_segments=True),
        "icassp": lambda: read_scene_pairs(paths),
        "icassp_generator": lambda: read_at_mic_samples(paths),
        "cad2": lambda: read_ensemble_pairs(paths),
        "cad2_gain_tables": lambda: read_gain_tables(folder / "gains_meta.json"),
        "cad2_download": lambda: steps_of_download(folder.parent, folder.parent / "root"),
    }[challenge]()


def places(content: object, here: Place = ()) -> Iterator[tuple[Place, object]]:
    """Every node inside a JSON content, and where it is."""
    if isinstance(content, dict | list):
        children = content.items() if isinstance(content, dict) else enumerate(content)
        for key, child in children:
            yield (*here, key), child
            yield from places(child, (*here, key))


def changed(content: object, place: Place, change: Callable[[Any, Any], object]) -> object:
    """Copy of a content after a change: a function of the node around a place, and its key."""
    content = json.loads(json.dumps(content))
    around = content
    for key in place[:-1]:
        around = around[key]
    change(around, place[-1])
    return content


def damaged(challenge: str, name: str, content: object) -> Iterator[tuple[str, object]]:
    """Every way to put something wrong into one place of a file, and what it is."""
    for value in WRONG[type(content)]:
        yield f"{value!r:.40}", value
    for place, node in places(content):
        for value in WRONG[type(node)]:
            set_value = partial(replace, value=value)
            yield f"{place} = {value!r:.40}", changed(content, place, set_value)
        if isinstance(place[-1], str) and (challenge, name, place[-1]) not in OPTIONAL:
            yield f"{place} is missing", changed(content, place, lambda node, key: node.pop(key))
            for other in NOT_AN_ID:
                yield (
                    f"{place} is called {other!r:.40}",
                    changed(content, place, partial(rename, new=other)),
                )


def replace(around: Any, key: Any, *, value: object) -> None:
    around[key] = value


def rename(around: Any, key: Any, *, new: str) -> None:
    around[new] = around.pop(key)


def what_is_wrong_with_the_refusal(challenge: str, folder: Path) -> str:
    """Why a damaged file is not refused as it should be; empty if it is."""
    try:
        read(challenge, folder)
    except InputError as error:
        if not all(str(folder) in problem for problem in error.problems):
            return f"no file: {error}"
        if any("\n" in problem or len(problem) > 500 for problem in error.problems):
            return f"not a short line: {error}"
        return ""
    except Exception as error:
        return f"a traceback: {type(error).__name__}: {error}"
    return "read without an error"


CASES = [(challenge, name) for challenge, files in METADATA.items() for name in files]


@pytest.mark.parametrize(("challenge", "name"), CASES)
def test_what_does_not_belong_into_a_place_is_named(tmp_path, challenge, name):
    folder = tmp_path / "metadata"
    folder.mkdir()
    for file, content in METADATA[challenge].items():
        (folder / file).write_text(json.dumps(content))
    assert read(challenge, folder)
    wrong = {}
    n_damages = 0
    for damage, content in damaged(challenge, name, METADATA[challenge][name]):
        (folder / name).write_text(json.dumps(content))
        n_damages += 1
        if problem := what_is_wrong_with_the_refusal(challenge, folder):
            wrong[damage] = problem
    assert n_damages > 30
    assert wrong == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("{}", "has no entries"),
        ("[]", "expected a JSON object"),
        ("[" * 100_000, "cannot read"),
        ('{"a": 1, "a": 2}', "keys that occur twice: a"),
        ("\xff", "cannot read"),
    ],
)
def test_files_that_are_no_metadata_at_all(tmp_path, text, message):
    (tmp_path / "gains_meta.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as error:
        read("cad2_gain_tables", tmp_path)
    assert str(tmp_path / "gains_meta.json") in str(error.value)
    assert len(error.value.problems) == 1


@pytest.mark.parametrize("challenge", ["icassp", "cad2"])
@pytest.mark.parametrize("names", [None, 5, "L0001", [["L0001"]], {"L0001": 1}, [None]])
def test_all_challenges_say_the_same_about_scene_listeners(tmp_path, challenge, names):
    for file, content in METADATA[challenge].items():
        (tmp_path / file).write_text(json.dumps(content))
    (scene,) = METADATA[challenge]["scene_listeners.json"]
    (tmp_path / "scene_listeners.json").write_text(json.dumps({scene: names}))
    with pytest.raises(InputError) as error:
        read(challenge, tmp_path)
    (problem,) = error.value.problems
    where = f"{tmp_path}/scene_listeners.json: {scene}"
    expected = 'expected a list of listener ids like ["L0001"]'
    assert problem == f"{where}: {expected}, got {json.dumps(names)}"


def test_missing_files_say_which_command_makes_them(tmp_path):
    (tmp_path / "metadata").mkdir()
    names = ("scenes", "scene_listeners", "listeners", "gains", "music")
    files = {f"{name}_file": f"{tmp_path}/metadata/{name}.train.json" for name in names}
    with pytest.raises(InputError) as error:
        read_scene_pairs({**files, "root": str(tmp_path), "music_dir": "music"})
    problems = "\n".join(error.value.problems)
    script = "python -m cadenza.recipes.cad_icassp_2024.generate_dataset"
    for name in ("scenes", "scene_listeners"):
        missing = f"missing file: {tmp_path}/metadata/{name}.train.json"
        made_by = f"{script}.generate_train_scenes path.root={tmp_path} makes it"
        assert f"{missing}; {made_by}" in problems
    assert f"{script}.generate_at_mic_musdb18 path.root={tmp_path} makes it" in problems
    assert problems.count("makes it") == 3, "listeners and gains are downloaded"


def test_a_root_that_does_not_exist_is_one_line(tmp_path):
    root = tmp_path / "nowhere"
    names = ("scenes", "scene_listeners", "listeners", "gains", "music", "enhancer_params")
    files = {f"{name}_file": f"{root}/metadata/{name}.json" for name in names}
    with pytest.raises(InputError) as error:
        read_ensemble_pairs({**files, "root": str(root), "music_dir": "music"})
    (problem,) = error.value.problems
    assert problem.startswith(f"missing folder: {root} (with metadata/")
    assert problem.endswith(
        "and 5 more files); python -m cadenza.recipes.cad2.task2.process_dataset."
        f"process_zenodo_download path.root={root} makes it"
    )


def test_a_folder_in_the_place_of_a_file(tmp_path):
    with pytest.raises(InputError, match="expected a file, found a folder"):
        require_files([tmp_path])


def test_a_listener_twice_in_a_scene(tmp_path, caplog):
    """The published scenes of CAD2 have some; those of ICASSP 2024 have none."""
    for challenge in ("icassp", "cad2"):
        folder = tmp_path / challenge
        folder.mkdir()
        for file, content in METADATA[challenge].items():
            (folder / file).write_text(json.dumps(content))
        (scene,) = METADATA[challenge]["scene_listeners.json"]
        (folder / "scene_listeners.json").write_text(json.dumps({scene: ["L0001", "L0001"]}))
    assert len(read("cad2", tmp_path / "cad2")) == 1
    assert "lists L0001 twice" in caplog.text
    with pytest.raises(InputError, match="listener 'L0001' is listed twice"):
        read("icassp", tmp_path / "icassp")
