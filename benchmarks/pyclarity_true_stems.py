"""Run an enhancement script of pyClarity with the true stems in the place of a network.

    python benchmarks/pyclarity_true_stems.py MODULE [OVERRIDE ...]

with a Python that has pyClarity; `jobs.py` calls it. The mixture that the script reads last tells
where the stems are, and they are read by the function that reads the mixture.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import numpy as np
from numpy.typing import NDArray

STEMS = ("vocals", "drums", "bass", "other")
SAMPLE_RATE = 44100


def main() -> None:
    module = sys.argv.pop(1)
    script = importlib.import_module(module)
    stems = TrueStems(script)
    network = mock.MagicMock(sources=list(STEMS))
    bundle = SimpleNamespace(get_model=lambda: network, sample_rate=SAMPLE_RATE)
    fakes = {
        "decompose_signal": stems,
        "HDEMUCS_HIGH_MUSDB": bundle,
        "load_separation_model": lambda *_: {},
    }
    for name, fake in fakes.items():
        if hasattr(script, name):
            setattr(script, name, fake)
    # Not every folder of its recipes is a package, where Hydra would find the configuration
    sys.argv.append(f"--config-path={Path(script.__file__).parent}")
    script.enhance()


class TrueStems:
    """Takes the place of ``decompose_signal``.

    Parameters
    ----------
    script : module
        The enhancement script; what it reads is watched.
    """

    def __init__(self, script: ModuleType) -> None:
        self._mixture = Path()
        self._is_cad1 = hasattr(script, "wavfile")
        if self._is_cad1:
            read = script.wavfile.read
            self._read = lambda path: read(path)[1] / np.float32(32768)
            script.wavfile = SimpleNamespace(read=self._watched(read))
        elif hasattr(script, "read_signal"):  # ICASSP 2024
            self._read = script.read_signal
            script.read_signal = self._watched(self._read)
        else:  # CAD2
            read_flac = script.read_flac_signal
            self._read = lambda path: read_flac(path)[0]
            script.read_flac_signal = self._watched(read_flac)

    def __call__(
        self,
        *_ignored: object,
        sources_list: Sequence[str] | Mapping[str, str] = STEMS,
        **_ignored_too: object,
    ) -> dict[str, NDArray[np.float64]]:
        """Stems of the song that was read last, shape (T, 2); of CAD1, each channel by itself."""
        folder = self._mixture.parent
        if isinstance(sources_list, Mapping):  # CAD2: instruments by the name of their source
            files: dict[str, Iterator[Path]] = {}  # an instrument may play several parts
            for name in sources_list.values():
                files.setdefault(name, iter(sorted(folder.glob(f"{name}*.flac"))))
            return {key: self._read(next(files[name])) for key, name in sources_list.items()}
        stems = {name: self._read(folder / f"{name}.wav") for name in STEMS}
        if not self._is_cad1:
            return stems
        sides = enumerate(("left", "right"))
        return {f"{side}_{name}": stems[name][:, c] for c, side in sides for name in STEMS}

    def _watched(self, read: Callable[[Path], object]) -> Callable[..., object]:
        def reading(filename: Path, **options: object) -> object:
            self._mixture = Path(filename)
            return read(filename, **options)

        return reading


if __name__ == "__main__":
    main()
