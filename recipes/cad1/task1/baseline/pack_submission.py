"""Check the segments that test.py has cut and pack them into submission_<team_id>.zip.

Every file must be there, decode, and have the right format and length; whatever is wrong is
listed by name, and nothing is packed. check_only=true only checks, also an unpacked submission:
path.submission_dir=unpacked/evaluation.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.challenges.cad1_task1.submission import check_submission, write_submission
from cadenza.runner import cli as app


def run(config: DictConfig) -> int:
    """Check all files, then write the zip in one step."""
    folder = Path(config.path.submission_dir)
    pairs = read_song_pairs(config.path, with_segments=True)
    files = check_submission(
        pairs,
        folder,
        sample_rate=config.sample_rate,
        stem_sample_rate=config.stem_sample_rate,
        remix_sample_rate=config.remix_sample_rate,
    )
    print(f"{len(files)} files of {len(pairs)} enhanced songs are complete")
    if not config.check_only:
        target = Path(config.path.exp_folder) / f"submission_{config.team_id}.zip"
        write_submission(target, files, folder.parent)
        print(f"packed into {target}")
    return 0


main = app.recipe(__file__, run)

if __name__ == "__main__":
    main()
