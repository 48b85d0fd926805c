"""A head that was measured from many directions: the nearest response, or one in between.

Azimuths are those of the challenges: 0 is ahead, positive angles are to the right, negative ones to
the left. Elevations are positive above the horizon. Distances between directions are angles on the
great circle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio
from cadenza._delay import HALF_WIDTH, delayed
from cadenza.errors import InputError
from cadenza.hrtf.interpolation import blended, weights
from cadenza.hrtf.response import HeadResponse

_SAME_DEG = 1e-3  # directions that are closer than this are the same
_NEIGHBOURS = 4
MAX_ANGLE_DEG = 5.0
"""How far from the wanted direction the nearest measurement may be by default."""


@dataclass(frozen=True, eq=False)
class MeasuredHead:
    """Impulse responses of one head from many directions.

    Parameters
    ----------
    responses : array_like, shape (M, 2, K)
        Responses from M directions; row 0 is the left ear, row 1 the right ear.
    azimuth_deg, elevation_deg : array_like, shape (M,)
        Directions in degrees. Azimuth: 0 is ahead, negative is left, positive is right.
    sample_rate : float
        Rate of the responses in Hz.
    delays : array_like, shape (M, 2), optional
        Delay of each response in samples, not negative. Default: none.
    name : str
        What to call the head in messages, for example the name of its file.

    Raises
    ------
    InputError
        If the shapes do not match, a value is not finite, or a delay is not between 0 and 1 s.

    Examples
    --------
    >>> head = MeasuredHead(
    ...     [[[1, 0], [0, 0.5]], [[0, 0.5], [1, 0]]], [-30, 30], [0, 0], sample_rate=44100
    ... )
    >>> head.nearest(-28)
    (0, 2.0)
    >>> head.response(-28)
    array([[1. , 0. ],
           [0. , 0.5]])
    """

    responses: NDArray[np.float64]
    azimuth_deg: NDArray[np.float64]
    elevation_deg: NDArray[np.float64]
    sample_rate: float
    delays: NDArray[np.float64] | None = None
    name: str = "head"
    _delays: NDArray[np.float64] = field(init=False, repr=False)
    _vectors: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.positive("sample_rate", self.sample_rate)
        responses = self._array("responses", self.responses)
        if responses.ndim != 3 or 0 in responses.shape or responses.shape[1] != 2:
            raise InputError(
                f"{self.name}: responses must have shape (M, 2, K), got {responses.shape}"
            )
        n_directions = responses.shape[:1]
        azimuth_deg = self._array("azimuth_deg", self.azimuth_deg, n_directions)
        elevation_deg = self._array("elevation_deg", self.elevation_deg, n_directions)
        none = np.zeros(responses.shape[:2])
        delays = none if self.delays is None else self._array("delays", self.delays, none.shape)
        if delays.min() < 0 or delays.max() > self.sample_rate:
            raise InputError(
                f"{self.name}: delays must be from 0 to 1 s ({self.sample_rate:g} samples), "
                f"got {delays.min():g} to {delays.max():g} samples"
            )
        object.__setattr__(self, "responses", responses)
        object.__setattr__(self, "azimuth_deg", azimuth_deg)
        object.__setattr__(self, "elevation_deg", elevation_deg)
        object.__setattr__(self, "_delays", delays)
        object.__setattr__(self, "_vectors", unit_vectors(azimuth_deg, elevation_deg))

    def _array(
        self, name: str, value: ArrayLike, shape: tuple[int, ...] | None = None
    ) -> NDArray[np.float64]:
        array = np.asarray(value, dtype=np.float64)
        if shape is not None and array.shape != shape:
            raise InputError(f"{self.name}: {name} must have shape {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            raise InputError(f"{self.name}: {name} must be finite, got NaN or infinity")
        return array

    def nearest(self, azimuth_deg: float, elevation_deg: float = 0.0) -> tuple[int, float]:
        """Index of the nearest measurement, and how far away it is in degrees.

        Of several that are equally far away, it is the one furthest ahead. So directions that
        mirror each other get measurements that mirror each other.

        Parameters
        ----------
        azimuth_deg, elevation_deg : float
            The wanted direction.
        """
        distances = self._distances_deg(azimuth_deg, elevation_deg)
        equally_far = np.flatnonzero(distances <= distances.min() + _SAME_DEG)
        index = int(equally_far[self._vectors[equally_far, 0].argmax()])
        return index, round(float(distances[index]), 6)

    def response(
        self,
        azimuth_deg: float,
        elevation_deg: float = 0.0,
        *,
        sample_rate: float | None = None,
        interpolate: bool = False,
        max_angle_deg: float = MAX_ANGLE_DEG,
    ) -> NDArray[np.float64]:
        """Response from one direction at both ears.

        Parameters
        ----------
        azimuth_deg, elevation_deg : float
            The wanted direction in degrees.
        sample_rate : float, optional
            Wanted rate in Hz. The response is resampled such that its gain at each frequency stays
            the same. Default: that of the measurement.
        interpolate : bool
            False takes the nearest measurement. True interpolates between the measurements around
            the direction: `interpolation.weights`, `interpolation.blended`.
        max_angle_deg : float
            How far away the nearest measurement may be.

        Returns
        -------
        ndarray, shape (2, K)
            Row 0 is the left ear, row 1 the right ear. Delays are part of the response, and K does
            not depend on the direction.

        Raises
        ------
        InputError
            If no measurement is close enough, or if there are several with different responses from
            a direction that is used.
        """
        _check.within("max_angle_deg", max_angle_deg, 0, 180)
        index, angle_deg = self.nearest(azimuth_deg, elevation_deg)
        if angle_deg > max_angle_deg:
            raise InputError(
                f"{self.name}: no response within {max_angle_deg:g} degrees of "
                f"azimuth {azimuth_deg:g}, elevation {elevation_deg:g} (right and up are positive);"
                f" the nearest is {angle_deg:.1f} degrees away, at {self.direction(index)}: "
                "choose another direction, or raise max_angle_deg"
            )
        around = {index: 1.0}
        if interpolate and angle_deg > _SAME_DEG:
            around = weights(self._distances_deg(azimuth_deg, elevation_deg), _NEIGHBOURS)
        for used in around:
            self._require_only_one(used)
        measured = [self._measured(used) for used in around]
        response = blended(measured, list(around.values())) if len(around) > 1 else measured[0]
        if sample_rate is None:
            return response
        # A response is a density in time: with fewer samples, each of them has to be larger
        resampled = audio.resample(response, self.sample_rate, sample_rate)
        return resampled * (self.sample_rate / sample_rate)

    def loudspeakers(
        self,
        left_angle_deg: float,
        right_angle_deg: float,
        *,
        sample_rate: float,
        interpolate: bool = False,
        max_angle_deg: float = MAX_ANGLE_DEG,
    ) -> HeadResponse:
        """Responses to two loudspeakers at ear height.

        Parameters
        ----------
        left_angle_deg, right_angle_deg : float
            Directions of the loudspeakers in degrees from the front; the sign is not used, as in
            `read_head_response`.
        sample_rate, interpolate, max_angle_deg
            As in `response`.

        Raises
        ------
        InputError
            If no measurement is close enough to a loudspeaker.
        """
        speakers = [
            self.response(
                azimuth_deg,
                sample_rate=sample_rate,
                interpolate=interpolate,
                max_angle_deg=max_angle_deg,
            )
            for azimuth_deg in (-abs(left_angle_deg), abs(right_angle_deg))
        ]
        return HeadResponse(*speakers)

    def _require_only_one(self, index: int) -> None:
        """Raise if other responses have the same direction, because one of them must be chosen."""
        chords = np.linalg.norm(self._vectors - self._vectors[index], axis=-1)
        same = chords < math.radians(_SAME_DEG)
        responses, delays = self.responses[same], self._delays[same]
        if np.any(responses != responses[0]) or np.any(delays != delays[0]):
            raise InputError(
                f"{self.name}: {len(responses)} different responses from {self.direction(index)}: "
                "keep those of one distance"
            )

    def _measured(self, index: int) -> NDArray[np.float64]:
        """One measurement with its delays, in the length that all have."""
        n_samples = self.responses.shape[2] + math.ceil(self._delays.max())
        if np.any(self._delays % 1):
            n_samples += HALF_WIDTH
        ears = zip(self.responses[index], self._delays[index], strict=True)
        return np.stack([delayed(ear, float(delay), n_samples) for ear, delay in ears])

    def _distances_deg(self, azimuth_deg: float, elevation_deg: float) -> NDArray[np.float64]:
        _check.number("azimuth_deg", azimuth_deg)
        _check.within("elevation_deg", elevation_deg, -90, 90)
        wanted = unit_vectors(np.array([azimuth_deg]), np.array([elevation_deg]))
        chords = np.linalg.norm(self._vectors - wanted, axis=-1)
        return np.asarray(np.degrees(2 * np.arcsin(np.minimum(chords / 2, 1.0))))

    def direction(self, index: int) -> str:
        """Direction of a measurement, for messages."""
        azimuth_deg = (self.azimuth_deg[index] + 180) % 360 - 180
        return f"azimuth {azimuth_deg:g}, elevation {self.elevation_deg[index]:g}"


def unit_vectors(azimuth_deg: ArrayLike, elevation_deg: ArrayLike) -> NDArray[np.float64]:
    """Directions as vectors to the front, to the left and up, on a new last axis."""
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    front, left = np.cos(azimuth), -np.sin(azimuth)
    return np.stack(
        [front * np.cos(elevation), left * np.cos(elevation), np.sin(elevation)], axis=-1
    )
