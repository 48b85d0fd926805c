"""The CAD2 Task 2 baseline on a tiny challenge root: rebalancing classical music."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.audiogram import Audiogram, Listener
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair, Piece
from cadenza.runner.tables import read_table

from .conftest import (
    assert_most_codes_are_the_same,
    check_that_torch_gives_the_same_scores,
    edit_json,
    write_cad2_download,
)
from .conftest import call as call_recipe

COLUMNS = ["scene", "song", "listener", "left_haaqi", "right_haaqi", "avg_haaqi"]
WHERE = ("path.root=root", "path.exp_folder=exp")
ENHANCED = Path("exp/enhanced_signals/valid")


def call(name, *arguments):
    return call_recipe(name, *arguments, recipe="cad2.task2")


class Bands:
    """A user's own separator: an instrument is what lies near its pitch; counts its calls."""

    sources = ("Cello", "Viola", "Violin", "Flute", "Oboe")
    calls: list[tuple[str, ...]] = []  # noqa: RUF012
    segment_s, overlap_s = 10.0, 0.1

    def __call__(self, mixture, *, sample_rate, instruments):
        Bands.calls.append(tuple(instruments))
        return {name: mixture / (1 + len(name)) for name in instruments}


OWN = ("separator=custom", f"separator._target_={__name__}.Bands")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cad2")
    write_cad2_download(folder / "download")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        where = ("path.root=root", "path.zenodo_download_path=download")
        assert call("process_dataset.process_zenodo_download", *where) == 0
        assert call("baseline.enhance", *WHERE, "separator=oracle") == 0
    return folder


@pytest.fixture
def root(finished, tmp_path, monkeypatch) -> Path:
    shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return Path("root")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.glob("*.flac")}


@pytest.mark.slow
def test_torch_gives_the_same_scores(root, capsys):
    """Apart from rounding; its results are not continued by the other engine."""
    evaluate = partial(call, "baseline.evaluate", *WHERE)
    check_that_torch_gives_the_same_scores(
        evaluate, Path("exp/scores.csv"), COLUMNS, "evaluate.pairs_at_once=3"
    )
    assert evaluate() == 2
    assert "evaluate.engine" in capsys.readouterr().err


def test_oracle_from_end_to_end(root, capsys):
    assert call("baseline.evaluate", *WHERE) == 0
    assert "over 4 of 4 items" in capsys.readouterr().out
    rows = read_table(Path("exp/scores.csv"), COLUMNS)
    assert [(row["scene"], row["song"], row["listener"]) for row in rows] == [
        (scene, song, listener)
        for scene, song in (("S50001", "quartet_001"), ("S50002", "duet_001"))
        for listener in ("L5001", "L5002")
    ]
    assert min(float(row["avg_haaqi"]) for row in rows) > 0.5, "true sources are scored well"
    info = audio.info(ENHANCED / "S50001_L5001_remix.flac")
    assert (info.sample_rate, info.channels, info.frames) == (32000, 2, 16000)


def test_a_piece_is_separated_once_for_all_listeners_and_each_instrument_once(root):
    """Recipes T2."""
    Bands.calls.clear()
    assert call("baseline.enhance", *WHERE, *OWN, "resume=false") == 0
    assert Bands.calls == [("Cello", "Viola", "Violin"), ("Flute", "Oboe")]


@pytest.mark.slow
def test_published_compatibility_doubles_repeated_voices_and_fades_the_end(root):
    """Recipes T3, DSP B4."""
    Bands.calls.clear()
    gains = {f"source_{n}": 0 for n in range(1, 5)}
    edit_json(root / "metadata" / "gains.json", lambda g: g.update(gain_0002=gains))
    # loud where there is only the doubled violin: silence the other instruments
    where = (
        "path.root=root",
        *OWN,
        "hearing_aid=custom",
        f"hearing_aid._target_={__name__}.Through",
    )
    for compat in ("fixed", "published"):
        assert (
            call("baseline.enhance", *where, f"compat={compat}", f"path.exp_folder={compat}") == 0
        )
    fixed, published = (
        audio.read(Path(compat) / "enhanced_signals/valid/S50001_L5001_remix.flac")[0]
        for compat in ("fixed", "published")
    )
    # weights of Bands: cello and viola 1/6 each, violin 1/7, twice in the published baseline
    middle = slice(1000, 10000)
    ratio = np.linalg.norm(published[:, middle]) / np.linalg.norm(fixed[:, middle])
    assert ratio == pytest.approx((1 / 3 + 2 / 7) / (1 / 3 + 1 / 7), rel=1e-3)
    assert np.abs(published[:, -5:]).max() < 0.01 * np.abs(fixed[:, -800:]).max()


class Through:
    """A hearing aid that does nothing."""

    def __call__(self, signal, listener):
        return signal


def test_sources_are_known_by_their_keys_wherever_the_mixture_stands(root):
    """Recipes T4."""
    before = bytes_of(ENHANCED)

    def mixture_first(pieces):
        return {
            name: {"mixture": entries["mixture"], **entries} for name, entries in pieces.items()
        }

    edit_json(root / "metadata" / "music.valid.json", mixture_first)
    assert call("baseline.enhance", *WHERE, "separator=oracle", "resume=false") == 0
    assert bytes_of(ENHANCED) == before


@pytest.mark.parametrize(
    ("scene", "split"),
    [
        ("S10001", "train"),
        ("S49999", "train"),
        ("S50000", "valid"),
        ("S59999", "valid"),
        ("S60000", "test"),
    ],
)
def test_the_split_of_a_scene(scene, split):
    """Recipes T5."""
    ear = Audiogram([10] * 8)
    pair = EnsemblePair(scene, Piece("p", {}, None), Listener("L", ear, ear), {}, Path(), {})
    assert pair.split == split
    assert pair.enhanced_file("e") == Path("e/enhanced_signals") / split / f"{scene}_L_remix.flac"


def test_the_reference_is_cut_like_the_mixture(root, capfd):
    """Recipes T6: training pieces are parts of longer tracks."""
    process = ("path.root=root",)
    assert call("process_dataset.generate_train_scenes", *process, "gains_per_track=1") == 0
    where = (*WHERE, "split=train", "path.exp_folder=train")
    assert call("baseline.enhance", *where, "separator=oracle") == 0
    assert call("baseline.evaluate", *where) == 0
    assert audio.info(next(Path("train/enhanced_signals/train").glob("*.flac"))).frames == 16000
    cut = read_table(Path("train/scores.csv"), COLUMNS)
    assert min(float(row["avg_haaqi"]) for row in cut) > 0.5
    assert call("baseline.evaluate", *where, "release=0.9.0") == 2, "another release"
    assert "release" in capfd.readouterr().err
    assert call("baseline.evaluate", *where, "release=0.9.0", "resume=changed") == 0
    whole = read_table(Path("train/scores.csv"), COLUMNS)
    for row, other in zip(cut, whole, strict=True):
        assert float(other["avg_haaqi"]) < float(row["avg_haaqi"]) - 0.05, "its beginning"


def test_batches_merge_to_what_one_run_gives(root):
    """Recipes T19, T22."""
    assert call("baseline.evaluate", *WHERE) == 0
    one_run = Path("exp/scores.csv").read_bytes()
    for file in Path("exp").glob("scores*"):
        file.unlink()
    for batch in range(3):
        arguments = (*WHERE, "evaluate.batch_size=3", f"evaluate.batch={batch}")
        assert call("baseline.evaluate", *arguments) == 0
    assert call("baseline.merge_batches_results", *WHERE, "evaluate.batch_size=3") == 0
    assert Path("exp/scores.csv").read_bytes() == one_run


def test_small_test_takes_every_400th_pair_and_keeps_the_others(root):
    small = ("evaluate.small_test=true", "separator=oracle")
    assert call("baseline.enhance", "path.root=root", "path.exp_folder=small", *small) == 0
    assert len(Path("small/enhanced_signals.csv").read_text().splitlines()) == 2
    before = Path("exp/enhanced_signals.csv").read_bytes()
    assert call("baseline.enhance", *WHERE, *small) == 0
    assert Path("exp/enhanced_signals.csv").read_bytes() == before


def test_early_names_of_the_scene_file(root):
    scenes = root / "metadata" / "scenes.valid.json"
    scenes.rename(scenes.with_name("scene.valid.json"))
    assert call("baseline.enhance", *WHERE, "separator=oracle") == 0


def drop(key):
    return lambda content: content.pop(key) and content


BAD = [
    ("gains.json", drop("gain_0002"), "S50001: gain 'gain_0002' is unknown"),
    ("music.valid.json", drop("duet_001"), "S50002: music 'duet_001' is unknown"),
    ("listeners.valid.json", drop("L5002"), 'listener "L5002" is not in'),
    ("compressor_params.valid.json", drop("L5001"), "no compressor parameters of 'L5001'"),
    (
        "gains.json",
        lambda g: g["gain_0001"].update(source_3=3),
        "gain_0001 must name the sources ['source_1', 'source_2']",
    ),
    (
        "gains.json",
        lambda g: g["gain_0001"].update(source_2=None),
        "gain_0001: source_2: expected a number, got null",
    ),
    (
        "music.valid.json",
        lambda m: m["duet_001"]["source_1"].update(instrument="Harp"),
        "Harp is none of Bassoon",
    ),
    ("music.valid.json", lambda m: m["duet_001"].pop("mixture") and m, "expected sources and one"),
    (
        "music.valid.json",
        lambda m: m["duet_001"]["source_2"].update(start=-1),
        "source_2: start: expected a time in seconds",
    ),
    (
        "compressor_params.valid.json",
        lambda p: p["L5001"].update(cr_l=[1, 2, 3]),
        "listener L5001: cr_l: expected 6 numbers",
    ),
    (
        "scenes.valid.json",
        lambda s: {f"X{k}": v for k, v in s.items()},
        "expected an id like S10001",
    ),
]


@pytest.mark.parametrize(
    ("name", "change", "message"), BAD, ids=lambda x: x if isinstance(x, str) else ""
)
def test_bad_metadata_is_found_before_processing(root, capfd, name, change, message):
    edit_json(root / "metadata" / name, change)
    for script in ("enhance", "evaluate"):
        assert call(f"baseline.{script}", *WHERE, "separator=oracle", "resume=false") == 2
        seen = "".join(capfd.readouterr())
        assert message in seen
        assert "Traceback" not in seen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compat=later",), "compat must be one of fixed, published, got 'later'"),
        (("release=0.6.2",), "release must be one of 0.6.3, 0.9.0, got '0.6.2'"),
        (("enhancer.attack=[11,11]",), "attack"),
        (
            ("separator=spectral",),
            "separator=spectral is not made for this script; choose",
        ),
        (("separator.force_redownload=true",), "weights are downloaded once"),
    ],
)
def test_bad_options(root, capfd, arguments, message):
    separator = () if any("separator" in a for a in arguments) else ("separator=oracle",)
    assert call("baseline.enhance", *WHERE, *separator, *arguments) == 2
    assert message in "".join(capfd.readouterr())


def test_missing_networks_are_named_before_processing(root, capfd, tmp_path):
    assert call("baseline.enhance", *WHERE, f"separator.models_dir={tmp_path}", "resume=false") == 2
    seen = "".join(capfd.readouterr())
    for instrument in ("Cello", "Viola", "Violin", "Flute", "Oboe"):
        assert f"ConvTasNet_{instrument}_NonCausal" in seen


@pytest.mark.slow
def test_golden_scores_and_oracle_signals(shared, tmp_path):
    golden = shared / "golden" / "cad2_task2"
    download = shared / "data" / "cad2_task2" / "zenodo_download"
    root = f"path.root={tmp_path / 'root'}"
    where = (root, f"path.zenodo_download_path={download}")
    assert call("process_dataset.process_zenodo_download", *where) == 0
    assert (
        call("baseline.enhance", root, f"path.exp_folder={tmp_path / 'oracle'}", "separator=oracle")
        == 0
    )
    kinds = json.loads((golden / "enhanced_signals.separation.json").read_text())
    oracle = [pair for pair, kind in kinds.items() if kind == "oracle"]
    assert len(oracle) == 2
    for pair in oracle:
        name = Path("enhanced_signals") / "valid" / f"{pair}_remix.flac"
        # second-order sections: one step in 20 to 26 of 10,000 samples
        assert_most_codes_are_the_same(tmp_path / "oracle" / name, golden / name, 50)
    shutil.copytree(golden / "enhanced_signals", tmp_path / "exp" / "enhanced_signals")
    assert call("baseline.evaluate", root, f"path.exp_folder={tmp_path / 'exp'}") == 0
    ours, expected = (
        read_table(folder / "scores.csv", COLUMNS) for folder in (tmp_path / "exp", golden)
    )
    for column in COLUMNS:
        found, wanted = ([row[column] for row in rows] for rows in (ours, expected))
        if column.endswith("haaqi"):
            values = [[float(x) for x in column_of] for column_of in (found, wanted)]
            np.testing.assert_allclose(*values, rtol=0, atol=1e-6, err_msg=column)
        else:
            assert found == wanted


@pytest.mark.parametrize(
    ("options", "refinement"),
    [
        (("separator=convtasnet", "separator.models_dir=included"), "wiener"),
        (("separator=oracle", "separator.refine=none"), "none"),
        (("separator=oracle", "separator.refine=residual"), "residual"),
    ],
)
def test_results_remember_how_instruments_were_refined(root, options, refinement):
    where = (f"path.root={root}", "path.exp_folder=refined", "evaluate.batch_size=8")
    assert call("baseline.enhance", *where, *options) == 0
    (journal,) = Path("refined").glob("*.journal.jsonl")
    first_line = json.loads(journal.read_text().splitlines()[0])
    assert first_line["content"]["settings"]["separator"]["refine"] == refinement
    enhanced = list(Path("refined").rglob("*.flac"))
    assert enhanced
    assert all(audio.read(path)[0].any() for path in enhanced)
