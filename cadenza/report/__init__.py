"""Pages that show what a run made: `build` for a run or two, `build_pair` for files."""

from cadenza.report.building import Built, build
from cadenza.report.overview import write_contents
from cadenza.report.pair import build_pair

__all__ = ["Built", "build", "build_pair", "write_contents"]
