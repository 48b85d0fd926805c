"""The level at which the Cadenza challenges present music to a listener."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cadenza import _check, audio
from cadenza.haaqi.alignment import SilentReferenceError


def presentation_level_db_spl(music: ArrayLike, *, presented_db_spl: float = 65.0) -> float:
    """Level of a digital RMS of 1 when `music` itself is presented at 65 dB SPL.

    The argument `level_db_spl` of `haaqi` in the Cadenza evaluations; `music` is one channel of the
    reference before amplification.

    Parameters
    ----------
    music : array_like, shape (T,)
        One channel.
    presented_db_spl : float
        Level of the music in dB SPL.

    Returns
    -------
    float
        In dB SPL.

    Raises
    ------
    SilentReferenceError
        If the music is silent: no level fits.

    Examples
    --------
    >>> presentation_level_db_spl([0.1, -0.1, 0.1, -0.1])
    85.0
    """
    rms = float(audio.rms(_check.signal("music", music, ndim=(1,))))
    if rms == 0:
        raise SilentReferenceError("the reference is silent")
    return float(presented_db_spl - 20 * np.log10(rms))
