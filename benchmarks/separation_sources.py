"""How much better than the mixture the separators without a download are.

    python benchmarks/separation_sources.py
    python benchmarks/separation_sources.py --shared ../shared --pieces 5

SDR (BSS Eval version 4, medians over windows of 1 s) of each source, less that of the mixture in
its place: for `spectral` and `convtasnet_vdbo` on songs, and for the included ConvTasNet networks
of single instruments on chamber music. No network has heard any of this music: it is synthesised
and, with `--shared`, also played by sampled instruments. Figures are means over pieces.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cadenza import audio
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.spectral import Spectral
from cadenza.stems import instrument_of
from cadenza.synthetic.dataset import chamber_stems, song_stems
from cadenza.training.bss_eval import separation_scores

Stems = dict[str, NDArray[np.float64]]

SAMPLE_RATE = 44100
HELD_OUT = {"seed": 1, "duration_s": 12.0, "sample_rate": SAMPLE_RATE}
FIRST_SONG, FIRST_PIECE = 110, 140  # those before were for training and validation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, help="folder with data/<challenge>")
    parser.add_argument("--pieces", type=int, default=10, help="number of generated ones")
    options = parser.parse_args()
    songs = {"generated": generated(song_stems, FIRST_SONG, options.pieces)}
    ensembles = {"generated": generated(chamber_stems, FIRST_PIECE, options.pieces)}
    if options.shared:
        music = options.shared / "data" / "icassp_2024" / "audio" / "music" / "train"
        songs["sampled instruments"] = map(read_stems, sorted(music.iterdir()))
        quartets = options.shared / "data" / "cad2_task2" / "zenodo_download"
        folders = sorted({path.parent for path in quartets.rglob("mix_*.flac")})
        ensembles["sampled instruments"] = map(read_stems, folders)
    print("| music | separator | source | pieces | SDR of the mixture | improvement |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    spectral, vdbo = Spectral(), ConvTasNetVDBO()
    networks = ConvTasNetEnsemble(models_dir="included", add_residual=0)
    separators: dict[str, Callable[[Stems], Stems]] = {
        "spectral": lambda stems: spectral(mixture_of(stems), sample_rate=SAMPLE_RATE),
        "convtasnet_vdbo": lambda stems: vdbo(mixture_of(stems), sample_rate=SAMPLE_RATE),
    }
    for name, pieces in songs.items():
        show(name, list(pieces), separators)
    separators = {
        "convtasnet, included": lambda stems: networks(
            mixture_of(stems), sample_rate=SAMPLE_RATE, instruments=list(stems)
        )
    }
    for name, pieces in ensembles.items():
        show(name, [joined(stems) for stems in pieces], separators)


def generated(stems_of: Callable[..., Stems], first: int, n: int) -> Iterator[Stems]:
    return (stems_of(index=index, **HELD_OUT) for index in range(first, first + n))


def read_stems(folder: Path) -> Stems:
    files = [path for path in sorted(folder.iterdir()) if not path.stem.startswith("mix")]
    return {path.stem: audio.read(path, sample_rate=SAMPLE_RATE, channels=2)[0] for path in files}


def joined(stems: Stems) -> Stems:
    """Voices of the same instrument together."""
    whole: Stems = {}
    for name, stem in stems.items():
        whole[instrument_of(name)] = whole.get(instrument_of(name), 0) + stem
    return whole


def mixture_of(stems: Stems) -> NDArray[np.float64]:
    return np.sum(list(stems.values()), axis=0)


def show(music: str, pieces: list[Stems], separators: dict[str, Callable[[Stems], Stems]]) -> None:
    """Print a line for every source, and one for all."""
    for name, separate in separators.items():
        rows = []
        for stems in pieces:
            estimates = separate(stems)
            scores = separation_scores(
                np.stack(list(stems.values())),
                np.stack([estimates[source] for source in stems]),
                sample_rate=SAMPLE_RATE,
            )
            rows += [
                (source, score.mixture_sdr_db, score.sdr_db - score.mixture_sdr_db)
                for source, score in zip(stems, scores, strict=True)
            ]
        table = pd.DataFrame(rows, columns=["source", "mixture_db", "improvement_db"]).dropna()
        for source, part in [*table.groupby("source"), ("all", table)]:
            mixture_db, improvement_db = part.mixture_db.mean(), part.improvement_db.mean()
            print(
                f"| {music} | {name} | {source} | {len(part)} "
                f"| {mixture_db:.1f} dB | {improvement_db:+.1f} dB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
