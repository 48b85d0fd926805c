"""Head responses and rendering over two loudspeakers."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.errors import InputError
from cadenza.hrtf import HeadResponse, Renderer, read_head_response, render
from cadenza.loudness import integrated_loudness_lufs, match_loudness
from tests.conftest import lcg, tone

RATE = 44100


def _head(left_to_left, left_to_right, right_to_left, right_to_right):
    return HeadResponse(
        left_speaker=np.stack([left_to_left, left_to_right]),
        right_speaker=np.stack([right_to_left, right_to_right]),
    )


@pytest.fixture
def head():
    k = np.arange(64)
    return _head(
        np.exp(-k / 6) * np.cos(0.4 * k),
        0.5 * np.exp(-k / 5) * np.cos(0.3 * k + 0.2),
        0.45 * np.exp(-k / 5.5) * np.cos(0.35 * k - 0.1),
        0.9 * np.exp(-k / 6.5) * np.cos(0.45 * k),
    )


def _feeds(n_samples):
    return np.stack([tone(n_samples), 0.3 * lcg(n_samples)])


def test_loudspeakers_reach_their_ears_with_delay_and_gain(rng):
    music = rng.standard_normal((2, 200))
    delays = _head([1, 0, 0], [0, 0.5, 0], [0, 0, 0.25], [0.125, 0, 0])
    left, right = render(music, delays)
    late, later = (np.pad(music, ((0, 0), (n, 0)))[:, :200] for n in (1, 2))
    assert_allclose(left, music[0] + 0.25 * later[1], atol=1e-14)
    assert_allclose(right, 0.5 * late[0] + 0.125 * music[1], atol=1e-14)


def test_rendering_is_linear_and_keeps_its_input(rng, head):
    first, second = rng.standard_normal((2, 2, 500))
    before = first.copy()
    together = render(2 * first - second, head)
    assert_allclose(together, 2 * render(first, head) - render(second, head), atol=1e-13)
    assert_array_equal(first, before)


@pytest.mark.parametrize("n_samples", [1, 30, 5000])
def test_output_is_the_start_of_the_direct_convolution(head, n_samples):
    music = _feeds(n_samples)
    ears = render(music, head)
    for ear in (0, 1):
        direct = np.convolve(music[0], head.left_speaker[ear])
        direct += np.convolve(music[1], head.right_speaker[ear])
        assert_allclose(ears[ear], direct[:n_samples], rtol=0, atol=1e-13)


@pytest.mark.parametrize("n_frames", [1, 50, 700])
def test_blocks_of_any_length_give_the_same_signal(rng, head, n_frames):
    music = rng.standard_normal((2, 1500))
    parts = np.split(music, range(n_frames, 1500, n_frames), axis=1)
    ears = np.concatenate(list(Renderer(head)(parts)), axis=1)
    assert_allclose(ears, render(music, head), rtol=0, atol=1e-13)


def test_longer_blocks_than_allowed_are_refused(head):
    renderer = Renderer(head)
    with pytest.raises(ValueError, match=f"at most {renderer.block_frames} frames"):
        next(renderer([np.zeros((2, renderer.block_frames + 1))]))


def test_long_responses_and_responses_of_different_lengths(rng):
    head = HeadResponse(rng.standard_normal((2, 3000)), rng.standard_normal((2, 1)))
    music = rng.standard_normal((2, 70_000))
    ears = render(music, head)
    for ear in (0, 1):
        direct = np.convolve(music[0], head.left_speaker[ear])[:70_000]
        direct += music[1] * head.right_speaker[ear, 0]
        assert_allclose(ears[ear], direct, rtol=0, atol=1e-11)


def test_silence_stays_silent(head):
    assert_array_equal(render(np.zeros((2, 5000)), head), np.zeros((2, 5000)))


def test_rendered_music_equals_the_reference(head):
    """Dsp §7."""
    ears = render(_feeds(4410), head)
    expected = [
        (0.161538694261357, 0.142516804539893),
        (0.306195981148663, 0.115709185203458),
        (0.225722079647888, 0.126633668950485),
        (0.404391766070328, 0.022897941507045),
        (-0.0125302309851258, 0.071677442271257),
    ]
    assert_allclose(ears[:, [0, 1, 63, 1000, 4409]].T, expected, rtol=0, atol=1e-13)
    assert_allclose(np.sum(ears**2, axis=-1), [3179.67897710097, 927.960069158576], rtol=1e-13)


def test_rendered_and_matched_music_equals_the_reference(head):
    """Dsp §7."""
    music = _feeds(RATE)
    ears = render(music, head)
    assert integrated_loudness_lufs(music, RATE) == pytest.approx(-6.38175173918667, abs=1e-11)
    assert integrated_loudness_lufs(ears, RATE) == pytest.approx(1.5123615382928, abs=1e-11)
    matched = match_loudness(ears, music, RATE)
    assert matched[0, 0] / ears[0, 0] == pytest.approx(0.402990061851948, rel=1e-12)
    expected = [
        (0.0650984883918671, 0.0574328558764736),
        (0.1629658628211, 0.00922764286420637),
        (-0.0563112991549966, -0.0651820164566584),
    ]
    assert_allclose(matched[:, [0, 1000, 44099]].T, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [(100,), (1, 100), (100, 2), (2, 0)])
def test_music_must_be_stereo(head, shape):
    with pytest.raises(ValueError, match="music must"):
        render(np.zeros(shape), head)


def test_responses_need_a_row_for_each_ear():
    with pytest.raises(ValueError, match=r"right_speaker must have shape \(2, T\), got \(1, 5\)"):
        HeadResponse(left_speaker=np.zeros((2, 5)), right_speaker=np.zeros((1, 5)))


POSITION = {
    "microphone": "BTE_fr",
    "subject": "VP_X1",
    "left_angle_deg": -30,
    "right_angle_deg": 22.5,
    "sample_rate": RATE,
}


def _write(path, response, sample_rate=RATE):
    soundfile.write(path, np.transpose(response), sample_rate, subtype="FLOAT")


def test_files_are_found_by_angles_with_one_decimal(tmp_path):
    """B18."""
    left, right = np.float32([[0.5, 2], [0.25, 0]]), np.float32([[0.1, 0, 0], [0.7, 0, 1]])
    _write(tmp_path / "BTE_fr-VP_X1-n30.0.wav", left)
    _write(tmp_path / "BTE_fr-VP_X1-p22.5.wav", right)
    head = read_head_response(tmp_path, **POSITION)
    assert_array_equal(head.left_speaker, left)
    assert_array_equal(head.right_speaker, right)


def test_all_missing_files_are_listed(tmp_path):
    with pytest.raises(InputError) as raised:
        read_head_response(tmp_path, **POSITION)
    assert raised.value.problems == [
        f"{tmp_path / 'BTE_fr-VP_X1-n30.0.wav'}: file not found",
        f"{tmp_path / 'BTE_fr-VP_X1-p22.5.wav'}: file not found",
    ]


@pytest.mark.parametrize(
    ("channels", "sample_rate", "found"),
    [(1, RATE, "1 at 44100 Hz"), (2, 48000, "2 at 48000 Hz")],
)
def test_channels_and_rate_are_checked(tmp_path, channels, sample_rate, found):
    """B18."""
    _write(tmp_path / "BTE_fr-VP_X1-n30.0.wav", np.ones((2, 5)))
    _write(tmp_path / "BTE_fr-VP_X1-p22.5.wav", np.ones((channels, 5)), sample_rate)
    message = f"p22.5.wav: expected 2 channels at 44100 Hz, found {found}"
    with pytest.raises(InputError, match=message):
        read_head_response(tmp_path, **POSITION)
