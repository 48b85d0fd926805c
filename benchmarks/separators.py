"""Size, speed and memory of the separators, with random weights of the published sizes.

    python benchmarks/separators.py
    python benchmarks/separators.py --only htdemucs spectral

Speed does not depend on the weights. Each separator runs in a process of its own, on one core, on
as much noise as its network takes at a time. A long song takes that many times; the table gives the
CPU time for a second of it. Memory is the peak of the whole process, with Python and torch, for
this one chunk; a song adds about 2 MB a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import yaml
from haaqi import result_of

SAMPLE_RATE = 44100
VOCALS = {"instruments": ["vocals", "other"], "target_instrument": "vocals"}
TRANSFORMER = {"time_transformer_depth": 1, "freq_transformer_depth": 1, "mask_estimator_depth": 2}
BANDS = [2] * 24 + [4] * 12 + [12] * 8 + [24] * 8 + [48] * 8 + [128, 129]
HTDEMUCS = {
    "sources": ["drums", "bass", "other", "vocals"],
    "bottom_channels": 512,
    "dconv_mode": 3,
    "segment": Fraction(39, 5),
}


@dataclass(frozen=True)
class Case:
    """A separator, the length of music that it gets, and how much of a long song that stands for.

    Parameters
    ----------
    make : callable
        Gives the separator, ready to run.
    music_s : float
        Length of the music in seconds.
    advance_s : float
        By how much a long song has advanced afterwards, in seconds.
    """

    make: Callable[[], object]
    music_s: float
    advance_s: float


def spectral() -> object:
    from cadenza.separation.spectral import Spectral

    return Spectral()


def convtasnet_vdbo() -> object:
    from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO

    return prepared(ConvTasNetVDBO(device="cpu"))


def ensemble() -> object:
    from cadenza.separation.ensemble import Ensemble

    return Ensemble({"network": convtasnet_vdbo(), "spectral": spectral()})


def openunmix() -> object:
    from openunmix import umxhq

    from cadenza.separation.openunmix import OpenUnmix

    network = umxhq(targets=list(OpenUnmix.sources), niter=0, pretrained=False)
    return with_network(OpenUnmix(device="cpu"), network)


def demucs() -> object:
    from torchaudio.models import hdemucs_high

    from cadenza.separation.demucs import HybridDemucs

    network = hdemucs_high(sources=list(HybridDemucs.sources))
    return with_network(HybridDemucs(device="cpu"), network)


def htdemucs(model: str = "htdemucs") -> object:
    from demucs.apply import BagOfModels
    from demucs.htdemucs import HTDemucs as Network

    from cadenza.separation.htdemucs import HTDemucs

    n_networks = 4 if model == "htdemucs_ft" else 1
    bag = BagOfModels([Network(**HTDEMUCS) for _ in range(n_networks)])
    return with_network(HTDemucs(model, device="cpu"), bag)


def htdemucs_ft() -> object:
    return htdemucs("htdemucs_ft")


def bs_roformer() -> object:
    return roformer(dim=512, depth=12, freqs_per_bands=BANDS)


def mel_band_roformer() -> object:
    return roformer(dim=384, depth=6, num_bands=60)


def roformer(**options: object) -> object:
    from cadenza.separation import roformer_files
    from cadenza.separation.roformer import Roformer

    model = {"stereo": True, "stft_hop_length": 441, **TRANSFORMER, **options}
    content = {"audio": {"chunk_size": 8 * SAMPLE_RATE}, "model": model, "training": VOCALS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(content))
        separator = Roformer("random", path, device="cpu", num_overlap=1)
        return with_network(separator, roformer_files.build(separator._config))


def with_network(separator: object, network: object) -> object:
    """A separator that has this network already, instead of reading its weights."""
    separator.__dict__["_network"] = network.eval()
    return separator


def prepared(separator: object) -> object:
    separator.prepare()
    return separator


CASES = {
    "spectral": Case(spectral, 11, 11),
    "convtasnet_vdbo": Case(convtasnet_vdbo, 11, 11),
    "ensemble": Case(ensemble, 11, 11),
    "openunmix": Case(openunmix, 11, 11),
    "demucs": Case(demucs, 11, 11),
    "htdemucs": Case(htdemucs, 5.8, 5.85),
    "htdemucs_ft": Case(htdemucs_ft, 5.8, 5.85),
    "bs_roformer": Case(bs_roformer, 8, 4),
    "mel_band_roformer": Case(mel_band_roformer, 8, 4),
}
"""Chunks and overlaps are the defaults; the RoFormers' are 8 s, each moment in two chunks."""


def measure(case: Case) -> dict[str, float]:
    import torch

    torch.set_num_threads(1)
    separator = case.make()
    rng = np.random.default_rng(1)
    mixture = 0.1 * rng.standard_normal((2, round(case.music_s * SAMPLE_RATE)))
    start = time.process_time()
    separator(mixture, sample_rate=SAMPLE_RATE)
    seconds = time.process_time() - start
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "parameters": n_parameters(separator),
        "cpu_s_per_s": seconds / case.advance_s,
        "memory_gb": kilobytes * 1024 / 1e9,
    }


def n_parameters(separator: object) -> int:
    members = getattr(separator, "members", {"": separator}).values()
    networks = [member.__dict__.get("_network") for member in members]
    return sum(p.numel() for network in networks if network for p in network.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--measure", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(CASES[options.measure])))
        return
    print("| separator | parameters | CPU s per s | memory |")
    print("| --- | ---: | ---: | ---: |", flush=True)
    for name in options.only:
        found = result_of([sys.executable, __file__, "--measure", name], threads=1)
        print(
            f"| {name} | {found['parameters'] / 1e6:.1f} M | {found['cpu_s_per_s']:.2f} "
            f"| {found['memory_gb']:.1f} GB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
