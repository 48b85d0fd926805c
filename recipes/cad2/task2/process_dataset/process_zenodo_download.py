"""Make a challenge root of CAD2 Task 2 from the downloaded archives.

Unpacks CadenzaWoodwind.zip, EnsembleSet_Mix_1.zip and metadata.zip (metadat.zip on Zenodo) unless
this has been done, copies the training tracks and the metadata, and cuts the sources of the
validation pieces, whose sum is the mixture. Everything is checked before the first file is written.
If it is stopped, the same command continues.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad2Task2Processing
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad2Task2Processing)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza._paths import require_disk_space, require_files
from cadenza.challenges.cad2_task2.download import Step, steps_of_download, unpack
from cadenza.runner import cli
from cadenza.runner.items import Item
from cadenza.runner.run import run_items
from cadenza.runner.tables import clipping


def items(config: DictConfig) -> list[Item[Step]]:
    """Files to copy and pieces to cut; the data sets are unpacked."""
    folder, root = Path(config.path.zenodo_download_path), Path(config.path.root)
    return [
        Item(step.key, step.labels, step, step.depends_on, step.inputs, step.outputs)
        for step in steps_of_download(folder, root)
    ]


def process_item(item: Item[Step]) -> dict[str, float]:
    """Copy a file, or cut a piece; returns the fraction of its mixture that was clipped."""
    return item.data.make()


def run(config: DictConfig) -> int:
    """Unpack, check, then copy and cut what is not finished."""
    root = Path(config.path.root)
    unpack(Path(config.path.zenodo_download_path))
    work = items(config)
    require_files(path for item in work for path in item.inputs)
    missing = [item for item in work if not all(path.exists() for path in item.outputs)]
    require_disk_space(root, sum(path.stat().st_size for item in missing for path in item.inputs))
    report = run_items(
        work,
        process_item,
        folder=root,
        name="processed_files",
        columns=["file", "clipped_fraction"],
        settings=cli.settings(config, "cad2_task2/process 1", []),
        resume=config.resume,
        on_error=config.on_error,
        folder_key="path.root",
    )
    n_files = sum(len(item.outputs) for item in work if item.key not in report.failures)
    print(f"{n_files} files are in {root}{clipping(report.rows)}")
    return report.exit_status


main = cli.script(__file__, run, Cad2Task2Processing)

if __name__ == "__main__":
    main()
