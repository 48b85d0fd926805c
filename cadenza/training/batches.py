"""Examples as the training loop takes them: whole pieces, and batches of random mixes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadenza._check import raise_if
from cadenza.training.mixes import ACCOMPANIMENT, RandomMixes
from cadenza.training.pieces import Piece

if TYPE_CHECKING:
    import torch

_OF_THE_LOSS = 1


class Batch(NamedTuple):
    """Examples, and their numbers within the epoch.

    Parameters
    ----------
    sources : Tensor, shape (batch, n_sources, 2, T)
    numbers : Tensor of int, shape (batch,)
    """

    sources: torch.Tensor
    numbers: torch.Tensor


def loss_generator(seeds: tuple[int, int], number: int) -> np.random.Generator:
    """Generator of what is random about the loss of an example; the example itself has another.

    Parameters
    ----------
    seeds : tuple of int
        The seed of the training and the epoch.
    number : int
        Of the example.
    """
    return np.random.default_rng([*seeds, number + 1, _OF_THE_LOSS])


class WholePieces(Sequence[NDArray[np.float64]]):
    """Whole pieces as examples, unchanged, each as long as its shortest part.

    Parameters
    ----------
    pieces : sequence of Piece
        All their parts are used.
    sources : sequence of str
        Sources, in order. Parts of one instrument are added up; those of other instruments than
        these make the source ``"accompaniment"``.

    Raises
    ------
    InputError
        If a part belongs to none of the sources.
    """

    def __init__(self, pieces: Sequence[Piece], sources: Sequence[str]) -> None:
        self._pieces = list(pieces)
        self._sources = list(sources)
        problems = [
            f"{piece.name}: expected parts of {', '.join(sources)}, found {part.instrument}"
            for piece in pieces
            for part in piece.parts
            if part.instrument not in sources and ACCOMPANIMENT not in sources
        ]
        raise_if(problems)

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, index: int) -> NDArray[np.float64]:  # type: ignore[override]
        """Sources of a piece, shape (n_sources, 2, T)."""
        parts = self._pieces[index].parts
        duration_s = min(part.duration_s for part in parts)
        signals = [part.read(0.0, duration_s) for part in parts]
        sources = np.zeros((len(self._sources), *signals[0].shape))
        for part, signal in zip(parts, signals, strict=True):
            known = part.instrument in self._sources
            sources[self._sources.index(part.instrument if known else ACCOMPANIMENT)] += signal
        return sources


def load_batches(
    mixes: RandomMixes, *, seeds: tuple[int, int], batch_size: int, skip: int, num_workers: int
) -> torch.utils.data.DataLoader[Batch]:
    """Batches of an epoch in random order, each a `Batch`.

    Parameters
    ----------
    mixes : RandomMixes
        All its examples are used once.
    seeds : tuple of int
        The seed of the training and the epoch. The random numbers of an example depend on them and
        its index, on nothing else.
    batch_size : int
        Examples in a batch; the last one may have fewer.
    skip : int
        Batches to leave out at the beginning.
    num_workers : int
        Processes that prepare the batches; 0 for this process.
    """
    import torch

    order = np.random.default_rng(seeds).permutation(len(mixes)).tolist()
    batches = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
    return torch.utils.data.DataLoader(
        _Examples(mixes, seeds),  # type: ignore[arg-type]
        batch_sampler=batches[skip:],
        collate_fn=_collate,
        num_workers=num_workers,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # instead of the global one
    )


def _collate(examples: list[tuple[torch.Tensor, int]]) -> Batch:
    import torch

    sources, numbers = zip(*examples, strict=True)
    return Batch(torch.stack(sources), torch.tensor(numbers))


class _Examples:
    def __init__(self, mixes: RandomMixes, seeds: tuple[int, int]) -> None:
        self.mixes, self.seeds = mixes, seeds

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        import torch

        # A generator of (a, b, 0) would be that of (a, b), from which the order is drawn
        rng = np.random.default_rng([*self.seeds, index + 1])
        return torch.from_numpy(self.mixes(index, rng).astype(np.float32)), index
