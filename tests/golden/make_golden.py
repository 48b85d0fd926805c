"""Make the golden values of this folder with the reference implementation, pyClarity 0.9.0.

    python -m tests.golden.make_golden        from the repository's root

needs an environment with pyClarity (the extra `benchmarks`). The reference runs on the signals of
`signals.py` and the challenge roots of `roots.py`. Its recipes run as they are, except for the
separator: the true stems take its place, so that no network is needed. Numpy's global generator,
from which the reference draws HAAQI's noise, is seeded with `SEED` before every score of
`haaqi.json`; the recipes seed it by name.
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import soundfile
from clarity.enhancer.compressor import Compressor
from clarity.enhancer.multiband_compressor import MultibandCompressor
from clarity.enhancer.nalr import NALR
from clarity.evaluator.haaqi.haaqi import haaqi_v1
from clarity.utils.audiogram import Audiogram
from omegaconf import OmegaConf

from . import roots, signals
from .cases import BAND_COMPRESSOR, BROADBAND_COMPRESSOR, CROSSOVER_HZ, HAAQI_CASES, RATE, SEED

FOLDER = Path(__file__).parent
ICASSP = "recipes.cad_icassp_2024"
CAD1 = "recipes.cad1.task1"
CAD2 = "recipes.cad2.task2"


def main() -> None:
    # the reference's package `recipes` is meant below, not the folder of this repository
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != FOLDER.parents[1]]
    write_versions()
    np.savez_compressed(FOLDER / "blocks.npz", **blocks())
    write("haaqi.json", haaqi_scores())
    write("scenes.json", scenes())
    for name, challenge in {"cad1": cad1, "icassp": icassp, "cad2": cad2}.items():
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        with tempfile.TemporaryDirectory() as temporary:
            challenge(Path(temporary), FOLDER / name)


def write(name: str, content: object) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")


def write_versions() -> None:
    packages = ("pyclarity", "numpy", "scipy", "numba", "soxr", "pyloudnorm")
    versions = {name: metadata.version(name) for name in packages}
    write("versions.json", {"seed": SEED, "python": platform.python_version(), **versions})


def audiogram(name: str) -> Audiogram:
    return Audiogram(
        levels=np.array(signals.AUDIOGRAMS_DB_HL[name]),
        frequencies=np.array(signals.AUDIOGRAM_FREQUENCIES_HZ),
    )


def blocks() -> dict[str, np.ndarray]:
    """Signals through single blocks."""
    nalr = NALR(nfir=220, sample_rate=RATE)
    found = {f"nalr_taps_{n}": nalr.build(audiogram(n))[0] for n in signals.AUDIOGRAMS_DB_HL}
    short = signals.music(0.1, RATE)
    found["nalr_output"] = nalr.apply(found["nalr_taps_moderate"], short)
    levels = signals.steps(signals.music(0.2, RATE))
    found["compressor_output"] = Compressor(fs=RATE, **BROADBAND_COMPRESSOR).process(levels)[0]
    multiband = MultibandCompressor(crossover_frequencies=CROSSOVER_HZ, sample_rate=RATE)
    multiband.set_compressors(**BAND_COMPRESSOR)
    found["multiband_output"] = multiband(levels)[0]
    heads = [signals.head_response(near_first=near_first).T for near_first in (True, False)]
    hrtf = import_module(f"{ICASSP}.generate_dataset.generate_at_mic_musdb18").apply_hrtf
    stereo = np.stack([short, short[::-1]], axis=1)
    found["hrtf_output"] = hrtf(stereo, *heads).T
    return found


def haaqi_scores() -> list[dict[str, object]]:
    """The score and what it is made of, for every case."""
    found = []
    for case in HAAQI_CASES:
        reference = signals.music(case.seconds, case.sample_rate)
        processed = signals.degraded(reference, case.kind)
        np.random.seed(SEED)
        combined, nonlinear, linear, raw = haaqi_v1(
            reference,
            case.sample_rate,
            processed,
            case.sample_rate,
            audiogram(case.audiogram),
            equalisation={"nalr": 1, "none": 2}[case.equalisation],
            level1=case.level_db_spl,
        )
        scores = {"score": combined, "nonlinear": nonlinear, "linear": linear}
        features = [float(value) for value in raw]
        found.append({k: float(v) for k, v in scores.items()} | {"features": features})
    return found


def scenes() -> dict[str, object]:
    """Draw training scenes of both challenges."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        nothing = dict.fromkeys  # only the names count here
        tracks = [{"Track Name": song} for song in roots.SONGS]
        roots.write_json(folder / "musdb18.train.json", tracks)
        roots.write_json(folder / "gains.json", nothing(roots.GAINS))
        roots.write_json(folder / "head_loudspeaker_positions.json", nothing(roots.POSITIONS))
        roots.write_json(folder / "listeners.train.json", nothing(roots.PEOPLE))
        pieces = {name: [None] * (n + 1) for name, n in roots.N_SOURCES.items()}
        roots.write_json(folder / "music.train.json", pieces)
        tables = {n: nothing(gains) for n, gains in roots.GAINS_OF.items()}
        roots.write_json(folder / "gains_meta.json", tables)
        paths = [f"path.root={folder}", f"path.metadata_dir={folder}"]
        run(f"{ICASSP}.generate_dataset.generate_train_scenes", "run", folder, paths)
        found = {"icassp": read_scenes(folder, "scenes.train.json")}
        run(f"{CAD2}.process_dataset.generate_train_scenes", "run", folder, paths)
        found["cad2"] = read_scenes(folder, "scenes.train2.json")
        return found


def read_scenes(folder: Path, name: str) -> dict[str, object]:
    files = {"scenes": name, "listeners": "scene_listeners.train.json"}
    return {key: json.loads((folder / file).read_text()) for key, file in files.items()}


def run(module: str, function: str, folder: Path, overrides: list[str]) -> None:
    """Run a recipe of the reference with its own configuration; it stands in `folder`."""
    script = import_module(module)
    config = OmegaConf.merge(
        OmegaConf.load(Path(script.__file__).parent / "config.yaml"),
        OmegaConf.from_dotlist(overrides),
    )
    with contextlib.chdir(folder):
        getattr(script, function).__wrapped__(config)


@contextlib.contextmanager
def oracle(module: str, stems: Callable[[], dict[str, np.ndarray]]) -> Iterator[None]:
    """Let the true stems take the place of separated ones."""
    network = mock.MagicMock(sources=list(roots.STEMS))
    bundle = SimpleNamespace(get_model=lambda: network, sample_rate=roots.RATE)
    fakes = {"decompose_signal": lambda *_, **__: stems(), "HDEMUCS_HIGH_MUSDB": bundle,
             "load_separation_model": lambda *_: {}}  # fmt: skip
    script = import_module(module)
    with contextlib.ExitStack() as stack:
        for name, fake in fakes.items():
            if hasattr(script, name):
                stack.enter_context(mock.patch.object(script, name, fake))
        yield


def read_stems(folder: Path, names: dict[str, str]) -> dict[str, np.ndarray]:
    """Stems in float64, shape (T, 2), by key."""
    return {key: soundfile.read(folder / name)[0] for key, name in names.items()}


def wav_stems(folder: Path) -> dict[str, np.ndarray]:
    return read_stems(folder, {stem: f"{stem}.wav" for stem in roots.STEMS})


def keep(source: Path, target: Path, pattern: str) -> None:
    """Copy the files that match `pattern`, in their folders; the comparison reads them."""
    for path in sorted(source.rglob(pattern)):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def cad1(folder: Path, target: Path) -> None:
    roots.write_cad1(folder)
    song = folder / "audio/musdb18hq/train" / roots.SONG

    def both_sides() -> dict[str, np.ndarray]:
        stems = wav_stems(song).items()
        sides = enumerate(("left", "right"))
        return {f"{s}_{name}": x[:, c] for c, s in sides for name, x in stems}

    with oracle(f"{CAD1}.baseline.enhance", both_sides):
        run(f"{CAD1}.baseline.enhance", "enhance", folder, [f"path.root={folder}"])
    run(f"{CAD1}.baseline.evaluate", "run_calculate_aq", folder, [f"path.root={folder}"])
    keep(folder, target, "enhanced_signals/**/*.*")
    keep(folder, target, "scores.csv")


def icassp(folder: Path, target: Path) -> None:
    roots.write_icassp(folder)
    where = [f"path.root={folder}", "scene.number_scenes_per_song=1"]
    generate = f"{ICASSP}.generate_dataset"
    run(f"{generate}.generate_train_scenes", "run", folder, where)
    run(f"{generate}.generate_at_mic_musdb18", "run", folder, where)
    (song,) = (folder / "audio/at_mic_music/train").iterdir()
    with oracle(f"{ICASSP}.baseline.enhance", lambda: wav_stems(song)):
        run(f"{ICASSP}.baseline.enhance", "enhance", folder, where)
    run(f"{ICASSP}.baseline.evaluate", "run_calculate_aq", folder, where)
    keep(folder, target, "enhanced_signals/*.flac")
    keep(folder, target, "scores.csv")
    for stem in ("mixture", "vocals"):
        codes, rate = soundfile.read(song / f"{stem}.wav", dtype="int16")
        soundfile.write(target / f"at_mic_{stem}.flac", codes, rate)


def cad2(folder: Path, target: Path) -> None:
    roots.write_cad2(folder)
    names = {key: f"{name}.flac" for key, name in roots.PIECE.items()}
    stems = read_stems(folder / "audio/valid/trio_001", names)
    with oracle(f"{CAD2}.baseline.enhance", lambda: stems):
        run(f"{CAD2}.baseline.enhance", "enhance", folder, [f"path.root={folder}"])
    run(f"{CAD2}.baseline.evaluate", "run_calculate_aq", folder, [f"path.root={folder}"])
    keep(folder, target, "enhanced_signals/**/*.flac")
    keep(folder, target, "scores.csv")


if __name__ == "__main__":
    sys.exit(main())
