"""Make a challenge root of CAD2 Task 2 from the downloaded data sets.

Unpacks CadenzaWoodwind.zip, EnsembleSet_Mix_1.zip and metadata.zip where they are not unpacked
yet, copies the training tracks and the metadata, and cuts the sources of the validation pieces,
whose sum is their mixture. Everything is checked first; a run that was stopped goes on.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cadenza._paths import require_disk_space, require_files
from cadenza.challenges.cad2_task2.download import items_of_download, make_item, unpack
from cadenza.runner import cli as app
from cadenza.runner.run import run as run_items


def run(config: DictConfig) -> int:
    """Unpack, check, then copy and cut what is not finished."""
    folder, root = Path(config.path.zenodo_download_path), Path(config.path.root)
    unpack(folder)
    items = items_of_download(folder, root)
    require_files(path for item in items for path in item.inputs)
    todo = [item for item in items if not all(path.exists() for path in item.outputs)]
    require_disk_space(root, sum(path.stat().st_size for item in todo for path in item.inputs))
    report = run_items(
        items,
        make_item,
        folder=root,
        name="processed_files",
        columns=["file", "clipped_fraction"],
        settings=app.settings(config, "cad2_task2/process 1", []),
        resume=config.resume,
        on_error=config.on_error,
    )
    n_files = sum(len(item.outputs) for item in items if item.key not in report.failures)
    print(f"{n_files} files are in {root}")
    return report.exit_status


main = app.recipe(__file__, run)

if __name__ == "__main__":
    main()
