"""What a challenge root of CAD1 Task 1 should hold, and what can be run with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cadenza.challenges.cad1_task1.songs import metadata_file, read_song_pairs
from cadenza.datasets.validation_findings import SHORTEST_SONG_S, Findings
from cadenza.datasets.validation_steps import Inspector, Step, separator_note, setting
from cadenza.runner.recipe_paths import recipe_paths

_RATE = 44100
_BASELINE = "cad1/task1/baseline"


def inspect(root: Path, splits: list[str], findings: Findings) -> list[Step]:
    """Look at all parts of a root; returns the steps of the recipe."""
    note = separator_note(_BASELINE, "separator=spectral")
    return [step for split in splits for step in _inspect_split(root, split, findings, note)]


def _inspect_split(root: Path, split: str, findings: Findings, note: str) -> list[Step]:
    paths = recipe_paths(_BASELINE, root, split)
    listeners_file, music_file = (
        metadata_file(paths[key]) for key in ("listeners_file", "music_file")
    )
    findings.listeners(listeners_file, split)
    folders = findings.song_list(music_file, Path(paths["music_dir"]), split)
    if split == "test":
        folders = _inspect_segments(paths, split, findings) or folders
    findings.songs("music", folders, _RATE, split)
    return _steps(root, split, note)


def _inspect_segments(
    paths: Mapping[str, str], split: str, findings: Findings
) -> dict[Path, float] | None:
    """How long each song must last for its segments."""
    pairs = findings.metadata(
        "segments",
        [metadata_file(paths["music_segments_test_file"])],
        lambda: read_song_pairs(paths, with_segments=True),
        split=split,
        needs=[f"{split} listeners", f"{split} songs"],
    )
    if not pairs:
        return None
    return {
        p.track.folder: max(p.objective.end_s, p.subjective.end_s, SHORTEST_SONG_S) for p in pairs
    }


def _steps(root: Path, split: str, note: str) -> list[Step]:
    where = (setting("path.root", root), setting("split", split))
    module = "cad1.task1.baseline"
    needs = tuple(f"{split} {part}" for part in ("songs", "listeners", "music: mixtures"))
    stems = f"{split} music: stems"
    enhance = Step(f"{module}.enhance", where, split, needs, note=note)
    evaluate = Step(f"{module}.evaluate", where, split, (*needs, stems), after=enhance)
    if split != "test":
        return [enhance, evaluate]
    needs = (*needs, f"{split} segments")
    cut = Step(f"{module}.test", where, split, needs, note=note)
    pack = Step(f"{module}.pack_submission", where, split, needs, after=cut)
    of_segments = (*where, "evaluate.segments=true")
    score = Step(f"{module}.evaluate", of_segments, split, (*needs, stems), after=cut)
    return [enhance, evaluate, cut, pack, score]


INSPECTOR = Inspector(
    splits=("train", "valid", "test"),
    split_files=("listeners", "musdb18"),
    own_files=("musdb18.segments.test.json", "musdb18hq/musdb18.segments.test.json"),
    inspect=inspect,
)
