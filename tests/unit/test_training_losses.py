"""Losses of training: SDR, HAAQI of remixes, and what is drawn for them."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np
import pytest
import torch

from cadenza import audio
from cadenza.audiogram import Audiogram, Listener
from cadenza.challenges.scoring import prepare_signals, score_ears
from cadenza.errors import InputError
from cadenza.hearing_aid import NALRAid
from cadenza.levels import db_to_gain
from cadenza.loudness import matching_gain_db
from cadenza.remix import remix, source_gain_table, stem_gain_table
from cadenza.stems import STEMS
from cadenza.synthetic.listeners import random_listener
from cadenza.training.batches import loss_generator
from cadenza.training.losses import build_loss, mean_sdr_db, negative_sdr_db
from cadenza.training.wishes import Wishes

pytestmark = pytest.mark.slow

RATE = 44100
DUET = ("Violin", "accompaniment")
EAR = Audiogram([20, 25, 30, 40, 50, 60, 65, 70])
LISTENERS = [
    Listener("A", left=EAR, right=Audiogram([10, 10, 15, 25, 30, 40, 50, 50])),
    Listener("B", left=Audiogram([40, 40, 45, 50, 60, 65, 70, 70]), right=EAR),
]


@pytest.fixture
def music(rng):
    """Two examples of noises with different spectra, 0.5 s, and estimates with some leakage."""

    def make(n_sources=2, n_examples=2, duration_s=0.5):
        shape = (n_examples, n_sources, 2, round(RATE * duration_s))
        white = rng.standard_normal(shape)
        for k in range(n_sources):
            white[:, k, :, k + 1 :] += 0.8 * white[:, k, :, : -k - 1]
        sources = torch.from_numpy(0.05 * white).float()
        estimates = 0.8 * sources + 0.2 / n_sources * sources.sum(1, keepdim=True)
        return estimates, sources

    return make


def rngs(*numbers):
    return [loss_generator((5, 2), number) for number in numbers]


# SDR


def test_sdr_is_the_ratio_of_signal_and_error(music):
    _, sources = music()
    for error in (0.1, 0.5, 1.0, 3.0):
        estimates = (1 + error) * sources
        sdr_db = -20 * np.log10(error)
        assert mean_sdr_db(estimates, sources) == pytest.approx(sdr_db, abs=1e-4)
        soft = 10 * np.log10(10 ** (-sdr_db / 10) + 1e-3)
        assert negative_sdr_db(estimates, sources).item() == pytest.approx(soft, abs=1e-4)


def test_negative_sdr_is_a_mean_over_stems_and_examples_at_any_level(music):
    estimates, sources = music()
    parts = [
        negative_sdr_db(torch.stack([e, e]), torch.stack([s, s]))
        for e, s in zip(estimates, sources, strict=True)
    ]
    expected = torch.stack(parts).mean()
    torch.testing.assert_close(negative_sdr_db(estimates, sources), expected)
    quiet = negative_sdr_db(estimates / 100, sources / 100)
    torch.testing.assert_close(quiet, expected, rtol=1e-4, atol=0)


def test_silent_stems_have_a_finite_loss_that_wants_silence(music):
    estimates, sources = music()
    sources[:, 1] = 0
    leak = estimates.clone().requires_grad_()
    loss = negative_sdr_db(leak, sources)
    loss.backward()
    step = 0.05 * leak.grad / leak.grad.abs().amax()
    assert negative_sdr_db(leak - step, sources) < loss
    assert torch.equal(leak.grad[:, 1].sign(), leak.detach()[:, 1].sign())
    assert negative_sdr_db(sources, sources).item() == pytest.approx(-30, abs=1e-4)
    silence = torch.zeros(1, 2, 2, 100, requires_grad=True)
    nothing = negative_sdr_db(silence, torch.zeros(1, 2, 2, 100))
    nothing.backward()
    assert nothing.item() == pytest.approx(-30, abs=1e-4)
    assert torch.isfinite(silence.grad).all()


def test_the_measured_sdr_leaves_silent_stems_out(music):
    estimates, sources = music(n_examples=1)
    expected = mean_sdr_db(estimates[:, :1], sources[:, :1])
    sources[:, 1] = 0
    assert mean_sdr_db(estimates, sources) == pytest.approx(expected)
    assert np.isnan(mean_sdr_db(sources, 0 * sources))
    assert mean_sdr_db(sources, sources) == pytest.approx(100)


# What is drawn


def test_gains_are_those_of_the_challenges():
    for sources, table in ((STEMS, stem_gain_table()), (DUET, source_gain_table()[2])):
        wishes = Wishes(sources)
        possible = {tuple(gains.values()) for gains in table.values()}
        drawn = [wishes(loss_generator((1, 0), k)) for k in range(200)]
        found = {tuple(wish.gains_db.values()) for wish in drawn}
        assert found <= possible
        assert len(found) > min(100, len(possible) - 1)
        assert all(tuple(wish.gains_db) == sources for wish in drawn)


def test_listeners_and_ears_are_drawn():
    drawn = [Wishes(DUET, listeners=LISTENERS, ears="one")(r) for r in rngs(*range(40))]
    assert {(wish.listener.name, wish.ears) for wish in drawn} == {
        (name, (ear,)) for name in "AB" for ear in (0, 1)
    }
    assert Wishes(DUET)(rngs(1)[0]).ears == (0, 1)


def test_a_draw_depends_on_seed_epoch_and_number_alone():
    values = {
        (seed, epoch, number): loss_generator((seed, epoch), number).random()
        for seed in range(3)
        for epoch in range(3)
        for number in range(3)
    }
    assert len(set(values.values())) == len(values)
    assert loss_generator((2, 1), 0).random() == values[2, 1, 0]


def test_random_listeners_have_mild_to_severe_losses(rng):
    listeners = [random_listener("L", rng) for _ in range(100)]
    severities = {ear.severity for one in listeners for ear in (one.left, one.right)}
    assert severities >= {"MILD", "MODERATE", "SEVERE"}
    levels = np.stack([[one.left.levels_db_hl, one.right.levels_db_hl] for one in listeners])
    assert not (levels % 5).any()
    assert levels.min() >= 0
    assert levels.max() <= 100
    assert np.abs(levels[:, 0] - levels[:, 1]).mean() < 10


def test_bad_options_of_wishes():
    with pytest.raises(InputError, match="ears must be both or one, got 'left'"):
        Wishes(DUET, ears="left")
    with pytest.raises(InputError, match="listeners must hold at least one listener"):
        Wishes(DUET, listeners=[])
    with pytest.raises(InputError, match="there must be 2 to 5 sources to remix, got 1"):
        Wishes(["Violin"])


# HAAQI


def challenge_score(wish, estimates, sources):
    """HAAQI of a remix by the steps of the ICASSP 2024 recipe, both at the gain of the true one."""
    aid = NALRAid(sample_rate=RATE)
    remixes = [remix(dict(zip(STEMS, x, strict=True)), wish.gains_db) for x in (sources, estimates)]
    gain = db_to_gain(matching_gain_db(remixes[0], sources.sum(0), RATE))
    remixes = [gain * x for x in remixes]
    signals = prepare_signals(
        audio.resample(aid(remixes[1], wish.listener), RATE, 32000),
        aid(remixes[0], wish.listener),
        remixes[0],
        seed_name="",
        listener=wish.listener,
        enhanced_sample_rate=32000,
        music_sample_rate=RATE,
        haaqi_sample_rate=24000,
    )
    return score_ears(signals, noise="none")


@pytest.mark.parametrize("ears", ["both", "one"])
def test_the_loss_is_the_score_of_the_challenge(music, ears):
    """Apart from the resampling filters: these differ by up to 0.001 on noise."""
    estimates, sources = music(4, n_examples=1, duration_s=1.0)
    options = {"sources": STEMS, "sample_rate": RATE, "listeners": LISTENERS, "ears": ears}
    wish = Wishes(STEMS, listeners=LISTENERS, ears=ears)(rngs(3)[0])
    scores = challenge_score(wish, *(x[0].double().numpy() for x in (estimates, sources)))
    expected = np.mean([scores.values[ear] for ear in wish.ears])
    assert expected < 0.97
    loss = build_loss("haaqi", **options)
    assert 1 - loss(estimates, sources, rngs(3)).item() == pytest.approx(expected, abs=2e-3)
    measured = loss.measure(estimates, sources, rngs(3))
    assert measured["haaqi"] == pytest.approx(1 - measured["loss"], abs=1e-6)
    mixed = build_loss("mixed", **options, l1_weight=2.0).measure(estimates, sources, rngs(3))
    assert mixed["haaqi"] == pytest.approx(measured["haaqi"], abs=1e-6)
    error = (estimates - sources).abs().mean().item()
    assert mixed["loss"] == pytest.approx(measured["loss"] + 2 * error, abs=1e-6)
    assert list(mixed) == ["loss", "sdr_db", "haaqi"]


def test_examples_of_a_batch_do_not_influence_each_other(music):
    estimates, sources = music(duration_s=0.45)
    loss = build_loss("mixed", sources=DUET, sample_rate=RATE, ears="one")
    leaf = estimates.clone().requires_grad_()
    whole = loss(leaf, sources, rngs(4, 7))
    whole.backward()
    parts = estimates.clone().requires_grad_()
    total = 0.0
    for k, number in enumerate((4, 7)):
        part = loss(parts[k : k + 1], sources[k : k + 1], rngs(number)) / 2
        part.backward()
        total += part.item()
    assert total == pytest.approx(whole.item(), rel=1e-5)
    torch.testing.assert_close(parts.grad, leaf.grad, rtol=1e-3, atol=1e-6)


def test_ears_and_examples_without_sound_do_not_count(music):
    estimates, sources = music()
    loss = build_loss("haaqi", sources=DUET, sample_rate=RATE, listeners=LISTENERS[:1])
    alone = loss(estimates[:1], sources[:1], rngs(1)).item()
    sources[1] = 0
    assert loss(estimates, sources, rngs(1, 2)).item() == pytest.approx(alone / 2, rel=1e-4)
    leaf = estimates[1:].clone().requires_grad_()
    nothing = loss(leaf, sources[1:], rngs(2))
    nothing.backward()
    assert nothing.item() == 0
    assert not leaf.grad.any()
    assert np.isnan(loss.measure(leaf.detach(), sources[1:], rngs(2))["haaqi"])

    left = sources[:1].clone()
    left[:, :, 1] = 0
    silent_right = loss(estimates[:1], left, rngs(1)).item()
    assert 0 < silent_right < 1
    short = sources[:1].clone()
    short[..., : RATE // 4] = 0  # 0.25 s of sound
    assert loss(estimates[:1], short, rngs(1)).item() == 0


def test_estimates_that_are_not_finite_make_the_loss_nan(music):
    estimates, sources = music()
    estimates[0, 0, 0, 5] = np.inf
    loss = build_loss("haaqi", sources=DUET, sample_rate=RATE)
    assert np.isnan(loss(estimates, sources, rngs(1, 2)).item())


def test_losses_log_nothing(music, caplog):
    caplog.set_level(logging.INFO)
    build_loss("haaqi", sources=STEMS, sample_rate=RATE, ears="one")(*music(4), rngs(1, 2))
    assert caplog.text == ""


def test_bad_losses():
    build = partial(build_loss, sources=DUET)
    with pytest.raises(InputError, match="loss must be one of l1, sdr, haaqi, mixed, got 'l2'"):
        build("l2", sample_rate=RATE)
    with pytest.raises(InputError, match="l1_weight must be at least 0, got -1"):
        build("mixed", sample_rate=RATE, l1_weight=-1)
    with pytest.raises(InputError, match="NAL-R: sample_rate must be at least 12000 Hz"):
        build("haaqi", sample_rate=8000)
