"""The reference of CAD2 Task 2 in each release, made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile

from cadenza import audio
from cadenza.audiogram import Audiogram, Listener
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair, Piece, Source
from cadenza.challenges.cad2_task2.reference import make_reference
from cadenza.errors import InputError

RATE = 44100
GAINS_DB = {"source_1": -6.0, "source_2": 3.0}


@pytest.fixture
def make_pair(tmp_path, rng):
    """Make a pair of two sources of one second, with start and duration of mixture and sources."""
    for name in ("flute", "oboe"):
        audio.write_flac(tmp_path / f"{name}.flac", 0.2 * rng.uniform(-1, 1, (2, RATE)), RATE)

    def make(mixture, *sources):
        times = zip(("flute", "oboe"), sources, strict=True)
        piece = Piece(
            "duet",
            {
                f"source_{number}": Source(name.title(), f"{name}.flac", *time)
                for number, (name, time) in enumerate(times, start=1)
            },
            Source("Mixture", "mixture.flac", *mixture),
        )
        ear = Audiogram([10] * 8)
        return EnsemblePair("S50001", piece, Listener("L", ear, ear), GAINS_DB, tmp_path, {})

    return make


def whole_reference(folder):
    """Level, gains and sum of the whole files."""
    flute, oboe = (soundfile.read(folder / f"{name}.flac")[0].T for name in ("flute", "oboe"))
    gains = [10 ** (-6 / 20), 10 ** (3 / 20)]
    level = 10 ** (-10 * math.log10(sum(gain**2 for gain in gains) / 2) / 20)
    return level * (gains[0] * flute + gains[1] * oboe)


@pytest.mark.parametrize(
    ("mixture", "sources"),
    [
        ((0.3, 0.4), [(0.3, 0.4), (0.3, 0.4)]),
        ((0.3, 0.4), [(0.0, 0.4), (0.1, 0.5)]),
        ((0.0, 1.0), [(0.5, 0.2), (0.5, 0.2)]),
        ((0.10002, 0.30001), [(0.10002, 0.30001), (0.10002, 0.30001)]),
    ],
    ids=["all alike", "sources that begin elsewhere", "whole", "parts of a sample"],
)
def test_0_6_3_cuts_the_sum_by_the_entry_of_the_mixture(make_pair, tmp_path, mixture, sources):
    start, duration = mixture
    part = slice(int(start * RATE), int((start + duration) * RATE))
    found = make_reference(make_pair(mixture, *sources), RATE, release="0.6.3")
    np.testing.assert_allclose(found, whole_reference(tmp_path)[:, part], rtol=0, atol=1e-15)


def test_0_9_0_cuts_nothing(make_pair, tmp_path):
    pair = make_pair((0.3, 0.4), (0.3, 0.4), (0.3, 0.4))
    found = make_reference(pair, RATE, release="0.9.0")
    np.testing.assert_allclose(found, whole_reference(tmp_path), rtol=0, atol=1e-15)


def test_sources_that_end_before_the_mixture_are_named(make_pair):
    pair = make_pair((0.5, 0.7), (0.0, 0.7), (0.0, 0.7))
    with pytest.raises(InputError, match=r"flute\.flac: expected 0\.7 s of audio from 0\.5 s on"):
        make_reference(pair, RATE)
