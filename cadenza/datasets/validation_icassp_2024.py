"""What a challenge root of ICASSP 2024 should hold, and what can be run with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from cadenza import hrtf
from cadenza._check import raise_if
from cadenza.challenges.icassp_2024 import (
    SCENE,
    ScenePair,
    head_positions_file,
    read_at_mic_samples,
    read_head_positions,
    read_scene_pairs,
)
from cadenza.challenges.metadata import (
    read_challenge_listeners,
    read_entries,
    read_gains,
    read_object,
    read_scene_listeners,
    unknown,
)
from cadenza.datasets.validation_findings import SHORTEST_SONG_S, Findings, counted
from cadenza.datasets.validation_headers import AudioFile
from cadenza.datasets.validation_steps import Inspector, Step, separator_note, setting
from cadenza.errors import InputError
from cadenza.runner.recipe_paths import recipe_paths

_RATE = 44100
_GENERATE, _BASELINE = "cad_icassp_2024/generate_dataset", "cad_icassp_2024/baseline"


def inspect(root: Path, splits: list[str], findings: Findings) -> list[Step]:
    """Look at all parts of a root; returns the steps of the recipes."""
    paths = recipe_paths(_GENERATE, root, "train")
    gains_file = Path(paths["gains_file"])
    findings.metadata(
        "gains", [gains_file], partial(read_gains, gains_file), note=partial(counted, name="gain")
    )
    positions_file = head_positions_file(Path(paths["head_loudspeaker_positions_file"]))
    positions = findings.metadata(
        "head positions",
        [positions_file],
        partial(read_head_positions, positions_file),
        note=partial(counted, name="position"),
    )
    responses = [
        AudioFile(path, _RATE, is_strict=True)
        for position in (positions or {}).values()
        for path in hrtf.response_files(paths["hrtf_dir"], **asdict(position))
    ]
    findings.audio_files("head responses", responses if positions else None)
    note = separator_note(_BASELINE, "separator=spectral")
    return [step for split in splits for step in _inspect_split(root, split, findings, note)]


def _inspect_split(root: Path, split: str, findings: Findings, note: str) -> list[Step]:
    dry = recipe_paths(_GENERATE, root, split)
    paths = recipe_paths(_BASELINE, root, split)
    findings.listeners(Path(paths["listeners_file"]), split)
    # the music of other splits comes as it is at the microphones
    is_generated = split == "train" or Path(dry["music_file"]).exists()
    if is_generated:
        _inspect_dry_music(dry, split, findings)
    _inspect_scenes(dry, paths, split, findings, is_generated=is_generated)
    return _steps(root, split, note, is_generated=is_generated)


def _inspect_dry_music(dry: Mapping[str, str], split: str, findings: Findings) -> None:
    folders = findings.song_list(Path(dry["music_file"]), Path(dry["music_dir"]), split)
    findings.songs("dry music", folders, _RATE, split)


def _inspect_scenes(
    dry: Mapping[str, str],
    paths: Mapping[str, str],
    split: str,
    findings: Findings,
    *,
    is_generated: bool,
) -> None:
    music_file = Path(paths["music_file"])
    needs = [f"{split} listeners", "gains", "head positions"]
    needs += [f"{split} songs"] if is_generated else []
    pairs: list[ScenePair] = []
    of_list: list[str] = []

    def read_scenes() -> str:
        if is_generated:
            read_at_mic_samples(dry)
        if music_file.is_file():
            pairs_found, of_scenes = _read_pairs(paths, of_list)
            pairs.extend(pairs_found)
            raise_if(of_scenes)
        return _check_scenes(paths)

    files = [Path(paths["scenes_file"]), Path(paths["scene_listeners_file"])]
    findings.metadata("scenes", files, read_scenes, split=split, needs=needs, note=str)

    def read_list() -> str:
        raise_if(of_list)
        return counted(read_object(music_file), "song")

    findings.metadata(
        "list of music at the microphones",
        [music_file],
        read_list,
        split=split,
        needs=[*needs, f"{split} scenes"] if not of_list else (),
        note=str,
    )
    folders = dict.fromkeys((pair.folder for pair in pairs), SHORTEST_SONG_S)
    findings.songs("music at the microphones", folders or None, _RATE, split)


def _read_pairs(paths: Mapping[str, str], of_list: list[str]) -> tuple[list[ScenePair], list[str]]:
    """Pairs, and what is wrong with the scenes; what is wrong with the list is added to it."""
    try:
        return read_scene_pairs(paths), []
    except InputError as error:
        found = [problem for problem in error.problems if paths["music_file"] in problem]
        of_list.extend(found)
        return [], [problem for problem in error.problems if problem not in found]


def _check_scenes(paths: Mapping[str, str]) -> str:
    """Check what does not depend on the music; returns how much there is."""
    scenes_file, gains_file = (Path(paths[key]) for key in ("scenes_file", "gains_file"))
    scenes, gains = read_entries(scenes_file, SCENE), read_gains(gains_file)
    raise_if(
        [
            f"{scenes_file}: {scene}: {problem}"
            for scene, entry in scenes.items()
            for problem in unknown("gain", entry["gain"], gains, gains_file)
        ]
    )
    listeners = read_challenge_listeners(Path(paths["listeners_file"]))
    people = read_scene_listeners(
        Path(paths["scene_listeners_file"]), scenes=scenes, listeners=listeners
    )
    pairs = [listener for scene in people.values() for listener in scene]
    found = f"{counted(scenes, 'scene')}, {counted(pairs, 'pair')}"
    alone = [scene for scene in scenes if not people.get(scene)]
    return f"{found}, {counted(alone, 'scene')} without a listener" if alone else found


def _steps(root: Path, split: str, note: str, *, is_generated: bool) -> list[Step]:
    where = (setting("path.root", root), setting("split", split))
    listeners, scenes = f"{split} listeners", f"{split} scenes"
    made = f"{split} list of music at the microphones"
    mixtures, stems = (f"{split} music at the microphones: {p}" for p in ("mixtures", "stems"))
    dry = tuple(f"{split} {p}" for p in ("songs", "dry music: mixtures", "dry music: stems"))
    module = "cad_icassp_2024"
    generate = [
        Step(
            f"{module}.generate_dataset.generate_train_scenes",
            where,
            split,
            needs=(f"{split} songs", listeners, "gains", "head positions"),
            makes=(scenes,),
        ),
        Step(
            f"{module}.generate_dataset.generate_at_mic_musdb18",
            where,
            split,
            needs=(*dry, scenes, "head positions", "head responses"),
            makes=(made, mixtures, stems),
            repairs=True,
        ),
    ]
    needs = ("gains", listeners, scenes, made, mixtures)
    enhance = Step(f"{module}.baseline.enhance", where, split, needs, note=note)
    evaluate = Step(f"{module}.baseline.evaluate", where, split, (*needs, stems), after=enhance)
    return [*(generate if is_generated else []), enhance, evaluate]


INSPECTOR = Inspector(
    splits=("train", "valid"),
    split_files=("listeners", "musdb18", "scenes", "scene_listeners", "at_mic_music"),
    own_files=("head_loudspeaker_positions.json", "head_positions.json", "at_mic_music.*.json"),
    inspect=inspect,
)
