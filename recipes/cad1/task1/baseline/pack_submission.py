"""Check the segments that test.py has cut and pack them into submission_<team_id>.zip.

Every file must be there, decode, have the right format and length, and be the one that test.py
wrote for this song and listener. If not, all problems are listed by file name, nothing is packed,
and an earlier zip is renamed to submission_<team_id>.zip.outdated. check_only=true only checks the
files. To check an unpacked submission, add path.submission_dir=unpacked/evaluation.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad1Task1
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad1Task1)  # before the slow imports

from collections import defaultdict
from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.challenges.cad1_task1.stem_format import format_problem
from cadenza.challenges.cad1_task1.submission import (
    Rates,
    check_submission,
    set_aside,
    submission_file,
    write_submission,
)
from cadenza.errors import InputError
from cadenza.runner import cli
from cadenza.runner.journal import Journal


def written_files(folder: Path) -> dict[str, list[list[str]]]:
    """Digests of the files that test.py wrote, by the key of song and listener, for each run."""
    written = defaultdict(list)
    for path in folder.parent.glob(f"{folder.name}*.journal.jsonl"):
        for key, entry in Journal(path).entries.items():
            if not entry.failure:
                written[key].append(entry.outputs)
    return written


def run(config: DictConfig) -> int:
    """Check all files, then write the zip in one step."""
    if config.stems != "flac24":
        raise InputError(
            "a submission has its stems in FLAC files: run test.py and pack_submission.py with "
            f"stems=flac24, not {config.stems}"
        )
    folder = Path(config.path.submission_dir)
    target = submission_file(Path(config.path.exp_folder), config.team_id)
    pairs = read_song_pairs(config.path, with_segments=True)
    if not folder.is_dir():
        raise InputError(
            f"missing folder: {folder}; test.py writes it, with the same separator= and "
            "path.exp_folder="
        )
    outdated = None if config.check_only else set_aside(target)
    try:
        if problem := format_problem(pairs, folder, "flac24"):
            raise InputError(f"{problem}; run test.py stems=flac24 first")
        files = check_submission(
            pairs,
            folder,
            Rates(config.sample_rate, config.stem_sample_rate, config.remix_sample_rate),
            written=written_files(folder),
        )
    except InputError as error:
        kept = [f"nothing is packed; the earlier submission is now {outdated}"] if outdated else []
        raise InputError([*error.problems, *kept]) from None
    print(f"{len(files)} files of {len(pairs)} enhanced songs are complete")
    if not config.check_only:
        write_submission(target, files, folder.parent)
        print(f"packed into {target}")
        if outdated:
            outdated.unlink()
    return 0


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
