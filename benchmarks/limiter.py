"""HAAQI after NAL-R with different limiters, and without any.

    python benchmarks/limiter.py
    python benchmarks/limiter.py --shared ../shared --scenes 8

The stems are the true ones, so only clipping and limiting cost quality. Remixes are scored as in
the ICASSP 2024 recipe, without internal noise. The defaults of `cadenza.hearing_aid.Limiter` were
chosen on loud generated songs. The other music shows them: songs of the demo, songs of sampled
instruments with `--shared`, and six seconds of a song of MUSDB18 if the package stempeg and the
program ffmpeg are installed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from remixes import NAL_R, REMIX_RATE, SAMPLE_RATE, Scene, loud_scenes, musics

from cadenza.audiogram import Listener
from cadenza.hearing_aid import HearingAid, Limiter, NALRAid

DEFAULT = Limiter(sample_rate=SAMPLE_RATE, output_sample_rate=REMIX_RATE)
VARIATIONS = {
    "overshoot_db": (0.0, 2.0, 6.0, 8.0),
    "attack_ms": (2.0, 10.0),
    "hold_ms": (10.0,),
    "release_ms": (50.0, 100.0, 400.0),
    "stereo_link": (True,),
}


@dataclass(frozen=True)
class SoftClip:
    """NAL-R, then the hyperbolic tangent, as the recipe's `soft_clip` does it."""

    def __call__(self, signal: NDArray[np.float64], listener: Listener) -> NDArray[np.float64]:
        """Amplify for a listener and clip softly."""
        return np.tanh(NAL_R(signal, listener))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, help="folder with data/<challenge>")
    parser.add_argument("--scenes", type=int, default=4, help="number of scenes of each music")
    options = parser.parse_args()
    sets = {"loud": loud_scenes(options.scenes)} | dict(musics(options.shared, options.scenes))
    aids: dict[str, HearingAid] = {"clipped": NAL_R, "tanh, then clipped": SoftClip()}
    aids["Limiter()"] = NALRAid(sample_rate=SAMPLE_RATE, limiter=DEFAULT)
    for option, values in VARIATIONS.items():
        for value in values:
            limiter = replace(DEFAULT, **{option: value})
            aids[f"{option}={value}"] = NALRAid(sample_rate=SAMPLE_RATE, limiter=limiter)
    print(f"| after NAL-R | {' | '.join(sets)} |")
    print(f"| --- |{' ---: |' * len(sets)}")
    for name, aid in aids.items():
        means = [mean_score(scenes, aid) for scenes in sets.values()]
        cells = [f"{haaqi:.4f} ({clipped:.1%} clipped)" for haaqi, clipped in means]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def mean_score(scenes: list[Scene], aid: HearingAid) -> tuple[float, float]:
    """HAAQI and clipped fraction, means over scenes."""
    haaqi, clipped = np.mean([scene.score(scene.stems, aid) for scene in scenes], axis=0)
    return float(haaqi), float(clipped)


if __name__ == "__main__":
    main()
