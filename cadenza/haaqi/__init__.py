"""HAAQI, the Hearing-Aid Audio Quality Index, version 1."""

from cadenza.errors import SilentReferenceError
from cadenza.haaqi.index import (
    NoiseName,
    haaqi,
    haaqi_candidates,
    haaqi_ears,
    haaqi_many,
    warm_up,
)
from cadenza.haaqi.score import HaaqiScore

__all__ = [
    "HaaqiScore",
    "NoiseName",
    "SilentReferenceError",
    "haaqi",
    "haaqi_candidates",
    "haaqi_ears",
    "haaqi_many",
    "warm_up",
]
