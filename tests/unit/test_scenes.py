"""Scene generation of ICASSP 2024, exactly as published (recipes §2.3)."""

from __future__ import annotations

import pytest

from cadenza.challenges.scenes import (
    cad2_task2_scene_listeners,
    cad2_task2_scenes,
    icassp_2024_scene_listeners,
    icassp_2024_scenes,
)
from cadenza.errors import InputError

GAINS = [f"gain_{i:04d}" for i in range(1, 1106)]
POSITIONS = [f"hlp_{i:04d}" for i in range(1, 145)]
RANGES = [(1, 5), (8, 15), (17, 17), (19, 19), (21, 24), (26, 29), (31, 32), (34, 36), (38, 42),
          (44, 45), (47, 49), (51, 51), (53, 59), (61, 74), (76, 78), (80, 86),
          (88, 100)]  # fmt: skip
LISTENERS = [f"L{i:04d}" for first, last in RANGES for i in range(first, last + 1)]
NIGHT_OWL = "A Classic Education - NightOwl"
TRACKS = [NIGHT_OWL, "Test Band - Song One", "Ünïcode - Trâck"]

PUBLISHED = """
gain_0639 hlp_0056 L0066 L0057
gain_0071 hlp_0003 L0099 L0051
gain_0155 hlp_0119 L0053 L0010
gain_0133 hlp_0014 L0032 L0078
gain_0898 hlp_0004 L0022 L0047
gain_0157 hlp_0054 L0003 L0095
gain_0615 hlp_0118 L0074 L0056
gain_0706 hlp_0019 L0061 L0076
gain_0988 hlp_0086 L0072 L0099
gain_0522 hlp_0099 L0027 L0072
gain_0825 hlp_0009 L0012 L0024
gain_0580 hlp_0105 L0093 L0041
"""


def test_checkpoint_scenes_and_listeners():
    scenes = icassp_2024_scenes(TRACKS, GAINS, POSITIONS)
    listeners = icassp_2024_scene_listeners(scenes, LISTENERS)
    rows = [
        " ".join([scene["gain"], scene["head_loudspeaker_positions"], *listeners[key]])
        for key, scene in scenes.items()
    ]
    assert rows == PUBLISHED.split("\n")[1:-1]
    assert list(scenes) == [f"scene_{i}" for i in range(10001, 10013)]
    assert [s["music"] for s in scenes.values()] == [t for t in TRACKS for _ in range(4)]


def test_more_scenes_extend_the_list_of_a_song():
    scenes = icassp_2024_scenes([NIGHT_OWL], GAINS, POSITIONS, scenes_per_song=6)
    extra = [(s["gain"], s["head_loudspeaker_positions"]) for s in list(scenes.values())[4:]]
    assert extra == [("gain_0149", "hlp_0128"), ("gain_0614", "hlp_0026")]


def test_all_positions_of_a_song_can_be_used_up():
    scenes = icassp_2024_scenes(["A song"], GAINS, POSITIONS[:3], scenes_per_song=3)
    assert {s["head_loudspeaker_positions"] for s in scenes.values()} == set(POSITIONS[:3])


def test_more_scenes_than_positions_is_explained():
    """Recipes T10."""
    with pytest.raises(InputError, match=r"must be 1 ... 144 .*144 positions.*got 145"):
        icassp_2024_scenes(["A song"], GAINS, POSITIONS, scenes_per_song=145)


def test_few_listeners_are_all_taken_in_order():
    assert icassp_2024_scene_listeners(["s1", "s2"], ["B", "A"]) == {
        "s1": ["B", "A"],
        "s2": ["B", "A"],
    }


def test_no_listeners_per_scene_is_an_error():
    with pytest.raises(InputError, match="at least 1, got 0"):
        icassp_2024_scene_listeners(["s1"], ["A"], listeners_per_scene=0)


# CAD2 Task 2 (recipes §3.4): 4, 2, 5, 6 and 3 sources; gain tables numbered on continuously
CAD2_SOURCES = {"A": 4, "B": 2, "C": 5, "D": 6, "E": 3}
CAD2_ENDS = {"2": (1, 12), "3": (13, 138), "4": (139, 1242), "5": (1243, 10272)}
CAD2_GAINS = {n: [f"gain_{i:04d}" for i in range(a, b + 1)] for n, (a, b) in CAD2_ENDS.items()}
CAD2_PUBLISHED = """
0243 1238 0580 0365  L0051 L0001  L0028 L0012  L0028 L0021  L0038 L0047
0008 0011 0008 0002  L0061 L0054  L0012 L0044  L0004 L0085  L0039 L0024
9432 8833 2092 2508  L0019 L0076  L0010 L0070  L0084 L0003  L0092 L0019
1974 4608 6686 8110  L0049 L0063  L0094 L0004  L0038 L0013  L0070 L0077
0100 0123 0060 0056  L0051 L0074  L0012 L0071  L0092 L0097  L0076 L0085
"""


def test_checkpoint_cad2_scenes_and_listeners():
    scenes = cad2_task2_scenes(CAD2_SOURCES, CAD2_GAINS)
    listeners = cad2_task2_scene_listeners(scenes, LISTENERS)
    keys = list(scenes)
    rows = []
    for start in range(0, 20, 4):
        four = keys[start : start + 4]
        gains = " ".join(scenes[key]["gain"][5:] for key in four)
        rows.append("  ".join([gains, *(" ".join(listeners[key]) for key in four)]))
    assert rows == CAD2_PUBLISHED.split("\n")[1:-1]
    assert keys == [f"S{i}" for i in range(10001, 10021)]
    assert [scene["music"] for scene in scenes.values()] == [i for i in "ABCDE" for _ in range(4)]


def test_cad2_pieces_outside_the_gain_tables_are_named():
    with pytest.raises(InputError, match="no gains for 1 sources, which solo has"):
        cad2_task2_scenes({"solo": 1, "duet": 2}, CAD2_GAINS)


def test_listeners_may_be_drawn_without_replacement():
    """Recipes T8."""
    scenes = [f"S{i}" for i in range(2000)]
    published = cad2_task2_scene_listeners(scenes, LISTENERS)
    distinct = cad2_task2_scene_listeners(scenes, LISTENERS, distinct=True)
    assert sum(len(set(names)) < 2 for names in published.values()) == 23
    assert all(len(set(names)) == 2 for names in distinct.values())
