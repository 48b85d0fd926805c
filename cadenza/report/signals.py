"""What there is to hear and to see of one item of a run, for each of the challenges."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza.challenges import icassp_2024, scoring
from cadenza.challenges.cad1_task1.comparison import Comparison
from cadenza.challenges.cad1_task1.scores import score_song
from cadenza.challenges.cad1_task1.songs import Segment, SongPair
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair
from cadenza.challenges.cad2_task2.reference import make_reference
from cadenza.challenges.icassp_2024 import ScenePair
from cadenza.challenges.scene_signals import SceneSignals, read_scene_signals
from cadenza.haaqi import HaaqiScore
from cadenza.hearing_aid import NALRAid
from cadenza.remix import remix
from cadenza.runner.blocks import build_hearing_aid
from cadenza.runner.saved import Config
from cadenza.stems import STEMS


@dataclass(frozen=True)
class Sound:
    """Something to listen to.

    Parameters
    ----------
    label : str
        What it is called on its button.
    samples : ndarray, shape (channels, T)
        The signal.
    sample_rate : int
        In Hz.
    is_stem : bool
        Whether it is a part of the music; the player shows these apart.
    """

    label: str
    samples: NDArray[np.float64]
    sample_rate: int
    is_stem: bool = False

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return float(self.samples.shape[-1] / self.sample_rate)

    def between(self, start_s: float, end_s: float) -> Sound:
        """Part of the sound."""
        part = Segment(start_s, end_s).samples(self.sample_rate)
        return replace(self, samples=self.samples[:, part])


@dataclass(frozen=True)
class ItemSignals:
    """Signals of an item, and what HAAQI found in them.

    Parameters
    ----------
    mixture, reference, enhanced : Sound
        What the listener would hear unprocessed, should hear, and hears.
    stems : tuple of Sound
        Parts of the music.
    compared : tuple of ndarray, shape (2, T)
        Reference and enhanced signal at one sample rate, a row per ear.
    compared_sample_rate : int
        That rate in Hz.
    scores : dict of str to HaaqiScore
        By what was compared, such as ``left ear``.
    note : str
        What a listener must know; may be empty.
    """

    mixture: Sound
    reference: Sound
    enhanced: Sound
    stems: tuple[Sound, ...]
    compared: tuple[NDArray[np.float64], NDArray[np.float64]]
    compared_sample_rate: int
    scores: dict[str, HaaqiScore] = field(default_factory=dict)
    note: str = ""


Scores = dict[str, HaaqiScore]
"""By side, or by side and stem, such as ``left_drums``."""


def icassp_2024_signals(
    pair: ScenePair, config: Config, *, kept: Scores | None = None, workers: int | None
) -> ItemSignals:
    """Music at the hearing-aid microphones, its true stems, and the remix.

    Parameters
    ----------
    pair : ScenePair
        Scene and listener.
    config : Config
        Of the run.
    kept : Scores, optional
        Scores with details that the evaluation has kept; otherwise they are computed.
    workers : int or None
        Number of threads for HAAQI.
    """
    rate = config.sample_rate
    signals = read_scene_signals(
        pair,
        icassp_2024.make_reference(pair.tracks, tuple(pair.gains_db.items()), rate),
        NALRAid(sample_rate=config.nalr.sample_rate, nfir=config.nalr.nfir),
        exp_folder=config.path.exp_folder,
        rates=(rate, config.remix_sample_rate),
    )
    tracks = {name: audio.read(file, sample_rate=rate, channels=2)[0] for name, file in pair.tracks}
    mixture = tracks.pop("mixture")
    return _scene(signals, mixture, tracks, config, kept=kept, workers=workers)


def cad2_task2_signals(
    pair: EnsemblePair, config: Config, *, kept: Scores | None = None, workers: int | None
) -> ItemSignals:
    """A classical piece, its true sources, and the remix; parameters as above."""
    rate = config.input_sample_rate
    signals = read_scene_signals(
        pair,
        make_reference(pair, rate, release=config.release),
        build_hearing_aid(config, rate_key="input_sample_rate"),
        exp_folder=config.path.exp_folder,
        rates=(rate, config.remix_sample_rate),
    )
    sources = {name: pair.read(source, rate) for name, source in pair.piece.sources.items()}
    labels = {f"{source.instrument}": sources[name] for name, source in pair.piece.sources.items()}
    stems = labels if len(labels) == len(sources) else sources
    return _scene(
        signals, pair.read(pair.piece.mixture, rate), stems, config, kept=kept, workers=workers
    )


def _scene(
    signals: SceneSignals,
    mixture: NDArray[np.float64],
    stems: dict[str, NDArray[np.float64]],
    config: Config,
    *,
    kept: Scores | None,
    workers: int | None,
) -> ItemSignals:
    rate = signals.music_sample_rate
    compared = signals.to_score(config.HAAQI_sample_rate)
    scores = (
        kept
        or scoring.score_ears(
            compared,
            seeded=config.evaluate.set_random_seed,
            noise=config.evaluate.noise,
            details=True,
            workers=workers,
        ).by_ear
    )
    return ItemSignals(
        Sound("mixture", mixture, rate),
        Sound("reference", signals.amplified, rate),
        Sound("enhanced", signals.enhanced, signals.enhanced_sample_rate),
        tuple(Sound(f"{name}, true", stem, rate, is_stem=True) for name, stem in stems.items()),
        (compared.reference, compared.processed),
        compared.sample_rate,
        {f"{side} ear": score for side, score in scores.items()},
    )


def cad1_task1_signals(
    pair: SongPair, config: Config, *, kept: Scores | None = None, workers: int | None
) -> ItemSignals:
    """A song, its stems as they should be and as they are, and the remix; parameters as above.

    If the remix was scored, the reference is the mixture, and there are no stems.
    """
    rate = config.sample_rate
    comparison = Comparison.of(config)
    is_cut = config.evaluate.segments
    folder = Path(config.path.submission_dir if is_cut else config.path.enhanced_dir)
    aid = NALRAid(sample_rate=config.nalr.sample_rate, nfir=config.nalr.nfir)
    part = pair.subjective.samples(rate)
    mixture = _music(pair, "mixture", rate)
    enhanced, enhanced_rate = audio.read(
        pair.remix_file(folder), sample_rate=config.remix_sample_rate, channels=2
    )
    if comparison.target == "remix":
        stems: tuple[Sound, ...] = ()
        reference = aid(mixture, pair.listener)[:, part]
    else:
        amplified: dict[str, NDArray[np.float64]] = {
            name: aid(_music(pair, name, rate), pair.listener) for name in STEMS
        }
        stems = _stems(pair, folder, amplified, comparison)
        reference = remix(amplified, dict.fromkeys(amplified, 0.0))[:, part]
    scores = (
        kept
        or score_song(
            pair,
            folder,
            comparison,
            seeded=config.evaluate.set_random_seed,
            noise=config.evaluate.noise,
            details=True,
            workers=workers,
        ).scores
    )
    return ItemSignals(
        Sound("mixture", mixture[:, part], rate),
        Sound("reference", reference, rate),
        Sound("enhanced", enhanced, enhanced_rate),
        stems,
        (audio.resample(reference, rate, enhanced_rate), enhanced),
        enhanced_rate,
        {_described(name): score for name, score in scores.items()},
        _about_segments(pair, comparison) if is_cut else "",
    )


def _music(pair: SongPair, name: str, sample_rate: int) -> NDArray[np.float64]:
    return audio.read(pair.file(name), sample_rate=sample_rate, channels=2)[0]


def _stems(
    pair: SongPair,
    folder: Path,
    amplified: dict[str, NDArray[np.float64]],
    comparison: Comparison,
) -> tuple[Sound, ...]:
    """True stems as HAAQI wants them, each before the one that was made."""
    rate = comparison.sample_rate
    stems = []
    for name, stem in amplified.items():
        ears = comparison.read_stems(pair, folder, name)
        true = stem[:, pair.objective.samples(rate)]
        stems += [
            Sound(f"{name}, reference", true, rate, is_stem=True),
            Sound(f"{name}, enhanced", np.stack(ears), comparison.rate, is_stem=True),
        ]
    return tuple(stems)


def _about_segments(pair: SongPair, comparison: Comparison) -> str:
    heard, scored = (f"{s.start_s:g} to {s.end_s:g} s" for s in (pair.subjective, pair.objective))
    note = f"Mixture, reference and enhanced signal cover {heard} of the song."
    if comparison.target == "remix":
        return f"{note} Times count from there."
    return (
        f"{note} The stems, which HAAQI compares, cover {scored}. Times count from the start of "
        "each."
    )


def _described(name: str) -> str:
    side, _, stem = name.partition("_")
    return f"{stem}, {side} ear" if stem else f"{side} ear"
