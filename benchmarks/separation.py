"""HAAQI and SDR of the separators without a download, with each way of refining their stems.

    python benchmarks/separation.py
    python benchmarks/separation.py --shared ../shared --scenes 8

Songs are remixed, amplified and scored as in the ICASSP 2024 recipe, ensembles as in CAD2 Task 2,
both without HAAQI's internal noise. The music is that of the demo; with `--shared` also that of
sampled instruments; and six seconds of a song of MUSDB18, if the package stempeg and the program
ffmpeg are installed. No included network has heard any of it. HAAQI is the mean over scenes of the
mean of both ears. SDR is the energy of a stem over that of the error, mean over stems and scenes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from remixes import (
    HAAQI_RATE,
    REMIX_RATE,
    SAMPLE_RATE,
    Scene,
    Stems,
    copier,
    mean_sdr_db,
    musics,
    run_script,
)

from cadenza import audio
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair, read_ensemble_pairs
from cadenza.challenges.scoring import prepare_signals, score_ears
from cadenza.demo.cad2_task2_root import write_cad2_task2_root
from cadenza.hearing_aid import MultibandAid, read_compressor_params
from cadenza.levels import db_to_gain
from cadenza.remix import level_compensation_db, remix, repeated_instrument_gains
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.ensemble import Ensemble
from cadenza.separation.refine import REFINEMENTS, refined
from cadenza.separation.spectral import Spectral

ENSEMBLE_AID = {
    "sample_rate": SAMPLE_RATE,
    "crossover_frequencies_hz": [353.55, 707.11, 1414.21, 2828.43, 5656.85],
    "attack_ms": [11, 11, 14, 13, 11, 11],
    "release_ms": [80, 80, 80, 80, 100, 100],
    "threshold_db": -30,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, help="folder with data/<challenge>")
    parser.add_argument("--scenes", type=int, default=4, help="number of scenes of each music")
    options = parser.parse_args()
    start = time.perf_counter()
    print("| music | separator | refine | scenes | HAAQI | SDR | clipped |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for music, scenes in musics(options.shared, options.scenes):
        for separator, refinement, rows in song_rows(scenes):
            show(music, separator, refinement, rows)
    quartets: dict[str, Callable[[Path], object]] = {"generated ensembles": write_cad2_task2_root}
    if options.shared:
        quartets["sampled ensembles"] = copier(options.shared / "data" / "cad2_task2")
    for music, write_root in quartets.items():
        for separator, refinement, rows in ensemble_rows(write_root, options.scenes):
            show(music, separator, refinement, rows)
    print(f"\n{time.perf_counter() - start:.0f} s")


Rows = list[tuple[float, float, float]]
"""HAAQI, SDR and clipped fraction of each scene."""


def show(music: str, separator: str, refinement: str, rows: Rows) -> None:
    haaqi, sdr_db, clipped = np.mean(rows, axis=0)
    sdr = f"{sdr_db:.1f} dB" if np.isfinite(sdr_db) else ""
    print(
        f"| {music} | {separator} | {refinement} | {len(rows)} | {haaqi:.4f} | {sdr} "
        f"| {clipped:.1%} |",
        flush=True,
    )


def song_rows(scenes: list[Scene]) -> Iterator[tuple[str, str, Rows]]:
    """Rows for each separator and refinement; the stems are estimated once.

    The included network needs its masks, so that it has one row.
    """
    spectral, network = Spectral(), ConvTasNetVDBO()
    ensemble = Ensemble({"network": network, "spectral": spectral})
    separators: dict[str, Callable[[Scene], Stems]] = {
        "oracle": lambda scene: scene.stems,
        "spectral": lambda scene: spectral(scene.mixture, sample_rate=SAMPLE_RATE),
        "convtasnet_vdbo": lambda scene: network(scene.mixture, sample_rate=SAMPLE_RATE),
        "ensemble": lambda scene: ensemble(scene.mixture, sample_rate=SAMPLE_RATE),
    }
    for name, separate in separators.items():
        estimates = [separate(scene) for scene in scenes]
        if name == "convtasnet_vdbo":
            yield name, "wiener", scored(scenes, estimates)
            continue
        for refinement in REFINEMENTS:
            adjusted = [
                refined(stems, scene.mixture, refinement)
                for scene, stems in zip(scenes, estimates, strict=True)
            ]
            yield name, refinement, scored(scenes, adjusted)


def scored(scenes: list[Scene], estimates: list[Stems]) -> Rows:
    rows = []
    for scene, stems in zip(scenes, estimates, strict=True):
        haaqi, clipped = scene.score(stems)
        rows.append((haaqi, mean_sdr_db(scene.stems, stems), clipped))
    return rows


def ensemble_rows(
    write_root: Callable[[Path], object], n_scenes: int
) -> Iterator[tuple[str, str, Rows]]:
    """Rows for the included networks, which were trained with masks, and for the true sources."""
    with tempfile.TemporaryDirectory() as folder:
        paths = ensemble_root(Path(folder) / "root", write_root)
        pairs = read_ensemble_pairs(paths)
        # scenes of all pieces, the first listener of each
        by_scene = {pair.scene: pair for pair in reversed(pairs)}
        chosen = sorted(by_scene.values(), key=lambda pair: (pair.scene[-1], pair.scene))[:n_scenes]
        prescriptions = read_compressor_params(paths["enhancer_params_file"])
        score = partial(score_ensemble, aid=MultibandAid(**ENSEMBLE_AID, parameters=prescriptions))
        yield "oracle", "none", [score(pair, None) for pair in chosen]
        networks = ConvTasNetEnsemble(models_dir="included")
        pieces: dict[str, Stems] = {}
        rows = []
        for pair in chosen:
            if pair.piece.name not in pieces:
                pieces[pair.piece.name] = networks(
                    pair.read(pair.piece.mixture, SAMPLE_RATE),
                    sample_rate=SAMPLE_RATE,
                    instruments=[source.family for source in pair.piece.sources.values()],
                )
            rows.append(score(pair, pieces[pair.piece.name]))
        yield "convtasnet, included", str(networks.refine), rows


def ensemble_root(root: Path, write_root: Callable[[Path], object]) -> dict[str, str]:
    """Prepare a challenge root of CAD2 Task 2; returns the paths of its training scenes."""
    write_root(root)
    for script in ("process_zenodo_download", "generate_train_scenes"):
        run_script(f"cad2/task2/process_dataset/{script}.py", root)
    metadata = root / "metadata"
    names = {
        "scenes_file": "scenes",
        "scene_listeners_file": "scene_listeners",
        "listeners_file": "listeners",
        "music_file": "music",
        "enhancer_params_file": "compressor_params",
    }
    paths = {key: str(metadata / f"{name}.train.json") for key, name in names.items()}
    paths |= {"gains_file": str(metadata / "gains.json"), "music_dir": str(root / "audio")}
    return paths


def score_ensemble(
    pair: EnsemblePair, estimates: Stems | None, *, aid: MultibandAid
) -> tuple[float, float, float]:
    """HAAQI, SDR and clipped fraction of a scene; without estimates, of the true sources."""
    families = {name: source.family for name, source in pair.piece.sources.items()}
    sources = {name: pair.read(source, SAMPLE_RATE) for name, source in pair.piece.sources.items()}
    factor = db_to_gain(level_compensation_db(pair.gains_db))
    reference = factor * remix(sources, pair.gains_db)
    enhanced, sdr_db = reference, np.inf
    if estimates is not None:
        gains_db = repeated_instrument_gains(pair.gains_db, families)
        by_family = {family: gains_db[name] for name, family in families.items()}
        enhanced = factor * remix(estimates, by_family)
        joined = {
            family: sum(sources[name] for name in families if families[name] == family)
            for family in by_family
        }
        sdr_db = mean_sdr_db(joined, estimates)
    output = audio.resample(aid(enhanced, pair.listener), SAMPLE_RATE, REMIX_RATE)
    clipped, count = audio.clip(output)
    signals = prepare_signals(
        audio.to_int16(clipped) / 32768,
        aid(reference, pair.listener),
        reference,
        seed_name=pair.scene,
        listener=pair.listener,
        enhanced_sample_rate=REMIX_RATE,
        music_sample_rate=SAMPLE_RATE,
        haaqi_sample_rate=HAAQI_RATE,
    )
    return score_ears(signals, noise="none").mean, sdr_db, count / output.size


if __name__ == "__main__":
    main()
