"""`cadenza score` on the files of a challenge gives the challenge's scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from cadenza import audio
from cadenza.challenges.icassp_2024 import TRACKS, ScenePair, read_scene_pairs
from cadenza.command import main
from cadenza.hearing_aid import NALRAid
from cadenza.remix import remix_to_mixture
from cadenza.runner.tables import read_table
from cadenza.stems import STEMS
from tests.golden import roots

from .conftest import call

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "icassp"
COLUMNS = ["scene", "song", "listener", "left_score", "right_score", "score"]
RATE = 44100


def pair_of(root: Path, scene: str, listener: str) -> ScenePair:
    metadata = root / "metadata"
    names = ("scenes", "scene_listeners", "listeners")
    paths = {f"{name}_file": metadata / f"{name}.train.json" for name in names}
    paths |= {
        "gains_file": metadata / "gains.json",
        "music_file": metadata / "at_mic_music.train.json",
        "music_dir": root / "audio" / "at_mic_music",
    }
    pairs = read_scene_pairs({name: str(path) for name, path in paths.items()})
    (pair,) = [p for p in pairs if (p.scene, p.listener.name) == (scene, listener)]
    return pair


def write_references(pair: ScenePair, folder: Path) -> tuple[Path, Path]:
    """Write the music of a pair and the reference, which is amplified for the listener."""
    mixture, *stems = (audio.read(pair.file(track))[0] for track in TRACKS)
    music = remix_to_mixture(dict(zip(STEMS, stems, strict=True)), pair.gains_db, mixture, RATE)
    amplified = NALRAid(sample_rate=RATE)(music, pair.listener)
    files = folder / "music.wav", folder / "amplified.wav"
    for file, signal in zip(files, (music, amplified), strict=True):
        soundfile.write(file, signal.T, RATE, subtype="DOUBLE")
    return files


def assert_prints_the_scores(capsys, root: Path, golden: Path, pair: ScenePair, folder: Path):
    (row,) = [
        row
        for row in read_table(golden / "scores.csv", COLUMNS)
        if (row["scene"], row["listener"]) == (pair.scene, pair.listener.name)
    ]
    expected = {ear: float(row[f"{ear}_score"]) for ear in ("left", "right")}
    music, amplified = write_references(pair, folder)
    enhanced = golden / "enhanced_signals" / f"{pair.key}_remix.flac"
    listener = f"{root / 'metadata' / 'listeners.train.json'}:{pair.listener.name}"
    arguments = ["score", str(amplified), str(enhanced), "--listener", listener]
    arguments += ["--equalisation", "none", "--level-from", str(music), "--resample", "24000"]
    arguments += ["--seed", pair.scene]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    (score_line,) = [line for line in lines if line.startswith("score ")]
    assert score_line.split()[1:3] == [f"{expected[ear]:.4f}" for ear in expected]
    assert f"mean score of both ears: {float(row['score']):.4f}" in lines
    assert main([*arguments, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    for ear, value in expected.items():
        assert result["ears"][ear]["score"] == pytest.approx(value, rel=0, abs=1e-7)


def test_scores_of_the_small_golden_pair(tmp_path, capsys):
    root = tmp_path / "root"
    roots.write_icassp(root)
    where, one = f"path.root={root}", "scene.number_scenes_per_song=1"
    assert call("generate_dataset.generate_train_scenes", where, one) == 0
    assert call("generate_dataset.generate_at_mic_musdb18", where) == 0
    capsys.readouterr()
    pair = pair_of(root, "scene_10001", roots.LISTENER)
    assert_prints_the_scores(capsys, root, GOLDEN, pair, tmp_path)


@pytest.mark.slow
def test_scores_of_a_pair_of_the_shared_data(shared, tmp_path, capsys):
    source, golden, scene = shared / "data" / "icassp_2024", shared / "golden", "scene_10001"
    golden /= "icassp_2024"
    root = tmp_path / "root"
    (root / "metadata").mkdir(parents=True)
    for file in (source / "metadata").glob("*.json"):
        (root / "metadata" / file.name).write_bytes(file.read_bytes())
    (root / "audio").mkdir()
    for folder in (source / "audio").iterdir():
        (root / "audio" / folder.name).symlink_to(folder)
    for name in ("scenes", "scene_listeners"):
        content = json.loads((golden / f"{name}.train.json").read_text())
        (root / "metadata" / f"{name}.train.json").write_text(json.dumps({scene: content[scene]}))
    assert call("generate_dataset.generate_at_mic_musdb18", f"path.root={root}") == 0
    capsys.readouterr()
    pair = pair_of(root, scene, "L0066")
    assert_prints_the_scores(capsys, root, golden, pair, tmp_path)
