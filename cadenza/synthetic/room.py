"""Rooms: reverberation, and players in a hall before a pair of microphones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from cadenza.synthetic.head import SPEED_OF_SOUND_M_S
from cadenza.synthetic.synthesis import Signal, noise


def reverberation(
    reverberation_s: float, *, sample_rate: float, rng: np.random.Generator
) -> Signal:
    """Late reverberation: noise that decays by 60 dB in `reverberation_s`.

    It differs between left and right, and holds no bass, so that the mix stays clear. In its band
    the mean power gain is 1.

    Returns
    -------
    ndarray, shape (2, K)
    """
    times_s = np.arange(round(reverberation_s * sample_rate)) / sample_rate
    band_hz = (250, 7000)
    channels = [noise(times_s.size, band_hz, sample_rate=sample_rate, rng=rng) for _ in range(2)]
    response = np.stack(channels) * 10 ** (-3 * times_s / reverberation_s)
    energy = np.sum(response**2, axis=1, keepdims=True)
    share_of_band = (band_hz[1] - band_hz[0]) / (sample_rate / 2)
    return np.asarray(response * np.sqrt(share_of_band / energy))


@dataclass(frozen=True)
class Room:
    """A rectangular room with two cardioid microphones, turned 45 degrees outwards.

    Parameters
    ----------
    size_m : tuple of float
        Width, depth and height. The microphones are in the middle of the width, at a third of the
        depth, 1.7 m high.
    reverberation_s : float
        Time in which the reverberation falls by 60 dB.
    spacing_m : float
        Distance between the microphones.
    """

    size_m: tuple[float, float, float]
    reverberation_s: float
    spacing_m: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Room:
        """A room between a studio of 80 cubic metres and a hall of 3000."""
        width_m = rng.uniform(5, 16)
        size_m = (width_m, width_m * rng.uniform(1, 1.5), rng.uniform(3, 3 + width_m / 2))
        return cls(size_m, rng.uniform(0.25, 1.4), rng.uniform(0.17, 0.6))

    def response(
        self,
        azimuth_deg: float,
        distance_m: float,
        *,
        sample_rate: float,
        rng: np.random.Generator,
    ) -> Signal:
        """Impulse responses from a player to both microphones, which are 0.6 m higher.

        Direct sound and early reflections come from mirror images [1]_, late reverberation is noise
        with the energy of a diffuse field. Sabine's formula gives the absorption of the walls.
        The distance is from the middle of the microphones; an azimuth of 0 is ahead, negative is
        left.

        Returns
        -------
        ndarray, shape (2, K)
            Row 0 is the left microphone. Direct sound from 1 m on the axis of a microphone has the
            gain 1.

        Raises
        ------
        ValueError
            If the player is not in the room.

        References
        ----------
        .. [1] Allen & Berkley (1979), J. Acoust. Soc. Am. 65(4), 943-950.
        """
        size, azimuth = np.array(self.size_m), np.radians(azimuth_deg)
        middle = np.array([size[0] / 2, size[1] / 3, 1.7])
        player = middle + np.array([0, 0, -0.6])
        player[:2] += distance_m * np.array([np.sin(azimuth), np.cos(azimuth)])
        if not ((player > 0) & (player < size)).all():
            raise ValueError(
                f"distance_m must end in the room of {self.size_m} m, got {distance_m} "
                f"at {azimuth_deg} degrees"
            )
        volume, surface = size.prod(), 2 * (size * np.roll(size, 1)).sum()
        heard = reverberation(self.reverberation_s, sample_rate=sample_rate, rng=rng)
        # diffuse sound equals the direct sound at the critical distance; a cardioid takes a third
        heard *= np.sqrt(1 / 3) / (0.057 * np.sqrt(volume / self.reverberation_s))
        absorbed = min(0.161 * volume / (surface * self.reverberation_s), 0.95)
        # one reflection at most at each pair of walls
        images = np.array(list(product(*np.transpose([player, -player, 2 * size - player]))))
        n_mirrors = np.array([sum(mirrored) for mirrored in product((0, 1, 1), repeat=3)])
        gains = (1 - absorbed) ** (n_mirrors / 2)
        for ear, side in enumerate((-1, 1)):
            path = images - middle - [side * self.spacing_m / 2, 0, 0]
            distance = np.linalg.norm(path, axis=1)
            cardioid = 0.5 + 0.5 * path @ [side * np.sqrt(0.5), np.sqrt(0.5), 0] / distance
            delays = np.round(distance / SPEED_OF_SOUND_M_S * sample_rate).astype(int)
            heard[ear, : delays.min()] = 0
            early = delays < heard.shape[1]
            np.add.at(heard[ear], delays[early], (gains * cardioid / distance)[early])
        return heard
