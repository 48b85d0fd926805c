"""Render the music of the scenes as the microphones at a listener's ears pick it up.

Every song of the scene file is played over two loudspeakers around the scene's head. The mixture
and each stem are filtered with the head's responses and brought back to the loudness they had
before, each on its own. Writes 16-bit WAV files and at_mic_music.train.json; about 90 GB for the
whole training set.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig

from cadenza import audio, hrtf
from cadenza._paths import find, require_disk_space, require_files, write_json
from cadenza.challenges.icassp_2024 import TRACKS, AtMicSample, read_at_mic_samples
from cadenza.loudness import match_loudness
from cadenza.runner import cli as app
from cadenza.runner.run import Item
from cadenza.runner.run import run as run_items


def process_item(item: Item[AtMicSample], *, hrtf_dir: Path, sample_rate: int) -> dict[str, float]:
    """Render mixture and stems of one song; returns the clipped fraction of each."""
    position = asdict(item.data.position)
    head = hrtf.read_head_response(hrtf_dir, **position, sample_rate=sample_rate)
    clipped = {}
    sources = item.inputs[: len(TRACKS)]
    for track, source, target in zip(TRACKS, sources, item.outputs, strict=True):
        music, _ = audio.read(source, sample_rate=sample_rate, channels=2)
        rendered = match_loudness(hrtf.render(music, head), music, sample_rate)
        clipped[f"{track}_clipped"] = audio.write_wav(target, rendered, sample_rate)
    return clipped


def make_item(sample: AtMicSample, hrtf_dir: Path, output_dir: Path) -> Item[AtMicSample]:
    """Which files a sample is made of and which it becomes."""
    position = asdict(sample.position)
    sources = [find(sample.track.folder, f"{track}.wav") for track in TRACKS]
    responses = hrtf.response_files(hrtf_dir, **position)
    return Item(
        key=sample.name,
        labels={"sample": sample.name},
        data=sample,
        depends_on=position,
        inputs=(*sources, *responses),
        outputs=tuple(output_dir / sample.path / f"{track}.wav" for track in TRACKS),
    )


def require_space(items: list[Item[AtMicSample]], output_dir: Path) -> None:
    """Check that all audio that is still to be made fits on the disk."""
    todo = [item for item in items if not all(path.exists() for path in item.outputs)]
    sources = [path for item in todo for path in item.inputs[: len(TRACKS)]]
    require_disk_space(output_dir, sum(4 * audio.info(path).frames for path in sources))


def run(config: DictConfig) -> int:
    """Render all samples of the scene file that are not finished."""
    path = {key: Path(value) for key, value in config.path.items()}
    output_dir = path["output_music_dir"]
    samples = read_at_mic_samples(
        scenes_file=path["scene_file"],
        music_file=path["music_file"],
        music_dir=path["music_dir"],
        positions_file=path["head_loudspeaker_positions_file"],
    )
    hrtf_dir = path["hrtf_dir"]
    items = [make_item(sample, hrtf_dir, output_dir) for sample in samples]
    require_files(file for item in items for file in item.inputs)
    require_space(items, output_dir)
    write_json(path["output_music_file"], {sample.name: sample.metadata for sample in samples})
    report = run_items(
        items,
        lambda item: process_item(item, hrtf_dir=hrtf_dir, sample_rate=config.sample_rate),
        folder=output_dir,
        name=path["output_music_file"].stem,
        columns=["sample", *(f"{track}_clipped" for track in TRACKS)],
        settings=app.settings(config, "cad_icassp_2024/at_mic 1", ["sample_rate"]),
        resume=config.resume,
        on_error=config.on_error,
    )
    print(f"{len(report.rows)} of {len(items)} songs at the microphones are in {output_dir}")
    return report.exit_status


main = app.recipe(__file__, run)

if __name__ == "__main__":
    main()
