"""ICASSP 2024 with a head from a SOFA file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from cadenza import audio
from cadenza.challenges.heads import SofaHead
from cadenza.challenges.icassp_2024 import HeadPosition
from cadenza.errors import InputError
from cadenza.hrtf import read_sofa, render
from cadenza.loudness import match_loudness
from tests.recipes.conftest import RATE, call, codes, outputs
from tests.unit import sofa_files

pytest.importorskip("sofar", reason="SOFA files need the package sofar")
AT_MIC = "generate_dataset.generate_at_mic_musdb18"
SONG = "Tiny Band - Up-hlp_0001"
ANGLES = [-37.5, -30.0, -22.5, 0.0, 22.5, 30.0, 37.5]


@pytest.fixture
def head(root):
    """The responses of the root, as a SOFA file."""
    angles = [a for a in ANGLES if abs(a) in (22.5, 30.0)]
    files = [f"BTE_fr-T-{'n' if a < 0 else 'p'}{abs(a)}.wav" for a in angles]
    ears = [soundfile.read(root / "audio" / "hrtf" / file)[0].T for file in files]
    sources = np.stack([-np.array(angles), np.zeros(4), np.ones(4)], axis=1)
    changes = {"Data.IR": np.stack(ears), "SourcePosition": sources}
    return sofa_files.write(root / "head.sofa", changes)


def run(*arguments):
    return call(AT_MIC, "path.root=root", "path.output_music_dir=sofa_music", *arguments)


def test_the_same_responses_give_the_same_music(root, head):
    """Whether they come from WAV files or from a SOFA file."""
    assert run("head.sofa_file=root/head.sofa") == 0
    expected = outputs(root / "audio" / "at_mic_music")
    found = outputs(root.parent / "sofa_music")
    music = [name for name in expected if name.endswith(".wav")]
    assert len(music) == 20
    assert {name: found[name] for name in music} == {name: expected[name] for name in music}


def test_the_head_is_that_of_the_file(root, head):
    """Interpolated, and resampled from another rate."""
    responses = np.concatenate([sofa_files.responses(), np.zeros((4, 2, 60))], axis=2)
    sofa_files.write(head, {"Data.IR": responses, "Data.SamplingRate": [48000]})
    assert (
        run("head.sofa_file=root/head.sofa", "head.max_angle_deg=8", "head.interpolate=true") == 0
    )
    positions = json.loads((root / "metadata" / "head_loudspeaker_positions.json").read_text())
    position = positions["hlp_0001"]
    speakers = read_sofa(head).loudspeakers(
        position["left_angle"],
        position["right_angle"],
        sample_rate=RATE,
        interpolate=True,
        max_angle_deg=8,
    )
    for track in ("mixture", "vocals"):
        source = root / "audio" / "music" / "train" / "Tiny Band - Up" / f"{track}.wav"
        music, _ = audio.read(source)
        expected = audio.to_int16(match_loudness(render(music, speakers), music, RATE))
        found = codes(root.parent / "sofa_music" / "train" / SONG / f"{track}.wav")
        np.testing.assert_array_equal(found, expected.T)


def test_settings_say_which_head_and_results_are_not_mixed(root, head, capfd):
    given = ("head.sofa_file=root/head.sofa", "path.output_music_dir=root/audio/at_mic_music")
    assert run(*given) == 2
    seen = capfd.readouterr().err
    assert "another folder (path.output_music_dir=...) keeps both" in seen
    assert "head: unused before, {'sofa_file': 'head.sofa', 'interpolate': False} now" in seen
    assert run(*given, "resume=changed") == 0
    journal = root / "audio" / "at_mic_music" / "at_mic_music.train.journal.jsonl"
    settings = json.loads(journal.read_text().splitlines()[0])
    assert '"head": {"sofa_file": "head.sofa", "interpolate": false}' in json.dumps(settings)
    assert run(*given, "head.interpolate=true") == 2
    assert "head.interpolate: False before, True now" in capfd.readouterr().err


def test_a_changed_file_is_noticed(root, head, capfd):
    assert run("head.sofa_file=root/head.sofa") == 0
    changed = 0.5 * np.asarray(read_sofa(head).responses)
    sources = np.stack([[30, 22.5, -22.5, -30], np.zeros(4), np.ones(4)], axis=1)
    sofa_files.write(head, {"Data.IR": changed, "SourcePosition": sources})
    assert run("head.sofa_file=root/head.sofa") == 2
    assert "resume=changed" in capfd.readouterr().err


def test_swapped_ears_are_refused_before_any_work(root, head, capfd):
    swapped = np.asarray(read_sofa(head).responses)[:, ::-1]
    sources = np.stack([[30, 22.5, -22.5, -30], np.zeros(4), np.ones(4)], axis=1)
    sofa_files.write(head, {"Data.IR": swapped, "SourcePosition": sources})
    assert run("head.sofa_file=root/head.sofa") == 2
    (error,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "head.sofa: Data.IR: expected the ear on the side of a source to hear it louder" in error
    assert not (root.parent / "sofa_music").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["head.sofa_file=nowhere.sofa"], "nowhere.sofa: file not found"),
        (["head.sofa_file=root/metadata/gains.json"], "gains.json: expected a file name that ends"),
        (["head.interpolate=perhaps"], "head.interpolate must be true or false, got 'perhaps'"),
        (["head.max_angle_deg=181"], "head.max_angle_deg must be 0 to 180, got 181"),
        (["head.sofa=x"], "head.sofa"),
    ],
)
def test_wrong_options_are_explained(root, capfd, arguments, message):
    assert run(*arguments) == 2
    assert message in capfd.readouterr().err
    assert not (root.parent / "sofa_music").exists()


def test_every_loudspeaker_without_a_measurement_is_listed_before_any_work(root, head, capfd):
    sofa_files.write(head)  # 0, 30, 90 and 330 degrees
    assert run("head.sofa_file=root/head.sofa") == 2
    seen = capfd.readouterr().err
    for azimuth_deg in ("-22.5", "22.5"):
        assert f"no response within 5 degrees of azimuth {azimuth_deg}, elevation 0" in seen
    assert seen.count("error: ") == 2
    assert not (root.parent / "sofa_music").exists()


def test_one_head_stands_for_all_subjects(tmp_path):
    file = sofa_files.write(tmp_path / "head.sofa")
    first = HeadPosition("BTE_fr", "VP_E1", -30, 30)
    second = HeadPosition("ED", "VP_N6", -30, 30)
    options = {"sample_rate": RATE, "interpolate": False, "max_angle_deg": 1.0}
    heads = SofaHead.read(file, [first, second], **options)
    assert heads.response(first) is heads.response(second)
    assert heads.files(first) == (file,)
    assert heads.settings() == {"head": {"sofa_file": "head.sofa", "interpolate": False}}
    far = [HeadPosition("BTE_fr", "VP_E1", -40, 50), HeadPosition("BTE_fr", "VP_N6", -40, 50)]
    with pytest.raises(InputError) as raised:
        SofaHead.read(file, far, **options)
    assert len(raised.value.problems) == 1
