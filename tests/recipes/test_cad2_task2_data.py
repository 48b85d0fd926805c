"""Preparing the data of CAD2 Task 2: processing the download, drawing the scenes."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio

from .conftest import call as call_recipe
from .conftest import codes, edit_json, write_cad2_download, write_json

PROCESS, SCENES = "process_zenodo_download", "generate_train_scenes"
WHERE = ("path.root=root", "path.zenodo_download_path=download")


def call(name, *arguments):
    return call_recipe(f"process_dataset.{name}", *arguments, recipe="cad2.task2")


@pytest.fixture
def download(tmp_path, monkeypatch) -> Path:
    write_cad2_download(tmp_path / "download")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "download"


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and not p.name.startswith(".")
    }


def test_a_download_becomes_a_challenge_root(download, capsys):
    assert call(PROCESS, *WHERE) == 0
    root = Path("root")
    stems = ["Cello", "Viola", "Violin_1", "Violin_2"]
    folder = root / "audio" / "valid" / "quartet_001"
    assert sorted(p.stem for p in folder.iterdir()) == [*stems, "mixture"]
    source, rate = audio.read(download / "EnsembleSet/quartet/Mix_1/Viola.flac")
    cut, _ = audio.read(folder / "Viola.flac")
    np.testing.assert_array_equal(cut, source[:, rate // 10 : rate // 10 + rate // 2])
    parts = sum(codes(folder / f"{stem}.flac") for stem in stems)
    np.testing.assert_array_equal(codes(folder / "mixture.flac"), parts)
    copied = root / "audio/train/quartet/Mix_1/Violin_2.flac"
    assert (
        copied.read_bytes() == (download / "EnsembleSet/quartet/Mix_1/Violin_2.flac").read_bytes()
    )
    assert (root / "metadata/gains.json").exists()


def test_a_second_run_changes_nothing_and_a_damaged_file_is_made_again(download):
    assert call(PROCESS, *WHERE) == 0
    before = files(Path("root"))
    assert call(PROCESS, *WHERE) == 0
    assert files(Path("root")) == before
    for damaged in ("audio/train/duet/Flute.flac", "audio/valid/quartet_001/mixture.flac"):
        path = Path("root") / damaged
        path.write_bytes(path.read_bytes()[:1000])
    assert call(PROCESS, *WHERE) == 0
    assert files(Path("root")) == before


@pytest.mark.parametrize("with_folder", [True, False])
def test_zip_files_are_unpacked(download, with_folder):
    assert call(PROCESS, "path.root=plain", WHERE[1]) == 0
    for package in ("CadenzaWoodwind", "EnsembleSet", "metadata"):
        suffix = "_Mix_1" if package == "EnsembleSet" else ""
        base = download if with_folder else download / package
        with zipfile.ZipFile(download / f"{package}{suffix}.zip", "w") as archive:
            for path in (download / package).rglob("*"):
                archive.write(path, path.relative_to(base))
        shutil.rmtree(download / package)
    if with_folder:  # the name in the Zenodo record
        (download / "metadata.zip").rename(download / "metadat.zip")
    assert call(PROCESS, *WHERE) == 0
    assert files(Path("root")) == files(Path("plain"))


def test_missing_and_damaged_packages_are_all_listed(download, capfd):
    """Recipes T9."""
    shutil.rmtree(download / "CadenzaWoodwind")
    shutil.rmtree(download / "EnsembleSet")
    (download / "EnsembleSet_Mix_1.zip").write_bytes(b"PK no zip")
    assert call(PROCESS, *WHERE) == 2
    seen = capfd.readouterr().err
    assert "missing: download/CadenzaWoodwind.zip" in seen
    assert "EnsembleSet_Mix_1.zip: damaged" in seen
    assert not (download / "EnsembleSet").exists()


def test_a_download_folder_that_does_not_exist_is_one_line(download, capfd):
    assert call(PROCESS, "path.root=root", "path.zenodo_download_path=nowhere") == 2
    seen = capfd.readouterr().err
    assert seen.startswith("error: missing folder: nowhere (with the downloads CadenzaWoodwind,")
    assert seen.count("\n") == 1


@pytest.mark.parametrize("given", ["path.zenodo_download_path=root", "resume=true"])
def test_the_download_is_where_fetch_puts_it(download, capfd, given):
    Path("root").mkdir()
    download.rename("root/downloads")
    assert call(PROCESS, "path.root=root", given) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("; did you mean path.zenodo_download_path=root/downloads?")


def test_missing_tracks_are_all_listed(download, capfd):
    """Recipes T9."""
    for name in ("Viola", "Cello"):
        (download / f"EnsembleSet/quartet/Mix_1/{name}.flac").unlink()
    assert call(PROCESS, *WHERE) == 2
    seen = capfd.readouterr().err
    assert "Viola.flac" in seen
    assert "Cello.flac" in seen
    assert not Path("root/audio").exists()


def test_sources_that_would_become_one_file_are_refused(download, capfd):
    """Recipes T9."""

    def collide(pieces):
        entries = pieces["quartet_001"]
        entries["source_2"]["track"] = "duet/Mix_1/Cello.flac"

    edit_json(download / "metadata" / "music.valid.to_generate.json", collide)
    assert call(PROCESS, *WHERE) == 2
    assert "several sources would be written to" in capfd.readouterr().err


def test_a_clipped_mixture_is_reported(download, capfd):
    """Recipes T9."""
    for path in (download / "EnsembleSet/quartet/Mix_1").glob("*.flac"):
        signal, rate = audio.read(path)
        audio.write_flac(path, np.clip(20 * signal, -0.9, 0.9), rate)
    assert call(PROCESS, *WHERE) == 0
    rows = Path("root/processed_files.csv").read_text().splitlines()
    (clipped,) = [row.split(",")[1] for row in rows if row.startswith("audio/valid/quartet_001")]
    assert float(clipped) > 0.1
    seen = capfd.readouterr().out
    assert (
        f"; 1 was clipped, in more than 1 % of the samples, at most {100 * float(clipped):.2g} %\n"
        in seen
    )
    assert "above full scale" not in seen


def test_a_source_that_is_too_short_fails_alone(download):
    path = download / "CadenzaWoodwind/duet/Oboe.flac"
    signal, rate = audio.read(path)
    audio.write_flac(path, signal[:, : rate // 4], rate)
    assert call(PROCESS, *WHERE) == 1
    assert "audio/valid/duet_001" in Path("root/processed_files.failures.csv").read_text()
    assert Path("root/audio/valid/quartet_001/mixture.flac").exists()


def test_the_download_folder_is_mandatory_in_effect(tmp_path, monkeypatch, capfd):
    """Recipes T7."""
    monkeypatch.chdir(tmp_path)
    assert call(PROCESS) == 2
    assert "path.root is required" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_scenes_are_written_where_the_keys_say_and_not_over_others(download, capfd):
    """Recipes T8."""
    assert call(PROCESS, *WHERE) == 0
    scenes = Path("root/metadata/scenes.train.json")
    assert call(SCENES, "path.root=root") == 0
    before = scenes.read_bytes()
    content = json.loads(before)
    assert list(content)[:1] == ["S10001"]
    assert len(content) == 8
    edit_json(scenes, lambda scenes: scenes["S10002"].update(gain="gain_0099"))
    own = scenes.read_bytes()
    assert call(SCENES, "path.root=root", "gains_per_track=2") == 2
    assert "overwrite=true" in capfd.readouterr().err
    assert scenes.read_bytes() == own
    assert call(SCENES, "path.root=root", "gains_per_track=2", "overwrite=true") == 0
    # what can be drawn again is not in the way
    assert call(SCENES, "path.root=root", "distinct_listeners=true") == 0
    listeners = json.loads(Path("root/metadata/scene_listeners.train.json").read_text())
    assert all(len(set(names)) == 2 for names in listeners.values())
    assert call(SCENES, "path.root=root") == 0
    assert scenes.read_bytes() == before


@pytest.mark.parametrize("key", ["gains_per_track", "listener_per_scene"])
def test_numbers_below_one_are_named_as_the_user_wrote_them(download, capfd, key):
    assert call(PROCESS, *WHERE) == 0
    assert call(SCENES, "path.root=root", f"{key}=0") == 2
    assert f"error: {key} must be at least 1, got 0" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["../../evil.flac", "/tmp/evil.flac"])
def test_zip_files_that_write_elsewhere_are_refused_before_anything_is_unpacked(
    download, capfd, name
):
    shutil.rmtree(download / "CadenzaWoodwind")
    with zipfile.ZipFile(download / "CadenzaWoodwind.zip", "w") as archive:
        archive.writestr("CadenzaWoodwind/duet/Flute.flac", b"")
        archive.writestr(name, b"")
    before = sorted(download.parent.rglob("*"))
    assert call(PROCESS, *WHERE) == 2
    assert f"CadenzaWoodwind.zip: refused: '{name}' leaves the folder" in capfd.readouterr().err
    assert sorted(download.parent.rglob("*")) == before


def test_metadata_that_would_write_elsewhere_is_refused(download, capfd):
    tracks = download / "metadata" / "music_tracks.train.json"
    edit_json(tracks, lambda t: t["duet"].update(mixture_path="../../../evil.flac"))
    assert call(PROCESS, *WHERE) == 2
    assert "duet: mixture_path: expected a relative path without '..'" in capfd.readouterr().err
    assert not Path("root/audio").exists()


def test_pieces_outside_the_gain_table_are_reported(download, capfd):
    assert call(PROCESS, *WHERE) == 0
    write_json(Path("root/metadata/gains_meta.json"), {"2": {"gain_0001": {}}})
    assert call(SCENES, "path.root=root") == 2
    assert "no gains for 4 sources, which quartet_000 has" in capfd.readouterr().err


def test_golden_processing_and_scenes(shared, tmp_path):
    golden = shared / "golden" / "cad2_task2"
    source = shared / "data" / "cad2_task2" / "zenodo_download"
    where = (f"path.root={tmp_path}", f"path.zenodo_download_path={source}")
    assert call(PROCESS, *where) == 0
    assert call(SCENES, where[0]) == 0
    expected = json.loads((golden / "processed_files.json").read_text())
    assert [name for name in expected if not (tmp_path / name).is_file()] == []
    for name in ("scenes", "scene_listeners"):
        ours = tmp_path / "metadata" / f"{name}.train.json"
        assert ours.read_bytes() == (golden / f"{name}.train.json").read_bytes()
    statistics = json.loads((golden / "valid_audio.stats.json").read_text())
    assert len(statistics) == 10
    for name, wanted in statistics.items():
        x = codes(tmp_path / "audio" / name)
        found = {
            "frames": len(x),
            "sum": int(x.sum()),
            "sum_squares": int((x**2).sum()),
            "probe_1000_44100_300000": x[[1000, 44100, 300000]].tolist(),
        }
        assert {key: found.get(key) for key in wanted} == wanted, name
