"""The ICASSP 2024 scripts against results of the reference implementation (pyClarity 0.9.0)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cadenza.runner.tables import read_table

from .conftest import assert_most_codes_are_the_same, call, codes

COLUMNS = ["scene", "song", "listener", "left_score", "right_score", "score"]


@pytest.fixture(scope="module")
def root(shared, tmp_path_factory) -> Path:
    """The shared challenge root with freshly generated scenes and at-microphone music."""
    root = tmp_path_factory.mktemp("golden") / "root"
    shutil.copytree(shared / "data" / "icassp_2024", root, copy_function=shutil.copyfile)
    for folder in [root, *root.rglob("*")]:
        folder.chmod(0o755)
    for file in (root / "metadata").glob("scene*.json"):
        file.unlink()
    assert call("generate_dataset.generate_train_scenes", f"path.root={root}") == 0
    assert call("generate_dataset.generate_at_mic_musdb18", f"path.root={root}") == 0
    return root


@pytest.fixture(scope="module")
def golden(shared) -> Path:
    return shared / "golden" / "icassp_2024"


@pytest.fixture(scope="module")
def oracle_pairs(golden) -> list[str]:
    kinds = json.loads((golden / "enhanced_signals.separation.json").read_text())
    return [pair for pair, kind in kinds.items() if kind == "oracle"]


@pytest.mark.parametrize("name", ["scenes", "scene_listeners"])
def test_scenes_are_the_published_ones(root, golden, name):
    ours = (root / "metadata" / f"{name}.train.json").read_bytes()
    assert ours == (golden / f"{name}.train.json").read_bytes()


@pytest.mark.slow
def test_at_mic_music_has_the_statistics_of_the_reference(root, golden):
    ours = (root / "metadata" / "at_mic_music.train.json").read_text()
    assert json.loads(ours) == json.loads((golden / "at_mic_music.train.json").read_text())
    statistics = json.loads((golden / "at_mic_music.stats.json").read_text())
    assert len(statistics) == 40
    probes = [1000, 44100, 300000]
    for name, expected in statistics.items():
        x = codes(root / "audio" / "at_mic_music" / name)
        found = {
            "frames": len(x),
            "channels": x.shape[1],
            "sum": int(x.sum()),
            "sum_abs": int(np.abs(x).sum()),
            "sum_squares": int((x**2).sum()),
            "probe_1000_44100_300000": x[probes].tolist(),
        }
        assert found == expected, name


@pytest.mark.slow
def test_at_mic_music_is_that_of_the_reference_sample_for_sample(root, golden):
    examples = sorted((golden / "at_mic_example").rglob("*.flac"))
    assert len(examples) == 2
    for example in examples:
        folder = root / "audio" / "at_mic_music" / "train" / example.parent.name
        np.testing.assert_array_equal(codes(folder / f"{example.stem}.wav"), codes(example))


@pytest.mark.slow
def test_oracle_enhancement_is_that_of_the_reference(root, golden, oracle_pairs):
    where = (f"path.root={root}", f"path.exp_folder={root / 'oracle'}")
    assert call("baseline.enhance", *where, "separator=oracle") == 0
    assert len(oracle_pairs) == 4
    for pair in oracle_pairs:
        name = Path("enhanced_signals") / f"{pair}_remix.flac"
        assert_most_codes_are_the_same(root / "oracle" / name, golden / name)


@pytest.mark.slow
def test_compressor_and_soft_clip_are_those_of_the_reference(root, golden):
    # only the pair of the example is wanted
    listeners = root / "one_pair.json"
    listeners.write_text(json.dumps({"scene_10001": ["L0057"]}))
    options = ("separator=oracle", "apply_compressor=true", "soft_clip=true")
    where = (f"path.root={root}", f"path.exp_folder={root / 'compressed'}")
    one = f"path.scene_listeners_file={listeners}"
    assert call("baseline.enhance", *where, one, *options) == 0
    name = "scene_10001_L0057_remix.flac"
    assert_most_codes_are_the_same(
        root / "compressed" / "enhanced_signals" / name, golden / "with_compressor" / name
    )


@pytest.mark.slow
def test_scores_are_those_of_the_reference(root, golden):
    exp = root / "scored"
    shutil.copytree(golden / "enhanced_signals", exp / "enhanced_signals")
    assert call("baseline.evaluate", f"path.root={root}", f"path.exp_folder={exp}") == 0
    ours = read_table(exp / "scores.csv", COLUMNS)
    expected = read_table(golden / "scores.csv", COLUMNS)
    assert [[row[c] for c in COLUMNS[:3]] for row in ours] == [
        [row[c] for c in COLUMNS[:3]] for row in expected
    ]
    for column in COLUMNS[3:]:
        found, wanted = ([float(row[column]) for row in rows] for rows in (ours, expected))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-7, err_msg=column)
