"""CAD1 Task 1 with `stems=float44`: floating-point stems at 44.1 kHz, scored as they are."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.challenges.cad1_task1.comparison import Comparison
from cadenza.challenges.cad1_task1.enhancement import OutputFormat, write_enhanced_song
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.challenges.scoring import noise_source
from cadenza.haaqi import haaqi
from cadenza.hearing_aid import NALRAid
from cadenza.report import build
from cadenza.report.results import read_run
from cadenza.runner.journal import Journal
from cadenza.runner.recipe_paths import recipe_paths
from cadenza.runner.tables import read_table
from cadenza.stems import STEMS

from .conftest import check_that_torch_gives_the_same_scores
from .report_pages import assert_links_hold
from .test_cad1_task1 import (
    COLUMNS,
    REMIX_SEGMENT,
    SEGMENT,
    SONGS,
    WHERE,
    call,
    finished,
    root,
)
from .test_cad1_task1_releases import pairs

__all__ = ["finished", "pairs", "root"]

FLOAT = ("path.root=root", "path.exp_folder=float", "stems=float44")
FLOAT_TEST = (*FLOAT, "split=test")
LISTENERS = ("L5001", "L5002")
AID = NALRAid(sample_rate=44100)


def wav_names(listener, song):
    """Files of an enhanced song; no scales."""
    stems = [f"{listener}_{song}_{side}_{s}.wav" for s in STEMS for side in ("left", "right")]
    return sorted([*stems, f"{listener}_{song}_remix.flac"])


def true_stem(pair, name):
    return audio.read(pair.file(name), sample_rate=44100, channels=2)[0]


def errors(capture):
    return [line for line in capture.readouterr().err.splitlines() if line.startswith("error")]


@pytest.fixture(scope="module")
def enhanced(finished, tmp_path_factory):
    """Results of enhance.py and of test.py; do not change them."""
    folder = tmp_path_factory.mktemp("float44")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        where = (f"path.root={finished / 'root'}", *FLOAT[1:], "separator=oracle")
        assert call("enhance", *where) == 0
        assert call("test", *where, "split=test") == 0
    return folder / "float"


@pytest.fixture
def exp(root, enhanced):
    shutil.copytree(enhanced, "float")
    return Path("float")


def test_stems_are_the_very_samples(pairs, tmp_path, rng):
    """Not scaled, not clipped, not resampled; the remix stays what it is."""
    stems = {stem: 0.7 * rng.standard_normal((2, 4410)) for stem in STEMS}
    remixes = []
    for name in ("flac24", "float44"):
        output = OutputFormat(44100, 24000, 32000, soft_clip=True, stems=name)
        write_enhanced_song(pairs[0], stems, AID, folder=tmp_path, output=output)
        remixes.append(pairs[0].remix_file(tmp_path).read_bytes())
    assert remixes[0] == remixes[1]
    found = sorted(path.name for path in pairs[0].remix_file(tmp_path).parent.iterdir())
    assert found == wav_names("L5001", SONGS[0]), "stems of the first run could be scored"
    for stem, signal in stems.items():
        expected = AID(signal, pairs[0].listener).astype(np.float32)
        assert abs(expected).max() > 1
        for row, side in zip(expected, ("left", "right"), strict=True):
            file = pairs[0].stem_file(tmp_path, side, stem, "float44")
            header = audio.info(file)
            assert (header.sample_rate, header.channels) == (44100, 1)
            assert header.subtype == "FLOAT"
            np.testing.assert_array_equal(audio.read(file)[0], [row])


def test_scores_are_those_of_haaqi_at_44_1_khz(exp, pairs):
    for listener in LISTENERS:
        folder = exp / "enhanced_signals" / listener / SONGS[0]
        assert sorted(p.name for p in folder.iterdir()) == wav_names(listener, SONGS[0])
    assert call("evaluate", *FLOAT, "evaluate.small_test=true") == 0
    (row,) = read_table(exp / "scores.csv", COLUMNS)
    pair = pairs[0]
    rng = noise_source(pair.track.name, seeded=True)
    expected = []
    for stem in ("drums", "bass", "other", "vocals"):
        music = true_stem(pair, stem)
        amplified = AID(music, pair.listener).astype(np.float32).astype(float)
        for i, side in enumerate(("left", "right")):
            result = haaqi(
                music[i],
                amplified[i],
                sample_rate=44100,
                audiogram=getattr(pair.listener, side),
                equalisation="nalr",
                level_db_spl=65 - 10 * np.log10(np.mean(music[i] ** 2)),
                rng=rng,
            )
            expected.append(result.score)
            assert float(row[f"{side}_{stem}"]) == pytest.approx(result.score, abs=1e-12)
    assert float(row["score"]) == pytest.approx(np.mean(expected), abs=1e-12)


def test_the_default_level_is_that_of_haaqi(exp, pairs):
    """Release 0.3.0."""
    options = {"stems": "float44", "presentation": "default65"}
    rules = Comparison(44100, 24000, 32000, **options)
    ears = dict(rules.ears(pairs[0], exp / "enhanced_signals"))
    assert {ear.level_db_spl for ear in ears.values()} == {65.0}
    assert rules.rate == 44100


@pytest.mark.slow
def test_the_rate_of_flac_stems_has_no_effect(exp):
    assert call("evaluate", *FLOAT, "evaluate.small_test=true") == 0
    before = (exp / "scores.journal.jsonl").read_bytes()
    again = (*FLOAT, "evaluate.small_test=true", "stem_sample_rate=16000")
    assert call("evaluate", *again) == 0
    assert (exp / "scores.journal.jsonl").read_bytes() == before


@pytest.mark.slow
def test_segments_are_cut_at_44_1_khz_and_scored(exp, root):
    start, end = (int(SEGMENT[key] * 44100) for key in ("start", "end"))
    paths = recipe_paths("cad1/task1/baseline", root, "test")
    test_pair = read_song_pairs(paths, with_segments=True)[0]
    folder = exp / "enhanced_signals" / "evaluation" / "L5001" / SONGS[1]
    assert sorted(p.name for p in folder.iterdir()) == wav_names("L5001", SONGS[1])
    stem = audio.info(folder / f"L5001_{SONGS[1]}_left_bass.wav")
    assert stem.frames == end - start
    seconds = REMIX_SEGMENT["end"] - REMIX_SEGMENT["start"]
    assert audio.info(folder / f"L5001_{SONGS[1]}_remix.flac").frames == round(32000 * seconds)
    options = {"stems": "float44"}
    ears = dict(Comparison(44100, 24000, 32000, **options).ears(test_pair, folder.parents[1]))
    music = true_stem(test_pair, "bass")
    expected = AID(music, test_pair.listener)[0, start:end].astype(np.float32)
    np.testing.assert_array_equal(ears["left_bass"].processed, expected)
    np.testing.assert_array_equal(ears["left_bass"].reference, music[0, start:end])
    assert call("evaluate", *FLOAT_TEST, "evaluate.segments=true", "evaluate.small_test=true") == 0
    (row,) = read_table(exp / "scores.csv", COLUMNS)
    assert float(row["score"]) > 0.5


@pytest.mark.slow
def test_torch_gives_the_same_scores(exp):
    evaluate = partial(call, "evaluate", *FLOAT, "evaluate.small_test=true")
    check_that_torch_gives_the_same_scores(evaluate, exp / "scores.csv", COLUMNS)


@pytest.mark.parametrize("script", ["enhance", "test", "evaluate"])
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("release=0.3.4", "release=0.3.4 takes the level after resampling, but stems=float44"),
        ("sample_rate=48000", "stems=float44 needs sample_rate=44100, got 48000"),
    ],
)
def test_settings_that_do_not_go_with_it_are_refused(root, capfd, script, option, message):
    assert call(script, *FLOAT_TEST, "separator=oracle", option) == 2
    (error,) = errors(capfd)
    assert message in error
    assert not Path("float").exists()


def test_an_unknown_format_is_refused(root, capfd):
    assert call("enhance", *WHERE, "separator=oracle", "stems=float32") == 2
    assert errors(capfd) == ["error: stems must be one of flac24, float44, got 'float32'"]


@pytest.mark.parametrize("allow", [(), ("evaluate.allow_missing=true",)])
def test_stems_of_the_other_format_are_one_message(exp, capfd, allow):
    """In a folder of either kind."""
    for folder, stems, other in (("exp", "float44", "flac24"), ("float", "flac24", "float44")):
        where = ("path.root=root", f"path.exp_folder={folder}", f"stems={stems}")
        suffixes = {"flac24": ".flac", "float44": ".wav"}
        found = f"found {suffixes[other]} files (stems={other}) for"
        assert call("evaluate", *where, *allow) == 2
        (error,) = errors(capfd)
        assert f"{folder}/enhanced_signals: expected {suffixes[stems]} files" in error
        assert f"{found} 2 of 2 pairs" in error
        assert f"run enhance.py stems={stems} with another path.exp_folder" in error
        segments = ("split=test", "evaluate.segments=true")
        assert call("evaluate", *where, *allow, *segments) == 2
        (error,) = errors(capfd)
        assert f"run test.py stems={stems}" in error
        assert not Path(folder, "scores.csv").exists()


def test_a_submission_has_flac_stems(exp, capfd):
    Path(exp, "submission_T001.zip").touch()
    assert call("pack_submission", *FLOAT_TEST) == 2
    (error,) = errors(capfd)
    assert "a submission has its stems in FLAC files: run test.py and pack_subm" in error
    assert call("pack_submission", *FLOAT_TEST, "stems=flac24") == 2
    first, second = errors(capfd)
    assert "found .wav files (stems=float44) for 2 of 2 pairs" in first
    assert "run test.py stems=flac24 first" in first
    assert "the earlier submission is now" in second
    assert call("test", *FLOAT_TEST, "stems=flac24", "separator=oracle") == 2, "of another kind"


@pytest.mark.slow
def test_results_of_two_formats_are_not_mixed(exp, pairs, capfd):
    assert call("enhance", *WHERE, "separator=oracle", "stems=float44") == 2
    seen = capfd.readouterr().err
    assert "stems: unused before, float44 now" in seen
    assert "stem_sample_rate: 24000 before, unused now" in seen
    small = "evaluate.small_test=true"
    assert call("evaluate", *WHERE, small) == 0
    for pair in pairs:
        for path in pair.stem_files(Path("float/enhanced_signals"), "float44"):
            shutil.copy(path, Path("exp") / path.relative_to("float"))
    capfd.readouterr()
    assert call("evaluate", *WHERE, small, "stems=float44") == 2
    seen = capfd.readouterr().err
    assert "resume=changed makes them again" in seen
    assert "stems: unused before, float44 now" in seen
    assert call("evaluate", *WHERE, small, "stems=float44", "resume=changed") == 0
    assert call("evaluate", *WHERE, small) == 2


@pytest.mark.slow
def test_results_of_earlier_versions_are_continued(root):
    """Settings that are recorded with FLAC stems, without the key."""
    common = {"step", "sample_rate", "stem_sample_rate"}
    enhance = Journal(Path("exp/enhanced_signals.journal.jsonl"))
    assert set(enhance.settings) == common | {
        *("separator", "hearing_aid", "remix_sample_rate", "soft_clip", "file_digests")
    }
    assert call("evaluate", *WHERE, "evaluate.small_test=true") == 0
    assert set(Journal(Path("exp/scores.journal.jsonl")).settings) == common | {
        *("release", "evaluate.target", "evaluate.presentation"),
        *("evaluate.set_random_seed", "evaluate.noise", "evaluate.engine", "evaluate.device"),
    }


def test_remixes_do_not_depend_on_the_format(exp):
    remix = (*WHERE, "evaluate.target=remix")
    assert call("evaluate", *remix) == 0
    before = Path("exp/scores.journal.jsonl").read_bytes()
    assert call("evaluate", *remix, "stems=float44") == 0
    assert Path("exp/scores.journal.jsonl").read_bytes() == before
    found = (exp / "enhanced_signals").rglob("*_remix.flac")
    for path in found:
        assert path.read_bytes() == (Path("exp") / path.relative_to(exp)).read_bytes()


@pytest.mark.slow
def test_batches_are_merged_and_reported(exp, tmp_path):
    for batch in range(2):
        batches = ("evaluate.batch_size=2", f"evaluate.batch={batch}")
        assert call("evaluate", *FLOAT, *batches) == 0
    (exp / "scores.csv").unlink(missing_ok=True)
    assert call("merge_batches_results", *FLOAT, "evaluate.batch_size=2") == 0
    rows = read_table(exp / "scores.csv", COLUMNS)
    assert [row["listener"] for row in rows] == list(LISTENERS)
    report = tmp_path / "report"
    assert build(exp, to=report, items="worst:1", jobs=1).problems == {}
    assert_links_hold(report)
    run = read_run(exp)
    assert run.changes == {"separator": "oracle", "stems": "float44"}
    assert [item.score for item in run.items] == [float(row["score"]) for row in rows]
    item = run.scored[0]
    signals = run.challenge.read_signals(item.pair, run.config, workers=1)
    scores = [score.score for score in signals.scores.values()]
    assert np.mean(scores) == pytest.approx(item.score, abs=1e-12)
    stems = {sound.label: sound for sound in signals.stems}
    assert stems["vocals, enhanced"].sample_rate == 44100
    expected = AID(true_stem(item.pair, "vocals"), item.listener)
    np.testing.assert_array_equal(stems["vocals, enhanced"].samples, expected.astype(np.float32))
    (page,) = (report / "item").iterdir()
    assert audio.info(page / "vocals_enhanced.flac").sample_rate == 44100


@pytest.mark.slow
def test_runs_of_earlier_versions_are_reported(root, tmp_path):
    """Their saved configuration has no such key."""
    small = "evaluate.small_test=true"
    assert call("evaluate", *WHERE, small) == 0
    for file in Path("exp/.hydra").rglob("config.yaml"):
        lines = file.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("stems:")]
        assert len(kept) == len(lines) - 1
        file.write_text("".join(kept))
    assert build(Path("exp"), to=tmp_path / "report", items="worst:1", jobs=1).problems == {}
    assert "stems" not in read_run(Path("exp")).changes
