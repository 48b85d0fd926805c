"""Small SOFA files, also wrong ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RATE = 44100
AZIMUTHS = np.array([0.0, 30.0, 90.0, 330.0])  # counter-clockwise, as in SOFA
ATTRIBUTES = {
    "Conventions": "SOFA",
    "Version": "1.0",
    "SOFAConventions": "SimpleFreeFieldHRIR",
    "SOFAConventionsVersion": "1.0",
    "APIName": "none",
    "APIVersion": "1",
    "AuthorContact": "",
    "Comment": "",
    "DataType": "FIR",
    "DatabaseName": "",
    "DateCreated": "2026-01-01 00:00:00",
    "DateModified": "2026-01-01 00:00:00",
    "License": "",
    "ListenerShortName": "",
    "Organization": "",
    "RoomType": "free field",
    "Title": "",
}
LETTERS = {4: "M", 2: "R", 3: "C", 1: "I", 8: "N"}
CARTESIAN = {"Type": "cartesian", "Units": "metre"}
SPHERICAL = {"Type": "spherical", "Units": "degree, degree, metre"}


def responses() -> np.ndarray:
    """A peak for each direction and ear: the nearer ear hears it earlier and louder."""
    left = np.sin(np.radians(AZIMUTHS))
    ears = np.zeros((len(AZIMUTHS), 2, 8))
    for i, side in enumerate(left):
        ears[i, 0, 3 - round(2 * side)] = 1 + side / 2
        ears[i, 1, 3 + round(2 * side)] = 1 - side / 2
    return ears


def fields() -> dict[str, tuple[object, dict[str, str]]]:
    """Values and attributes of the variables of a file without errors."""
    sources = np.stack([AZIMUTHS, np.zeros(4), np.full(4, 1.5)], axis=1)
    return {
        "ListenerPosition": ([[0, 0, 0]], CARTESIAN),
        "ListenerView": ([[1, 0, 0]], CARTESIAN),
        "ListenerUp": ([[0, 0, 1]], {}),
        "ReceiverPosition": ([[[0], [0.09], [0]], [[0], [-0.09], [0]]], CARTESIAN),
        "EmitterPosition": ([[[0], [0], [0]]], CARTESIAN),
        "SourcePosition": (sources, SPHERICAL),
        "Data.IR": (responses(), {}),
        "Data.SamplingRate": ([RATE], {"Units": "hertz"}),
        "Data.Delay": ([[0, 0]], {}),
    }


def write(path: Path, changes: dict[str, object] | None = None) -> Path:
    """Write a SOFA file.

    `changes` replaces attributes ("DataType"), attributes of variables ("SourcePosition:Units") and
    values ("Data.IR"); None leaves them out.
    """
    from netCDF4 import Dataset

    changes = changes or {}
    with Dataset(path, "w", format="NETCDF4") as file:
        for name, text in ATTRIBUTES.items():
            if changes.get(name, text) is not None:
                setattr(file, name, changes.get(name, text))
        for name, (value, attributes) in fields().items():
            array = changes.get(name, value)
            if array is None:
                continue
            array = np.asarray(array, dtype=np.float64)
            variable = file.createVariable(name, "f8", [_axis(file, n) for n in array.shape])
            variable[:] = array
            for key, text in attributes.items():
                if changes.get(f"{name}:{key}", text) is not None:
                    setattr(variable, key, changes.get(f"{name}:{key}", text))
    return path


def _axis(file, length):
    name = LETTERS.get(length, f"X{length}")
    if name not in file.dimensions:
        file.createDimension(name, length)
    return name
