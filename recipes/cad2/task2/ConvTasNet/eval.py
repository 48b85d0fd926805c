"""Measure a network that train.py has trained: SDR, ISR, SIR and SAR of its estimates.

Separates each test piece as a whole. Writes into <exp_dir>/<out_dir>: results.csv with the medians
over windows of 1 s for each piece, results.txt with the medians over the pieces, and the estimates
as <piece>/<source>.wav. The columns <source>_mixture_sdr_db are the SDR of the mixture itself.
"""

from __future__ import annotations

from cadenza.runner import early
from cadenza.training.options import ConvTasNetOptions

if __name__ == "__main__":
    early.start(__file__, ConvTasNetOptions)  # before the slow imports

import math
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from cadenza import audio
from cadenza._files import replacing
from cadenza._paths import safe_name
from cadenza.runner import cli
from cadenza.runner.items import Item, Report
from cadenza.runner.run import run_items
from cadenza.separation.convtasnet.files import CONFIG_FILE, WEIGHTS_FILE, model_name
from cadenza.separation.convtasnet_instrument import ConvTasNetInstrument
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.network_separator import NetworkSeparator
from cadenza.training.batches import WholePieces
from cadenza.training.bss_eval import SCORES, separation_scores
from cadenza.training.corpus import Corpus

SETTINGS = ["convtasnet", "data", "training.refine", "segment_s", "overlap_s"]


def build_separator(config: DictConfig, corpus: Corpus) -> NetworkSeparator:
    """Build the separator around the trained network."""
    name = model_name(corpus.target, causal=config.convtasnet.causal)
    options = {
        "weights": Path(config.models_dir) / name,
        "device": config.device,
        "segment_s": config.segment_s,
        "overlap_s": config.overlap_s,
        "refine": config.training.refine,
    }
    if corpus.sources == ConvTasNetVDBO.sources:
        return ConvTasNetVDBO(**options)
    return ConvTasNetInstrument(**options, instrument=corpus.target)


def process_item(
    item: Item[int], pieces: WholePieces, corpus: Corpus, separator: NetworkSeparator
) -> dict[str, float | None]:
    """Separate one piece, write the estimates if they are wanted, and score them."""
    sources = pieces[item.data]
    estimates = separator(sources.sum(axis=0), sample_rate=corpus.sample_rate)
    for path, estimate in zip(item.outputs, estimates.values(), strict=bool(item.outputs)):
        audio.write_wav(path, estimate, corpus.sample_rate)
    scores = separation_scores(
        sources, np.stack(list(estimates.values())), sample_rate=corpus.sample_rate
    )
    return {
        f"{source}_{name}": None if math.isnan(value) else value
        for source, score in zip(corpus.sources, scores, strict=True)
        for name, value in vars(score).items()
    }


def summary(report: Report, corpus: Corpus) -> str:
    """Medians over the pieces, and the mean improvement over the mixture."""
    results = pd.DataFrame(report.rows)
    rows = {}
    for source in corpus.sources:
        table = results[[f"{source}_{name}" for name in SCORES]].astype(float)
        table.columns = list(SCORES)
        improvement = table.sdr_db - table.mixture_sdr_db
        rows[source] = [*table.median(), improvement.median(), improvement.mean()]
    columns = [*SCORES, "improvement_db", "mean_improvement_db"]
    text = pd.DataFrame(rows, columns).T.to_string(float_format="{:.2f}".format)
    return f"Medians over {len(results)} of {report.n_items} pieces\n{text}"


def run(config: DictConfig) -> int:
    """Score the pieces that have no scores yet."""
    folder = Path(config.exp_dir) / config.out_dir
    corpus: Corpus = cli.build(config, "data")
    test = corpus.whole_pieces("test")
    pieces = WholePieces(test, corpus.sources)
    separator = build_separator(config, corpus)
    separator.prepare()
    n_saved = len(test) if config.n_save_ex < 0 else config.n_save_ex
    model = tuple(Path(str(separator.weights)) / file for file in (CONFIG_FILE, WEIGHTS_FILE))
    items = [
        Item(
            key=piece.name,
            labels={"piece": piece.name},
            data=index,
            inputs=model,
            outputs=tuple(
                folder / safe_name(piece.name) / f"{source}.wav"
                for source in (corpus.sources if index < n_saved else ())
            ),
        )
        for index, piece in enumerate(test)
    ]
    report = run_items(
        items,
        lambda item: process_item(item, pieces, corpus, separator),
        folder=folder,
        name="results",
        columns=["piece", *(f"{source}_{name}" for source in corpus.sources for name in SCORES)],
        settings=cli.settings(config, "cad2_task2/eval 1", SETTINGS),
        folder_key="out_dir",
        **cli.run_options(config),
    )
    if report.rows:
        text = summary(report, corpus)
        with replacing(folder / "results.txt") as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8")
        print(text)
    return report.exit_status


main = cli.script(__file__, run, ConvTasNetOptions)

if __name__ == "__main__":
    main()
