"""Small roots with one fault each: what `cadenza validate` finds, and what it says can be run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from cadenza.command import main
from cadenza.datasets.validation import Validation, validate
from tests.recipes.conftest import edit_json

from .challenge_roots import AT_MIC, SONG, WRITERS


@pytest.fixture(scope="session")
def whole_roots(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("validate")
    for challenge, write in WRITERS.items():
        write(folder / challenge)
    return folder


@pytest.fixture
def copy(whole_roots, tmp_path) -> Callable[[str], Path]:
    """Makes a root of a challenge that a test may spoil."""
    return lambda name: Path(shutil.copytree(whole_roots / name, tmp_path / name))


def states(found: Validation) -> dict[str, str]:
    return {part.key: part.state for part in found.parts}


def steps(found: Validation) -> dict[str, str]:
    """State of each step and its reason; of several with the same script, the first."""
    texts: dict[str, str] = {}
    for step in found.steps:
        name = f"{step.step.split} {step.step.name}".strip()
        texts.setdefault(name, f"{step.state} {step.reason}".strip())
    return texts


def shorten(path: Path, n_bytes: int = 2000) -> None:
    path.write_bytes(path.read_bytes()[:n_bytes])


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray], rate: int = 44100) -> None:
    samples, _ = soundfile.read(path, always_2d=True)
    subtype = "FLOAT" if path.suffix == ".wav" else "PCM_16"
    soundfile.write(path, change(samples), rate, subtype=subtype)


def with_nan(samples: np.ndarray) -> np.ndarray:
    samples[-1] = np.nan
    return samples


def at_mic(root: Path, track: str = "bass") -> Path:
    return next(root.glob(f"{AT_MIC}/*/{track}.wav"))


def test_a_whole_root_of_icassp_2024(copy):
    found = validate("icassp", copy("icassp"))
    assert {state for key, state in states(found).items() if not key.startswith("valid")} == {
        "whole"
    }
    counts = {part.key: (part.n_found, part.n_expected, part.note) for part in found.parts}
    assert counts["train dry music: stems"] == (8, 8, "")
    assert counts["train music at the microphones: mixtures"][0] == 4
    assert counts["train scenes"] == (2, 2, "4 scenes, 8 pairs")
    assert steps(found) == {
        "train generate_train_scenes.py": "done",
        "train generate_at_mic_musdb18.py": "done",
        "train enhance.py": "ready",
        "train evaluate.py": "later after enhance.py",
        "valid enhance.py": "not ready scenes, list of music at the microphones: absent",
        "valid evaluate.py": "not ready scenes, list of music at the microphones: absent",
    }
    assert (found.can_run, found.is_damaged) == (True, False)


def test_a_whole_root_of_cad1_task1(copy):
    found = validate("cad1", copy("cad1"), deep=True)
    assert {state for key, state in states(found).items() if not key.startswith("train")} == {
        "whole"
    }
    assert steps(found) == {
        "train enhance.py": "not ready songs, listeners: absent",
        "train evaluate.py": "not ready songs, listeners: absent",
        "valid enhance.py": "ready",
        "valid evaluate.py": "later after enhance.py",
        "test enhance.py": "ready",
        "test evaluate.py": "later after enhance.py",
        "test test.py": "ready",
        "test pack_submission.py": "later after test.py",
    }


def test_a_whole_root_of_cad2_task2(copy):
    found = validate("cad2", copy("cad2"), deep=True, jobs=2)
    assert {key for key, state in states(found).items() if state != "whole"} == {"train scenes"}
    assert steps(found) == {
        "process_zenodo_download.py": "done",
        "train generate_train_scenes.py": "ready",
        "train enhance.py": "later after generate_train_scenes.py",
        "train evaluate.py": "later after generate_train_scenes.py and enhance.py",
        "valid enhance.py": "ready",
        "valid evaluate.py": "later after enhance.py",
        "train.py": "ready",
        "eval.py": "later after train.py",
    }


class Fault(NamedTuple):
    challenge: str
    spoil: Callable[[Path], object]
    part: str
    state: str
    message: str
    step: str
    """A script that needs the part."""
    readiness: str
    status: int = 1
    deep: bool = False


AT_MIC_STEMS = "train music at the microphones: stems"
REMADE = "later after generate_at_mic_musdb18.py and enhance.py"
FAULTS = {
    "stem missing": Fault(
        "icassp",
        lambda root: at_mic(root).unlink(),
        *(AT_MIC_STEMS, "missing 1 of 16", "bass.wav: missing"),
        *("train evaluate.py", REMADE, 0),
    ),
    "dry song missing": Fault(
        "icassp",
        lambda root: shutil.rmtree(root / SONG),
        *("train dry music: stems", "missing 4 of 8", f"{SONG}/other.wav: missing"),
        *("train generate_at_mic_musdb18.py", "done"),
    ),
    "mono": Fault(
        "icassp",
        lambda root: rewrite(at_mic(root, "mixture"), lambda x: x[:, 0]),
        *("train music at the microphones: mixtures", "1 with wrong channels", "1 channel(s), "),
        *(
            "train enhance.py",
            "ready converts files of train music at the microphones: mixtures",
            0,
        ),
    ),
    "other rate": Fault(
        "cad1",
        lambda root: rewrite(
            root / "audio/musdb18hq/train/One/mixture.wav", lambda x: x[::2], 22050
        ),
        *("valid music: mixtures", "1 with wrong rate", "mixture.wav: 22050 Hz, expected 44100 Hz"),
        *("valid enhance.py", "ready converts files of valid music: mixtures", 0),
    ),
    "head response of another rate": Fault(
        "icassp",
        lambda root: rewrite(root / "audio/hrtf/BTE_fr-T-n30.0.wav", lambda x: x, 48000),
        *("head responses", "1 with wrong rate", "BTE_fr-T-n30.0.wav: 48000 Hz"),
        *("train generate_at_mic_musdb18.py", "done"),
    ),
    "short stem": Fault(
        "icassp",
        lambda root: rewrite(at_mic(root), lambda x: x[:-1]),
        *(
            AT_MIC_STEMS,
            "1 with wrong length",
            "35279 samples at 44100 Hz, expected as long as mix",
        ),
        *("train evaluate.py", REMADE),
    ),
    "short source": Fault(
        "cad2",
        lambda root: rewrite(root / "audio/valid/duet_001/Oboe.flac", lambda x: x[:-9]),
        *(
            "valid music: sources",
            "1 with wrong length",
            "Oboe.flac: lasts 0.499796 s, expected 0.5 s",
        ),
        *("valid evaluate.py", "later after process_zenodo_download.py and enhance.py"),
    ),
    "song shorter than its segment": Fault(
        "cad1",
        lambda root: edit_json(
            root / "metadata/musdb18.segments.test.json",
            lambda table: table["Two"]["objective_evaluation"].update(end=0.9),
        ),
        *("test music: mixtures", "1 with wrong length", "lasts 0.8 s, expected 0.9 s or more"),
        *("test test.py", "not ready music: mixtures: 1 with wrong length"),
    ),
    "empty file": Fault(
        "icassp",
        lambda root: at_mic(root).write_bytes(b""),
        *(AT_MIC_STEMS, "1 damaged", "expected an audio file, found an empty file"),
        *("train evaluate.py", REMADE),
    ),
    "WAV file cut off": Fault(
        "icassp",
        lambda root: shorten(at_mic(root, "mixture")),
        *("train music at the microphones: mixtures", "1 damaged", "mixture.wav: truncated: "),
        *("train enhance.py", "later after generate_at_mic_musdb18.py"),
    ),
    "FLAC file cut off": Fault(
        "cad2",
        lambda root: shorten(root / "audio/valid/quartet_001/mixture.flac"),
        *("valid music: mixtures", "1 damaged", "mixture.flac: damaged audio file"),
        *("valid enhance.py", "later after process_zenodo_download.py"),
        deep=True,
    ),
    "NaN": Fault(
        "icassp",
        lambda root: rewrite(at_mic(root), with_nan),
        *(AT_MIC_STEMS, "1 damaged", "expected finite samples, found NaN or infinity"),
        *("train evaluate.py", REMADE),
        deep=True,
    ),
    "metadata missing": Fault(
        "cad2",
        lambda root: (root / "metadata/compressor_params.valid.json").unlink(),
        *("valid compressor parameters", "absent", "compressor_params.valid.json: missing"),
        *("valid enhance.py", "later after process_zenodo_download.py", 0),
    ),
    "no JSON": Fault(
        "icassp",
        lambda root: shorten(root / "metadata/gains.json", 30),
        *("gains", "damaged", "gains.json: cannot read: "),
        *("train enhance.py", "not ready gains: damaged"),
    ),
    "unknown gain": Fault(
        "icassp",
        lambda root: edit_json(root / "metadata/gains.json", lambda g: {"gain_9": g["gain_0000"]}),
        *("train scenes", "damaged", "is not in metadata/gains.json"),
        *("train enhance.py", "not ready scenes: damaged"),
    ),
    "unknown listener": Fault(
        "cad2",
        lambda root: edit_json(
            root / "metadata/scene_listeners.valid.json", lambda s: s["S50001"].append("L9")
        ),
        *("valid scenes", "damaged", 'S50001: listener "L9" is not in the listener file'),
        *("valid enhance.py", "later after process_zenodo_download.py"),
    ),
    "list lacks music": Fault(
        "icassp",
        lambda root: edit_json(
            root / "metadata/at_mic_music.train.json", lambda m: dict([m.popitem()])
        ),
        *("train list of music at the microphones", "4 entries missing", "lacks music of the"),
        *("train enhance.py", "later after generate_at_mic_musdb18.py", 0),
    ),
    "damaged zip file": Fault(
        "cad2",
        lambda root: (
            shutil.rmtree(root / "zenodo_download/CadenzaWoodwind"),
            (root / "zenodo_download/CadenzaWoodwind.zip").write_bytes(b"PK\3\4 cut off"),
        ),
        *("download: packages", "1 damaged", "CadenzaWoodwind.zip: damaged: "),
        *("process_zenodo_download.py", "done"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(copy, name, capsys):
    fault = FAULTS[name]
    root = copy(fault.challenge)
    fault.spoil(root)
    found = validate(fault.challenge, root, deep=fault.deep)
    assert states(found)[fault.part] == fault.state
    assert steps(found)[fault.step] == fault.readiness
    split = ["--split", "train"] if fault.challenge == "icassp" else []  # it has no other
    status = main(["validate", fault.challenge, str(root), *split, *["--deep"][: fault.deep]])
    output = capsys.readouterr().out
    assert fault.message in output
    assert status == fault.status


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.deep])
def test_some_faults_are_found_only_by_decoding(copy, name):
    fault = FAULTS[name]
    root = copy(fault.challenge)
    fault.spoil(root)
    assert states(validate(fault.challenge, root))[fault.part] == "whole"


def test_a_gain_is_looked_up_before_there_is_music(copy):
    root = copy("icassp")
    FAULTS["unknown gain"].spoil(root)
    (root / "metadata/at_mic_music.train.json").unlink()
    assert states(validate("icassp", root))["train scenes"] == "damaged"


def test_metadata_that_others_depend_on(copy):
    root = copy("icassp")
    (root / "metadata/listeners.train.json").write_text("[]")
    found = states(validate("icassp", root))
    assert found["train listeners"] == "damaged"
    assert found["train scenes"] == "not checked"
    assert found["train music at the microphones: stems"] == "not checked"
    assert found["train dry music: stems"] == "whole"


def test_what_each_script_makes(copy):
    root = copy("icassp")
    for path in [*root.glob("metadata/scene*"), root / "metadata/at_mic_music.train.json"]:
        path.unlink()
    assert list(steps(validate("icassp", root)).values())[:4] == [
        "ready",
        "later after generate_train_scenes.py",
        "later after generate_train_scenes.py and generate_at_mic_musdb18.py",
        "later after generate_train_scenes.py, generate_at_mic_musdb18.py and enhance.py",
    ]


@pytest.mark.parametrize("place", ["zenodo_download", "downloads"])
def test_a_download_alone(copy, tmp_path, place):
    """In the place of the recipe, or of `cadenza fetch`; a package is still a zip file."""
    folder = tmp_path / "new" / place
    folder.parent.mkdir()
    shutil.move(copy("cad2") / "zenodo_download", folder)
    shutil.make_archive(str(folder / "metadat"), "zip", folder / "metadata")
    shutil.rmtree(folder / "metadata")
    found = validate("cad2", folder.parent, deep=True)
    assert states(found)["download: packages"] == "whole"
    ready = found.steps[0]
    assert (ready.step.name, ready.state) == ("process_zenodo_download.py", "ready")
    assert f"path.zenodo_download_path={folder}" in ready.step.arguments
    assert steps(found)["valid enhance.py"] == "later after process_zenodo_download.py"


def test_a_zip_file_that_is_damaged_inside(copy):
    root = copy("cad2")
    folder = root / "zenodo_download"
    archive = Path(
        shutil.make_archive(str(folder / "CadenzaWoodwind"), "zip", folder / "CadenzaWoodwind")
    )
    shutil.rmtree(folder / "CadenzaWoodwind")
    content = bytearray(archive.read_bytes())
    content[5000] ^= 255
    archive.write_bytes(content)
    assert states(validate("cad2", root))["download: packages"] == "whole"
    assert states(validate("cad2", root, deep=True))["download: packages"] == "1 damaged"


def test_many_problems_are_cut_short(copy, capsys):
    root = copy("icassp")
    for path in (root / AT_MIC).glob("*/[!m]*.wav"):
        rewrite(path, lambda x: x[:-5])
    assert main(["validate", "icassp", str(root)]) == 1
    output = capsys.readouterr().out
    assert output.count("expected as long as mixture.wav") == 10
    assert "    and 6 more\n" in output


def test_paths_are_shown_below_a_folder_of_any_name(copy, capsys, monkeypatch):
    root = copy("icassp")
    root.rename(root.with_name("data"))
    monkeypatch.chdir(root.parent)
    Path("data/metadata/gains.json").unlink()
    main(["validate", "icassp", "data"])
    assert "    metadata/gains.json: " in capsys.readouterr().out


def test_the_commands_are_printed(copy, capsys):
    root = copy("cad1")
    assert main(["validate", "cad1_task1", str(root)]) == 0
    output = capsys.readouterr().out
    module = "python -m cadenza.recipes.cad1.task1.baseline"
    assert f"{module}.enhance path.root={root} split=valid\n" in output
    assert f"{module}.evaluate path.root={root} split=test evaluate.segments=true\n" in output
    assert "train  all parts" in output
    assert "cadenza fetch cad1_task1 lists what can be downloaded." in output


@pytest.mark.parametrize(
    ("challenge", "part"),
    [("icassp_2024", "train dry music: stems"), ("cad1_task1", "valid music: stems")],
)
def test_shared_data(shared, challenge, part):
    found = validate(challenge, shared / "data" / challenge)
    assert states(found)[part] == "whole"
    assert (found.can_run, found.is_damaged) == (True, False)


def test_shared_download(shared):
    found = validate("cad2", shared / "data/cad2_task2")
    assert states(found)["download: music"] == "whole"
    assert steps(found)["process_zenodo_download.py"] == "ready"
