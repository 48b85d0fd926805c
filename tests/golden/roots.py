"""Small challenge roots with the signals of `signals.py`; written without cadenza or pyClarity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from . import signals

RATE = 44100
SECONDS = 0.7
STEMS = ("vocals", "drums", "bass", "other")
SONG = "Golden Band - Waltz"
LISTENER = "L0001"
PIECE = {"source_1": "Cello", "source_2": "Flute", "source_3": "Oboe"}

# What training scenes are drawn from
SONGS = (SONG, "A Band - First Song", "Ünïcode - Trâck", "Z", "A Band - First Song (live)")
GAINS = tuple(f"gain_{number:04d}" for number in range(1, 31))
POSITIONS = tuple(f"hlp_{number:04d}" for number in range(1, 10))
PEOPLE = tuple(f"L{number:04d}" for number in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89))
N_SOURCES = {"duet": 2, "trio": 3, "quartet": 4, "quintet": 5, "sextet": 6}
GAINS_OF = {str(n): GAINS[6 * n - 12 : 6 * n - 6] for n in range(2, 6)}


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_audio(path: Path, signal: NDArray[np.float64]) -> None:
    """Write 16 bit; `signal` has shape (2, T)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.round(32767 * signal.T).astype(np.int16), RATE, subtype="PCM_16")


def write_song(folder: Path, names: tuple[str, ...], seed: int, suffix: str) -> None:
    """Write stems and their sum, `mixture`."""
    stems = signals.stems(names, SECONDS, RATE, seed)
    for name, signal in (*stems.items(), ("mixture", sum(stems.values()))):
        write_audio(folder / f"{name}{suffix}", signal)


def listeners() -> dict[str, object]:
    return {
        LISTENER: {
            "name": LISTENER,
            "audiogram_cfs": signals.AUDIOGRAM_FREQUENCIES_HZ,
            "audiogram_levels_l": signals.AUDIOGRAMS_DB_HL["mild"],
            "audiogram_levels_r": signals.AUDIOGRAMS_DB_HL["moderate"],
        }
    }


def write_cad1(root: Path) -> None:
    write_song(root / "audio/musdb18hq/train" / SONG, STEMS, seed=10, suffix=".wav")
    metadata = root / "metadata"
    write_json(metadata / "musdb18.valid.json", [{"Track Name": SONG, "Split": "valid"}])
    write_json(metadata / "listeners.valid.json", listeners())


def write_icassp(root: Path) -> None:
    """Dry song, head, and metadata for one scene."""
    write_song(root / "audio/music/train" / SONG, STEMS, seed=20, suffix=".wav")
    for side in "np":
        response = signals.head_response(near_first=side == "n")
        write_audio(root / f"audio/hrtf/BTE_fr-VP_G1-{side}30.0.wav", response)
    metadata = root / "metadata"
    track = {"Track Name": SONG, "Split": "train", "Path": f"train/{SONG}"}
    head = {"subject": "VP_G1", "left_angle": -30.0, "right_angle": 30.0, "mic": "BTE_fr"}
    gains = {"gain_0001": dict(zip(STEMS, (6, -3, 0, -10), strict=True))}
    write_json(metadata / "musdb18.train.json", [track])
    write_json(metadata / "head_loudspeaker_positions.json", {"hlp_0001": head})
    write_json(metadata / "gains.json", gains)
    write_json(metadata / "listeners.train.json", listeners())


def write_cad2(root: Path) -> None:
    """A trio as validation piece, with its scene."""
    names = tuple(PIECE.values())
    write_song(root / "audio/valid/trio_001", names, seed=30, suffix=".flac")
    metadata = root / "metadata"
    entries = {
        key: {
            "source_dataset": "Golden",
            "instrument": name.capitalize(),
            "track": f"valid/trio_001/{name}.flac",
            "start": 0,
            "duration": SECONDS,
        }
        for key, name in (*PIECE.items(), ("mixture", "mixture"))
    }
    ear = {"cr": [1.2, 1.3, 1.4, 1.6, 2.0, 2.5], "gain": [0, 2, 5, 9, 14, 18]}
    gains = dict(zip(PIECE, (3, -6, 0), strict=True))
    write_json(metadata / "music.valid.json", {"trio_001": entries})
    write_json(metadata / "gains.json", {"gain_0001": gains})
    write_json(metadata / "listeners.valid.json", listeners())
    write_json(
        metadata / "compressor_params.valid.json",
        {LISTENER: {f"{key}_{side}": value for key, value in ear.items() for side in "lr"}},
    )
    scene = {"music": "trio_001", "gain": "gain_0001"}
    write_json(metadata / "scenes.valid.json", {"S50001": scene})
    write_json(metadata / "scene_listeners.valid.json", {"S50001": [LISTENER]})
