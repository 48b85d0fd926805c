"""Chunked overlap-add."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.separation.overlap_add import fade_end, overlap_add


def run(mixture, model=lambda x: x[None], *, n_sources=1, sample_rate=1000, **options):
    return overlap_add(model, mixture, n_sources=n_sources, sample_rate=sample_rate, **options)


@pytest.mark.parametrize(
    ("n_samples", "sample_rate", "segment_s", "lengths"),
    [
        (661500, 44100, 10, [485100, 180810]),
        (441000, 44100, 10, [441000]),
        (485100, 44100, 10, [485100]),
        (661500, 44100, 6, [291060, 295470, 83790]),
        (5000, 1000, 1, [1100, 1200, 1200, 1200, 700]),
        (2201, 1000, 1, [1100, 1200, 101]),
        (2200, 1000, 1, [1100, 1200]),
        (1101, 1000, 1, [1100, 101]),
    ],
)
def test_chunk_lengths_and_weights(n_samples, sample_rate, segment_s, lengths):
    """Dsp §13.2: chunks of C = r s (1 + o) samples that overlap by o r; weights add to 1."""
    seen = []

    def model(x):
        seen.append(x.shape[1])
        return x[None].astype(np.float32)

    result = run(
        np.ones((2, n_samples)), model, sample_rate=sample_rate, segment_s=segment_s, overlap_s=0.1
    )
    assert seen == lengths
    assert result.shape == (1, 2, n_samples)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, 1, rtol=0, atol=1e-15)


def test_fades_are_linear():
    """Each chunk carries its own number: the cross-fade between two shows the weights."""
    numbers = iter([0.0, 1.0])
    result = run(np.ones((1, 2200)), lambda x: next(numbers) * x[None], segment_s=1)[0, 0]
    expected = np.concatenate([np.zeros(1000), np.arange(100) / 99, np.ones(1100)])
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-15)


def test_the_end_of_a_single_chunk_is_not_faded(rng):
    """B1."""
    mixture = rng.standard_normal((2, 1100))
    np.testing.assert_array_equal(run(mixture, segment_s=1)[0], mixture)


@pytest.mark.parametrize("n_samples", [1, 50, 100])
def test_signals_up_to_the_overlap_are_processed(rng, n_samples):
    """B2."""
    mixture = rng.standard_normal((2, n_samples))
    np.testing.assert_array_equal(run(mixture, segment_s=1)[0], mixture)


@pytest.mark.parametrize("overlap_s", [0, 0.001, 0.002, 0.7])
def test_a_memoryless_model_does_not_notice_the_chunks(rng, overlap_s):
    mixture = rng.standard_normal((2, 6000))
    original = mixture.copy()
    result = run(
        mixture, lambda x: np.stack([x, x**2]), n_sources=2, segment_s=1, overlap_s=overlap_s
    )
    np.testing.assert_allclose(result, np.stack([original, original**2]), rtol=1e-14)
    np.testing.assert_array_equal(mixture, original)


def test_progress_bar(capsys):
    run(np.ones((1, 5000)), segment_s=1)
    assert capsys.readouterr().err == ""
    run(np.ones((1, 5000)), segment_s=1, progress=True)
    assert "0/5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segment_s": 0}, "segment_s must be positive, got 0"),
        (
            {"segment_s": 1e-4, "overlap_s": 0},
            "segment_s must hold at least one sample, got 0.0001",
        ),
        ({"overlap_s": -0.1}, "overlap_s must be at least 0 and below segment_s, got -0.1"),
        ({"segment_s": 1, "overlap_s": 1}, "overlap_s must be at least 0 and below segment_s"),
        ({"n_sources": 4}, r"model must return shape \(4, 2, 300\), got \(1, 2, 300\)"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        run(np.ones((2, 300)), **options)


@pytest.mark.parametrize("n_samples", [101, 700, 1100])
def test_fade_end_fades_the_last_overlap_of_one_chunk(rng, n_samples):
    """DSP §13.2, as in the published baselines; C = 1100 and O = 100 here."""
    signal = rng.standard_normal((3, 2, n_samples))
    faded = fade_end(signal, sample_rate=1000, segment_s=1, overlap_s=0.1)
    np.testing.assert_array_equal(faded[..., :-100], signal[..., :-100])
    np.testing.assert_array_equal(faded[..., -100:], signal[..., -100:] * np.linspace(1, 0, 100))


@pytest.mark.parametrize(("n_samples", "weight"), [(1101, 1), (5000, 1), (100, 0), (7, 0)])
def test_fade_end_leaves_long_signals_and_silences_the_shortest(rng, n_samples, weight):
    signal = rng.standard_normal((2, n_samples))
    faded = fade_end(signal, sample_rate=1000, segment_s=1, overlap_s=0.1)
    np.testing.assert_array_equal(faded, weight * signal)


def test_fade_end_without_an_overlap_changes_nothing(rng):
    signal = rng.standard_normal((2, 500))
    faded = fade_end(signal, sample_rate=1000, segment_s=1, overlap_s=0)
    np.testing.assert_array_equal(faded, signal)


@pytest.mark.parametrize("n_samples", [7, 101, 700, 1101])
def test_an_offset_is_added_after_the_fade(rng, n_samples):
    """As if the signal had faded without it."""
    signal = rng.standard_normal((2, n_samples))
    options = {"sample_rate": 1000, "segment_s": 1, "overlap_s": 0.1}
    faded = fade_end(signal + 0.25, **options, offset=0.25)
    np.testing.assert_allclose(faded, fade_end(signal, **options) + 0.25, rtol=0, atol=1e-15)
