"""Averages of several separators, and of delayed copies of the music."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.errors import InputError
from cadenza.runner.plugins import file_digests
from cadenza.separation import prepare
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.ensemble import Ensemble
from cadenza.separation.oracle import Oracle
from cadenza.separation.spectral import Spectral

RATE = 44100


class Split:
    """Gives the voice a part of the mixture, and the rest the remainder."""

    def __init__(self, part, sources=("voice", "rest")):
        self.part, self.sources, self.heard = part, sources, []

    def __call__(self, mixture, *, sample_rate):
        assert sample_rate == RATE
        self.heard.append(mixture)
        stems = [self.part * mixture, (1 - self.part) * mixture]
        return dict(zip(self.sources, stems, strict=True))


@pytest.fixture
def music(rng):
    return rng.standard_normal((2, 1000))


def test_stems_are_averaged(music):
    a, b = Split(0.2), Split(0.4, ("voice", "rest"))
    stems = Ensemble({"a": a, "b": b})(music, sample_rate=RATE)
    np.testing.assert_allclose(stems["voice"], 0.3 * music)
    np.testing.assert_allclose(stems["rest"], 0.7 * music)
    stems = Ensemble({"a": a, "b": b}, {"a": 3})(music, sample_rate=RATE)
    np.testing.assert_allclose(stems["voice"], 0.25 * music)


def test_weights_may_differ_between_stems_whatever_their_order(music):
    members = {"a": Split(0.2), "b": Split(0.6, ("rest", "voice"))}
    weights = {"a": {"voice": 1, "rest": 0}, "b": {"rest": 2, "voice": 3}}
    stems = Ensemble(members, weights)(music, sample_rate=RATE)
    np.testing.assert_allclose(stems["voice"], (0.2 + 3 * 0.4) / 4 * music)
    np.testing.assert_allclose(stems["rest"], 0.6 * music)
    refined = Ensemble(members, weights, refine="residual")(music, sample_rate=RATE)
    np.testing.assert_allclose(refined["voice"] + refined["rest"], music)


def test_shifts_are_seeded_and_leave_the_stems_where_they_are(music):
    member = Split(0.2)
    stems = Ensemble({"a": member}, shifts=3, seed=5)(music, sample_rate=RATE)
    np.testing.assert_allclose(stems["voice"], 0.2 * music)
    delays = [heard.shape[1] - music.shape[1] for heard in member.heard]
    assert delays[0] == 0
    assert all(0 < delay < RATE / 2 for delay in delays[1:])
    for heard, delay in zip(member.heard, delays, strict=True):
        np.testing.assert_array_equal(heard[:, delay:], music)
        assert not heard[:, :delay].any()
    Ensemble({"a": member}, shifts=3, seed=5)(music, sample_rate=RATE)
    assert [heard.shape[1] - music.shape[1] for heard in member.heard[3:]] == delays
    Ensemble({"a": member}, shifts=3, seed=6)(music, sample_rate=RATE)
    assert [heard.shape[1] - music.shape[1] for heard in member.heard[6:]] != delays


def test_silence_is_not_separated():
    member = Split(0.2)
    stems = Ensemble({"a": member})(np.zeros((2, 100)), sample_rate=RATE)
    assert not member.heard
    assert not stems["voice"].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({},), "members must be separators by name"),
        (([Split(0.2)],), "members must be separators by name"),
        (({"a": Split(0.2), "b": Spectral()},), "a has voice, rest and b has vocals, drums"),
        (({"true": Oracle()},), "others that read stems from files cannot be members: true"),
        (({"a": Split(0.2)}, {"b": 1}), "no member b: there are a; with weights=null"),
        (({"a": Split(0.2)}, {"a": -1}), "weight of a for voice must be"),
        (({"a": Split(0.2)}, {"a": 0}), "some member must count for voice, rest"),
        (({"a": Split(0.2)}, {"a": {"voice": 1}}), "must be a number, or one for each of"),
        (({"a": Split(0.2)}, None, 0), "shifts must be"),
        (({"a": Split(0.2)}, None, 1, -1), "seed must be"),
        (({"a": Split(0.2)}, None, 1, 0, "wenier"), "refine must be one of"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises((InputError, ValueError), match=message):
        Ensemble(*arguments)


def test_members_are_prepared_and_their_files_tracked(tmp_path):
    missing = Ensemble({"net": ConvTasNetVDBO(weights=tmp_path / "none"), "flat": Spectral()})
    with pytest.raises(InputError, match=r"^net: .*config\.json"):
        prepare(missing, missing.sources)
    included = Ensemble({"net": ConvTasNetVDBO(), "flat": Spectral()})
    digests = file_digests(included)
    assert sorted(digests) == [
        "members/net/weights/config.json",
        "members/net/weights/model.safetensors",
    ]
