"""Compile HAAQI for this machine: python -m cadenza.haaqi."""

from __future__ import annotations

import time

from cadenza.haaqi import warm_up

if __name__ == "__main__":
    start = time.perf_counter()
    warm_up()
    print(f"HAAQI is ready ({time.perf_counter() - start:.0f} s).")
