"""Scene files are replaced if they could be drawn again, and kept if not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cadenza.challenges.scene_files import SceneFile, n_each, n_listeners, write_scene_files
from cadenza.challenges.scenes import icassp_2024_scene_listeners, icassp_2024_scenes
from cadenza.errors import InputError

SONGS = ["One", "Two"]
GAINS, POSITIONS = ([f"{kind}_{i}" for i in range(8)] for kind in ("gain", "hlp"))
LISTENERS = ["L1", "L2", "L3", "L4"]


def draw(per_song: int) -> dict[str, dict[str, str]]:
    return icassp_2024_scenes(SONGS, GAINS, POSITIONS, scenes_per_song=per_song)


def scene_file(path: Path, per_song: int) -> SceneFile:
    return SceneFile(path, draw(per_song), lambda old: draw(n_each(old, len(SONGS))))


def listener_file(path: Path, scenes: dict[str, dict[str, str]], per_scene: int) -> SceneFile:
    def draw_listeners(scenes, count):
        return icassp_2024_scene_listeners(scenes, LISTENERS, listeners_per_scene=count)

    return SceneFile(
        path, draw_listeners(scenes, per_scene), lambda old: draw_listeners(old, n_listeners(old))
    )


def test_a_draw_of_any_number_is_replaced(tmp_path):
    path, listeners = tmp_path / "scenes.json", tmp_path / "listeners.json"
    for per_song, per_scene in ((4, 2), (6, 2), (1, 4), (8, 1)):
        files = [scene_file(path, per_song), listener_file(listeners, draw(per_song), per_scene)]
        assert write_scene_files(files, overwrite=False) == [path, listeners]
        assert json.loads(path.read_text()) == draw(per_song)
        assert write_scene_files(files, overwrite=False) == []


def spoil(change):
    return lambda scenes: (change(scenes), scenes)[1]


OWN_WORK = {
    "another gain": spoil(lambda s: s["scene_10001"].update(gain="gain_7x")),
    "a scene less": spoil(lambda s: s.pop("scene_10003")),
    "a song less": lambda s: {k: v for k, v in s.items() if v["music"] == "One"},
    "another order": lambda s: dict(reversed(s.items())),
    "other names": lambda s: {f"my_{k}": v for k, v in s.items()},
    "no scenes": dict.fromkeys,
    "a list": list,
    "text": lambda s: "scenes",
}


@pytest.mark.parametrize("own", OWN_WORK.values(), ids=OWN_WORK)
def test_a_users_own_file_is_kept_unless_told_otherwise(tmp_path, own):
    path, listeners = tmp_path / "scenes.json", tmp_path / "listeners.json"
    path.write_text(json.dumps(own(draw(4))))
    before = path.read_bytes()
    files = [scene_file(path, 6), listener_file(listeners, draw(6), 2)]
    with pytest.raises(InputError, match="overwrite=true replaces it"):
        write_scene_files(files, overwrite=False)
    assert path.read_bytes() == before
    assert not listeners.exists()
    assert write_scene_files(files, overwrite=True) == [path, listeners]
    assert json.loads(path.read_text()) == draw(6)


@pytest.mark.parametrize("own", [{"scene_10001": ["L4", "L4"]}, {"scene_10001": None}])
def test_a_users_own_listeners_are_kept(tmp_path, own):
    path = tmp_path / "listeners.json"
    path.write_text(json.dumps(own))
    with pytest.raises(InputError, match=r"listeners\.json: exists and holds"):
        write_scene_files([listener_file(path, draw(2), 2)], overwrite=False)
    assert json.loads(path.read_text()) == own
