"""Music source separation: a stereo mixture goes in, named stems come out."""

from cadenza.separation.protocol import (
    Excerpt,
    FileSeparator,
    InstrumentSeparator,
    Separator,
    SourceReader,
    Stems,
    input_files,
    instrument_files,
    prepare,
    prepare_instruments,
    separate,
    separate_file,
    separate_instruments,
)

__all__ = [
    "Excerpt",
    "FileSeparator",
    "InstrumentSeparator",
    "Separator",
    "SourceReader",
    "Stems",
    "input_files",
    "instrument_files",
    "prepare",
    "prepare_instruments",
    "separate",
    "separate_file",
    "separate_instruments",
]
