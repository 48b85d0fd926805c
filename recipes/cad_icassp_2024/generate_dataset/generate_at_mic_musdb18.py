"""Render the music of the scenes at the microphones of the hearing aids.

Every song of the scene file is played over two loudspeakers, for each head position. The mixture
and each stem are filtered with the responses of the head, and then each is matched to its original
loudness. Writes 16-bit WAV files and at_mic_music.train.json; about 90 GB for the whole training
set.
"""

from __future__ import annotations

from cadenza.challenges.options import Icassp2024Generation
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Icassp2024Generation)  # before the slow imports

from dataclasses import asdict
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza import audio
from cadenza._paths import require_disk_space, require_files, write_json
from cadenza.challenges.at_mic import AtMicRenderer
from cadenza.challenges.heads import Heads, RecordedHeads, SofaHead
from cadenza.challenges.icassp_2024 import TRACKS, AtMicSample, read_at_mic_samples
from cadenza.runner import cli
from cadenza.runner.items import Item
from cadenza.runner.run import run_items
from cadenza.runner.tables import clipping

CLIPPED = tuple(f"{track}_clipped" for track in TRACKS)
"""Columns of the result table."""


def heads_of(config: DictConfig, samples: list[AtMicSample]) -> Heads:
    """The heads of the challenge, or that of a SOFA file."""
    if config.head.sofa_file is None:
        return RecordedHeads(Path(config.path.hrtf_dir), config.sample_rate)
    return SofaHead.read(
        Path(config.head.sofa_file),
        [sample.position for sample in samples],
        sample_rate=config.sample_rate,
        interpolate=config.head.interpolate,
        max_angle_deg=config.head.max_angle_deg,
    )


def items(samples: list[AtMicSample], heads: Heads, output_dir: Path) -> list[Item[AtMicSample]]:
    """Songs and head positions of the scene file, each once, with the files they need."""
    return [
        Item(
            key=sample.name,
            labels={"sample": sample.name},
            data=sample,
            depends_on=asdict(sample.position),
            inputs=(
                *sample.sources().values(),
                *heads.files(sample.position),
            ),
            outputs=tuple(sample.targets(output_dir).values()),
        )
        for sample in samples
    ]


def process_item(item: Item[AtMicSample], render: AtMicRenderer) -> dict[str, float]:
    """Render mixture and stems of one song; returns the clipped fraction of each."""
    return {f"{track}_clipped": fraction for track, fraction in render(item.data).items()}


def require_space(work: list[Item[AtMicSample]], output_dir: Path) -> None:
    """Check that all audio that is still to be made fits on the disk."""
    todo = [item for item in work if not all(path.exists() for path in item.outputs)]
    sources = [path for item in todo for path in item.data.sources().values()]
    require_disk_space(output_dir, sum(4 * audio.info(path).frames for path in sources))


def run(config: DictConfig) -> int:
    """Render all samples of the scene file that are not finished."""
    output_dir, output_file = (
        Path(config.path[key]) for key in ("output_music_dir", "output_music_file")
    )
    samples = read_at_mic_samples(config.path)
    heads = heads_of(config, samples)
    work = items(samples, heads, output_dir)
    require_files(file for item in work for file in item.inputs)
    require_space(work, output_dir)
    write_json(output_file, {item.key: item.data.metadata for item in work})
    report = run_items(
        work,
        partial(process_item, render=AtMicRenderer(heads, output_dir, config.sample_rate)),
        folder=output_dir,
        name=output_file.stem,
        columns=["sample", *CLIPPED],
        settings=cli.settings(config, "cad_icassp_2024/at_mic 1", ["sample_rate"])
        | heads.settings(),
        resume=config.resume,
        on_error=config.on_error,
        jobs=config.jobs,
        folder_key="path.output_music_dir",
    )
    clipped = clipping(report.rows, CLIPPED)
    print(
        f"{len(report.rows)} of {len(work)} songs at the microphones are in {output_dir}{clipped}"
    )
    return report.exit_status


main = cli.script(__file__, run, Icassp2024Generation)

if __name__ == "__main__":
    main()
