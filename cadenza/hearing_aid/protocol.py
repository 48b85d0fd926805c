"""What a hearing aid is to the recipes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cadenza.audiogram import Listener


class HearingAid(Protocol):
    """Anything that processes stereo music for one listener.

    Examples
    --------
    Your own aid can be a plain function:

    >>> from cadenza.audiogram import Audiogram
    >>> def louder_for_severe_loss(signal, listener):
    ...     ears = (listener.left, listener.right)
    ...     return signal * [[2.0 if ear.severity == "SEVERE" else 1.0] for ear in ears]
    >>> mild, severe = Audiogram([20] * 8), Audiogram([70] * 8)
    >>> louder_for_severe_loss(np.ones((2, 3)), Listener("L0001", left=mild, right=severe))
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """

    def __call__(self, signal: NDArray[np.float64], listener: Listener) -> NDArray[np.float64]:
        """Process music for a listener.

        Parameters
        ----------
        signal : ndarray, shape (2, T)
            Music at the left and the right ear.
        listener : Listener
            The person who will hear it.

        Returns
        -------
        ndarray, shape (2, T')
            T' may differ from T, for example by the tail of a filter.
        """
        ...
