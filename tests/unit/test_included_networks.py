"""The small networks that are included in cadenza, on music that was not in their training."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cadenza.errors import InputError
from cadenza.runner.plugins import file_digests
from cadenza.separation.convtasnet.files import INCLUDED
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.convtasnet_instrument import ConvTasNetInstrument
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.stems import INSTRUMENTS, instrument_of
from cadenza.synthetic.dataset import chamber_sources, chamber_stems, song_stems

PIECE = {"duration_s": 4.0, "sample_rate": 44100}
FIRST_HELD_OUT = 140


def improvement_db(source, estimate, mixture):
    """By how much the estimate's SDR is better than the mixture's."""
    return 10 * np.log10(np.sum((mixture - source) ** 2) / np.sum((estimate - source) ** 2))


def mean_improvement_db(instrument):
    """On the first two held-out pieces with the instrument: one alone says little."""
    held_out = range(FIRST_HELD_OUT, FIRST_HELD_OUT + 20)
    pieces = [i for i in held_out if instrument in map(instrument_of, chamber_sources(1, i))]
    weights = INCLUDED / f"ConvTasNet_{instrument}_NonCausal"
    separator = ConvTasNetInstrument(
        weights=weights, instrument=instrument, device="cpu", refine="wiener"
    )
    improvements_db = []
    for index in pieces[:2]:
        stems = chamber_stems(1, index, **PIECE)
        source = sum(stem for name, stem in stems.items() if instrument_of(name) == instrument)
        mixture = sum(stems.values())
        estimate = separator(mixture, sample_rate=44100)["target"]
        improvements_db.append(improvement_db(source, estimate, mixture))
    return np.mean(improvements_db)


def test_all_networks_are_included_and_small():
    ConvTasNetEnsemble(models_dir="included").prepare()
    ConvTasNetVDBO().prepare()
    files = INCLUDED.rglob("*.*")
    assert sum(path.stat().st_size for path in files) < 8e6


def test_each_network_says_its_licence_and_origin(caplog):
    for path in INCLUDED.glob("*/config.json"):
        about = json.loads(path.read_text())
        assert about["license"] == "MIT"
        assert "ConvTasNet/README.md" in about["origin"]
    ConvTasNetVDBO().prepare()
    assert caplog.text == ""  # these keys are known


def test_results_depend_on_their_files():
    assert len(file_digests(ConvTasNetEnsemble(models_dir="included"))) == 2 * (
        len(INSTRUMENTS) + 1
    )
    assert len(file_digests(ConvTasNetVDBO())) == 2


def test_networks_need_the_masks_they_were_trained_with():
    with pytest.raises(InputError, match="refine must be wiener, got none"):
        ConvTasNetVDBO(refine="none").prepare()
    with pytest.raises(InputError, match=r"Violin_NonCausal: .*refine must be wiener, got none"):
        ConvTasNetEnsemble(models_dir="included", refine="none").prepare(["Violin"])


def test_there_are_no_causal_ones():
    with pytest.raises(InputError, match="must be noncausal with the included networks"):
        ConvTasNetEnsemble(models_dir="included", causality="causal")


@pytest.mark.slow
def test_they_separate_instruments():
    improvements_db = [mean_improvement_db(instrument) for instrument in INSTRUMENTS]
    assert np.mean(improvements_db) > 3
    assert min(improvements_db) > 0


def test_four_stems():
    stems = song_stems(1, 160, **PIECE)
    mixture = sum(stems.values())
    estimates = ConvTasNetVDBO(device="cpu")(mixture, sample_rate=44100)
    assert set(estimates) == set(stems)
    improvements_db = [improvement_db(stems[name], estimates[name], mixture) for name in stems]
    assert np.mean(improvements_db) > 3
    assert min(improvements_db) > 0
