"""Songs, the remixes that listeners ask for, and their scores: shared by the benchmarks.

Remixes are made and scored as the ICASSP 2024 recipe does it, without internal noise.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza.audiogram import Listener
from cadenza.challenges.icassp_2024 import TRACKS, read_scene_pairs
from cadenza.challenges.scoring import prepare_signals, score_ears
from cadenza.datasets.stem_files import example_stem_file, read_stem_file
from cadenza.demo.icassp_2024_root import write_icassp_2024_root
from cadenza.hearing_aid import HearingAid, NALRAid
from cadenza.remix import remix_to_mixture, stem_gain_table
from cadenza.stems import STEMS
from cadenza.synthetic.dataset import song_stems
from cadenza.synthetic.listeners import standard_audiogram
from cadenza.synthetic.mixing import loud_master

Stems = dict[str, NDArray[np.float64]]

SAMPLE_RATE = 44100
REMIX_RATE, HAAQI_RATE = 32000, 24000
RECIPES = Path(__file__).parents[1] / "recipes"
NAL_R = NALRAid(sample_rate=SAMPLE_RATE)
AUDIOGRAMS = ("N2", "N3", "N4", "S2")


@dataclass(frozen=True)
class Scene:
    """A song, and the remix that a listener asks for."""

    song: str
    stems: Stems
    mixture: NDArray[np.float64]
    gains_db: Mapping[str, float]
    listener: Listener

    def score(self, estimates: Stems, aid: HearingAid = NAL_R) -> tuple[float, float]:
        """HAAQI of the remix of estimates, mean of both ears, and the fraction of it that clips."""
        remix = remix_to_mixture(estimates, self.gains_db, self.mixture, SAMPLE_RATE)
        output = audio.resample(aid(remix, self.listener), SAMPLE_RATE, REMIX_RATE)
        clipped, count = audio.clip(output)
        reference = remix_to_mixture(self.stems, self.gains_db, self.mixture, SAMPLE_RATE)
        signals = prepare_signals(
            audio.to_int16(clipped) / 32768,
            NAL_R(reference, self.listener),
            reference,
            seed_name="",
            listener=self.listener,
            enhanced_sample_rate=REMIX_RATE,
            music_sample_rate=SAMPLE_RATE,
            haaqi_sample_rate=HAAQI_RATE,
        )
        return score_ears(signals, noise="none").mean, count / output.size


def mean_sdr_db(stems: Stems, estimates: Stems) -> float:
    """Energy of a stem over that of the error of its estimate, mean over stems with sound."""
    return float(
        np.mean(
            [
                10 * np.log10(np.sum(stem**2) / np.sum((estimates[name] - stem) ** 2))
                for name, stem in stems.items()
                if stem.any()
            ]
        )
    )


def musics(shared: Path | None, n_scenes: int) -> Iterator[tuple[str, list[Scene]]]:
    """Scenes of all the music that there is, by the name of the music."""
    yield "generated", scenes_at_microphones(write_icassp_2024_root, n_scenes)
    if shared:
        source = shared / "data" / "icassp_2024"
        yield "sampled instruments", scenes_at_microphones(copier(source), n_scenes)
    file = example_stem_file()
    if file:
        yield "real (MUSDB18)", real_scenes(file, n_scenes)
    else:
        print("no real song: it needs the package stempeg and the program ffmpeg", file=sys.stderr)


def copier(source: Path) -> Callable[[Path], object]:
    """Make what copies a challenge root, so that scripts can write into it."""

    def copy(root: Path) -> None:
        shutil.copytree(source, root, copy_function=shutil.copyfile)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)

    return copy


def scenes_at_microphones(write_root: Callable[[Path], object], n_scenes: int) -> list[Scene]:
    """First scenes of a challenge root, with the music at the microphones of hearing aids."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        write_root(root)
        metadata = root / "metadata"
        run_script("cad_icassp_2024/generate_dataset/generate_train_scenes.py", root)
        for name in ("scenes", "scene_listeners"):
            path = metadata / f"{name}.train.json"
            path.write_text(json.dumps(dict(list(json.loads(path.read_text()).items())[:n_scenes])))
        run_script("cad_icassp_2024/generate_dataset/generate_at_mic_musdb18.py", root)
        names = ("scenes", "scene_listeners", "listeners", "at_mic_music")
        files = [str(metadata / f"{name}.train.json") for name in names]
        keys = ("scenes_file", "scene_listeners_file", "listeners_file", "music_file")
        paths = dict(zip(keys, files, strict=True)) | {
            "gains_file": str(metadata / "gains.json"),
            "music_dir": str(root / "audio" / "at_mic_music"),
        }
        # the first listener of each scene
        pairs = {pair.scene: pair for pair in reversed(read_scene_pairs(paths))}
        return [
            scene_of(
                pair.song,
                {track: audio.read(pair.file(track), channels=2)[0] for track in TRACKS},
                pair.gains_db,
                pair.listener,
            )
            for pair in reversed(pairs.values())
        ]


def scene_of(song: str, tracks: Stems, gains_db: Mapping[str, float], listener: Listener) -> Scene:
    stems = {stem: tracks[stem] for stem in STEMS}
    return Scene(song, stems, tracks["mixture"], gains_db, listener)


def run_script(script: str, root: Path) -> None:
    command = [sys.executable, str(RECIPES / script), f"path.root={root}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def real_scenes(file: Path, n_scenes: int) -> list[Scene]:
    """Remixes of a real song that was not recorded at microphones of hearing aids."""
    tracks = read_stem_file(file, sample_rate=SAMPLE_RATE)
    return [scene_of(file.stem, tracks, *wish) for wish in wishes(n_scenes)]


def loud_scenes(n_scenes: int) -> list[Scene]:
    """Remixes of generated songs of 4 s with loud masters, from -13 to -9 dB re full scale."""
    scenes = []
    levels_db = np.linspace(-13, -9, n_scenes)
    for index, (level_db, wish) in enumerate(zip(levels_db, wishes(n_scenes), strict=True)):
        song = song_stems(7, index, duration_s=4.0, sample_rate=SAMPLE_RATE)
        stems = loud_master(song, level_db, ratio=2.0, sample_rate=SAMPLE_RATE)
        tracks = stems | {"mixture": np.sum(list(stems.values()), axis=0)}
        scenes.append(scene_of(f"loud song {index}", tracks, *wish))
    return scenes


def wishes(n_scenes: int) -> list[tuple[dict[str, int], Listener]]:
    """Gains and listeners: standard audiograms in turn, gains drawn from the challenge's table."""
    table = list(stem_gain_table().values())
    rng = np.random.default_rng(3)
    people = cycle(
        Listener(name, left=standard_audiogram(name), right=standard_audiogram(name))
        for name in AUDIOGRAMS
    )
    return [
        (table[rng.integers(len(table))], listener)
        for listener, _ in zip(people, range(n_scenes), strict=False)
    ]
