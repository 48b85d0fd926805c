"""Several separators together: their stems are averaged, and so are delayed copies of the music.

The errors of different separators differ, so that their mean is often better than the best of them
[1]_. `shifts` does the same with one separator: it hears the music several times, each time with
another delay [2]_.

References
----------
.. [1] Uhlich et al. (2017), Improving music source separation based on deep neural networks through
   data augmentation and network blending, ICASSP 2017, 261-265.
.. [2] Défossez et al. (2021), Music source separation in the waveform domain, arXiv:1911.13254.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.errors import InputError
from cadenza.separation.protocol import Separator, Stems, prepare, separate
from cadenza.separation.refine import Refinement, check_refinement

_LONGEST_SHIFT_S = 0.5

Weights = Mapping[str, float | Mapping[str, float]]


@dataclass(frozen=True)
class Ensemble:
    """Separator that averages the stems of others.

    Parameters
    ----------
    members : mapping of str to Separator
        Separators with the same stems, by names of your choice.
    weights : mapping, optional
        How much each member counts: a number for all of its stems, or one for each stem. They need
        not add up to one. Members that are not named count 1.
    shifts : int
        How often each member separates the music: once as it is, then with random delays of up to
        half a second.
    seed : int
        Seed of the delays. They are the same for all music.
    refine : {"none", "residual", "wiener"}
        How the averages are adjusted to the mixture; see `cadenza.separation.refine`. If the stems
        of all members add up to it, and the weights are the same for all stems, so do the averages.

    Raises
    ------
    InputError
        If there is no member, members have different stems or only read files, or a weight is not
        as described.

    Examples
    --------
    >>> from cadenza.separation.spectral import Spectral
    >>> ensemble = Ensemble({"soft": Spectral(), "hard": Spectral(refine="wiener")}, {"soft": 2})
    >>> stems = ensemble(np.random.default_rng(1).standard_normal((2, 44100)), sample_rate=44100)
    >>> list(stems)
    ['vocals', 'drums', 'bass', 'other']
    """

    members: Mapping[str, Separator]
    weights: Weights | None = None
    shifts: int = 1
    seed: int = 0
    refine: Refinement = "none"

    def __post_init__(self) -> None:
        check_refinement(self.refine)
        _check.whole("shifts", self.shifts)
        if type(self.seed) is not int or self.seed < 0:
            raise ValueError(f"seed must be a whole number from 0 on, got {self.seed!r}")
        if not isinstance(self.members, Mapping) or not self.members:
            raise InputError("members must be separators by name, got none")
        if readers := [name for name, member in self.members.items() if not callable(member)]:
            raise InputError(
                "members must separate music; oracle and others that read stems from files cannot "
                f"be members: {', '.join(readers)}"
            )
        first, *others = self.members
        problems = [
            f"members must have the same stems, but {first} has {', '.join(self.sources)} and "
            f"{name} has {', '.join(self.members[name].sources)}"
            for name in others
            if set(self.members[name].sources) != set(self.sources)
        ]
        _check.raise_if(problems)
        _ = self._shares

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the stems."""
        return next(iter(self.members.values())).sources

    @property
    def _shares(self) -> dict[str, dict[str, float]]:
        """Member -> stem -> its share in the average."""
        given = self.weights or {}
        if unknown := [name for name in given if name not in self.members]:
            names = ", ".join(self.members)
            raise InputError(
                f"weights: no member {', '.join(unknown)}: there are {names}; with weights=null "
                "all count the same"
            )
        weights = {name: self._weights_of(name, given.get(name, 1.0)) for name in self.members}
        totals = {stem: sum(w[stem] for w in weights.values()) for stem in self.sources}
        if silent := [stem for stem, total in totals.items() if not total > 0]:
            raise InputError(f"weights: some member must count for {', '.join(silent)}")
        return {
            name: {stem: w[stem] / totals[stem] for stem in self.sources}
            for name, w in weights.items()
        }

    def _weights_of(self, name: str, weight: float | Mapping[str, float]) -> dict[str, float]:
        if not isinstance(weight, Mapping):
            weight = dict.fromkeys(self.sources, weight)
        if set(weight) != set(self.sources):
            stems = ", ".join(self.sources)
            raise InputError(f"weights of {name} must be a number, or one for each of {stems}")
        return {
            stem: _check.within(f"weight of {name} for {stem}", value, 0)
            for stem, value in weight.items()
        }

    def prepare(self) -> None:
        """Prepare all members.

        Raises
        ------
        InputError
            Listing what is missing or wrong for any of them.
        """
        problems = []
        for name, member in self.members.items():
            try:
                prepare(member, sources=self.sources)
            except InputError as error:
                problems += [f"{name}: {problem}" for problem in error.problems]
        _check.raise_if(problems)

    def __call__(self, mixture: ArrayLike, *, sample_rate: int) -> Stems:
        """Separate a mixture.

        Parameters
        ----------
        mixture : array_like, shape (2, T)
            Stereo signal; mono, (T,) or (1, T), is used for both channels with a logged warning.
        sample_rate : int
            In Hz.

        Returns
        -------
        dict of str to ndarray, shape (2, T)
            One signal for each of `sources`.
        """
        return separate(
            partial(self._average, sample_rate=sample_rate),
            mixture,
            sources=self.sources,
            sample_rate=sample_rate,
            model_sample_rate=sample_rate,
            refine=self.refine,
        )

    def _average(self, mixture: NDArray[np.float64], *, sample_rate: int) -> NDArray[np.float64]:
        longest = round(_LONGEST_SHIFT_S * sample_rate)
        shifts = np.random.default_rng(self.seed).integers(1, longest, size=self.shifts - 1)
        total, shares = np.zeros((len(self.sources), *mixture.shape)), self._shares
        for n_samples in (0, *shifts):
            delayed = np.pad(mixture, [(0, 0), (n_samples, 0)])
            for name, member in self.members.items():
                stems = member(delayed, sample_rate=sample_rate)
                for sum_, (stem, share) in zip(total, shares[name].items(), strict=True):
                    sum_ += share / self.shifts * stems[stem][:, n_samples:]
        return total
