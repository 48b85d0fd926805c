"""Measure HAAQI in torch next to the compiled engine: time, memory and differences of scores.

    python benchmarks/haaqi_loss.py                      # clips of 4 and 10 s on one core
    python benchmarks/haaqi_loss.py --seconds 4 --repeats 5
    python benchmarks/haaqi_loss.py --device cuda        # also pairs per second on a GPU

Times are CPU seconds of one thread, for one ear and without internal noise. Every measurement is a
new process, and the implementations take turns. Imports, compilation and the first call do not
count. Memory is what the arrays of a pair need: for it, glibc is told to give back at once what is
free (MALLOC_MMAP_THRESHOLD_=65536); otherwise it may keep several times as much on a processor.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from haaqi import FREQUENCIES_HZ, LEVELS_DB_HL, SAMPLE_RATE, Memory, clip, cpu_name, result_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from cadenza.audiogram import Audiogram

ENGINE = "compiled engine"
FORWARD, PREPARED = "forward", "forward, reference prepared"
BACKWARD, CHECKPOINTED = "forward and backward", "the same, checkpointed"
BATCHES = (1, 8, 64)  # on a GPU


@dataclass(frozen=True)
class Case:
    """What is measured: a number of equal pairs of so many seconds."""

    what: str
    seconds: float
    dtype: str = "float32"
    pairs: int = 1
    device: str = "cpu"
    calls: int = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[4, 10])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(Case(**options.case))))
        return
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores; Python {platform.python_version()}")
    print(f"Median of {options.repeats}\n")
    print("| clip | | CPU time | re the engine | difference of the score |")
    print("| ---: | --- | ---: | ---: | ---: |")
    for seconds in options.seconds:
        for line in rows(seconds, options.repeats):
            print(line, flush=True)
    print("\n| clip | memory of each further pair | kept | checkpointed |")
    print("| ---: | --- | ---: | ---: |")
    for dtype in ("float32", "float64"):
        print(memory_row(min(options.seconds), dtype), flush=True)
    if options.device == "cuda":
        print("\n| pairs of 4 s | forward | forward and backward | difference to the CPU |")
        print("| ---: | ---: | ---: | ---: |")
        for pairs in BATCHES:
            print(gpu_row(pairs, options.repeats), flush=True)


def rows(seconds: float, repeats: int) -> list[str]:
    """Lines of the first table for one length."""
    kinds = [Case(ENGINE, seconds)] + [
        Case(what, seconds, dtype)
        for dtype in ("float32", "float64")
        for what in (FORWARD, PREPARED, BACKWARD, CHECKPOINTED)
    ]
    runs: dict[Case, list[dict[str, float]]] = {case: [] for case in kinds}
    for _ in range(repeats):
        for case, results in runs.items():
            results.append(in_fresh_process(case))
    medians = {
        case: {key: statistics.median(r[key] for r in results) for key in results[0]}
        for case, results in runs.items()
    }
    engine = medians[kinds[0]]
    return [row(case, medians[case], engine) for case in kinds]


def row(case: Case, result: dict[str, float], engine: dict[str, float]) -> str:
    """One line of the first table."""
    name = case.what if case.what == ENGINE else f"{case.dtype}, {case.what}"
    return (
        f"| {case.seconds:g} s | {name} | {result['cpu_s']:.2f} s "
        f"| {result['cpu_s'] / engine['cpu_s']:.1f} "
        f"| {result['score'] - engine['score']:.0e} |"
    )


def memory_row(seconds: float, dtype: str) -> str:
    """By how much memory grows with each pair beyond the second, forward and backward."""
    cells = []
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    for what in (BACKWARD, CHECKPOINTED):
        few, many = (in_fresh_process(Case(what, seconds, dtype, pairs=n))["mb"] for n in (2, 6))
        cells.append(f"{(many - few) / 4:.0f} MB")
    del os.environ["MALLOC_MMAP_THRESHOLD_"]
    return f"| {seconds:g} s | {dtype} | {' | '.join(cells)} |"


def gpu_row(pairs: int, repeats: int) -> str:
    """One line of the table for a GPU."""
    cells, scores = [], []
    for what in (FORWARD, BACKWARD):
        case = Case(what, 4, pairs=pairs, device="cuda", calls=repeats)
        result = in_fresh_process(case)
        cells.append(f"{pairs / result['wall_s']:.0f} pairs/s")
        scores.append(result["score"])
    difference = scores[0] - in_fresh_process(Case(FORWARD, 4))["score"]
    return f"| {pairs} | {' | '.join(cells)} | {difference:.0e} |"


def in_fresh_process(case: Case) -> dict[str, float]:
    """Measure in a process of its own."""
    return result_of([sys.executable, __file__, "--case", json.dumps(asdict(case))], threads=1)


def measure(case: Case) -> dict[str, float]:
    """CPU and wall time of a call, growth of memory in it, and the score."""
    import torch

    from cadenza.audiogram import Audiogram

    torch.set_num_threads(1)
    call = prepared_call(case, Audiogram(LEVELS_DB_HL, FREQUENCIES_HZ))
    if case.calls > 1 or case.pairs == 1:
        call()
    else:
        prepared_call(Case(case.what, 1, case.dtype), Audiogram(LEVELS_DB_HL, FREQUENCIES_HZ))()
    with Memory() as memory:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(case.calls):
            score = call()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "wall_s": wall / case.calls,
        "cpu_s": cpu / case.calls,
        "mb": memory.growth_mb,
        "score": score,
    }


def prepared_call(case: Case, ear: Audiogram) -> Callable[[], float]:
    """What is to be measured; it returns a score."""
    reference, processed = clip(case.seconds)
    options = {
        "sample_rate": SAMPLE_RATE,
        "equalisation": "none",
        "level_db_spl": 85,
        "noise": "none",
    }
    if case.what == ENGINE:
        from cadenza.haaqi import haaqi

        return lambda: haaqi(reference, processed, audiogram=ear, workers=1, **options).score

    import torch

    batch = [
        torch.tensor(signal, dtype=getattr(torch, case.dtype), device=case.device)
        .expand(case.pairs, -1)
        .contiguous()
        for signal in (reference, processed)
    ]
    return torch_call(case, *batch, {**options, "audiograms": ear})


def torch_call(
    case: Case, reference: torch.Tensor, processed: torch.Tensor, options: dict[str, object]
) -> Callable[[], float]:
    """The same in torch."""
    from cadenza.haaqi.loss import haaqi_tensor, prepare_reference

    if case.what == PREPARED:
        heard = prepare_reference(reference, **options)
        return lambda: heard.score(processed).score[0].item()
    if case.what == FORWARD:
        return lambda: haaqi_tensor(reference, processed, **options).score[0].item()

    def forward_and_backward() -> float:
        leaf = processed.clone().requires_grad_()
        checkpointed = case.what == CHECKPOINTED
        scores = haaqi_tensor(reference, leaf, checkpointed=checkpointed, **options).score
        scores.sum().backward()
        return scores[0].item()

    return forward_and_backward


if __name__ == "__main__":
    main()
