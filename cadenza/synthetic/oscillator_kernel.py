"""Compiled loop of `cadenza.synthetic.synthesis.oscillate`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel


@kernel()
def read_tables(
    tables: NDArray[np.float64], cycles_per_sample: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Read every row of `tables` with one phase; the last column repeats the first."""
    n_tables, n_columns = tables.shape
    out = np.empty((n_tables, cycles_per_sample.size))
    phase = 0.0
    for n in range(cycles_per_sample.size):
        phase += cycles_per_sample[n]
        phase -= np.floor(phase)
        position = phase * (n_columns - 1)
        column = int(position)
        weight = position - column
        for row in range(n_tables):
            left = tables[row, column]
            out[row, n] = left + weight * (tables[row, column + 1] - left)
    return out
