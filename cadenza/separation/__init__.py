"""Music source separation: a stereo mixture goes in, named stems come out."""

from cadenza.separation.protocol import (
    FileSeparator,
    Separator,
    Stems,
    input_files,
    prepare,
    separate,
    separate_file,
)

__all__ = [
    "FileSeparator",
    "Separator",
    "Stems",
    "input_files",
    "prepare",
    "separate",
    "separate_file",
]
