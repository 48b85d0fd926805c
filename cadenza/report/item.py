"""The page of one item: listener, sounds, pictures over time, and HAAQI opened up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from cadenza._files import replacing
from cadenza.haaqi import HaaqiDetails, HaaqiScore
from cadenza.haaqi.parts import PARTS
from cadenza.plots.data import (
    hz_name,
    loudness_differences_percent,
    modulation_band_names,
    severity_name,
)
from cadenza.report import tracks
from cadenza.report.audio import Album, write_sounds
from cadenza.report.hearing import Curves, Ears, audiogram_chart, gains_chart
from cadenza.report.pages import write_page
from cadenza.report.signals import ItemSignals, Sound
from cadenza.report.svg import Axis, Chart, round_ticks
from cadenza.report.tracks import Span, Track


@dataclass(frozen=True)
class Version:
    """What one run made of an item.

    Parameters
    ----------
    name : str
        What the enhanced signal is called.
    facts : sequence of (str, str)
        What to say about it: scores, clipping.
    flags : sequence of str
        Reasons to doubt the score.
    problem : str
        Why there is no score, or an incomplete one.
    signals : ItemSignals or None
        None if there is nothing to hear.
    label : str
        What the enhanced signal is called instead of "enhanced by" its name.
    """

    name: str
    facts: Sequence[tuple[str, str]]
    flags: Sequence[str] = ()
    problem: str = ""
    signals: ItemSignals | None = None
    label: str = ""


@dataclass(frozen=True)
class ItemPage:
    """What the page of an item shows.

    Parameters
    ----------
    title : str
        Name of the item.
    facts : sequence of (str, str)
        Scene, song, listener.
    listener : str
        Name of the listener; may be empty.
    ears : Ears
        Audiograms.
    prescription : str
        What the gains are called.
    curves : Curves
        Prescribed gains.
    gains_db : mapping
        Gains that the scene asks for, by part of the music.
    versions : sequence of Version
        One for each run.
    home : str
        Link to the overview; empty if there is none.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    listener: str
    ears: Ears
    prescription: str
    curves: Curves
    gains_db: Mapping[str, float]
    versions: Sequence[Version]
    home: str = ""


@dataclass
class _Pictures:
    """Writes the pictures of a page into its folder."""

    folder: Path
    n: int = 0

    def place(self, track: Track) -> dict[str, Any]:
        """Write the picture of a track; returns what the template needs."""
        shown = dict(vars(track), src="")
        if track.png:
            self.n += 1
            shown["src"] = f"picture_{self.n:02d}.png"
            with replacing(self.folder / shown["src"]) as temporary:
                temporary.write_bytes(track.png)
        return shown


@dataclass(frozen=True)
class _Opened:
    """HAAQI of one comparison, for the template."""

    name: str
    version: str
    score: HaaqiScore
    tracks: list[dict[str, Any]]
    spectrum: Markup
    modulation: list[tuple[str, list[tuple[float, str]]]] = field(default_factory=list)


def write_item(folder: Path, page: ItemPage, *, seconds: float, assets: str) -> None:
    """Write the page of an item with its sounds and pictures.

    Parameters
    ----------
    folder : Path
        Where they go; the page is its ``index.html``.
    page : ItemPage
        What to show.
    seconds : float
        Longest part of the music to show and to play.
    assets : str
        Link to the folder of the shared files.
    """
    heard = [version for version in page.versions if version.signals is not None]
    context: dict[str, Any] = {
        "page": page,
        "assets": assets,
        "several": len(page.versions) > 1,
        "audiogram": audiogram_chart(page.ears),
        "gains": gains_chart(page.curves),
        "ears": [(name, severity_name(ear.severity)) for name, ear in page.ears.items()],
        "album": None,
    }
    if heard:
        context |= _signals(folder, page, heard, seconds)
    write_page(folder / "index.html", "item.html", context)


def _signals(
    folder: Path, page: ItemPage, heard: Sequence[Version], seconds: float
) -> dict[str, Any]:
    """Write sounds and pictures; returns what the template needs."""
    signals = [version.signals for version in heard if version.signals is not None]
    first, pictures = signals[0], _Pictures(folder)
    details = [score.details for s in signals for score in s.scores.values() if score.details]
    names = _names(page.versions, heard)
    sounds = _sounds(signals, names)
    durations_s = [sound.duration_s for sound in sounds]
    duration_s = max(durations_s)
    # where all sounds have something to hear, as segments of a song may differ in length
    shared_s = max(min(durations_s), min(seconds, duration_s))
    span = tracks.worst_span(details, shared_s, seconds)
    album = write_sounds(folder, [s.between(span.start_s, span.end_s) for s in sounds])
    columns = [
        {"name": ear, "tracks": [pictures.place(t) for t in _ear_tracks(i, signals, names, span)]}
        for i, ear in enumerate(page.ears)
    ]
    is_cut = span.duration_s < duration_s
    return {
        "album": album,
        "player": _player(album, span),
        "span": span,
        "is_cut": is_cut,
        "note": first.note,
        "duration_s": duration_s,
        "lost": _loss_chart(details, duration_s, span) if is_cut else "",
        "times": _times(span),
        "columns": columns,
        "parts": PARTS,
        "groups": _groups(heard, span, pictures),
        "names": names,
    }


def _names(versions: Sequence[Version], heard: Sequence[Version]) -> list[str]:
    """What the enhanced signals are called."""
    if len(versions) == 1:
        return [versions[0].label or "enhanced"]
    return [version.label or f"enhanced by {version.name}" for version in heard]


def _sounds(signals: Sequence[ItemSignals], names: Sequence[str]) -> list[Sound]:
    first = signals[0]
    enhanced = [
        Sound(name, s.enhanced.samples, s.enhanced.sample_rate)
        for name, s in zip(names, signals, strict=True)
    ]
    main = [first.mixture] if first.mixture.samples.size else []
    return [*main, first.reference, *enhanced, *_stems(signals, names)]


def _stems(signals: Sequence[ItemSignals], names: Sequence[str]) -> list[Sound]:
    """Stems of the first run, and those of the others that are not the same."""
    stems = {stem.label: stem for stem in signals[0].stems}
    if len(signals) > 1:
        for name, found in zip(names, signals, strict=True):
            for stem in found.stems:
                if stem.label.endswith(", enhanced"):
                    label = f"{stem.label.removesuffix('enhanced')}{name}"
                    stems[label] = Sound(label, stem.samples, stem.sample_rate, is_stem=True)
                    stems.pop(stem.label, None)
    return list(stems.values())


def _ear_tracks(
    ear: int, signals: Sequence[ItemSignals], names: Sequence[str], span: Span
) -> list[Track]:
    """Waveforms and spectrograms of one ear."""
    found: list[Track] = []
    first = signals[0]
    waves = [("reference", first.reference)]
    waves += [(name, s.enhanced) for name, s in zip(names, signals, strict=True)]
    cut = [(name, sound.between(span.start_s, span.end_s)) for name, sound in waves]
    reach = max(1e-3, *(float(np.abs(sound.samples[ear]).max()) for _, sound in cut))
    for name, sound in cut:
        found.append(
            tracks.waveform(
                f"waveform: {name}",
                sound.samples[ear],
                reach=1.05 * reach,
                part=min(1.0, sound.duration_s / span.duration_s),
                beyond="above full scale" if name == "reference" else "clipped",
            )
        )
    rate = first.compared_sample_rate
    part = slice(int(span.start_s * rate), int(span.end_s * rate))
    enhanced = [(n, s.compared[1][ear][part]) for n, s in zip(names, signals, strict=True)]
    reference = first.compared[0][ear][part]
    return found + tracks.spectrograms(reference, enhanced, rate, span.duration_s)


def _groups(heard: Sequence[Version], span: Span, pictures: _Pictures) -> list[dict[str, Any]]:
    """What HAAQI found, in groups of both ears; the group with the lowest score is open."""
    groups: dict[str, list[_Opened]] = {}
    for version in heard:
        for name, score in version.signals.scores.items() if version.signals else ():
            if score.details is None:
                continue
            group, _, ear = name.rpartition(", ")
            found = [pictures.place(t) for t in tracks.haaqi_tracks(ear, score.details, span)]
            opened = _Opened(
                ear, version.name, score, found, _spectrum(score.details), _modulation(score)
            )
            groups.setdefault(group, []).append(opened)
    means = {
        name: sum(o.score.score for o in opened) / len(opened) for name, opened in groups.items()
    }
    worst = min(means, key=lambda name: means[name], default="")
    return [
        {"name": name, "mean": means[name], "open": name == worst, "opened": opened}
        for name, opened in groups.items()
    ]


def _modulation(score: HaaqiScore) -> list[tuple[str, list[tuple[float, str]]]]:
    """Correlations by modulation band, each with its shade."""
    if score.details is None:
        return []
    rows = score.details.cepstral.correlations.tolist()
    return [
        (name, [(round(100 * value), f"{value:.2f}") for value in row])
        for name, row in zip(modulation_band_names(), rows, strict=True)
    ]


def _spectrum(details: HaaqiDetails) -> Markup:
    """How the loudness of the bands differs."""
    values = loudness_differences_percent(details).tolist()
    reach = max(1.0, *(1.1 * abs(value) for value in values))
    hz = details.centre_hz.tolist()
    ticks = [(f, hz_name(f)) for f in (125, 500, 2000, 8000)]
    chart = Chart(
        "Loudness of the bands, enhanced minus reference",
        Axis(hz[0], hz[-1], "frequency in Hz", ticks, lambda f: float(np.log(f))),
        Axis(-reach, reach, "% of the loudness"),
        height=200,
    )
    chart.line([(hz[0], 0), (hz[-1], 0)], "guide")
    chart.line(list(zip(hz, values, strict=True)), "curve c0")
    for point in zip(hz, values, strict=True):
        chart.mark(*point)
    return chart.render()


def _loss_chart(details: Sequence[HaaqiDetails], duration_s: float, span: Span) -> Markup:
    """Where in the whole music most was lost, and which part is shown."""
    edges_s = np.linspace(0, duration_s, 201)
    total = np.zeros(200)
    for found in details:
        times_s, values = tracks.losses(found)
        sums, _ = np.histogram(times_s, edges_s, weights=values)
        counts, _ = np.histogram(times_s, edges_s)
        total += sums / np.maximum(counts, 1) / len(details)
    top = max(0.05, float(total.max()) * 1.1)
    axes = Axis(0, duration_s, "time in s"), Axis(0, top, "vibration lost")
    chart = Chart("Where in the music most was lost", *axes, height=170)
    chart.bar((span.start_s, 0), (span.end_s, top), "shown")
    chart.line(
        list(zip(((edges_s[1:] + edges_s[:-1]) / 2).tolist(), total.tolist(), strict=True)),
        "curve c0",
    )
    return chart.render()


def _times(span: Span) -> list[tuple[float, str]]:
    """Labels of the time axis in percent."""
    return [(span.part(value), text) for value, text in round_ticks(span.start_s, span.end_s, 4)]


def _player(album: Album, span: Span) -> dict[str, Any]:
    """What the player's script needs."""
    return {
        "start": round(span.start_s, 4),
        "duration": round(span.duration_s, 4),
        "sounds": [
            {"name": s.name, "label": s.label, "stem": s.is_stem, "match_db": s.match_db}
            for s in album.sounds
        ],
    }


def is_current(folder: Path, digest: str) -> bool:
    """Whether the page in a folder was made from what this digest stands for, and is complete."""
    try:
        found = (folder / "digest.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return found == _mark(folder, digest)


def mark_current(folder: Path, digest: str) -> None:
    """Note that a page is complete."""
    mark = _mark(folder, digest)
    with replacing(folder / "digest.txt") as temporary:
        temporary.write_text(mark, encoding="utf-8")


def _mark(folder: Path, digest: str) -> str:
    """The digest, then the sizes and names of the files."""
    files = sorted(p for p in folder.iterdir() if p.name != "digest.txt")
    return "".join([f"{digest}\n", *(f"{p.stat().st_size} {p.name}\n" for p in files)])


def program_digest() -> str:
    """Digest of the files that make pages: another version of them makes pages again."""
    files = sorted(
        p for p in Path(__file__).parent.rglob("*") if p.is_file() and p.suffix != ".pyc"
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
