"""Draws of the training scenes and their listeners; the defaults give the published ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from cadenza._check import raise_if
from cadenza.challenges.seeds import random_state
from cadenza.errors import InputError


def icassp_2024_scenes(
    tracks: Iterable[str],
    gains: Sequence[str],
    positions: Sequence[str],
    *,
    scenes_per_song: int = 4,
) -> dict[str, dict[str, str]]:
    """Scenes of ICASSP 2024: which gains and head position go with which song.

    Each song has its own random stream, so its first scenes stay the same when more are drawn. The
    scenes are numbered song by song; more scenes per song therefore change the numbers. No gain and
    no head position is used twice for a song.

    Parameters
    ----------
    tracks : iterable of str
        Track names, in the order of the song list.
    gains, positions : sequence of str
        Ids of the gains and of the head positions, in file order.
    scenes_per_song : int
        At most the number of gains and of positions.

    Returns
    -------
    dict
        Scene id (``scene_10001`` ...) -> ``music``, ``gain``, ``head_loudspeaker_positions``.

    Raises
    ------
    InputError
        If there are fewer gains or positions than scenes per song.

    Examples
    --------
    >>> gains, positions = ["gain_0001", "gain_0002"], ["hlp_0001", "hlp_0002"]
    >>> scenes = icassp_2024_scenes(["my song"], gains, positions, scenes_per_song=2)
    >>> scenes["scene_10001"]
    {'music': 'my song', 'gain': 'gain_0001', 'head_loudspeaker_positions': 'hlp_0002'}
    """
    limit = min(len(gains), len(positions))
    if not 1 <= scenes_per_song <= limit:
        raise InputError(
            f"scenes_per_song must be 1 ... {limit} (no gain and no head position is used twice "
            f"for a song: {len(gains)} gains, {len(positions)} positions), got {scenes_per_song}"
        )
    scenes: dict[str, dict[str, str]] = {}
    for track in tracks:
        rng = random_state(track)
        free_gains, free_positions = list(gains), list(positions)
        for _ in range(scenes_per_song):
            scenes[f"scene_{10001 + len(scenes)}"] = {
                "music": track,
                "gain": free_gains.pop(_pick_one(len(free_gains), rng)),
                "head_loudspeaker_positions": free_positions.pop(
                    _pick_one(len(free_positions), rng)
                ),
            }
    return scenes


def icassp_2024_scene_listeners(
    scenes: Iterable[str], listeners: Sequence[str], *, listeners_per_scene: int = 2
) -> dict[str, list[str]]:
    """Listeners of every scene of ICASSP 2024, drawn without replacement from one random stream.

    The listeners depend on a scene's place in the list, not on its music.

    Parameters
    ----------
    scenes : iterable of str
        Scene ids, in order.
    listeners : sequence of str
        Listener ids, in file order.
    listeners_per_scene : int
        If there are no more listeners than this, every scene gets all of them in order.

    Returns
    -------
    dict
        Scene id -> listener ids.

    Raises
    ------
    InputError
        If there are no listeners, or `listeners_per_scene` is below 1.

    Examples
    --------
    >>> icassp_2024_scene_listeners(["scene_10001", "scene_10002"], ["L0001", "L0002", "L0003"])
    {'scene_10001': ['L0003', 'L0002'], 'scene_10002': ['L0003', 'L0001']}
    """
    _require_listeners(listeners, listeners_per_scene)
    rng = random_state("icassp2024")
    return {scene: _pick(listeners, listeners_per_scene, rng) for scene in scenes}


def cad2_task2_scenes(
    n_sources: Mapping[str, int],
    gains: Mapping[str, Sequence[str]],
    *,
    scenes_per_item: int = 4,
    seed_name: str = "Cad2Task2_2024",
) -> dict[str, dict[str, str]]:
    """Scenes of CAD2 Task 2: gains for every piece of music, drawn with replacement.

    One random stream serves all pieces: another number of scenes per piece changes all but the
    first scenes.

    Parameters
    ----------
    n_sources : mapping of str to int
        Number of sources of every piece, in the order of the music file.
    gains : mapping of str to sequence of str
        Ids of the gains for each number of sources, ``"2"`` to ``"5"``, in file order.
    scenes_per_item : int
        At least 1.
    seed_name : str
        Name that seeds the random stream.

    Returns
    -------
    dict
        Scene id (``S10001`` ...) -> ``music``, ``gain``.

    Raises
    ------
    InputError
        If there are no gains for the number of sources of a piece, or `scenes_per_item` is below 1.

    Examples
    --------
    >>> gains = {"2": ["gain_0001", "gain_0002"], "3": ["gain_0013", "gain_0014"]}
    >>> cad2_task2_scenes({"my duet": 2, "my trio": 3}, gains, scenes_per_item=1)
    {'S10001': {'music': 'my duet', 'gain': 'gain_0001'},
     'S10002': {'music': 'my trio', 'gain': 'gain_0014'}}
    """
    if scenes_per_item < 1:
        raise InputError(f"scenes_per_item must be at least 1, got {scenes_per_item}")
    # Pieces with more than five sources get the gains of five
    tables = {item: str(min(count, 5)) for item, count in n_sources.items()}
    problems = [
        f"no gains for {n_sources[item]} sources, which {item} has"
        for item, table in tables.items()
        if not gains.get(table)
    ]
    raise_if(problems)
    rng = random_state(seed_name)
    drawn = [
        {"music": item, "gain": gains[table][rng.randint(0, len(gains[table]))]}
        for item, table in tables.items()
        for _ in range(scenes_per_item)
    ]
    return {f"S{number}": scene for number, scene in enumerate(drawn, start=10001)}


def cad2_task2_scene_listeners(
    scenes: Iterable[str],
    listeners: Sequence[str],
    *,
    listeners_per_scene: int = 2,
    distinct: bool = False,
) -> dict[str, list[str]]:
    """Listeners of every scene of CAD2 Task 2, drawn from one random stream.

    Parameters
    ----------
    scenes : iterable of str
        Scene ids, in order.
    listeners : sequence of str
        Listener ids, in file order.
    listeners_per_scene : int
        At least 1.
    distinct : bool
        The published lists were drawn with replacement: about 1 in 80 scenes has the same listener
        twice. True draws without replacement.

    Returns
    -------
    dict
        Scene id -> listener ids.

    Raises
    ------
    InputError
        If there are no listeners, or `listeners_per_scene` is below 1.

    Examples
    --------
    >>> cad2_task2_scene_listeners(["S10001", "S10002"], ["L0001", "L0002", "L0003"])
    {'S10001': ['L0003', 'L0001'], 'S10002': ['L0002', 'L0002']}
    """
    _require_listeners(listeners, listeners_per_scene)
    rng = random_state("Cadenza2-scene")
    if distinct:
        return {scene: _pick(listeners, listeners_per_scene, rng) for scene in scenes}
    return {
        scene: [listeners[i] for i in rng.randint(0, len(listeners), size=listeners_per_scene)]
        for scene in scenes
    }


def _require_listeners(listeners: Sequence[str], per_scene: int) -> None:
    if not listeners:
        raise InputError("listeners must not be empty")
    if per_scene < 1:
        raise InputError(f"listeners_per_scene must be at least 1, got {per_scene}")


def _pick(items: Sequence[str], count: int, rng: np.random.RandomState) -> list[str]:
    """Draw without replacement; if there are no more items than that, take all without a draw."""
    if len(items) <= count:
        return list(items)
    return [items[i] for i in rng.permutation(len(items))[:count]]


def _pick_one(count: int, rng: np.random.RandomState) -> int:
    return int(rng.permutation(count)[0]) if count > 1 else 0
