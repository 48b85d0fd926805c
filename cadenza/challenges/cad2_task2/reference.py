"""The reference of CAD2 Task 2: what the scene asks for, made of the true sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cadenza.challenges.cad2_task2.ensembles import EnsemblePair
from cadenza.levels import db_to_gain
from cadenza.remix import level_compensation_db, remix


def make_reference(pair: EnsemblePair, sample_rate: int) -> NDArray[np.float64]:
    """Remix the true sources with the gains of the scene, level compensated, shape (2, T)."""
    sources = {name: pair.read(source, sample_rate) for name, source in pair.piece.sources.items()}
    factor = db_to_gain(level_compensation_db(pair.gains_db))
    reference: NDArray[np.float64] = factor * remix(sources, pair.gains_db)
    return reference
