"""What training learns from: pieces, random examples, batches, and where the pieces come from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cadenza import audio
from cadenza.errors import InputError
from cadenza.stems import STEMS
from cadenza.training.augmentation import change_gains, vary_production
from cadenza.training.batches import WholePieces, load_batches
from cadenza.training.corpus import Corpus, EnsembleCorpus, SongCorpus, SyntheticCorpus
from cadenza.training.mixes import StemMixes, TargetMixes
from cadenza.training.pieces import Piece, file_part, piece_from_arrays

from .training_helpers import RATE, piece


@pytest.fixture
def plain(monkeypatch):
    """No augmentation, so that values tell which parts an example is made of."""
    monkeypatch.setattr("cadenza.training.mixes.change_gains", lambda signal, _rng: signal)


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


def test_files_that_cannot_be_read_are_found_before_training(tmp_path):
    """B23: they were printed and skipped, so that the accompaniment silently disappeared."""
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


def test_a_piece_with_two_violins_counts_once_and_keeps_both(plain):
    """B22: the reference listed it twice, each time with only one voice as the target."""
    mixes = target_mixes(quartets([]))
    assert len(mixes) == 2 * 3
    targets = [mixes(index, np.random.default_rng(index))[0, 0, 0] for index in range(len(mixes))]
    assert targets == [3, 3, 3, 64, 64, 64]


def test_instruments_are_matched_by_their_whole_name():
    """B22: the reference implementation took Saxhorn for Sax."""
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


def test_short_parts_are_left_out_with_a_warning(plain, caplog):
    """B23: they gave negative starts."""
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
    drawn = [change_gains(signal, rng) for _ in range(2000)]
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


def test_strong_augmentation_changes_the_sources_and_nothing_else(rng):
    sources = 0.1 * rng.standard_normal((4, 2, 8820))
    sources[2, 1] = 0  # heard by the right ear only if there is a head
    sources[3] = 0  # a silent stem stays silent
    original = sources.copy()
    drawn = [vary_production(sources, rng, sample_rate=44100) for _ in range(40)]
    np.testing.assert_array_equal(sources, original)
    for varied in drawn:
        assert varied.shape == sources.shape
        assert np.isfinite(varied).all()
        assert not varied[3].any()
    assert 0.25 < np.mean([varied[2, 1].any() for varied in drawn]) < 0.75
    silence = np.zeros((2, 2, 4410))
    assert not vary_production(silence, rng, sample_rate=44100).any()


def test_augmentation_is_chosen_in_the_corpus():
    kind = {"target": "VDBO", "sample_rate": 44100, "segment_length": 0.1, "samples_per_track": 2}
    counts = {"n_train": 2, "n_valid": 1, "n_test": 1}

    def stems_of(index):
        noise = np.random.default_rng(index).standard_normal((len(STEMS), 2, 8820))
        return dict(zip(STEMS, 0.1 * noise, strict=True))

    basic, strong = (
        SyntheticCorpus(**kind, **counts, stems_of=stems_of, augmentation=name).training()
        for name in ("basic", "strong")
    )
    a, b = basic(0, np.random.default_rng(1)), strong(0, np.random.default_rng(1))
    assert a.shape == b.shape
    assert not np.allclose(a, b)
    np.testing.assert_array_equal(b, strong(0, np.random.default_rng(1)))
    with pytest.raises(InputError, match="augmentation must be basic or strong, got 'none'"):
        SyntheticCorpus(**kind, **counts, stems_of=stems_of, augmentation="none")


# Batches


def test_both_voices_of_the_target_are_validated():
    """B22: the reference implementation kept the last one and dropped the other."""
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
    return [batch.sources for batch in load_batches(Noise(), seeds=(7, epoch), **options)]


def test_examples_depend_on_seed_epoch_and_index_alone():
    """Neither on the number of workers nor on where in the epoch a run continues."""
    expected = batches(3)
    assert [len(batch) for batch in expected] == [4, 4, 2]
    levels = torch.cat(expected).mean(dim=(1, 2, 3)).div(100).round().int()
    assert sorted(levels.tolist()) == list(range(10))
    for found in (batches(3, num_workers=2), expected[:1] + batches(3, skip=1)):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    other = torch.cat(batches(4))
    assert torch.isin(other, torch.cat(expected)).float().mean() < 0.01


# Where pieces come from


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
    return EnsembleCorpus(
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


def test_a_wrong_target_is_answered_with_the_instruments_that_there_are(ensembles):
    for ask in (Corpus.training, lambda corpus: corpus.whole_pieces("valid")):
        with pytest.raises(InputError) as caught:
            ask(replace(ensembles, target="Violn"))
        (problem,) = caught.value.problems
        assert "Violn: there are Cello, Flute, Oboe, Violin" in problem
    with pytest.raises(InputError, match="target must be an instrument or VDBO, got None"):
        replace(ensembles, target=None)


def test_missing_folders_are_named_once(ensembles, tmp_path):
    """They were reported file by file."""
    wrong = replace(ensembles, root_path=tmp_path / "a", music_tracks_file=tmp_path / "b")
    with pytest.raises(InputError) as caught:
        wrong.training()
    assert caught.value.problems == [
        f"music_tracks_file: no such folder: {tmp_path}/b",
        f"root_path: no such folder: {tmp_path}/a/train",
    ]


def test_ensembles_name_all_that_is_wrong(ensembles, tmp_path):
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
    songs = SongCorpus(**kind, **paths)
    assert songs.sources == STEMS
    assert len(songs.training()) == 4
    durations = {p.name: p.parts[0].duration_s for p in songs.whole_pieces("valid")}
    assert durations == {"long": 15, "long 15 s": 15, "short": 2}
    assert [p.parts[0].duration_s for p in songs.whole_pieces("test")] == [33, 2]
    (tmp_path / "short" / "bass.wav").unlink()
    with pytest.raises(InputError, match=r"bass\.wav: file not found"):
        songs.training()
    with pytest.raises(InputError, match=r"valid_path: no such folder: .*nothing"):
        replace(songs, valid_path=tmp_path / "nothing").whole_pieces("valid")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: expected folders of songs, found none"):
        replace(songs, valid_path=tmp_path / "empty").whole_pieces("valid")


def test_generated_pieces_are_numbered_through_the_splits():
    asked = []

    def stems_of(*, index):
        asked.append(index)
        return {"Flute": np.ones((2, RATE)), "Oboe" if index % 2 else "Viola": np.ones((2, RATE))}

    kind = {"target": "Oboe", "sample_rate": RATE, "segment_length": 1.0, "samples_per_track": 2}
    music = SyntheticCorpus(**kind, stems_of=stems_of, n_train=4, n_valid=2, n_test=3)
    assert len(music.training()) == 2 * 2
    assert [p.name for p in music.whole_pieces("valid")] == ["piece_5"]
    assert [p.name for p in music.whole_pieces("test")] == ["piece_7"]
    assert asked == list(range(9))
