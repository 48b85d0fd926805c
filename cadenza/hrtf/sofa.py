"""Heads in SOFA files (AES69), the exchange format of measured head responses.

Files are read by the package `sofar`, which is maintained by the developers of pyfar, knows all
published versions of the conventions, and needs little besides the netCDF library. It is optional:
``pip install sofar``.

What cadenza uses is checked here, strictly: a head that is silent or whose ears are swapped would
not be noticed later. Other deviations from the standard are warnings.

References
----------
.. [1] AES69-2022, AES standard for file exchange: Spatial acoustic data file format.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np

from cadenza._check import raise_if
from cadenza._files import require_file
from cadenza.errors import InputError
from cadenza.hrtf.measured import MeasuredHead
from cadenza.hrtf.plausibility import problem_of
from cadenza.hrtf.sofa_fields import Fields, relative_to_listener

logger = logging.getLogger(__name__)

CONVENTIONS = ("SimpleFreeFieldHRIR", "GeneralFIR")
"""SOFA conventions that are read."""

SAMPLE_RATES_HZ = (8000, 768000)
"""Lowest and highest sample rate that is believed."""

_MOST_BYTES = 2**31  # the largest published heads have 200 MB


def read_sofa(path: str | Path) -> MeasuredHead:
    """Read the head of a SOFA file.

    The file follows the convention SimpleFreeFieldHRIR or GeneralFIR. In SOFA azimuths grow to the
    left; the result has the sign of the challenges, in which the right is positive.

    Parameters
    ----------
    path : str or Path
        A file with the suffix ``.sofa``.

    Returns
    -------
    MeasuredHead
        At the sample rate of the file. Directions are those from the listener's position with
        respect to view and up vector. ``Data.Delay`` is kept, and applied when a response is asked
        for: a whole number of samples as a shift, a fraction by interpolation.

    Raises
    ------
    InputError
        If sofar is not installed; if the file is missing, damaged, not SOFA, or unpacks to more
        than 2 GB; listing every field that is missing or not what it must be; or if the responses
        are too short, silent, absurdly loud or soft, or those of swapped ears
        (`cadenza.hrtf.plausibility`).

    Examples
    --------
    >>> head = read_sofa("MIT_KEMAR_normal_pinna.sofa")  # doctest: +SKIP
    >>> head.response(30, interpolate=True, sample_rate=44100).shape  # doctest: +SKIP
    (2, 512)
    """
    path = Path(path)
    require_file(path, "a SOFA file")
    if path.suffix != ".sofa":
        raise InputError(f"{path}: expected a file name that ends in .sofa: rename the file")
    content = _content(path)
    fields = Fields(path, content)
    _require_convention(fields)
    responses = fields.numbers("Data_IR", ("M", 2, "N"), "measurements, ears, samples")
    n_measured = 0 if responses is None else len(responses)
    sample_rate = _sample_rate(fields, n_measured)
    _require_left_and_right(fields)
    directions = relative_to_listener(fields, n_measured)
    delays = fields.numbers("Data_Delay", ("I or M", 2), "samples at each ear")
    if delays is not None and n_measured:
        delays = fields.for_each("Data_Delay", delays, n_measured)
    if fields.problems or responses is None or directions is None:
        raise InputError(fields.problems)
    _warn_of_deviations(path, content)
    azimuth_deg, elevation_deg = directions
    head = MeasuredHead(
        responses, azimuth_deg, elevation_deg, sample_rate, delays=delays, name=str(path)
    )
    if problem := problem_of(head):
        raise InputError(f"{path}: Data.IR: {problem}")
    return head


def _content(path: Path) -> Any:  # noqa: ANN401
    """All that is in the file, as an object of sofar, not verified yet."""
    try:
        import netCDF4
        import sofar
    except ImportError:
        raise InputError(f"{path}: SOFA files need the package sofar: pip install sofar") from None
    try:
        with netCDF4.Dataset(path) as file:
            n_bytes = sum(
                math.prod(variable.shape) * getattr(variable.dtype, "itemsize", 1)
                for variable in file.variables.values()
            )
        if n_bytes <= _MOST_BYTES:
            return sofar.read_sofa(path, verify=False, verbose=False)
    except Exception as error:  # netCDF4 and sofar raise many kinds for files that are damaged
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot read as a SOFA file (AES69): {reason}") from None
    raise InputError(
        f"{path}: unpacks to {n_bytes / 1e9:.1f} GB, more than a head needs: "
        "write a file with fewer measurements or shorter responses"
    )


def _require_convention(fields: Fields) -> None:
    """Raise unless the file holds finite impulse responses in a convention that is known here."""
    for name, allowed in (
        ("GLOBAL_Conventions", ("SOFA",)),
        ("GLOBAL_SOFAConventions", CONVENTIONS),
        ("GLOBAL_DataType", ("FIR",)),
    ):
        found = fields.text(name)
        if found is not None and found not in allowed:
            fields.report(
                name,
                f"expected {' or '.join(allowed)}, found {found!r}: "
                "convert the file to SimpleFreeFieldHRIR",
            )
    raise_if(fields.problems)


def _sample_rate(fields: Fields, n_measured: int) -> float:
    """The sample rate in Hz; a NaN beside a reported problem."""
    rates = fields.numbers("Data_SamplingRate", ("I or M",), "one rate for all measurements")
    units = fields.text("Data_SamplingRate_Units")
    if units is not None and units.lower() not in ("hertz", "hz"):
        fields.report("Data_SamplingRate", f"expected Units hertz, found {units!r}")
    if rates is None:
        return np.nan
    low, high = SAMPLE_RATES_HZ
    if len(rates) not in (1, n_measured) or rates.min() != rates.max():
        fields.report(
            "Data_SamplingRate",
            "expected one rate for all measurements, found several: resample the responses",
        )
    elif not low <= rates[0] <= high:
        fields.report("Data_SamplingRate", f"expected {low} to {high} Hz, found {rates[0]:g}")
    return float(rates[0])


def _require_left_and_right(fields: Fields) -> None:
    """Report receivers that are not the left ear and, second, the right ear."""
    positions = fields.positions("ReceiverPosition", (2, 3, "I or M"))
    if positions is None:
        return
    left, right = positions[0, 1], positions[1, 1]  # to the left of the middle of the head, in m
    if np.all(left > right):
        return
    found = "right, left" if np.all(left < right) else "two that are not left and right"
    fields.report(
        "ReceiverPosition",
        f"expected the receivers left ear, right ear, found {found} (y is {left[0]:g} and "
        f"{right[0]:g} m): check which channel is which, and write the left one first",
    )


def _warn_of_deviations(path: Path, content: Any) -> None:  # noqa: ANN401
    """Log what else sofar finds wrong with the file."""
    try:
        issues = content.verify(issue_handling="return", mode="read")
    except Exception as error:  # verifying fails in many ways if a field has an odd type
        issues = str(error)
    if issues:
        lines = [line.strip() for line in issues.splitlines() if line.strip(" -\n")]
        logger.warning("%s: deviates from AES69: %s", path, "; ".join(lines))
