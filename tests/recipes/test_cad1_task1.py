"""The CAD1 Task 1 scripts on a tiny challenge root: headphone listening, to the submission."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.runner.tables import read_table
from cadenza.stems import STEMS

from .conftest import call as call_recipe
from .conftest import check_that_torch_gives_the_same_scores, listeners, write_json, write_song

REPOSITORY = Path(__file__).resolve().parents[2]
SONGS = ("Tiny Band - Up", "Tiny Band - Down")
COLUMNS = ["song", "listener", "score", "left_bass", "right_bass", "left_drums", "right_drums"]
COLUMNS += ["left_other", "right_other", "left_vocals", "right_vocals"]
WHERE = ("path.root=root", "path.exp_folder=exp")
TEST = (*WHERE, "split=test")
SEGMENT = {"start": 0.1, "end": 0.75, "duration": 0.65}
REMIX_SEGMENT = {"start": 0.2, "end": 0.4, "duration": 0.2}


def call(name, *arguments):
    return call_recipe(f"baseline.{name}", *arguments, recipe="cad1.task1")


def names(listener: str, song: str) -> list[str]:
    stems = [f"{side}_{stem}" for stem in STEMS for side in ("left", "right")]
    files = [f"{s}.{kind}" for s in stems for kind in ("flac", "txt")]
    return sorted(f"{listener}_{song}_{name}" for name in [*files, "remix.flac"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A root with enhanced signals of whole songs and of segments; do not change it."""
    folder = tmp_path_factory.mktemp("cad1")
    metadata = folder / "root" / "metadata"
    for split, subset, song in (("valid", "train", SONGS[0]), ("test", "test", SONGS[1])):
        write_song(folder / "root" / "audio" / "musdb18hq" / subset / song, len(split))
        write_json(metadata / f"musdb18.{split}.json", [{"Track Name": song, "Split": split}])
        write_json(metadata / f"listeners.{split}.json", listeners("valid"))
    write_json(
        metadata / "musdb18.segments.test.json",
        {SONGS[1]: {"objective_evaluation": SEGMENT, "subjective_evaluation": REMIX_SEGMENT}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call("enhance", *WHERE, "separator=oracle") == 0
        assert call("test", *TEST, "separator=oracle") == 0
    return folder


@pytest.fixture
def root(finished, tmp_path, monkeypatch) -> Path:
    shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work" / "root"


def test_outputs_of_enhance(root):
    for listener in ("L5001", "L5002"):
        folder = Path("exp/enhanced_signals") / listener / SONGS[0]
        assert sorted(p.name for p in folder.iterdir()) == names(listener, SONGS[0])
        stem = audio.info(folder / f"{listener}_{SONGS[0]}_left_bass.flac")
        assert (stem.sample_rate, stem.channels, stem.subtype) == (24000, 1, "PCM_16")
        remix = audio.info(folder / f"{listener}_{SONGS[0]}_remix.flac")
        assert (remix.sample_rate, remix.channels, remix.subtype) == (32000, 2, "PCM_16")
        assert abs(remix.frames - (35280 + 220) * 32000 / 44100) <= 1


def test_scores_of_whole_songs(root, capsys):
    assert call("evaluate", *WHERE) == 0
    assert "over 2 of 2 items" in capsys.readouterr().out
    rows = read_table(Path("exp/scores.csv"), COLUMNS)
    assert [(row["song"], row["listener"]) for row in rows] == [
        (SONGS[0], "L5001"),
        (SONGS[0], "L5002"),
    ]
    for row in rows:
        values = [float(row[c]) for c in COLUMNS[3:]]
        assert np.mean(values) == pytest.approx(float(row["score"]), abs=1e-15)
        assert min(values) > 0.5, "true stems are scored well"


@pytest.mark.slow
def test_torch_gives_the_same_scores(root, capsys):
    """Apart from rounding; its results are not continued by the other engine."""
    evaluate = partial(call, "evaluate", *WHERE)
    check_that_torch_gives_the_same_scores(evaluate, Path("exp/scores.csv"), COLUMNS)
    assert evaluate() == 2
    assert "evaluate.engine" in capsys.readouterr().err


@pytest.mark.slow
def test_segments_are_cut_packed_checked_and_scored(root, capsys):
    """Recipes T16."""
    folder = Path("exp/enhanced_signals/evaluation/L5001") / SONGS[1]
    assert sorted(p.name for p in folder.iterdir()) == names("L5001", SONGS[1])
    assert audio.info(folder / f"L5001_{SONGS[1]}_left_bass.flac").frames == 15600
    assert audio.info(folder / f"L5001_{SONGS[1]}_remix.flac").frames == 6400
    assert call("pack_submission", *TEST, "team_id=T042") == 0
    with zipfile.ZipFile("exp/submission_T042.zip") as package:
        expected = [
            f"evaluation/{x}/{SONGS[1]}/{n}" for x in ("L5001", "L5002") for n in names(x, SONGS[1])
        ]
        assert package.namelist() == sorted(expected)
        package.extractall("unpacked")
    unpacked = "path.submission_dir=unpacked/evaluation"
    assert call("pack_submission", *TEST, unpacked, "check_only=true") == 0
    assert call("evaluate", *TEST, unpacked, "evaluate.segments=true") == 0
    assert "over 2 of 2 items" in capsys.readouterr().out
    rows = read_table(Path("exp/scores.csv"), COLUMNS)
    assert min(float(row["score"]) for row in rows) > 0.5


def test_the_same_submission_has_the_same_bytes(root):
    assert call("pack_submission", *TEST) == 0
    before = Path("exp/submission_T001.zip").read_bytes()
    assert call("pack_submission", *TEST) == 0
    assert Path("exp/submission_T001.zip").read_bytes() == before


def test_missing_truncated_and_misformatted_files_are_reported_by_name(root, capfd):
    folder = Path("exp/enhanced_signals/evaluation/L5002") / SONGS[1]
    prefix = folder / f"L5002_{SONGS[1]}"
    Path(f"{prefix}_left_bass.flac").unlink()
    truncated = Path(f"{prefix}_right_drums.flac")
    truncated.write_bytes(truncated.read_bytes()[:-3000])
    audio.write_flac(Path(f"{prefix}_remix.flac"), np.zeros((2, 6400)), 44100)
    Path(f"{prefix}_left_other.txt").write_text("loud")
    audio.write_flac(Path(f"{prefix}_left_vocals.flac"), np.zeros(100), 24000, scale=True)
    assert call("pack_submission", *TEST) == 2
    seen = capfd.readouterr().err
    assert "left_bass.flac" in seen
    assert "right_drums.flac" in seen
    assert "_remix.flac: expected 32000 Hz, found 44100" in seen
    assert "left_other.txt: missing or not a number" in seen
    assert "left_vocals.flac: expected 15600 samples, found 100" in seen
    assert not Path("exp/submission_T001.zip").exists()


@pytest.fixture
def packed(root) -> Path:
    """Folder of the files of a submission that was packed."""
    assert call("pack_submission", *TEST) == 0
    assert Path("exp/submission_T001.zip").exists()
    return Path("exp/enhanced_signals/evaluation")


def files_of(folder: Path, listener: str, what: str) -> tuple[Path, Path]:
    """An enhanced file and its scale."""
    path = folder / listener / SONGS[1] / f"{listener}_{SONGS[1]}_{what}.flac"
    return path, path.with_suffix(".txt")


def test_a_failed_check_sets_the_earlier_submission_aside(packed, capfd):
    files_of(packed, "L5001", "left_bass")[0].unlink()
    assert call("pack_submission", *TEST) == 2
    seen = capfd.readouterr().err
    outdated = "exp/submission_T001.zip.outdated"
    assert f"nothing is packed; the earlier submission is now {outdated}" in seen
    assert [p.name for p in Path("exp").glob("*.zip*")] == [Path(outdated).name]
    assert call("test", *TEST, "separator=oracle") == 0
    assert call("pack_submission", *TEST) == 0
    assert call("pack_submission", *TEST) == 0
    assert Path("exp/submission_T001.zip").exists()


def test_packing_before_enhancing_is_one_line(root, capfd):
    assert call("pack_submission", "path.root=root", "split=test", "separator=oracle") == 2
    seen = capfd.readouterr().err
    assert seen.startswith("error: missing folder: exp_oracle/enhanced_signals/evaluation; test.py")
    assert seen.count("\n") == 1
    assert not Path("exp_oracle").exists(), "no folder without results"
    Path("exp_oracle").mkdir()
    Path("exp_oracle/mine.txt").touch()
    assert call("pack_submission", "path.root=root", "split=test", "separator=oracle") == 2
    assert Path("exp_oracle/pack_submission.log").exists()
    assert Path("exp_oracle/mine.txt").exists()


def test_checking_alone_touches_nothing(packed):
    files_of(packed, "L5001", "left_bass")[0].unlink()
    assert call("pack_submission", *TEST, "check_only=true") == 2
    assert Path("exp/submission_T001.zip").exists()


@pytest.mark.parametrize("team_id", ["../../evil", "", "'a b'", "x" * 250, "."])
def test_a_team_id_that_is_no_file_name(root, capfd, team_id):
    before = sorted(Path().rglob("*.zip")) + sorted(Path("..").glob("*"))
    assert call("pack_submission", *TEST, f"team_id={team_id}") == 2
    assert "team_id must be 1 to 40 letters, digits, - and _" in capfd.readouterr().err
    assert sorted(Path().rglob("*.zip")) + sorted(Path("..").glob("*")) == before


def test_a_silent_remix(packed, capfd):
    path, _ = files_of(packed, "L5001", "remix")
    audio.write_flac(path, np.zeros((2, 6400)), 32000)
    assert call("pack_submission", *TEST) == 2
    assert f"{path}: the remix is silent" in capfd.readouterr().err


@pytest.mark.parametrize("with_scale", [True, False])
def test_a_copy_of_another_listeners_stem(packed, capfd, with_scale):
    source, target = (files_of(packed, name, "left_vocals") for name in ("L5001", "L5002"))
    for number in range(1 + with_scale):
        shutil.copy(source[number], target[number])
    assert call("pack_submission", *TEST) == 2
    seen = capfd.readouterr().err
    message = f"{target[0]}: the same audio as {source[0]}, though L5001 and L5002 have different"
    assert message in seen
    # also where nothing is known of how the files were made
    for journal in packed.parent.glob("*.journal.jsonl"):
        journal.unlink()
    assert call("pack_submission", *TEST) == 2
    assert message in capfd.readouterr().err


def test_stems_of_two_listeners_that_were_exchanged(packed, capfd):
    first, second = (files_of(packed, name, "right_drums")[0] for name in ("L5001", "L5002"))
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    assert call("pack_submission", *TEST) == 2
    seen = capfd.readouterr().err
    for path, listener in ((first, "L5001"), (second, "L5002")):
        assert f"{path}: not what was written for {SONGS[1]} and {listener}" in seen


def test_a_system_that_does_not_adapt_to_the_listeners_may_be_submitted(packed):
    for path in (packed / "L5001").rglob("*.*"):
        target = packed / "L5002" / SONGS[1] / path.name.replace("L5001", "L5002")
        shutil.copy(path, target)
    for journal in packed.parent.glob("*.journal.jsonl"):
        journal.unlink()
    assert call("pack_submission", *TEST) == 0


def test_songs_without_segments_are_reported_first(root, capfd):
    """Recipes T16."""
    songs = root / "metadata" / "musdb18.test.json"
    entries = json.loads(songs.read_text())
    write_json(songs, [*entries, {**entries[0], "Track Name": "New Song"}])
    assert call("test", *TEST, "separator=oracle") == 2
    assert (
        "metadata/musdb18.segments.test.json: 'New Song': has no segments" in capfd.readouterr().err
    )


def test_segments_of_another_split(root, capfd):
    assert call("test", *WHERE, "separator=oracle") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "metadata/musdb18.segments.test.json: has no segments of the songs in " in line
    assert line.endswith("musdb18.valid.json; only those of split=test have segments")


@pytest.mark.slow
def test_a_stem_that_is_silent_in_the_reference_has_no_score_and_a_reason(root, capsys):
    song = root / "audio" / "musdb18hq" / "train" / SONGS[0]
    audio.write_wav(song / "drums.wav", np.zeros((2, 35280)), 44100)
    assert call("enhance", *WHERE, "separator=oracle", "resume=false") == 0
    for _ in range(2):  # resumed, it is reported again
        assert call("evaluate", *WHERE) == 1
        rows = read_table(Path("exp/scores.csv"), COLUMNS)
        assert [rows[0][c] == "" for c in COLUMNS[3:]] == [c.endswith("drums") for c in COLUMNS[3:]]
        values = [float(rows[0][c]) for c in COLUMNS[3:] if rows[0][c]]
        assert np.mean(values) == pytest.approx(float(rows[0]["score"]), abs=1e-15)
        reasons = Path("exp/scores.failures.csv").read_text()
        assert "left_drums: the reference is silent" in reasons


@pytest.mark.slow
def test_batches_of_three_at_once_merge_to_what_one_run_gives(root):
    assert call("evaluate", *WHERE) == 0
    one_run = Path("exp/scores.csv").read_bytes()
    for file in Path("exp").glob("scores*"):
        file.unlink()
    script = REPOSITORY / "recipes/cad1/task1/baseline/evaluate.py"
    runs = [
        subprocess.Popen(
            [sys.executable, script, *WHERE, "evaluate.batch_size=3", f"evaluate.batch={batch}"]
        )
        for batch in range(3)
    ]
    assert [process.wait() for process in runs] == [0, 0, 0]
    assert call("merge_batches_results", *WHERE, "evaluate.batch_size=3") == 0
    assert Path("exp/scores.csv").read_bytes() == one_run


@pytest.mark.slow
def test_small_test_thins_both_steps(root):
    """Recipes T14."""
    where = ("path.root=root", "path.exp_folder=small", "evaluate.small_test=true")
    assert call("enhance", *where, "separator=oracle") == 0
    assert call("evaluate", *where) == 0
    assert len(read_table(Path("small/scores.csv"), COLUMNS)) == 1
    assert [p.name for p in Path("small/enhanced_signals").iterdir()] == ["L5001"]


@pytest.mark.slow
def test_stems_at_another_rate_are_resampled_with_a_warning(root, capfd):
    """Recipes T15."""
    path = Path("exp/enhanced_signals/L5001") / SONGS[0] / f"L5001_{SONGS[0]}_left_bass.flac"
    x, rate = audio.read(path)
    audio.write_flac(path, x[0], rate, output_sample_rate=32000, scale=True)
    assert call("evaluate", *WHERE) == 0
    assert "32000" in "".join(capfd.readouterr())
    row = read_table(Path("exp/scores.csv"), COLUMNS)[0]
    assert abs(float(row["left_bass"]) - float(row["right_bass"])) < 0.1


def test_keys_and_places_of_earlier_releases(root):
    metadata = root / "metadata"
    (metadata / "musdb18hq").mkdir()
    for name in ("musdb18.valid.json", "listeners.valid.json"):
        (metadata / name).rename(metadata / "musdb18hq" / name)
    assert call("enhance", "path.root=root", "path.exp=old", "separator=oracle") == 0
    where = ("path.root=root", "path.exp=old", "separator=oracle", "nalr.fs=44100")
    keys = [f"path.{kind}_test_file" for kind in ("music", "listeners")]
    files = [metadata / f"{name}.test.json" for name in ("musdb18", "listeners")]
    old_keys = [f"{key}={file}" for key, file in zip(keys, files, strict=True)]
    assert call("test", *where, *old_keys) == 0
    assert len(list(Path("old/enhanced_signals/evaluation").iterdir())) == 2


def test_results_go_to_a_folder_named_after_the_separator(root):
    assert call("enhance", "path.root=root", "separator=oracle") == 0
    assert len(list(Path("exp_oracle/enhanced_signals").iterdir())) == 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"start": "x", "end": 1}, 'start: expected a time in seconds, not negative, got "x"'),
        ({"start": 2, "end": 1}, "start must be before end, got 2 and 1"),
        ({"start": 0}, "end is missing"),
    ],
)
def test_segments_that_are_no_segments(root, capfd, bad, message):
    table = {SONGS[1]: {"objective_evaluation": SEGMENT, "subjective_evaluation": bad}}
    write_json(root / "metadata" / "musdb18.segments.test.json", table)
    assert call("test", *TEST, "separator=oracle") == 2
    assert f"subjective_evaluation: {message}" in capfd.readouterr().err
