"""The data of the challenges: what there is (`registry`), and how to get it (`fetching`)."""

from cadenza.datasets.connection import Patience
from cadenza.datasets.fetching import fetch
from cadenza.datasets.planning import FetchPlan, plan_fetch
from cadenza.datasets.registry import Challenge, Part, read_registry

__all__ = ["Challenge", "FetchPlan", "Part", "Patience", "fetch", "plan_fetch", "read_registry"]
