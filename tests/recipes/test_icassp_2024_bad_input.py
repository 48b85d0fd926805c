"""Bad input (recipes §9): one clear message, the right exit status, no traceback."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from cadenza import audio
from cadenza.runner.tables import read_table

from .conftest import call, edit_json

ENHANCE = "baseline.enhance"
EVALUATE = "baseline.evaluate"
AT_MIC = "generate_dataset.generate_at_mic_musdb18"
SONG = "Tiny Band - Up-hlp_0001"


def run(script, capfd, *arguments):
    """Exit status and what the user sees."""
    where = (
        ["path.root=root", "path.exp_folder=root/exp"]
        if "baseline" in script
        else ["path.root=root"]
    )
    oracle = (
        ["separator=oracle"]
        if script == ENHANCE and not any("separator" in a for a in arguments)
        else []
    )
    status = call(script, *where, *oracle, *arguments)
    seen = "".join(capfd.readouterr())
    assert "Traceback" not in seen
    return status, seen


def test_missing_metadata_files_are_all_listed(root, capfd):
    for name in ("gains.json", "scenes.train.json"):
        (root / "metadata" / name).unlink()
    status, seen = run(ENHANCE, capfd)
    assert status == 2
    assert "missing file: root/metadata/gains.json" in seen
    assert "missing file: root/metadata/scenes.train.json" in seen


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("gain", "gain_9999", "gain 'gain_9999' is not in"),
        ("music", "No Such Song", "music 'No Such Song-hlp_000"),
    ],
)
def test_unknown_references_are_found_before_processing(root, capfd, field, value, message):
    def spoil(scenes):
        next(iter(scenes.values()))[field] = value

    edit_json(root / "metadata" / "scenes.train.json", spoil)
    for script in (ENHANCE, EVALUATE):
        status, seen = run(script, capfd, "resume=false")
        assert status == 2
        assert message in seen
        assert "scene_10001" in seen


def test_unknown_listener(root, capfd):
    edit_json(root / "metadata" / "scene_listeners.train.json", lambda s: {k: ["L9999"] for k in s})
    status, seen = run(ENHANCE, capfd)
    assert (status, 'scene_10001: listener "L9999" is not in the listener file' in seen) == (
        2,
        True,
    )


def test_a_listener_twice_in_a_scene(root, capfd):
    """Recipes T8."""
    edit_json(
        root / "metadata" / "scene_listeners.train.json", lambda s: {k: ["L0001"] * 2 for k in s}
    )
    status, seen = run(ENHANCE, capfd)
    assert (status, "listener 'L0001' is listed twice" in seen) == (2, True)


def test_gain_entry_lacks_a_stem_or_has_one_too_many(root, capfd):
    def spoil(gains):
        del gains["gain_0001"]["drums"]
        gains["gain_0002"]["harp"] = 3
        gains["gain_0003"]["bass"] = "loud"

    edit_json(root / "metadata" / "gains.json", spoil)
    status, seen = run(ENHANCE, capfd)
    assert status == 2
    assert "gain_0001: drums is missing" in seen
    assert 'gain_0003: bass: expected a number, got "loud"' in seen
    edit_json(root / "metadata" / "gains.json", lambda g: {"gain_0002": g["gain_0002"]})
    status, seen = run(ENHANCE, capfd)
    assert status == 2
    assert "gain_0002: harp is not one of vocals, drums, bass, other" in seen


def test_listener_name_and_id_differ(root, capfd):
    """Recipes T30."""
    edit_json(root / "metadata" / "listeners.train.json", lambda x: x["L0001"].update(name="L0007"))
    status, seen = run(ENHANCE, capfd)
    assert (status, "listener L0001: its name is 'L0007'" in seen) == (2, True)


def test_duplicate_tracks(root, capfd):
    """Recipes T30."""
    edit_json(root / "metadata" / "musdb18.train.json", lambda tracks: tracks + tracks[:1])
    status, seen = run("generate_dataset.generate_train_scenes", capfd)
    assert (status, "track 'Tiny Band - Up' is listed twice" in seen) == (2, True)


def test_level_that_is_null(root, capfd):
    """DSP B25."""

    def spoil(listeners):
        listeners["L0002"]["audiogram_levels_r"][3] = None

    edit_json(root / "metadata" / "listeners.train.json", spoil)
    status, seen = run(EVALUATE, capfd)
    assert status == 2
    assert "listener L0002: right ear, level 3: expected a number, got None" in seen


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("scene_listeners.train.json", lambda s: {k: [["L0001"]] for k in s}, "expected a list of"),
        ("scene_listeners.train.json", lambda s: dict.fromkeys(s, "L0001"), "expected a list of"),
        (
            "scene_listeners.train.json",
            lambda s: {"scene_1": ["L0001"]},
            'scene "scene_1" is not in the scene file',
        ),
        ("scenes.train.json", lambda s: dict.fromkeys(s, "music"), "expected an object with music"),
        (
            "at_mic_music.train.json",
            lambda s: {k: {"Path": 5} for k in s},
            "Path: expected a relative path",
        ),
    ],
)
def test_metadata_of_another_shape(root, capfd, name, change, message):
    edit_json(root / "metadata" / name, change)
    status, seen = run(ENHANCE, capfd, "resume=false")
    assert (status, message in seen) == (2, True)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "musdb18.train.json",
            lambda t: [x | {"Path": 5} for x in t],
            "entry 0: Path: expected a relative path",
        ),
        ("musdb18.train.json", lambda t: [{"Split": "train"}], "entry 0: Track Name is missing"),
        (
            "head_loudspeaker_positions.json",
            lambda p: {k: v | {"left_angle": "left"} for k, v in p.items()},
            'hlp_0001: left_angle: expected a number, got "left"',
        ),
        ("scenes.train.json", lambda s: {"scene_1": {}}, "scene_1: music is missing"),
    ],
)
def test_metadata_of_another_shape_for_the_generator(root, capfd, name, change, message):
    edit_json(root / "metadata" / name, change)
    status, seen = run(AT_MIC, capfd, "resume=false")
    assert (status, message in seen) == (2, True)


def test_json_that_is_no_json(root, capfd):
    (root / "metadata" / "gains.json").write_text("{")
    status, seen = run(ENHANCE, capfd)
    assert (status, "root/metadata/gains.json: cannot read" in seen) == (2, True)


def test_missing_audio_is_listed_before_processing(root, capfd):
    for stem in ("vocals", "mixture"):
        (root / "audio" / "at_mic_music" / "train" / SONG / f"{stem}.wav").unlink()
    status, seen = run(EVALUATE, capfd)
    assert status == 2
    assert f"{SONG}/vocals.wav" in seen
    assert f"{SONG}/mixture.wav" in seen


def test_missing_head_responses_are_listed(root, capfd):
    for path in (root / "audio" / "hrtf").glob("*22.5.wav"):
        path.unlink()
    status, seen = run(AT_MIC, capfd)
    assert status == 2
    assert "BTE_fr-T-n22.5.wav" in seen
    assert "BTE_fr-T-p22.5.wav" in seen


def test_missing_enhanced_files_are_listed(root, capfd):
    """Recipes T19."""
    removed = sorted((root / "exp" / "enhanced_signals").glob("*.flac"))[:2]
    for path in removed:
        path.unlink()
    status, seen = run(EVALUATE, capfd)
    assert status == 2
    assert all(path.name in seen for path in removed)
    assert not (root / "exp" / "scores.csv").exists()
    status, seen = run(EVALUATE, capfd, "evaluate.allow_missing=true")
    assert status == 1
    assert "6 of 8 items" in seen


def test_batch_out_of_range(root, capfd):
    """Recipes T22."""
    status, seen = run(EVALUATE, capfd, "evaluate.batch_size=2", "evaluate.batch=2")
    assert (status, "evaluate.batch must be 0 ... 1" in seen) == (2, True)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "nalr.nfir=2000",
            "cannot build hearing_aid (cadenza.hearing_aid.baseline_aid): nfir must",
        ),
        (
            "nalr.sample_rate=48000",
            "hearing_aid.sample_rate must be the sample_rate of the music, 44100",
        ),
        ("path.exp_folder=root/metadata/gains.json", "gains.json"),
    ],
)
def test_bad_values(root, capfd, argument, message):
    status, seen = run(ENHANCE, capfd, argument, "resume=false")
    assert status == 2
    assert message in seen


def test_merge_without_parts(root, capfd):
    status, seen = run("baseline.merge_batches_results", capfd, "evaluate.batch_size=2")
    assert status == 2
    assert "scores_1-2.csv" in seen
    assert "scores_2-2.csv" in seen


def replace_at_mic(root, change):
    for path in (root / "audio" / "at_mic_music" / "train" / SONG).glob("*.wav"):
        signal, rate = soundfile.read(path, always_2d=True)
        soundfile.write(path, *change(signal, rate), subtype="PCM_16")


def scores_of(root):
    columns = ["scene", "song", "listener", "left_score", "right_score", "score"]
    return [
        row["score"]
        for row in read_table(root / "exp" / "scores.csv", columns)
        if row["song"] == SONG
    ]


def test_mono_audio_becomes_stereo_with_a_warning(root, capfd):
    replace_at_mic(root, lambda x, rate: (x.mean(axis=1), rate))
    status, seen = run(ENHANCE, capfd, "resume=false")
    assert status == 0
    assert "mono" in seen
    enhanced = next((root / "exp" / "enhanced_signals").glob("*.flac"))
    assert audio.info(enhanced).channels == 2


def test_another_sample_rate_is_resampled_with_a_warning(root, capfd):
    replace_at_mic(root, lambda x, rate: (x, 48000))
    status, seen = run(ENHANCE, capfd, "resume=false")
    assert status == 0
    assert "48000" in seen


def test_audio_shorter_than_loudness_needs(root, capfd):
    replace_at_mic(root, lambda x, rate: (x[: int(0.3 * rate)], rate))
    status, seen = run(ENHANCE, capfd, "resume=false")
    assert status == 0
    assert "0.4 s" in seen


def test_a_silent_reference_has_an_empty_score_and_a_reason(root, capfd):
    """Recipes T18."""
    replace_at_mic(root, lambda x, rate: (np.zeros_like(x), rate))
    assert run(ENHANCE, capfd, "resume=false")[0] == 0
    status, seen = run(EVALUATE, capfd)
    assert status == 1
    assert set(scores_of(root)) == {""}
    reasons = (root / "exp" / "scores.failures.csv").read_text()
    assert reasons.count("silent") == 2
    assert "6 of 8 items" in seen


@pytest.mark.slow
def test_a_truncated_enhanced_file_fails_alone(root, capfd):
    path = sorted((root / "exp" / "enhanced_signals").glob("*.flac"))[0]
    path.write_bytes(path.read_bytes()[:2000])
    status, seen = run(EVALUATE, capfd)
    assert status == 1
    assert path.name in seen
    assert "7 of 8 items" in seen


class Odd:
    """A hearing aid whose output is not what it should be."""

    def __init__(self, *, kind: str) -> None:
        self.kind = kind

    def __call__(self, signal, listener):
        return {
            "mono": signal[0],
            "three": np.zeros((3, signal.shape[1])),
            "time_first": signal.T,
            "short": signal[:, :100],
            "empty": signal[:, :0],
            "undefined": np.nan * signal,
        }[self.kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mono", "three", "time_first", "short", "empty", "undefined"])
def test_the_output_of_a_users_hearing_aid_is_checked(root, capfd, kind):
    own = (
        "hearing_aid=custom",
        f"hearing_aid._target_={__name__}.Odd",
        f"+hearing_aid.kind={kind}",
    )
    status, seen = run(ENHANCE, capfd, "resume=false", *own)
    assert status == 1
    assert "the output of Odd must" in seen
    log = (root / "exp" / "enhance.log").read_text()
    assert "Traceback" in log, "where it failed is in the log"


def test_paths_start_from_the_current_folder(root, capfd):
    """Recipes T24."""
    status, _ = run(EVALUATE, capfd)
    assert status == 0
    assert (root / "exp" / "scores.csv").exists()
    assert not (root / "exp" / "root").exists()


@pytest.mark.slow
def test_seeded_and_unseeded_scores_are_not_mixed(root, capfd):
    assert run(EVALUATE, capfd, "evaluate.set_random_seed=false")[0] == 0
    status, seen = run(EVALUATE, capfd)
    assert status == 2
    assert "evaluate.set_random_seed: False before, True now" in seen


def test_a_truncated_wav_is_named(root, capfd):
    path = root / "audio" / "at_mic_music" / "train" / SONG / "mixture.wav"
    path.write_bytes(path.read_bytes()[:60000])
    status, seen = run(ENHANCE, capfd, "resume=false")
    assert status == 1
    assert "mixture.wav: truncated" in seen
