"""Write the defaults of the recipes for reports: python -m tests.make_defaults.

Run it after every change of a ``config.yaml`` of a baseline or of a file in ``configs/``.
"""

from __future__ import annotations

import json
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cadenza.report.challenges import CHALLENGES
from cadenza.runner.options import leaves_of
from cadenza.runner.saved import settings_of

REPOSITORY = Path(__file__).resolve().parents[1]
FILE = REPOSITORY / "cadenza" / "report" / "defaults.json"
GROUPS = ("separator", "hearing_aid")
FOLDERS = {
    "cad_icassp_2024": "cad_icassp_2024/baseline",
    "cad1_task1": "cad1/task1/baseline",
    "cad2_task2": "cad2/task2/baseline",
}


def block(path: Path) -> dict[str, object]:
    return leaves_of(OmegaConf.to_container(OmegaConf.load(path)))


def defaults_of(folder: Path) -> dict[str, object]:
    with initialize_config_dir(str(folder), version_base="1.3"):
        composed = compose("config", return_hydra_config=True)
    choices = composed.hydra.runtime.choices
    used = {group: choices[group] for group in GROUPS if group in choices}
    leaves = settings_of(leaves_of(OmegaConf.to_container(composed)))
    outside = ("hydra.", *(f"{group}." for group in GROUPS))
    keys = {key: value for key, value in leaves.items() if not key.startswith(outside)}
    return {"blocks": used, "keys": keys}


def text() -> str:
    content = {
        "recipes": {
            challenge.recipe: defaults_of(REPOSITORY / "recipes" / FOLDERS[challenge.recipe])
            for challenge in CHALLENGES
        },
        "blocks": {
            group: {
                path.stem: block(path)
                for path in sorted((REPOSITORY / "configs" / group).glob("*.yaml"))
            }
            for group in GROUPS
        },
    }
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
