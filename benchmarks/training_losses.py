"""Train the four-stem network with the losses l1 and mixed: HAAQI and SDR on other songs.

    python benchmarks/training_losses.py                          # some 15 minutes on one core
    python benchmarks/training_losses.py --start scratch --updates 400 --seeds 1 2 3 4 5
    python benchmarks/training_losses.py --l1-weight 0.1 --ears both

Both losses get the same examples, steps and first weights, and refine with `wiener` inside the
model. The songs are generated. Those that are scored are used neither for training nor to choose a
network: it is always the one after the last update. Each song is remixed, amplified with NAL-R,
clipped and scored as in the ICASSP 2024 recipe, without HAAQI's internal noise. HAAQI is the mean
over scenes and ears. SDR is the energy of a stem over that of the error, mean over stems and
scenes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from remixes import SAMPLE_RATE, Scene, mean_sdr_db, scene_of, wishes

from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet.files import INCLUDED, model_name
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.device import find_device
from cadenza.synthetic.dataset import song_stems
from cadenza.training.batches import WholePieces
from cadenza.training.corpus import VDBO, SyntheticCorpus
from cadenza.training.loop import Training
from cadenza.training.losses import choose_loss
from cadenza.training.options import LoopOptions, OptimiserOptions

if TYPE_CHECKING:
    from cadenza.separation.convtasnet.network import ConvTasNet

LOSSES = ("l1", "mixed")
TRAIN_SEED, TEST_SEED = 101, 202  # of the songs; the included network has heard those of seed 1
TRAIN_SONGS, VALID_SONGS, TEST_S = 16, 2, 6.0


@dataclass(frozen=True)
class Scores:
    """HAAQI and SDR of each scene."""

    haaqi: np.ndarray
    sdr_db: np.ndarray

    def __str__(self) -> str:
        return f"{self.haaqi.mean():.4f} | {self.sdr_db.mean():.2f} dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=144)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--start", default="included", help="included, scratch, or a folder")
    parser.add_argument("--l1-weight", type=float, default=1.0)
    parser.add_argument("--ears", choices=["both", "one"], default="one")
    parser.add_argument("--batch", type=int, default=2, help="examples in a batch")
    parser.add_argument("--segment-s", type=float, default=1.5, help="length of an example")
    parser.add_argument("--lr", type=float, help="default: 0.0001, from scratch 0.001")
    parser.add_argument("--scenes", type=int, default=8, help="songs to score, of 6 s")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    if options.updates * options.batch % TRAIN_SONGS:
        parser.error(f"updates * batch must be a multiple of {TRAIN_SONGS}")
    if options.lr is None:
        options.lr = 0.001 if options.start == "scratch" else 0.0001
    scenes = test_scenes(options.scenes)
    data = corpus(options)
    music = data.training(), WholePieces(data.whole_pieces("valid"), data.sources)
    print("| loss | seed | updates | CPU time | HAAQI | SDR |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    if options.start != "scratch":
        print(f"| before | | 0 | | {scores(first_network(options.start, 0), scenes)} |", flush=True)
    found: dict[str, list[Scores]] = {name: [] for name in LOSSES}
    for seed in options.seeds:
        for name in LOSSES:
            start = time.process_time()
            network = trained(name, seed, options, data, music)
            cpu_s = time.process_time() - start
            found[name].append(scores(network, scenes))
            show = f"| {name} | {seed} | {options.updates} | {cpu_s:.0f} s | {found[name][-1]} |"
            print(show, flush=True)
    print(f"\n{comparison(*found.values())}")


def corpus(options: argparse.Namespace) -> SyntheticCorpus:
    """Songs of 8 s to learn from; as many examples as are needed in one epoch."""
    return SyntheticCorpus(
        target=VDBO,
        sample_rate=SAMPLE_RATE,
        segment_length=options.segment_s,
        samples_per_track=options.updates * options.batch // TRAIN_SONGS,
        stems_of=partial(song_stems, TRAIN_SEED, duration_s=8.0, sample_rate=SAMPLE_RATE),
        n_train=TRAIN_SONGS,
        n_valid=VALID_SONGS,
        n_test=0,
    )


def test_scenes(n_scenes: int) -> list[Scene]:
    """Songs that no training has heard, each with a remix for a listener."""
    scenes = []
    for index, wish in enumerate(wishes(n_scenes)):
        stems = song_stems(TEST_SEED, index, duration_s=TEST_S, sample_rate=SAMPLE_RATE)
        tracks = {**stems, "mixture": np.sum(list(stems.values()), axis=0)}
        scenes.append(scene_of(f"song {index}", tracks, *wish))
    return scenes


def first_network(start: str, seed: int) -> ConvTasNet:
    """Network with the weights from which training starts."""
    from cadenza.separation.convtasnet.network import ConvTasNet, initialise

    included = INCLUDED / model_name(VDBO, causal=False)
    folder = included if start in ("included", "scratch") else Path(start)
    network, _ = convtasnet_files.load(folder)
    if start == "scratch":
        network = ConvTasNet(network.config)
        initialise(network, seed=seed, xavier_norms=False)
    return network


def trained(
    name: str,
    seed: int,
    options: argparse.Namespace,
    data: SyntheticCorpus,
    music: tuple,
) -> ConvTasNet:
    """Network after the last update."""
    loop = LoopOptions(
        epochs=1,
        batch_size=options.batch,
        micro_batch_size=None,
        num_workers=0,
        loss=name,
        l1_weight=options.l1_weight,
        listeners=None,
        ears=options.ears,
        refine="wiener",
        half_lr=False,
        early_stop=False,
        aggregate=1,
        checkpoint_updates=options.updates,
        mixed_precision=False,
    )
    device = find_device(options.device)
    network = first_network(options.start, seed).to(device)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(
            network,
            loop,
            OptimiserOptions(options.lr),
            loss=choose_loss(loop, data, device),
            seed=seed,
            folder=Path(folder),
            settings={},
        )
        training.run(*music, resume=False, save_best=lambda _: None)
    return network


def scores(network: ConvTasNet, scenes: list[Scene]) -> Scores:
    """HAAQI and SDR of the network's stems, refined with `wiener`."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        convtasnet_files.save(network, folder, metadata={})
        separate = ConvTasNetVDBO(weights=folder, device="cpu", refine="wiener")
        for scene in scenes:
            estimates = separate(scene.mixture, sample_rate=SAMPLE_RATE)
            haaqi, _ = scene.score(estimates)
            rows.append((haaqi, mean_sdr_db(scene.stems, estimates)))
    return Scores(*np.array(rows).T)


def comparison(l1: list[Scores], mixed: list[Scores]) -> str:
    """Difference of the losses, with its spread over the seeds."""
    haaqi, sdr_db = (
        np.array([getattr(b, key) - getattr(a, key) for a, b in zip(l1, mixed, strict=True)])
        for key in ("haaqi", "sdr_db")
    )
    by_seed = (
        ", ".join(f"{x:+.4f}" for x in haaqi.mean(axis=1)),
        ", ".join(f"{x:+.2f}" for x in sdr_db.mean(axis=1)),
    )
    return (
        f"mixed - l1, mean over {len(l1)} seeds (each seed): "
        f"HAAQI {haaqi.mean():+.4f} ({by_seed[0]}), SDR {sdr_db.mean():+.2f} dB ({by_seed[1]})\n"
        f"HAAQI is higher in {(haaqi > 0).sum()} of {haaqi.size} scenes, "
        f"SDR in {(sdr_db > 0).sum()}"
    )


if __name__ == "__main__":
    main()
