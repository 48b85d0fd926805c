"""Training: pieces, random examples, the loop, its record, and scores of the result."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from cadenza import audio
from cadenza.errors import InputError
from cadenza.stems import STEMS
from cadenza.training import bss_eval as evaluation
from cadenza.training.batches import WholePieces, load_batches
from cadenza.training.bss_eval import evaluate
from cadenza.training.data import StemMixes, TargetMixes, augment
from cadenza.training.music import Ensembles, GeneratedMusic, Songs
from cadenza.training.options import Options
from cadenza.training.pieces import Part, Piece, file_part, piece_from_arrays
from cadenza.training.record import Record
from cadenza.training.train import Training

RATE = 1000


def constant(value: float, calls: list, start_s: float, duration_s: float) -> np.ndarray:
    calls.append((value, start_s, duration_s))
    return np.full((2, round(duration_s * RATE)), value)


def piece(name: str, calls: list, duration_s: float = 10.0, **parts: float) -> Piece:
    """Piece whose part ``Violin_1=3`` is the constant 3; reading is noted in `calls`."""
    return Piece(
        name,
        tuple(
            Part(label.partition("_")[0], duration_s, partial(constant, value, calls))
            for label, value in parts.items()
        ),
    )


@pytest.fixture
def no_plot(monkeypatch):
    """Drawing takes longer than the training here."""
    monkeypatch.setattr("cadenza.training.record.plot_losses", lambda _, path: path.touch())


@pytest.fixture
def plain(monkeypatch):
    """No augmentation, so that values tell which parts an example is made of."""
    monkeypatch.setattr("cadenza.training.data.augment", lambda signal, _rng: signal)


# Pieces


def test_a_mono_file_is_used_for_both_channels(tmp_path):
    """B23: mono files crashed the augmentation."""
    audio.write_wav(tmp_path / "mono.wav", np.arange(4000) / 8192, RATE)
    part = file_part(tmp_path / "mono.wav", "Sax", sample_rate=RATE, start_s=1.0, duration_s=2.5)
    assert (part.instrument, part.duration_s) == ("Sax", 2.5)
    signal = part.read(0.5, 2.0)
    assert signal.shape == (2, 2000)
    np.testing.assert_array_equal(signal[0], np.arange(1500, 3500) / 8192)
    np.testing.assert_array_equal(signal[0], signal[1])


def test_b23_files_that_cannot_be_read_are_found_before_training(tmp_path):
    """They were printed and skipped, so that the accompaniment silently disappeared."""
    audio.write_wav(tmp_path / "a.wav", np.zeros((2, 4000)), RATE)
    audio.write_wav(tmp_path / "surround.wav", np.zeros((3, 4000)), RATE)
    with pytest.raises(InputError, match=r"b\.wav: file not found"):
        file_part(tmp_path / "b.wav", "Sax", sample_rate=RATE)
    with pytest.raises(InputError, match=r"a\.wav: expected 44100 Hz, found 1000 Hz"):
        file_part(tmp_path / "a.wav", "Sax", sample_rate=44100)
    with pytest.raises(InputError, match="expected 1 or 2 channels, found 3"):
        file_part(tmp_path / "surround.wav", "Sax", sample_rate=RATE)
    with pytest.raises(InputError, match="expected 3 s of audio from 2 s on, found 4 s in all"):
        file_part(tmp_path / "a.wav", "Sax", sample_rate=RATE, start_s=2, duration_s=3)


def test_pieces_from_arrays_are_cut_by_time(rng):
    stems = {"Violin_1": rng.standard_normal((2, 3000)), "Violin_2": rng.standard_normal(3000)}
    first, second = piece_from_arrays("duo", stems, sample_rate=RATE).parts
    assert (first.instrument, second.instrument, second.duration_s) == ("Violin", "Violin", 3.0)
    expected = stems["Violin_1"][:, 500:1250].astype(np.float32)
    np.testing.assert_array_equal(first.read(0.5, 0.75), expected)
    np.testing.assert_array_equal(second.read(0.0, 3.0), [stems["Violin_2"].astype(np.float32)] * 2)
    with pytest.raises(ValueError, match="stem Oboe of solo must be finite"):
        piece_from_arrays("solo", {"Oboe": [np.nan]}, sample_rate=RATE)


# Random examples


def quartets(calls: list) -> list[Piece]:
    return [
        piece("a", calls, Violin_1=1, Violin_2=2, Viola=4, Cello=8),
        piece("b", calls, Flute=16, Oboe=32),
        piece("c", calls, Violin=64, Flute=128),
    ]


def target_mixes(pieces: list[Piece], **changes: object) -> TargetMixes:
    options = {"target": "Violin", "segment_s": 2.0, "samples_per_track": 3}
    return TargetMixes(pieces, **{**options, **changes})


def test_b22_a_piece_with_two_violins_counts_once_and_keeps_both(plain):
    """The reference implementation listed it twice, and each time only one voice was the target."""
    mixes = target_mixes(quartets([]))
    assert len(mixes) == 2 * 3
    targets = [mixes(index, np.random.default_rng(index))[0, 0, 0] for index in range(len(mixes))]
    assert targets == [3, 3, 3, 64, 64, 64]


def test_b22_instruments_are_matched_by_their_name_not_by_a_part_of_it():
    calls = []
    mixes = target_mixes(
        [piece("a", calls, Sax=1, Flute=2), piece("b", calls, Saxhorn=4)], target="Sax"
    )
    assert len(mixes) == 3


def test_accompaniment_is_one_to_three_other_instruments_with_all_their_voices(plain):
    mixes = target_mixes(quartets([]), target="Oboe")
    allowed = {1 + 2: "Violin", 64: "Violin", 4: "Viola", 8: "Cello", 16: "Flute", 128: "Flute"}
    sizes = []
    for seed in range(300):
        rest = int(mixes(0, np.random.default_rng(seed))[1, 1, -1])
        names = []
        for value in (128, 64, 16, 8, 4, 3):
            if rest >= value:
                rest -= value
                names.append(allowed[value])
        assert rest == 0
        assert len(set(names)) == len(names)
        sizes.append(len(names))
    assert set(sizes) == {1, 2, 3}
    assert all(60 < sizes.count(size) < 140 for size in (1, 2, 3))


def test_excerpts_begin_at_whole_seconds_and_end_inside_the_piece(plain):
    calls = []
    mixes = target_mixes(quartets(calls), segment_s=2.5, samples_per_track=1)
    for seed in range(200):
        assert mixes(0, np.random.default_rng(seed)).shape == (2, 2, 2500)
    starts = {start for _, start, _ in calls}
    assert starts == {float(second) for second in range(8)}  # below 10 - 2.5
    violins = {value: [c[1] for c in calls if c[0] == value] for value in (1, 2)}
    assert violins[1] == violins[2]  # the target's voices play together


def test_b23_short_parts_are_left_out_with_a_warning(plain, caplog):
    """They gave negative starts."""
    calls = []
    pieces = [*quartets(calls), piece("short", calls, 1.9, Violin=512, Viola=1024)]
    mixes = target_mixes(pieces)
    assert "2 parts are shorter than 2 s and are left out" in caplog.text
    assert len(mixes) == 2 * 3
    for seed in range(50):
        mixes(seed % 6, np.random.default_rng(seed))
    assert {512, 1024}.isdisjoint(value for value, _, _ in calls)


def test_a_part_as_long_as_a_segment_is_used_whole(plain):
    calls = []
    pieces = [piece("a", calls, 2.0, Violin=1, Viola=2)]
    np.testing.assert_array_equal(
        target_mixes(pieces)(0, np.random.default_rng(1))[:, 0, 0], [1, 2]
    )
    assert {start for _, start, _ in calls} == {0.0}


def test_missing_instruments_are_errors():
    with pytest.raises(InputError, match="no piece for training has 2 s of Sax"):
        target_mixes(quartets([]), target="Sax")
    with pytest.raises(InputError, match="no piece for training has 2 s of anything but Violin"):
        target_mixes([piece("solo", [], Violin=1)])
    with pytest.raises(InputError, match="no song for training has 2 s of bass, other"):
        StemMixes(
            [piece("a", [], vocals=1, drums=1)], stems=STEMS, segment_s=2.0, samples_per_track=1
        )
    with pytest.raises(ValueError, match="segment_s must be positive"):
        target_mixes(quartets([]), segment_s=0.0)


def test_songs_are_mixed_stem_by_stem(plain):
    calls = []
    songs = [
        piece(str(k), calls, vocals=k, drums=10 * k, bass=100 * k, other=1000 * k) for k in (1, 2)
    ]
    mixes = StemMixes(songs, stems=STEMS, segment_s=2.0, samples_per_track=5)
    assert len(mixes) == 10
    examples = np.array([mixes(0, np.random.default_rng(s))[:, 0, 0] for s in range(64)])
    assert len(np.unique(examples, axis=0)) == 2**4
    np.testing.assert_array_equal(np.unique(examples[:, 2]), [100, 200])


def test_augmentation_changes_gains_and_swaps_channels_half_of_the_time(rng):
    signal = np.array([[1.0, 2.0], [10.0, 20.0]])
    original = signal.copy()
    drawn = [augment(signal, rng) for _ in range(2000)]
    np.testing.assert_array_equal(signal, original)
    swapped = np.array([x[0, 0] > x[1, 0] for x in drawn])
    upright = np.array([x[::-1] if s else x for x, s in zip(drawn, swapped, strict=True)])
    gains = upright[:, :, 0] / [1, 10]
    np.testing.assert_allclose(upright[:, :, 1], 2 * upright[:, :, 0])
    scaled = (gains != 1).any(axis=1)
    assert 0.46 < swapped.mean() < 0.54
    assert 0.46 < scaled.mean() < 0.54
    assert 0.25 <= gains[scaled].min() < 0.27
    assert 1.23 < gains[scaled].max() <= 1.25
    assert abs(np.corrcoef(gains[scaled].T)[0, 1]) < 0.1


# Batches


def test_b22_both_voices_of_the_target_are_validated():
    """The reference implementation kept the last one and dropped the other altogether."""
    a, b, _ = WholePieces(quartets([]), ["Violin", "accompaniment"])
    np.testing.assert_array_equal(a[:, 0, 0], [3, 12])
    np.testing.assert_array_equal(b[:, 0, 0], [0, 48])
    assert a.shape == (2, 2, 10 * RATE)


def test_whole_pieces_are_as_long_as_their_shortest_part():
    parts = piece("a", [], 3.0, Flute=1).parts + piece("a", [], 2.0, Oboe=2).parts
    (example,) = WholePieces([Piece("a", parts)], ["Oboe", "accompaniment"])
    assert example.shape == (2, 2, 2 * RATE)


def test_parts_without_a_source_are_errors():
    songs = [piece("a", [], vocals=1, strings=2)]
    with pytest.raises(InputError, match=r"a: expected parts of vocals, .* found strings"):
        WholePieces(songs, STEMS)


class Noise:
    """Ten examples that are known by their level."""

    def __len__(self):
        return 10

    def __call__(self, index, rng):
        return rng.standard_normal((2, 2, 50)) + 100 * index


def batches(epoch: int, *, skip: int = 0, num_workers: int = 0) -> list[torch.Tensor]:
    options = {"batch_size": 4, "skip": skip, "num_workers": num_workers}
    return list(load_batches(Noise(), seeds=(7, epoch), **options))


def test_examples_depend_on_seed_epoch_and_index_alone():
    """Neither on the number of workers nor on where an epoch is entered again."""
    expected = batches(3)
    assert [len(batch) for batch in expected] == [4, 4, 2]
    levels = torch.cat(expected).mean(dim=(1, 2, 3)).div(100).round().int()
    assert sorted(levels.tolist()) == list(range(10))
    for found in (batches(3, num_workers=2), expected[:1] + batches(3, skip=1)):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    other = torch.cat(batches(4))
    assert torch.isin(other, torch.cat(expected)).float().mean() < 0.01


# Music


@pytest.fixture
def ensembles(tmp_path):
    """Two items of 3 s in the layout of CAD2, and metadata in both of its forms."""
    items = {"quartet": ("Violin_1", "Violin_2", "Cello"), "duet": ("Flute", "Oboe")}
    music, tracks = {}, {}
    for number, (name, labels) in enumerate(items.items()):
        paths = {label: f"{name}/{label}.wav" for label in labels}
        for k, path in enumerate(paths.values()):
            for folder in ("train", "."):
                value = (k + 1) / 16 + number / 4
                audio.write_wav(tmp_path / folder / path, np.full((2, 5000), value), RATE)
        music[name] = {
            f"source_{k}": {"instrument": label, "track": path, "start": 1, "duration": 3}
            for k, (label, path) in enumerate(paths.items())
        } | {"mixture": {"instrument": "Mixture", "track": "none", "start": 1, "duration": 3}}
        tracks[name] = {"stems_path": list(paths.values()), "mixture_path": "none"}
    (tmp_path / "music.json").write_text(json.dumps(music))
    (tmp_path / "tracks.json").write_text(json.dumps(tracks))
    return Ensembles(
        target="Violin",
        sample_rate=RATE,
        segment_length=2.0,
        samples_per_track=4,
        root_path=tmp_path,
        music_tracks_file=tmp_path,
        train_file="music.json",
        valid_file="music.json",
        test_file="tracks.json",
    )


def test_ensembles_of_both_forms_of_metadata(ensembles):
    assert ensembles.sources == ("Violin", "accompaniment")
    assert len(ensembles.training()) == 4
    assert ensembles.training()(0, np.random.default_rng(1)).shape == (2, 2, 2000)
    for split, duration_s in (("valid", 3), ("test", 5)):
        (example,) = WholePieces(ensembles.whole_pieces(split), ensembles.sources)
        assert example.shape == (2, 2, duration_s * RATE)
        np.testing.assert_array_equal(example[:, 0, 0], [3 / 16, 3 / 16])


def test_ensembles_name_all_that_is_wrong(ensembles, tmp_path):
    with pytest.raises(InputError, match="no piece of the split valid contains Sax"):
        replace(ensembles, target="Sax").whole_pieces("valid")
    with pytest.raises(ValueError, match="samples_per_track must be positive, got 0"):
        replace(ensembles, samples_per_track=0)
    (tmp_path / "duet" / "Oboe.wav").unlink()
    content = json.loads((tmp_path / "music.json").read_text())
    del content["quartet"]["source_0"]["track"]
    (tmp_path / "music.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        ensembles.whole_pieces("valid")
    first, second = caught.value.problems
    assert "music.json: quartet: expected sources as in music.*.json, KeyError: 'track'" in first
    assert "Oboe.wav: file not found" in second


def test_songs_in_folders(tmp_path):
    for song, seconds in (("short", 2), ("long", 33)):
        for k, stem in enumerate(STEMS):
            signal = np.full((2, seconds * RATE), k / 8)
            audio.write_wav(tmp_path / song / f"{stem}.wav", signal, RATE)
    (tmp_path / "notes.txt").touch()
    paths = dict.fromkeys(("train_path", "valid_path", "test_path"), tmp_path)
    kind = {"target": "VDBO", "sample_rate": RATE, "segment_length": 1.0, "samples_per_track": 2}
    songs = Songs(**kind, **paths)
    assert songs.sources == STEMS
    assert len(songs.training()) == 4
    durations = {p.name: p.parts[0].duration_s for p in songs.whole_pieces("valid")}
    assert durations == {"long": 15, "long 15 s": 15, "short": 2}
    assert [p.parts[0].duration_s for p in songs.whole_pieces("test")] == [33, 2]
    (tmp_path / "short" / "bass.wav").unlink()
    with pytest.raises(InputError, match=r"bass\.wav: file not found"):
        songs.training()
    with pytest.raises(InputError, match="nothing: expected folders of songs, found none"):
        replace(songs, valid_path=tmp_path / "nothing").whole_pieces("valid")


def test_generated_pieces_are_numbered_through_the_splits():
    asked = []

    def stems_of(*, index):
        asked.append(index)
        return {"Flute": np.ones((2, RATE)), "Oboe" if index % 2 else "Viola": np.ones((2, RATE))}

    kind = {"target": "Oboe", "sample_rate": RATE, "segment_length": 1.0, "samples_per_track": 2}
    music = GeneratedMusic(**kind, stems_of=stems_of, n_train=4, n_valid=2, n_test=3)
    assert len(music.training()) == 2 * 2
    assert [p.name for p in music.whole_pieces("valid")] == ["piece_5"]
    assert [p.name for p in music.whole_pieces("test")] == ["piece_7"]
    assert asked == list(range(9))


# The loop

OPTIONS = Options(
    lr=0.01,
    epochs=3,
    batch_size=2,
    aggregate=1,
    half_lr=True,
    early_stop=True,
    num_workers=0,
    checkpoint_updates=2,
    mixed_precision=True,
)


class Gains(torch.nn.Module):
    """The least that can be trained: a gain for each of two sources."""

    def __init__(self):
        super().__init__()
        self.gains = torch.nn.Parameter(torch.tensor([0.9, 0.9]))

    def forward(self, mixture):
        return self.gains[:, None, None] * mixture[:, None]


class Duets:
    """Nine examples, of which the second source is three times as loud; may stop the program."""

    def __init__(self, stop_after=None):
        self.left = stop_after

    def __len__(self):
        return 9

    def __call__(self, index, rng):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1
        signal = rng.standard_normal((2, 50))
        return np.stack([signal, 3 * signal])


VALIDATION = WholePieces([piece("a", [], 1.0, Violin=1, Viola=3)], ["Violin", "accompaniment"])


def fit(folder, mixes=None, *, resume=True, seed=4, settings=None, best=None, **changes):
    network = Gains()
    training = Training(
        network,
        replace(OPTIONS, **changes),
        seed=seed,
        folder=folder,
        settings={"data": {"seed": seed}} if settings is None else settings,
    )
    rows = [] if best is None else best
    history = training.run(mixes or Duets(), VALIDATION, resume=resume, save_best=rows.append)
    return history, network.gains.detach()


def test_training_finds_the_sources(tmp_path, no_plot):
    best = []
    history, gains = fit(tmp_path, epochs=60, lr=0.03, best=best)
    torch.testing.assert_close(gains, torch.tensor([0.25, 0.75]), rtol=0, atol=0.02)
    assert history[-1]["train_loss"] < 0.1 * history[0]["train_loss"]
    losses = [row["valid_loss"] for row in history]
    assert best == [
        row for k, row in enumerate(history) if row["valid_loss"] < min(losses[:k] or [9])
    ]
    assert [row["updates"] for row in history[:3]] == [5, 10, 15]


@pytest.mark.parametrize("examples_until_stop", [1, 5, 9, 10, 14, 20])
def test_a_stopped_training_goes_on_as_if_it_had_not_stopped(tmp_path, examples_until_stop):
    """Before, inside and after epochs, between the updates of an accumulation, again and again."""
    expected, gains = fit(tmp_path / "straight", aggregate=2)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", Duets(examples_until_stop), aggregate=2)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", Duets(2), aggregate=2)
    history, resumed_gains = fit(tmp_path / "stopped", aggregate=2)
    assert history == expected
    assert torch.equal(resumed_gains, gains)
    tables = [(tmp_path / name / "history.csv").read_text() for name in ("straight", "stopped")]
    assert tables[0] == tables[1]


def test_a_finished_training_can_be_continued(tmp_path):
    expected, gains = fit(tmp_path / "straight", epochs=4)
    fit(tmp_path / "longer", epochs=2)
    history, continued_gains = fit(tmp_path / "longer", Duets(18), epochs=4)
    assert history == expected
    assert torch.equal(continued_gains, gains)
    again, _ = fit(tmp_path / "longer", Duets(0), epochs=4)
    assert again == expected


def test_the_state_of_the_optimiser_is_part_of_a_checkpoint(tmp_path):
    fit(tmp_path, epochs=1)
    state = torch.load(tmp_path / "checkpoints" / "last.pt", weights_only=True)
    assert state["optimiser"]["state"][0]["step"] == 5
    assert state["progress"]["history"][0]["epoch"] == 1


def test_resume_false_starts_again(tmp_path):
    expected, _ = fit(tmp_path / "a", epochs=1)
    fit(tmp_path / "b", epochs=2)
    history, _ = fit(tmp_path / "b", epochs=1, resume=False)
    assert history == expected


def test_other_settings_are_not_mixed(tmp_path):
    fit(tmp_path, epochs=1, settings={"optim": {"lr": 0.1}, "seed": 1})
    with pytest.raises(InputError) as caught:
        fit(tmp_path, epochs=2, settings={"optim": {"lr": 0.2}, "seed": 1})
    assert caught.value.problems[1:] == ["  optim.lr: 0.1 before, 0.2 now"]
    assert "resume=false starts again" in caught.value.problems[0]


def test_two_trainings_cannot_share_a_folder(tmp_path):
    from filelock import FileLock

    with (
        FileLock(tmp_path / ".training.lock"),
        pytest.raises(InputError, match="another training is running there"),
    ):
        fit(tmp_path)


def test_accumulated_batches_make_one_update(tmp_path):
    """Four batches of two examples are as good as two of four."""
    even = type("Even", (Duets,), {"__len__": lambda _self: 8})
    small, gains = fit(tmp_path / "a", even(), batch_size=2, aggregate=2, epochs=2)
    large, expected = fit(tmp_path / "b", even(), batch_size=4, aggregate=1, epochs=2)
    assert [row["updates"] for row in small] == [row["updates"] for row in large] == [2, 4]
    torch.testing.assert_close(gains, expected, rtol=0, atol=1e-6)


def test_what_is_left_at_the_end_of_an_epoch_is_used(tmp_path):
    """Nine examples in batches of two, three batches an update: five batches, two updates."""
    history, _ = fit(tmp_path, aggregate=3, epochs=2)
    assert [row["updates"] for row in history] == [2, 4]


def test_gradients_are_clipped(tmp_path, monkeypatch):
    norms = []
    step = torch.optim.Adam.step

    def spy(self):
        gradient = self.param_groups[0]["params"][0].grad
        norms.append(gradient.norm().item())
        return step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    loud = type("Loud", (Duets,), {"__call__": lambda *a: 1e4 * Duets.__call__(*a)})
    fit(tmp_path, loud(), epochs=1)
    np.testing.assert_allclose(norms, 5.0, rtol=1e-4)


def test_without_improvement_the_rate_is_halved_and_training_stops(tmp_path, no_plot, monkeypatch):
    monkeypatch.setattr(Training, "_validate", lambda *_: 0.5)
    history, _ = fit(tmp_path / "a", epochs=200)
    rates = [row["lr"] for row in history]
    assert rates == [0.01] * 7 + [0.005] * 6 + [0.0025] * 6 + [0.00125] * 2
    assert len(history) == 1 + 20
    constant_rate, _ = fit(tmp_path / "b", epochs=25, half_lr=False, early_stop=False)
    assert [row["lr"] for row in constant_rate] == [0.01] * 25


def test_a_loss_that_is_not_finite_is_an_error(tmp_path):
    broken = type("Broken", (Duets,), {"__call__": lambda *a: np.inf * Duets.__call__(*a)})
    with pytest.raises(InputError, match=r"the loss became (nan|inf): try a lower optim\.lr"):
        fit(tmp_path, broken())


def test_options_out_of_range():
    with pytest.raises(InputError) as caught:
        replace(OPTIONS, epochs=0, num_workers=-1, lr=0.0)
    assert caught.value.problems == [
        "epochs must be at least 1, got 0",
        "num_workers must be at least 0, got -1",
        "lr must be positive, got 0.0",
    ]


# The record


def test_table_plot_and_tensorboard_after_an_interruption(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, Duets(15))
    history, _ = fit(tmp_path)
    with (tmp_path / "history.csv").open() as file:
        table = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert table == history
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == {"batch/loss", "train/loss", "valid/loss", "lr"}
    assert [event.step for event in events.Scalars("batch/loss")] == list(range(1, 16))
    losses = [row["valid_loss"] for row in history]
    np.testing.assert_allclose([e.value for e in events.Scalars("valid/loss")], losses, rtol=1e-6)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"got none: pip install 'cadenza\[training\]'"):
        Record(tmp_path, updates=0)


def test_the_allocator_is_told_on_linux():
    program = "from cadenza.training.memory import reuse_freed_memory as f; print(f())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    expected = sys.platform.startswith("linux")
    assert done.stdout.strip() == str(expected), done.stderr


# Scores


def scores_of(sources, estimates):
    return [tuple(vars(s).values()) for s in evaluate(sources, estimates, sample_rate=2000)]


def test_scores_of_known_errors(rng):
    """White noise: SDR and SAR are the level of what was added, SIR that of the other source."""
    sources = rng.standard_normal((2, 2, 10_000))
    sdr, isr, sir, sar, mixture = scores_of(
        sources, sources + 0.1 * rng.standard_normal(sources.shape)
    )[0]
    np.testing.assert_allclose([sdr, mixture], [20, 0], atol=0.5)
    assert sar > 19
    assert isr > 25
    assert sir > 25
    leaky = scores_of(sources, sources + 0.1 * sources[::-1])[0]
    np.testing.assert_allclose(leaky[0], 20, atol=0.5)
    np.testing.assert_allclose(leaky[2], 20, atol=1)
    assert leaky[3] > 40


def test_sdr_of_museval_is_the_energy_ratio(rng):
    """The mixture's SDR is found by this formula, the estimate's by museval."""
    sources = rng.standard_normal((2, 2, 7000))
    estimates = sources + rng.standard_normal(sources.shape)
    expected = evaluation._bss_eval(sources, estimates, 2000)[1, 0]
    found = evaluation._window_sdr_db(sources[1], estimates[1], 2000)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_a_silent_source_changes_no_other_score(rng):
    sources = rng.standard_normal((3, 2, 6000))
    sources[1] = 0
    estimates = sources + 0.1 * rng.standard_normal(sources.shape)
    scores = scores_of(sources, estimates)
    assert np.isnan(scores[1]).all()
    assert scores[::2] == scores_of(sources[::2], estimates[::2])
    assert np.isnan(scores_of(np.zeros((2, 2, 4000)), estimates[:2, :, :4000])).all()


def test_a_silent_estimate_has_an_sdr_of_zero(rng):
    sources = rng.standard_normal((2, 2, 6000))
    estimates = np.stack([np.zeros((2, 6000)), sources[1]])
    silent, perfect = scores_of(sources, estimates)
    assert silent[0] == 0
    assert np.isnan(silent[1:4]).all()
    assert silent[4] == pytest.approx(0, abs=0.5)
    assert perfect[0] == np.inf


def test_windows_in_which_something_is_silent_do_not_count(rng):
    sources = rng.standard_normal((2, 2, 6000))
    sources[0, :, 2000:4000] = 0
    estimates = sources + 0.1 * rng.standard_normal(sources.shape)
    np.testing.assert_allclose([s[0] for s in scores_of(sources, estimates)], 20, atol=0.7)


def test_scores_need_signals_that_fit():
    with pytest.raises(
        ValueError, match=r"must be \(n_sources, 2, T\), got \(2, 2, 9\) and \(2, 9\)"
    ):
        evaluate(np.ones((2, 2, 9)), np.ones((2, 9)), sample_rate=5)
    with pytest.raises(ValueError, match="must last at least 1 s, got 9 samples"):
        evaluate(np.ones((2, 2, 9)), np.ones((2, 2, 9)), sample_rate=10)
