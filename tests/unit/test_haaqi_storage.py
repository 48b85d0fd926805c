"""Scores with details survive a file."""

from dataclasses import fields

import numpy as np
import pytest

from cadenza.audiogram import Audiogram
from cadenza.errors import InputError
from cadenza.haaqi import haaqi
from cadenza.haaqi.storage import load_scores, save_scores


def score(*, details: bool):
    rng = np.random.default_rng(4)
    music = rng.normal(scale=0.1, size=14000)
    return haaqi(
        music, np.clip(music, -0.1, 0.1)[:12500], sample_rate=24000, audiogram=Audiogram([30] * 8),
        equalisation="none", level_db_spl=85, details=details,
    )  # fmt: skip


def test_everything_comes_back_bit_for_bit(tmp_path):
    found = score(details=True)
    assert found.flags, "flags are kept, too"
    save_scores(tmp_path / "new" / "scores.npz", {"left": found, "right_bass": found})
    loaded = load_scores(tmp_path / "new" / "scores.npz")
    assert list(loaded) == ["left", "right_bass"]
    for again in loaded.values():
        assert again == found
        for field in fields(found.details):
            value, kept = getattr(found.details, field.name), getattr(again.details, field.name)
            for a, b in zip(
                vars(value).values() if hasattr(value, "__dict__") else [value],
                vars(kept).values() if hasattr(kept, "__dict__") else [kept],
                strict=True,
            ):
                np.testing.assert_array_equal(a, b)
                assert a.dtype == b.dtype


def test_scores_without_details_are_refused(tmp_path):
    with pytest.raises(ValueError, match="made with details=True, left has none"):
        save_scores(tmp_path / "scores.npz", {"left": score(details=False)})
    assert not (tmp_path / "scores.npz").exists()


@pytest.mark.parametrize("content", [b"no zip", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_told(tmp_path, content):
    path = tmp_path / "scores.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"scores.npz: expected HAAQI details"):
        load_scores(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="file not found"):
        load_scores(tmp_path / "scores.npz")


def test_arrays_of_another_kind_are_told(tmp_path):
    np.savez(tmp_path / "other.npz", **{"left|score": np.zeros(5)})
    with pytest.raises(InputError, match="expected HAAQI details"):
        load_scores(tmp_path / "other.npz")
