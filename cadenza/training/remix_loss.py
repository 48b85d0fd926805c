"""1 - HAAQI of a remix, as the challenges score it: a loss for separation networks.

For each example a listener and the gains on the sources are drawn (`cadenza.training.wishes`). The
true sources and the estimates are remixed with these gains and amplified with NAL-R for the
listener, and HAAQI compares the two, without its internal noise.

The challenges set the level of a remix by its own loudness, or by the gains. Here the gain that is
right for the true sources is used for both remixes: it is a constant, without a gradient. Nothing
is clipped or rounded to 16 bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from cadenza.audiogram import Audiogram
from cadenza.errors import InputError
from cadenza.haaqi.constants import SAMPLE_RATE
from cadenza.haaqi.loss import HAAQILoss
from cadenza.haaqi.options import MIN_DURATION_S
from cadenza.haaqi.tensor.equalisation import convolved
from cadenza.haaqi.tensor.reference import can_be_heard
from cadenza.haaqi.tensor.resampling import interpolated
from cadenza.hearing_aid import NALR
from cadenza.hearing_aid.nalr import check_design
from cadenza.levels import db_to_gain, gain_to_db, rms
from cadenza.training.losses import Loss, Rngs, l1, mean_sdr_db
from cadenza.training.memory import StepMemory, overhead
from cadenza.training.wishes import Wish, Wishes

PRESENTED_DB_SPL = 65.0
"""Level of the wanted remix at each ear before amplification, as in the challenges."""

_NFIR = 220  # order of the NAL-R filters, as in the challenges
# Measured peaks of HAAQI forward and backward, for each sample at 24 kHz: of each ear, and once for
# all. Bands are computed one after the other on a CPU, many together on a GPU.
_FIXED_BYTES, _EAR_BYTES, _CPU_BYTES, _GPU_BYTES = 20e6, 600, 1000, 9000


class RemixLoss(Loss):
    """1 - HAAQI of remixes, plus a weighted mean absolute error of the sources.

    An ear whose reference sounds for less than 0.4 s has no score. The loss is the mean over the
    other ears of an example, or 0 if there are none.

    Parameters
    ----------
    wishes : Wishes
        Draws listeners and gains.
    sample_rate : int
        Of the examples in Hz, at least 12 kHz, for NAL-R.
    l1_weight : float
        Of the mean absolute error.

    Raises
    ------
    InputError
        If the sample rate is too low.

    Examples
    --------
    >>> loss = RemixLoss(Wishes(["Flute", "accompaniment"]), sample_rate=24000, l1_weight=0.1)
    >>> sources = 0.1 * torch.randn(1, 2, 2, 12000, generator=torch.manual_seed(1))
    >>> estimates = 0.5 * sources.sum(1, keepdim=True).expand(sources.shape)
    >>> bool(loss(estimates, sources, [np.random.default_rng(3)]) > 0.05)
    True
    >>> loss.measure(sources, sources, [np.random.default_rng(3)])["haaqi"] > 0.99
    True
    """

    shortest_s, in_double_precision = MIN_DURATION_S, True

    def __init__(self, wishes: Wishes, *, sample_rate: int, l1_weight: float = 0.0) -> None:
        label = f"1 - HAAQI + {l1_weight:g} × mean absolute error" if l1_weight else "1 - HAAQI"
        super().__init__(l1, label)
        try:
            check_design(sample_rate, _NFIR)
        except ValueError as error:
            raise InputError(f"a loss with HAAQI needs NAL-R: {error}") from None
        self._wishes, self._sample_rate, self._l1_weight = wishes, sample_rate, l1_weight
        self._haaqi = HAAQILoss(
            sample_rate=SAMPLE_RATE, equalisation="none", reduction="none", dtype=torch.float32
        )

    def __call__(self, estimates: Tensor, sources: Tensor, rngs: Rngs) -> Tensor:
        """Mean loss of a batch; `Loss` explains the parameters."""
        remixes, _ = self._losses_of_remixes(estimates, sources, rngs)
        return remixes.mean() + self._l1_weight * l1(estimates, sources)

    def measure(self, estimates: Tensor, sources: Tensor, rngs: Rngs) -> dict[str, float]:
        """Loss, mean SDR of the stems and HAAQI of one example; NaN if it has no HAAQI."""
        (remix,), (n_ears,) = self._losses_of_remixes(estimates, sources, rngs)
        loss = remix + self._l1_weight * l1(estimates, sources)
        return {
            "loss": loss.item(),
            "sdr_db": mean_sdr_db(estimates, sources),
            "haaqi": 1 - remix.item() if n_ears else math.nan,
        }

    def memory(self, n_samples: int, device: torch.device) -> StepMemory:
        """Memory that HAAQI needs for examples of `n_samples`."""
        n_heard = n_samples * SAMPLE_RATE / self._sample_rate * overhead(device)
        n_ears = 2 if self._wishes.ears == "both" else 1
        together = _CPU_BYTES if device.type == "cpu" else _GPU_BYTES
        return StepMemory(_FIXED_BYTES + together * n_heard, n_ears * _EAR_BYTES * n_heard)

    def _losses_of_remixes(
        self, estimates: Tensor, sources: Tensor, rngs: Rngs
    ) -> tuple[Tensor, Tensor]:
        """1 - HAAQI of each example, mean over its ears, and how many ears have a score."""
        losses, n_ears = sources.new_zeros(2, len(sources))
        if not bool(estimates.detach().isfinite().all()):
            return losses + math.nan, n_ears  # the network has diverged
        wishes = [self._wishes(rng) for rng in rngs]
        ears = [(number, ear) for number, wish in enumerate(wishes) for ear in wish.ears]
        audiograms = [_audiogram(wishes[number], ear) for number, ear in ears]
        gains = self._gains(wishes, sources)
        wanted, found = (
            torch.stack([remixes[number, ear] for number, ear in ears])
            for remixes in ((gains * x.double()).sum(dim=1) for x in (sources, estimates))
        )
        reference, processed = (self._amplified(x, audiograms) for x in (wanted, found))
        heard = can_be_heard(reference).nonzero()[:, 0]
        if len(heard) == 0:
            return losses, n_ears
        levels_db_spl = PRESENTED_DB_SPL - gain_to_db(rms(wanted[heard].cpu().numpy(), axis=-1))
        scores = self._haaqi(
            reference[heard],
            processed[heard],
            audiograms=[audiograms[k] for k in heard.tolist()],
            level_db_spl=levels_db_spl.tolist(),
        ).to(losses)
        owners = torch.tensor([number for number, _ in ears], device=losses.device)[heard]
        n_ears = n_ears.index_add(0, owners, torch.ones_like(scores))
        return losses.index_add(0, owners, scores) / n_ears.clamp(min=1), n_ears

    def _gains(self, wishes: Sequence[Wish], sources: Tensor) -> Tensor:
        """Linear gain of each source, shape (batch, n_sources, 1, 1)."""
        arrays = sources.detach().cpu().double().numpy()
        gains_db = [
            self._wishes.total_gains_db(wish, stems, sample_rate=self._sample_rate)
            for wish, stems in zip(wishes, arrays, strict=True)
        ]
        gains = torch.from_numpy(db_to_gain(np.stack(gains_db)))
        return gains.to(sources.device)[..., None, None]

    def _amplified(self, remixes: Tensor, audiograms: Sequence[Audiogram]) -> Tensor:
        """Amplify remixes, shape (n_ears, T), with NAL-R and resample them to 24 kHz."""
        rate = self._sample_rate
        taps = [NALR(audiogram, sample_rate=rate, nfir=_NFIR).taps for audiogram in audiograms]
        amplified = convolved(remixes, torch.from_numpy(np.stack(taps)).to(remixes))
        return interpolated(amplified, Fraction(SAMPLE_RATE, rate))


def _audiogram(wish: Wish, ear: int) -> Audiogram:
    return (wish.listener.left, wish.listener.right)[ear]
