"""The command `cadenza`: what it prints, what it says to mistakes, how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile

from cadenza import __version__, audio
from cadenza.audiogram import Audiogram, Listener
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.challenges.seeds import random_state
from cadenza.command import compiling, main, scoring
from cadenza.command.request import EQUALISATIONS, NOISES
from cadenza.demo import __main__ as demo
from cadenza.haaqi import Equalisation, HaaqiOptions, NoiseName, haaqi, haaqi_ears
from cadenza.haaqi.parts import FLAG_MEANINGS, PARTS
from cadenza.haaqi.score import Flag

RATE = 24000
THRESHOLDS = "20,20,25,30,35,40,45,50"
LEFT = Audiogram([20, 20, 25, 30, 35, 40, 45, 50])
RIGHT = Audiogram([50, 50, 50, 55, 60, 65, 70, 75])
RIGHT_THRESHOLDS = "50,50,50,55,60,65,70,75"
EAR = ("--audiogram", THRESHOLDS)


def write(name: str, signal: np.ndarray, rate: int = RATE) -> None:
    soundfile.write(name, signal.T, rate, subtype="DOUBLE")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Mono and stereo files in the current folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    music = rng.normal(scale=[[0.1], [0.02]], size=(2, RATE // 2))
    clipped = np.clip(music, -0.05, 0.05)
    signals = {"music": music, "clipped": clipped, "crushed": np.clip(music, -0.005, 0.005)}
    for name, signal in signals.items():
        write(f"{name}.wav", signal)
        write(f"{name}_mono.wav", signal[0])
    listener = {
        "name": "L0001",
        "audiogram_cfs": LEFT.frequencies_hz.tolist(),
        "audiogram_levels_l": LEFT.levels_db_hl.tolist(),
        "audiogram_levels_r": RIGHT.levels_db_hl.tolist(),
    }
    (tmp_path / "listeners.json").write_text(json.dumps({"L0001": listener}))
    return signals


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of the command."""
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def run_json(capsys, *arguments: str) -> dict[str, object]:
    status, output, errors = run(capsys, "score", *arguments, "--json")
    assert (status, errors) == (0, "")
    return json.loads(output)


MISTAKES = {
    "missing file": (["music.wav", "gone.wav", *EAR], "gone.wav: file not found"),
    "missing reference": (["gone.wav", "music.wav", *EAR], "gone.wav: file not found"),
    "other rate": (
        ["music.wav", "other_rate.wav", *EAR],
        "other_rate.wav: 32000 Hz, but music.wav has 24000 Hz: --resample 24000 brings both",
    ),
    "mono against stereo": (
        ["music.wav", "music_mono.wav", *EAR],
        "music_mono.wav: mono, but music.wav is stereo",
    ),
    "NaN": (["music.wav", "nan.wav", *EAR], "nan.wav: expected finite samples, found NaN"),
    "silent": (
        ["silent.wav", "music.wav", *EAR],
        "silent.wav: silent: there is nothing to compare with",
    ),
    "one silent channel": (
        ["half_silent.wav", "music.wav", *EAR],
        "half_silent.wav: right channel silent: there is nothing to compare with",
    ),
    "too short": (
        ["short.wav", "short.wav", *EAR],
        "short.wav against short.wav: reference must last at least 0.4 s, got 0.1 s",
    ),
    "wrong number of thresholds": (
        ["music.wav", "clipped.wav", "--audiogram", "20,30"],
        "--audiogram: 2 thresholds for 8 frequencies (250, 500, 1000, 2000, 3000, 4000, 6000, 8000",
    ),
    "unknown listener": (
        ["music.wav", "clipped.wav", "--listener", "listeners.json:L0002"],
        "listeners.json: no listener L0002: it has L0001",
    ),
    "bad option": (
        ["music.wav", "clipped.wav", *EAR, "--nois", "fast"],
        "cadenza score: No such option '--nois'. Did you mean",
    ),
    "bad value of an option": (
        ["music.wav", "clipped.wav", *EAR, "--noise", "loud"],
        "cadenza score: Invalid value for '--noise': 'loud' is not one of 'seeded', 'fast', 'none'",
    ),
    "unreadable file": (
        ["music.wav", "text.wav", *EAR],
        "text.wav: expected an audio file such as WAV or FLAC",
    ),
    "too many channels": (
        ["four.wav", "four.wav", *EAR],
        "four.wav: expected 1 or 2 channels, found 4",
    ),
    "no listener": (["music.wav", "clipped.wav"], "give one of --audiogram and --listener"),
    "two listeners": (
        ["music.wav", "clipped.wav", *EAR, "--listener", "listeners.json:L0001"],
        "give one of --audiogram and --listener",
    ),
    "no name": (
        ["music.wav", "clipped.wav", "--listener", "listeners.json"],
        "--listener: expected FILE:NAME as in listeners.json:L0001: listeners.json",
    ),
    "no such listener file": (
        ["music.wav", "clipped.wav", "--listener", "people.json:L0001"],
        "people.json: cannot read: no such file",
    ),
    "frequencies of a listener": (
        ["music.wav", "clipped.wav", "--listener", "listeners.json:L0001", "--frequencies", "250"],
        "--frequencies does not go with --listener",
    ),
    "mono listener without ear": (
        ["music_mono.wav", "clipped_mono.wav", "--listener", "listeners.json:L0001"],
        "the files are mono, so one ear listens: give --ear left or --ear right",
    ),
    "ear for stereo": (
        ["music.wav", "clipped.wav", "--listener", "listeners.json:L0001", "--ear", "left"],
        "--ear: the files are stereo, so both ears listen",
    ),
    "ear for an audiogram": (
        ["music_mono.wav", "clipped_mono.wav", *EAR, "--ear", "left"],
        "--ear chooses an ear of --listener",
    ),
    "right ear for mono": (
        ["music_mono.wav", "clipped_mono.wav", *EAR, "--audiogram-right", THRESHOLDS],
        "--audiogram-right: the files are mono, so one ear listens",
    ),
    "thresholds in words": (
        ["music.wav", "clipped.wav", "--audiogram", "mild"],
        "--audiogram: expected numbers with commas between, got 'mild'",
    ),
    "frequencies in kHz": (
        ["music.wav", "clipped.wav", "--audiogram", "20,30", "--frequencies", "1,4"],
        "--audiogram: audiogram frequencies must be in Hz, got [1, 4]: are these kHz?",
    ),
    "two kinds of level": (
        ["music.wav", "clipped.wav", *EAR, "--level-db-spl", "80", "--presented-db-spl", "65"],
        "--level-db-spl goes with neither --presented-db-spl nor --level-from",
    ),
    "too many levels": (
        ["music.wav", "clipped.wav", *EAR, "--level-db-spl", "80,81,82"],
        "--level-db-spl: 3 levels for 2 channel(s)",
    ),
    "level that is no number": (
        ["music.wav", "clipped.wav", *EAR, "--presented-db-spl", "nan"],
        "--presented-db-spl must be finite, got nan",
    ),
    "negative seed": (
        ["music.wav", "clipped.wav", *EAR, "--seed", "-1"],
        "--seed must be from 0 to 4294967295, or a name, got -1",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_get_one_line_and_status_2(files, capsys, name):
    write("other_rate.wav", files["music"], 32000)
    write("nan.wav", np.where(files["music"] > 0.2, np.nan, files["music"]))
    write("silent.wav", np.zeros((2, RATE)))
    write("half_silent.wav", files["music"] * [[1], [0]])
    write("short.wav", files["music"][:, : RATE // 10])
    write("four.wav", np.repeat(files["music"], 2, axis=0))
    Path("text.wav").write_text("These are no samples.")
    arguments, message = MISTAKES[name]
    status, output, errors = run(capsys, "score", *arguments)
    assert (status, output) == (2, "")
    assert errors.count("\n") == 1
    assert message in errors
    assert errors.startswith("cadenza")


def test_mistakes_before_a_command(capsys):
    for arguments, message in (
        (["scores"], "cadenza: No such command 'scores'."),
        (["--verbose"], "cadenza: No such option '--verbose'."),
        (["score"], "cadenza score: Missing argument 'REFERENCE'."),
    ):
        status, output, errors = run(capsys, *arguments)
        assert (status, output) == (2, "")
        assert errors.startswith(message)
        assert errors.count("\n") == 1


def test_several_files_with_a_bad_one_end_with_status_1(files, capsys):
    processed = ["crushed.wav", "gone.wav", "clipped.wav"]
    status, output, errors = run(capsys, "score", "music.wav", *processed, *EAR)
    assert status == 1
    assert errors == "cadenza score: gone.wav: file not found\n"
    ranked = output.split("best first:\n")[1].split()
    assert ranked[1::2] == ["clipped.wav", "crushed.wav"]
    assert float(ranked[0]) > float(ranked[2])
    status, output, _ = run(capsys, "score", "music.wav", *processed, *EAR, "--json")
    results = json.loads(output)["results"]
    assert status == 1
    assert [result["processed"] for result in results] == processed
    assert results[1] == {"processed": "gone.wav", "error": "gone.wav: file not found"}


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (PermissionError(13, "Permission denied", "a.wav"), 2)],
)
def test_interruption_and_refused_files(files, capsys, monkeypatch, error, status):
    def fail(request):
        raise error

    monkeypatch.setattr(scoring, "score_files", fail)
    found, _, errors = run(capsys, "score", "music.wav", "clipped.wav", *EAR)
    assert found == status
    assert errors.strip().count("\n") == 0
    assert errors.strip().startswith("cadenza: ")


def test_mono_files_are_scored_for_one_ear(files, capsys):
    music, clipped = files["music"][0], files["clipped"][0]
    expected = haaqi(
        music,
        clipped,
        sample_rate=RATE,
        audiogram=LEFT,
        equalisation="nalr",
        level_db_spl=presentation_level_db_spl(music),
    )
    content = run_json(capsys, "music_mono.wav", "clipped_mono.wav", *EAR)
    (result,) = content["results"]
    assert result["score"] == expected.score
    assert result["ears"]["ear"] == {
        **{part.name: getattr(expected, part.name) for part in PARTS},
        "delay_samples": expected.delay_samples,
        "flags": [],
    }
    assert content["ears"]["ear"]["levels_db_hl"] == LEFT.levels_db_hl.tolist()


def test_stereo_files_are_scored_for_both_ears_with_all_options(files, capsys):
    expected = haaqi_ears(
        files["music"],
        files["clipped"],
        sample_rate=RATE,
        listener=Listener("L", LEFT, RIGHT),
        equalisation="none",
        level_db_spl=(90, 95),
        noise="fast",
        rng=random_state("scene_10001"),
    )
    options = ("--equalisation", "none", "--level-db-spl", "90,95", "--noise", "fast")
    options += ("--seed", "scene_10001")
    for who in (
        (*EAR, "--audiogram-right", RIGHT_THRESHOLDS),
        ("--listener", "listeners.json:L0001"),
    ):
        content = run_json(capsys, "music.wav", "clipped.wav", *who, *options)
        ears = content["results"][0]["ears"]
        assert [ears[name]["score"] for name in ("left", "right")] == [e.score for e in expected]
        assert [content["ears"][name]["level_db_spl"] for name in ears] == [90, 95]


def test_an_ear_of_a_listener_hears_mono(files, capsys):
    who = ("--listener", "listeners.json:L0001", "--ear", "right")
    content = run_json(capsys, "music_mono.wav", "clipped_mono.wav", *who)
    assert content["ears"]["right"]["levels_db_hl"] == RIGHT.levels_db_hl.tolist()
    by_hand = run_json(
        capsys, "music_mono.wav", "clipped_mono.wav", "--audiogram", RIGHT_THRESHOLDS
    )
    assert content["results"][0]["score"] == by_hand["results"][0]["score"]


def test_frequencies_of_the_thresholds(files, capsys):
    options = ("--audiogram", "20, 60", "--frequencies", "500 4000")
    content = run_json(capsys, "music.wav", "clipped.wav", *options)
    for ear in content["ears"].values():
        assert (ear["levels_db_hl"], ear["frequencies_hz"]) == ([20, 60], [500, 4000])


def test_the_level_is_that_of_the_reference_or_of_other_music(files, capsys):
    write("amplified.wav", 4 * files["music"])
    options = (*EAR, "--presented-db-spl", "70")
    plain, other = (
        run_json(capsys, "amplified.wav", "clipped.wav", *options, *more)["ears"]
        for more in ((), ("--level-from", "music.wav"))
    )
    for channel, ear in zip(files["music"], ("left", "right"), strict=True):
        level_db_spl = presentation_level_db_spl(channel, presented_db_spl=70)
        assert other[ear]["level_db_spl"] == level_db_spl
        assert plain[ear]["level_db_spl"] == pytest.approx(level_db_spl - 20 * np.log10(4))


def test_files_of_different_rates_are_resampled_on_request(files, capsys):
    write("music_32k.wav", audio.resample(files["music"], RATE, 32000), 32000)
    arguments = ("music_32k.wav", "clipped.wav", *EAR, "--resample", "24000")
    content = run_json(capsys, *arguments)
    assert content["sample_rate"] == 24000
    plain = run_json(capsys, "music.wav", "clipped.wav", *EAR)
    assert content["results"][0]["score"] == pytest.approx(plain["results"][0]["score"], abs=0.01)


def test_the_table_says_how_to_read_each_number(files, capsys):
    status, output, errors = run(capsys, "score", "music.wav", "clipped.wav", *EAR)
    assert (status, errors) == (0, "")
    content = run_json(capsys, "music.wav", "clipped.wav", *EAR)["results"][0]
    lines = output.splitlines()
    assert "reference: music.wav, 0.5 s, 24000 Hz" in lines
    assert "hearing loss: left moderate, right moderate" in lines
    assert any(line.startswith("level: the reference is presented at 65 dB SPL") for line in lines)
    for part in PARTS:
        (line,) = [line for line in lines if line.strip().startswith(part.title)]
        numbers = [f"{content['ears'][ear][part.name]:.4f}" for ear in ("left", "right")]
        assert line.split(maxsplit=len(part.title.split()) + 2)[-3:] == [*numbers, part.meaning]
    assert f"mean score of both ears: {content['score']:.4f}" in lines
    assert "flags: none, no reason to doubt this" in lines
    assert max(map(len, lines)) <= 120


def test_flags_are_explained(files, capsys):
    write("longer.wav", np.concatenate([files["clipped"], np.zeros((2, RATE))], axis=1))
    _, output, _ = run(capsys, "score", "music.wav", "longer.wav", *EAR)
    meaning = FLAG_MEANINGS["lengths differ"]
    assert f"doubtful, left: lengths differ: {meaning}" in output
    assert "flags: none" not in output
    assert set(FLAG_MEANINGS) == set(get_args(Flag))


def test_choices_are_those_of_haaqi():
    assert get_args(Equalisation) == EQUALISATIONS
    assert get_args(NoiseName) == NOISES
    for equalisation in EQUALISATIONS:
        for noise in NOISES:
            HaaqiOptions(sample_rate=RATE, equalisation=equalisation, noise=noise)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["score", "--help"], ["--version"]])
def test_help_and_version_import_nothing_slow(arguments):
    program = (
        "import sys; from cadenza.command import main; status = main(sys.argv[1:]); "
        "print([m for m in ('numpy', 'scipy', 'numba', 'torch') if m in sys.modules], status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("[] 0\n")
    assert f"cadenza {__version__}" in done.stdout or "Usage: cadenza" in done.stdout


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "cadenza"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"cadenza {__version__}\n"
    done = subprocess.run([*command, "score"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "cadenza score: Missing argument 'REFERENCE'.\n")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Commands:" in done.stdout


def test_the_demo_runs_in_the_folder_that_is_named(capsys, monkeypatch):
    calls = []
    monkeypatch.setattr(demo, "main", calls.append)
    assert run(capsys, "demo", "somewhere")[0] == 0
    assert run(capsys, "demo")[0] == 0
    assert calls == [["somewhere"], ["demo"]]


def test_compile_compiles_haaqi_and_the_compressors(capsys, monkeypatch):
    done = []
    monkeypatch.setattr(compiling, "warm_up", lambda: done.append("haaqi"))
    status, output, _ = run(capsys, "compile")
    assert (status, done) == (0, ["haaqi"])
    assert output.startswith("cadenza is ready (")
