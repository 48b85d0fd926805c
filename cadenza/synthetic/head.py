"""Head-related impulse responses of a rigid sphere with an ear on each side.

Sound reaches an ear directly or around the sphere (Woodworth's delays), and the sphere lifts or
shadows high frequencies by a filter with one pole and one zero (Brown & Duda). The model knows no
outer ear, torso or room. That suits the microphones of a hearing aid, which sit behind the ear.

References
----------
.. [1] Woodworth & Schlosberg (1954), Experimental Psychology. Holt, New York, 349-361.
.. [2] Kuhn (1977), J. Acoust. Soc. Am. 62(1), 157-167.
.. [3] Brown & Duda (1998), IEEE Trans. Speech Audio Process. 6(5), 476-488.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from cadenza._check import positive
from cadenza._delay import HALF_WIDTH, delayed_impulse

HEAD_RADIUS_M = 0.0875
SPEED_OF_SOUND_M_S = 343.0


def head_response(
    azimuth_deg: float, *, sample_rate: float, radius_m: float = HEAD_RADIUS_M
) -> NDArray[np.float64]:
    """Impulse responses from a distant loudspeaker at ear height to both ears.

    Low frequencies pass with unit gain; high frequencies are raised by up to 6 dB at an ear that
    faces the loudspeaker, and lowered by up to 20 dB in the shadow of the head.

    Parameters
    ----------
    azimuth_deg : float
        Direction of the loudspeaker: 0 is ahead, negative is left, positive is right.
    sample_rate : float
        In Hz.
    radius_m : float
        Radius of the head in metres.

    Returns
    -------
    ndarray, shape (2, K)
        Row 0 is the left ear, row 1 the right ear. The centre of the head is reached at the same
        time from all directions, and K does not depend on them: 44 and 139 samples at 44.1 kHz.

    Examples
    --------
    >>> response = head_response(-30, sample_rate=44100)
    >>> abs(response).argmax(axis=1)  # a loudspeaker on the left is heard first on the left
    array([38, 50])
    """
    radius_s = positive("radius_m", radius_m) / SPEED_OF_SOUND_M_S
    ears = [
        _ear_response(
            math.radians(ear - azimuth_deg), radius_s * positive("sample_rate", sample_rate)
        )
        for ear in (-90, 90)
    ]
    return np.stack(ears)


def _ear_response(incidence: float, radius: float) -> NDArray[np.float64]:
    """Response at an ear whose axis is `incidence` radians away from the loudspeaker.

    `radius` is the time in samples that sound takes to travel the radius of the head.
    """
    cosine = math.cos(incidence)
    angle = math.acos(cosine)  # incidence between 0 and pi
    # Woodworth: a straight path on the lit side; on the other side the rest follows the surface.
    path = -cosine if angle < math.pi / 2 else angle - math.pi / 2
    first_delay = HALF_WIDTH + math.ceil(radius)
    n_taps = first_delay + math.ceil(math.pi / 2 * radius) + HALF_WIDTH + math.ceil(4 * radius)
    arrival = delayed_impulse(first_delay + radius * path, n_taps)
    # Brown & Duda: H(s) = (1 + alpha tau s) / (1 + tau s) with tau = radius / 2, made digital by
    # the bilinear transform. alpha is the gain at high frequencies; the minimum of 0.1 lies at
    # 150 degrees, beyond it the bright spot behind the sphere begins.
    alpha = 1.05 + 0.95 * math.cos(angle / math.radians(150) * math.pi)
    numerator = [1 + alpha * radius, 1 - alpha * radius]
    return np.asarray(lfilter(numerator, [1 + radius, 1 - radius], arrival))
