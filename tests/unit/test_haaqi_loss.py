"""HAAQI as a loss, references that are prepared once, and what HAAQI in torch refuses."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

from cadenza.audiogram import Audiogram
from cadenza.haaqi import SilentReferenceError, haaqi
from cadenza.haaqi.loss import HAAQILoss, HaaqiReference, haaqi_tensor, prepare_reference
from cadenza.haaqi.tensor import features, gammatone, recursion, short_time
from tests.unit.haaqi_signals import noisy_tremolo

pytestmark = pytest.mark.slow

SLOPING = Audiogram([10, 10, 15, 25, 30, 35, 40, 45])
OPTIONS = {
    "sample_rate": 24000,
    "audiograms": SLOPING,
    "equalisation": "none",
    "level_db_spl": 85,
    "noise": "none",
}
LOSS = {"sample_rate": 24000, "equalisation": "none"}
LISTENING = {"audiograms": SLOPING, "level_db_spl": 85}


@pytest.fixture
def music(rng) -> torch.Tensor:
    return torch.tensor(np.stack([noisy_tremolo(rng) for _ in range(2)]))


def clipped(music: torch.Tensor, limit: float = 0.08) -> torch.Tensor:
    return music.clip(-limit, limit)


# References that are prepared once


def test_a_prepared_reference_gives_the_same_scores(music):
    heard = prepare_reference(music, **OPTIONS | {"noise": "seeded", "rng": 4})
    for limit in (0.05, 0.1):
        processed = clipped(music, limit)
        expected = haaqi_tensor(music, processed, **OPTIONS | {"noise": "seeded", "rng": 4})
        assert torch.equal(heard.score(processed).score, expected.score)


def test_a_prepared_reference_cuts_what_is_longer(music):
    heard = prepare_reference(music, **OPTIONS)
    longer = torch.nn.functional.pad(clipped(music), (0, 300), value=0.1)
    assert torch.equal(heard.score(longer).score, heard.score(clipped(music)).score)
    with pytest.raises(ValueError, match="must not be shorter than its prepared reference, got"):
        heard.score(clipped(music)[:, :-1])
    with pytest.raises(ValueError, match="must have a signal for each of 2 references, got 1"):
        heard.score(clipped(music)[:1])


@pytest.mark.parametrize("noise", ["none", "seeded"])
def test_references_are_joined(music, noise):
    """Songs of different lengths and listeners, prepared one by one."""
    other = Audiogram([50] * 8)
    signals = [music[:1], music[1:, :11000]]
    options = OPTIONS | {"noise": noise, "cepstral_noise_db": 0.3 if noise == "seeded" else 0}
    heard = [
        prepare_reference(signal, **options | {"audiograms": ear, "level_db_spl": level})
        for signal, ear, level in zip(signals, (SLOPING, other), (85, 95), strict=True)
    ]
    together = HaaqiReference.join(heard)
    assert together.audiograms == (SLOPING, other)
    batch = torch.nn.utils.rnn.pad_sequence([clipped(s[0]) for s in signals], batch_first=True)
    scores = together.score(batch, lengths=[s.shape[1] for s in signals]).score
    for score, reference, signal in zip(scores, heard, signals, strict=True):
        assert abs(float(score - reference.score(clipped(signal)).score)) < 1e-12


def test_what_cannot_be_joined(music):
    heard = prepare_reference(music, **OPTIONS)
    with pytest.raises(ValueError, match="references must hold one or more, got none"):
        HaaqiReference.join([])
    with pytest.raises(ValueError, match="references must have the same options"):
        HaaqiReference.join([heard, prepare_reference(music, **OPTIONS | {"noise": "fast"})])
    with pytest.raises(ValueError, match="references must have the same dtype and device"):
        HaaqiReference.join([heard, prepare_reference(music.float(), **OPTIONS)])


# The loss


def test_the_loss_is_one_minus_the_mean_score(music):
    scores = haaqi_tensor(music, clipped(music), **OPTIONS).score
    loss = HAAQILoss(**LOSS)(music, clipped(music), **LISTENING)
    assert float(loss) == pytest.approx(1 - float(scores.mean()), abs=1e-12)
    assert loss.dtype == torch.float64


def test_reductions_and_weights(music):
    each = HAAQILoss(**LOSS, reduction="none")
    losses = each(music, clipped(music), **LISTENING)
    assert losses.shape == (2,)
    weights = torch.tensor([1.0, 3.0])
    assert torch.equal(each(music, clipped(music), weights=weights, **LISTENING), weights * losses)
    for reduction, expected in (
        ("mean", (losses[0] + 3 * losses[1]) / 4),
        ("sum", losses[0] + 3 * losses[1]),
    ):
        loss = HAAQILoss(**LOSS, reduction=reduction)
        torch.testing.assert_close(
            loss(music, clipped(music), weights=weights, **LISTENING), expected
        )
    with pytest.raises(ValueError, match=r"weights must have shape \(2,\), got \(3,\)"):
        each(music, clipped(music), weights=torch.ones(3), **LISTENING)


def test_l1_and_si_sdr_terms(music):
    processed = clipped(music)
    plain = HAAQILoss(**LOSS, reduction="none")(music, processed, **LISTENING)
    with_l1 = HAAQILoss(**LOSS, reduction="none", l1_weight=2.0)(music, processed, **LISTENING)
    torch.testing.assert_close(with_l1 - plain, 2 * (music - processed).abs().mean(-1))
    with_sdr = HAAQILoss(**LOSS, reduction="none", si_sdr_weight=0.01)
    scale = (music * processed).sum(-1, keepdim=True) / music.square().sum(-1, keepdim=True)
    distortion = (processed - scale * music).square().sum(-1)
    sdr_db = 10 * torch.log10((scale * music).square().sum(-1) / distortion)
    torch.testing.assert_close(
        with_sdr(music, processed, **LISTENING) - plain, -0.01 * sdr_db, rtol=1e-5, atol=0
    )


def test_waveforms_of_ragged_batches_end_where_items_do(music):
    loss = HAAQILoss(**LOSS, reduction="none", l1_weight=1.0, si_sdr_weight=0.1)
    short = 11000
    alone = loss(music[1:, :short], clipped(music[1:, :short]), **LISTENING)
    together = loss(music, clipped(music), lengths=[music.shape[1], short], **LISTENING)
    torch.testing.assert_close(together[1:], alone)


def test_with_nalr_waveforms_are_compared_after_it(music):
    """An amplified signal without delay is what the listener should get."""
    from cadenza.hearing_aid import NALR

    nalr = NALR(SLOPING, sample_rate=24000, nfir=140)
    amplified = torch.tensor(nalr(music.numpy())[:, 70 : 70 + music.shape[1]])
    options = {"sample_rate": 24000, "equalisation": "nalr", "reduction": "none"}
    plain = HAAQILoss(**options)(music, amplified, **LISTENING)
    with_l1 = HAAQILoss(**options, l1_weight=1.0)(music, amplified, **LISTENING)
    torch.testing.assert_close(with_l1, plain, rtol=0, atol=1e-12)
    assert HAAQILoss(**options, l1_weight=1.0)(music, music, **LISTENING).min() > plain.max()


@pytest.mark.parametrize("term", ["l1_weight", "si_sdr_weight"])
def test_an_inaudible_signal_gets_a_gradient_from_a_waveform_term(music, term):
    quiet = (1e-9 * music.flip(-1)).requires_grad_()
    HAAQILoss(**LOSS)(music, quiet, **LISTENING).backward()
    assert not quiet.grad.any()
    HAAQILoss(**LOSS, **{term: 0.1})(music, quiet, **LISTENING).backward()
    assert quiet.grad.isfinite().all()
    assert quiet.grad.any()


@pytest.mark.parametrize("processed", ["silence", "the reference"])
def test_waveform_terms_are_finite_at_the_extremes(music, processed):
    signal = (0 * music if processed == "silence" else music.clone()).requires_grad_()
    loss = HAAQILoss(**LOSS, l1_weight=0.1, si_sdr_weight=0.1)(music, signal, **LISTENING)
    loss.backward()
    assert loss.isfinite()
    assert signal.grad.isfinite().all()


def test_a_few_steps_repair_a_signal(music):
    loss = HAAQILoss(**LOSS, l1_weight=0.1)
    heard = loss.prepare(music.float(), **LISTENING)
    signal = clipped(music, 0.04).float().requires_grad_()
    optimiser = torch.optim.Adam([signal], lr=3e-3)
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        value = loss(heard, signal)
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_a_prepared_reference_brings_its_listeners(music):
    loss = HAAQILoss(**LOSS)
    heard = loss.prepare(music, **LISTENING)
    assert torch.equal(loss(heard, clipped(music)), loss(music, clipped(music), **LISTENING))
    with pytest.raises(TypeError, match="audiograms must not be given: the prepared reference"):
        loss(heard, clipped(music), audiograms=SLOPING)
    with pytest.raises(TypeError, match="audiograms must be given, unless the reference is prep"):
        loss(music, clipped(music))
    with pytest.raises(ValueError, match="prepared with the options of this loss"):
        HAAQILoss(sample_rate=24000, equalisation="nalr")(heard, clipped(music))


def test_constants_are_kept_for_any_mode(music):
    """What is computed once in inference mode can be used in training."""
    signals = music, clipped(music).requires_grad_()
    for cache in (
        *(gammatone._grid, recursion._matrices, recursion._responses),
        *(short_time._smoothing, features._cepstral_constants),
    ):
        cache.cache_clear()
    with torch.inference_mode():
        scored = haaqi_tensor(*signals, **OPTIONS).score
    result = haaqi_tensor(*signals, **OPTIONS).score
    result.sum().backward()
    assert torch.equal(result, scored)


def test_autocast_changes_nothing(music):
    single = music.float()
    loss = HAAQILoss(**LOSS, l1_weight=0.1)
    leaves = [clipped(single).requires_grad_() for _ in range(2)]
    plain = loss(single, leaves[0], **LISTENING)
    plain.backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(single, leaves[1], **LISTENING)
        inside.backward()
    assert inside.dtype == torch.float32
    assert torch.equal(inside, plain)
    assert torch.equal(leaves[0].grad, leaves[1].grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(music, dtype):
    processed = clipped(music).to(dtype).requires_grad_()
    loss = HAAQILoss(**LOSS)(music.to(dtype), processed, **LISTENING)
    loss.backward()
    assert loss.dtype == torch.float32
    assert processed.grad.dtype == dtype
    assert processed.grad.isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduction": "max"}, "reduction must be 'mean', 'sum' or 'none', got 'max'"),
        ({"l1_weight": -1}, "l1_weight must be 0 or more, got -1"),
        ({"si_sdr_weight": np.nan}, "si_sdr_weight must be 0 or more, got nan"),
        ({"equalisation": 1}, r"equalisation must be 'nalr' or 'none', got 1 \(mode 1"),
        ({"segment_ms": 1}, "segment_ms must be between 2.15 and 400, got 1"),
    ],
)
def test_options_of_the_loss(options, message):
    with pytest.raises(ValueError, match=message):
        HAAQILoss(**LOSS | options)


# What is the same as in cadenza.haaqi, and what is refused


def test_options_and_defaults_are_those_of_haaqi():
    engine = inspect.signature(haaqi).parameters
    ours = inspect.signature(haaqi_tensor).parameters
    own = {"audiograms", "lengths", "processed_lengths", "checkpointed", "dtype"}
    assert set(engine) - set(ours) == {"audiogram", "details", "workers"}
    assert set(ours) - set(engine) == own
    shared = set(engine) & set(ours)
    assert {n: ours[n].default for n in shared} == {n: engine[n].default for n in shared}
    prepared = inspect.signature(prepare_reference).parameters
    assert {n: p.default for n, p in prepared.items()} == {
        n: p.default
        for n, p in ours.items()
        if n not in ("processed", "processed_lengths", "checkpointed")
    }


def test_torch_stays_out_of_scoring():
    program = "import sys, cadenza.haaqi; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_doubtful_scores_are_logged(music, caplog):
    result = haaqi_tensor(music, torch.stack([music[0], 0 * music[0]]), **OPTIONS)
    assert result.flags == ((), ("silent processed",))
    assert "of item 1 is doubtful: silent processed" in caplog.text


def test_an_inaudible_reference_is_flagged(music):
    result = haaqi_tensor(music, music, **OPTIONS | {"level_db_spl": [85, -50]})
    assert result.flags == ((), ("inaudible reference",))
    assert float(result.score[1]) == pytest.approx(0.162)


def test_the_reference_has_no_gradient(music):
    with pytest.raises(ValueError, match="reference must not require gradients, which reach proc"):
        haaqi_tensor(music.requires_grad_(), clipped(music), **OPTIONS)


@pytest.mark.parametrize("level_db_spl", [85.0, np.inf])
def test_silent_reference_is_the_first_thing_to_say(music, level_db_spl):
    music[1] = 0
    with pytest.raises(SilentReferenceError, match=r"reference\[1\] must not be silent"):
        haaqi_tensor(music, music, **OPTIONS | {"level_db_spl": level_db_spl})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_must_be_finite(music, value):
    broken = music.clone()
    broken[1, 7000] = value
    with pytest.raises(ValueError, match=r"reference\[1\] must be finite, got NaN or infinite"):
        haaqi_tensor(broken, music, **OPTIONS)
    with pytest.raises(ValueError, match=r"processed\[1\] must be finite"):
        haaqi_tensor(music, broken, **OPTIONS)


def test_single_precision_has_a_limit(music):
    with pytest.raises(ValueError, match=r"must not exceed 1e\+15 in single precision, got a peak"):
        haaqi_tensor(music.float(), 1e17 * music.float(), **OPTIONS)
    result = haaqi_tensor(music, 1e17 * music, **OPTIONS)
    assert result.score.isfinite().all()


def test_what_follows_an_item_does_not_count(music):
    broken = music.clone()
    broken[1, 12000:] = np.nan
    lengths = [14400, 12000]
    result = haaqi_tensor(broken, clipped(broken), lengths=lengths, **OPTIONS)
    assert result.score.isfinite().all()


def test_signals_must_be_long_enough(music):
    message = r"reference\[1\] must last at least 0\.4 s, got 0\.3958 s"
    with pytest.raises(ValueError, match=message):
        haaqi_tensor(music, music, lengths=[14400, 9500], **OPTIONS)
    music[1, 500:] = 0
    message = r"reference\[1\] without the silence at its ends must last at least 0\.4 s"
    with pytest.raises(ValueError, match=message):
        haaqi_tensor(music, music, **OPTIONS)


def test_integer_samples_are_refused(music):
    codes = (1000 * music).to(torch.int16)
    with pytest.raises(TypeError, match=r"processed\[0\] has integer samples \(int16\): convert"):
        haaqi_tensor(music, codes, **OPTIONS)


def test_signals_must_be_tensors_of_two_axes(music):
    with pytest.raises(TypeError, match="reference must be a tensor, got ndarray"):
        haaqi_tensor(music.numpy(), music, **OPTIONS)
    with pytest.raises(ValueError, match=r"processed must have shape \(batch, time\), got \(144"):
        haaqi_tensor(music, music[0], **OPTIONS)
    with pytest.raises(ValueError, match="reference and processed must hold as many signals, got"):
        haaqi_tensor(music, music[:1], **OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": [1, 2, 3]}, "lengths must hold 2 integers, one for each item, got"),
        ({"lengths": [12000, 15000]}, "lengths must be from 1 to the 14400 samples of reference"),
        ({"level_db_spl": [85, 85, 85]}, "level_db_spl must be one for all or one for each of 2"),
        ({"level_db_spl": [85, np.inf]}, "level_db_spl must be finite, got inf"),
        ({"audiograms": [SLOPING]}, "audiograms must be one for all or one for each of 2 items"),
        ({"noise": "seeded", "rng": [1]}, "rng must be one for all or one for each of 2 items"),
        ({"dtype": torch.float16}, "dtype must be torch.float32 or torch.float64, got torch.float"),
        ({"sample_rate": 44.1}, "sample_rate must be at least 8000 Hz, got 44.1"),
        ({"noise": "off"}, "noise must be 'seeded', 'fast' or 'none', got 'off'"),
    ],
)
def test_options_out_of_range(music, options, message):
    with pytest.raises(ValueError, match=message):
        haaqi_tensor(music, music, **OPTIONS | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"audiograms": [10] * 2}, "audiograms must hold Audiograms only, got int"),
        ({"audiograms": 10}, "audiograms must be an Audiogram or a sequence of them, got int"),
        ({"level_db_spl": "85"}, "level_db_spl must be a number, got '85'"),
        ({"rng": 0.5}, "rng must be an integer, a RandomState or a Generator, got 0.5"),
    ],
)
def test_options_of_the_wrong_type(music, options, message):
    with pytest.raises(TypeError, match=message):
        haaqi_tensor(music, music, **OPTIONS | options)
