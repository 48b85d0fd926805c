"""Concert: chamber music on a stage, heard by a pair of microphones in the hall."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from cadenza.stems import instrument_of
from cadenza.synthetic.chamber import compose_chamber
from cadenza.synthetic.head import SPEED_OF_SOUND_M_S
from cadenza.synthetic.music import fade_out, length, room_response, sound
from cadenza.synthetic.orchestra import ORCHESTRA


@dataclass(frozen=True)
class Hall:
    """A rectangular hall, and two cardioid microphones in it, turned 45 degrees outwards.

    Parameters
    ----------
    size_m : tuple of float
        Width, depth and height in metres. The microphones are in the middle of the width, at a
        third of the depth, 1.7 m high.
    reverberation_s : float
        Time in which the reverberation falls by 60 dB.
    spacing_m : float
        Distance between the microphones.
    """

    size_m: tuple[float, float, float]
    reverberation_s: float
    spacing_m: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Hall:
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
    ) -> NDArray[np.float64]:
        """Impulse responses from a player, who sits 0.6 m below the microphones, to both of them.

        Direct sound and early reflections are computed, late reverberation is noise with the
        energy of a diffuse field. Sabine's formula gives the absorption of the walls.

        Parameters
        ----------
        azimuth_deg : float
            0 is ahead, negative is left, positive is right.
        distance_m : float
            From the middle of the microphones.
        sample_rate : float
            In Hz.
        rng : numpy.random.Generator
            For the noise.

        Returns
        -------
        ndarray, shape (2, K)
            Row 0 is the left microphone. Direct sound from 1 m on the axis of a microphone has the
            gain 1.

        Raises
        ------
        ValueError
            If the player is not in the hall.
        """
        size, azimuth = np.array(self.size_m), np.radians(azimuth_deg)
        middle = np.array([size[0] / 2, size[1] / 3, 1.7])
        player = middle + np.array([0, 0, -0.6])
        player[:2] += distance_m * np.array([np.sin(azimuth), np.cos(azimuth)])
        if not ((player > 0) & (player < size)).all():
            raise ValueError(f"distance_m must end in the hall of {self.size_m}, got {distance_m}")
        volume, surface = size.prod(), 2 * (size * np.roll(size, 1)).sum()
        late = room_response(self.reverberation_s, sample_rate=sample_rate, rng=rng)
        # diffuse sound equals the direct sound at the critical distance; a cardioid takes a third
        late *= np.sqrt(1 / 3) / (0.057 * np.sqrt(volume / self.reverberation_s))
        absorbed = min(0.161 * volume / (surface * self.reverberation_s), 0.95)
        images, gains = _mirror_images(player, size, np.sqrt(1 - absorbed))
        for ear, side in enumerate((-1, 1)):
            path = images - middle - [side * self.spacing_m / 2, 0, 0]
            distance = np.linalg.norm(path, axis=1)
            cardioid = 0.5 + 0.5 * path @ [side * np.sqrt(0.5), np.sqrt(0.5), 0] / distance
            delays = np.round(distance / SPEED_OF_SOUND_M_S * sample_rate).astype(int)
            late[ear, : delays.min()] = 0
            heard = delays < late.shape[1]
            np.add.at(late[ear], delays[heard], (gains * cardioid / distance)[heard])
        return late


def _mirror_images(
    player: NDArray[np.float64], size_m: NDArray[np.float64], reflection: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Player and mirror images, one at most at each pair of walls, and their gains.

    After Allen & Berkley (1979), J. Acoust. Soc. Am. 65(4), 943-950.

    Returns
    -------
    tuple of ndarray, shapes (27, 3) and (27,)
    """
    along_axes = np.transpose([player, -player, 2 * size_m - player])
    images = np.array(list(product(*along_axes)))
    n_mirrors = np.array([sum(mirrored) for mirrored in product((0, 1, 1), repeat=3)])
    return images, reflection**n_mirrors


def perform_chamber(
    sources: tuple[str, ...], *, duration_s: float, sample_rate: float, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Compose a piece for some instruments and play it in a hall.

    Parameters
    ----------
    sources : tuple of str
        Instruments of `cadenza.synthetic.orchestra.ORCHESTRA` from the highest to the lowest voice,
        at least two; ``_1`` and ``_2`` tell two of the same kind apart.
    duration_s : float
        Length in seconds; the piece fades out over its last 50 ms.
    sample_rate : float
        In Hz, at least 22050.
    rng : numpy.random.Generator
        All chance: composition, instruments, players and hall.

    Returns
    -------
    dict of str to ndarray, shape (2, T)
        The sources as the microphones hear them, within some dB of RMS 1; the mixture is their
        sum. `cadenza.synthetic.music.set_level` brings them below full scale.

    Raises
    ------
    ValueError
        If a source is unknown or alone, the duration is not positive, or the sample rate too low.
    """
    unknown = {instrument_of(source) for source in sources} - set(ORCHESTRA)
    if unknown or len(sources) < 2:
        raise ValueError(f"sources must be two or more of {list(ORCHESTRA)}, got {sources}")
    n_samples = length(duration_s, sample_rate)
    compose_rng, hall_rng, play_rng = rng.spawn(3)
    score = compose_chamber(sources, duration_s=duration_s, rng=compose_rng)
    hall = Hall.random(hall_rng)
    seats_deg = np.linspace(-40, 40, len(sources)) + hall_rng.uniform(-8, 8, len(sources))
    if hall_rng.random() < 0.5:
        hall_rng.shuffle(seats_deg)
    fade = fade_out(n_samples, sample_rate)
    stems = {}
    for source, seat_deg in zip(sources, seats_deg, strict=True):
        instrument = ORCHESTRA[instrument_of(source)].varied(play_rng)
        dry = sound(instrument, score[source], n_samples, sample_rate=sample_rate, rng=play_rng)
        distance_m = hall_rng.uniform(1.2, min(4, hall.size_m[0] / 2))
        response = hall.response(seat_deg, distance_m, sample_rate=sample_rate, rng=hall_rng)
        # in single precision, which takes half the time and is far better than 16 bits
        heard = oaconvolve(dry[np.newaxis].astype(np.float32), response.astype(np.float32), axes=-1)
        heard = fade * heard[:, :n_samples]
        level_db = hall_rng.normal(0, 3)
        stems[source] = heard * (10 ** (level_db / 20) / max(np.sqrt(np.mean(heard**2)), 1e-12))
    return stems
