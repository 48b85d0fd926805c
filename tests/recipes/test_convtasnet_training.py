"""ConvTasNet training end to end: train, kill, continue, export, separate, evaluate."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from cadenza import audio
from cadenza.runner import cli
from cadenza.separation import prepare
from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.synthetic.listeners import listener_entry
from cadenza.training import losses, memory

from .conftest import RATE, write_cad2_download, write_song
from .conftest import call as call_recipe

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = [f"convtasnet.{key}" for key in ("N=8", "L=80", "B=6", "H=8", "X=2", "R=1")]
QUICK = ["data.segment_length=0.2", "training.num_workers=0", "optim.lr=0.002", "device=cpu"]


# Runs train.py, and kills it with -9 when the checkpoint after an update has been written
KILLED_TRAINING = """
import os, signal, sys
from cadenza.recipes.cad2.task2.ConvTasNet import train
from cadenza.training.checkpoint import Checkpoint

last_update, save = int(sys.argv.pop(1)), Checkpoint.save

def save_and_die(checkpoint, progress):
    save(checkpoint, progress)
    if progress.updates == last_update and progress.batches:
        os.killpg(os.getpgid(0), signal.SIGKILL)

Checkpoint.save = save_and_die
train.main()
"""


HERE = ["data.root_path=.", "data.music_tracks_file=."]


def call(name: str, *arguments: str) -> int:
    return call_recipe(f"ConvTasNet.{name}", *arguments, recipe="cad2.task2")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def build_separator(name: str, **changes: object) -> object:
    """Separator of the shared configuration group."""
    config = OmegaConf.load(REPOSITORY / "configs" / "separator" / f"{name}.yaml")
    return cli.build(OmegaConf.create({"separator": OmegaConf.merge(config, changes)}), "separator")


@pytest.fixture
def music(tmp_path, monkeypatch):
    """Arguments for a small CAD2 root; the test stands in an empty folder."""
    write_cad2_download(tmp_path / "download")
    arguments = [f"path.zenodo_download_path={tmp_path / 'download'}", f"path.root={tmp_path}/root"]
    script = "process_dataset.process_zenodo_download"
    assert call_recipe(script, *arguments, recipe="cad2.task2") == 0
    monkeypatch.chdir(tmp_path)
    data = [
        f"data.root_path={tmp_path}/root/audio",
        f"data.music_tracks_file={tmp_path}/root/metadata",
    ]
    return [*data, "data.target=Violin", "data.samples_per_track=12", *QUICK, *TINY]


@pytest.mark.slow
def test_train_and_evaluate(music, capsys):
    music += ["training.epochs=2", "exp_dir=out"]
    assert call("train", *music) == 0
    history = rows(Path("out/history.csv"))
    assert [row["updates"] for row in history] == ["3", "6"]  # one piece has violins
    config = OmegaConf.load("out/conf.yml")
    assert (config.data.target, config.convtasnet.N, config.optim.lr) == ("Violin", 8, 0.002)
    model = json.loads(Path("out/models/ConvTasNet_Violin_NonCausal/config.json").read_text())
    assert (model["N"], model["C"], model["samplerate"]) == (8, 2, 44100)

    assert call("eval", *music) == 1  # the pieces are shorter than the window of a score
    assert "sources must last at least 1 s" in Path("out/eval/results.failures.csv").read_text()
    capsys.readouterr()
    network = "out/models/ConvTasNet_Violin_NonCausal"
    again = [f"start_from={network}", "exp_dir=again", "training.refine=wiener"]
    assert call("train", *music, *again, "optim.lr=1e-9") == 0
    (before, _), (after, _) = map(convtasnet_files.load, (network, network.replace("out", "again")))
    for name, weights in before.state_dict().items():
        torch.testing.assert_close(weights, after.state_dict()[name], rtol=0, atol=1e-6)
    capsys.readouterr()
    assert call("train", *music, *again, "convtasnet.N=6", "convtasnet.H=10") == 2
    message = capsys.readouterr().err
    assert "convtasnet.N must be 8 as in start_from, got 6" in message
    assert "convtasnet.H must be 8 as in start_from, got 10" in message
    assert call("train", *music, "start_from=nowhere", "exp_dir=third") == 2
    assert "nowhere/config.json" in capsys.readouterr().err
    assert call("train", *music, "optim.lr=0.1") == 2
    assert "optim.lr: 0.002 before, 0.1 now" in capsys.readouterr().err
    assert call("train", *music, "convtasnet.C=4") == 2
    assert "convtasnet.C must be 2, got 4" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluation_of_a_trained_network(music, tmp_path, capsys):
    t = np.arange(2 * RATE) / RATE
    for k, stem in enumerate(("Cello", "Viola", "Violin_1", "Violin_2")):
        file = tmp_path / "root" / "audio" / "valid" / "quartet_001" / f"{stem}.flac"
        audio.write_flac(file, 0.1 * np.sin([200 * (k + 1) * t, 300 * (k + 1) * t]), RATE)
    path = tmp_path / "root" / "metadata" / "music.valid.json"
    path.write_text(path.read_text().replace('"duration": 0.5', '"duration": 2'))
    duet = json.loads(path.read_text())
    path.write_text(json.dumps({"quartet_001": duet["quartet_001"]}))

    music += ["training.epochs=1", "data.target=Violin", "exp_dir=out", "models_dir=models"]
    assert call("train", *music) == 0
    assert call("eval", *music, "n_save_ex=0", "out_dir=scores") == 0
    assert not list(Path("out/scores").rglob("*.wav"))
    assert call("eval", *music) == 0
    (row,) = rows(Path("out/eval/results.csv"))
    assert row["piece"] == "quartet_001"
    assert float(row["Violin_mixture_sdr_db"]) == pytest.approx(0, abs=3)
    assert np.isfinite(float(row["accompaniment_sir_db"]))
    for source in ("Violin", "accompaniment"):
        signal, rate = audio.read(Path("out/eval/quartet_001") / f"{source}.wav")
        assert (signal.shape, rate) == ((2, 2 * RATE), RATE)
    text = Path("out/eval/results.txt").read_text()
    assert text in capsys.readouterr().out
    assert "Medians over 1 of 1 pieces" in text


@pytest.fixture
def one_thread():
    """Sums of several threads are rounded in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_a_killed_training_continues_with_the_same_losses(music, one_thread):
    """Also if it used other worker processes before."""
    music += ["training.epochs=3", "training.aggregate=2", "training.checkpoint_updates=1"]
    music += ["data.samples_per_track=24"]  # three updates in an epoch
    killed_options = ["exp_dir=killed", "training.num_workers=1"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_TRAINING, "5", *music, *killed_options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    assert killed.returncode == -signal.SIGKILL
    assert [row["updates"] for row in rows(Path("killed/history.csv"))] == ["3"]
    for folder in ("killed", "straight"):
        assert call("train", *music, f"exp_dir={folder}") == 0
    assert len(rows(Path("straight/history.csv"))) == 3
    assert Path("killed/history.csv").read_bytes() == Path("straight/history.csv").read_bytes()
    killed, straight = (
        convtasnet_files.load(Path(folder, "models/ConvTasNet_Violin_NonCausal"))
        for folder in ("killed", "straight")
    )
    assert killed[1] == straight[1]
    torch.testing.assert_close(killed[0].state_dict(), straight[0].state_dict(), rtol=0, atol=0)


@pytest.mark.slow
def test_a_step_that_does_not_fit_is_refused_with_settings_that_do(music, monkeypatch, capsys):
    """The defaults needed more memory than a laptop has, and the process was killed."""
    music += ["training.epochs=1", "exp_dir=out"]
    monkeypatch.setattr(memory, "free_memory", lambda _: 6e5)
    assert call("train", *music) == 2
    message = capsys.readouterr().err
    advice = re.search(r"data\.segment_length=0\.1, or choose .* convtasnet=small", message)
    assert advice, message
    assert call("train", *music, "data.segment_length=0.1") == 0


@pytest.mark.slow
def test_a_training_that_diverges_fails_with_one_message(music, monkeypatch, capsys):
    monkeypatch.setattr(losses, "l1", lambda estimates, _: (estimates / 0).mean())
    assert call("train", *music, "training.epochs=1", "exp_dir=out") == 1
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert "epoch 1, update 1: the training loss is" in text
    assert "try a lower optim.lr, with resume=false" in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_from_training_to_scores_on_real_quartets(shared, tmp_path, monkeypatch):
    """Train, export, enhance, evaluate."""
    monkeypatch.chdir(tmp_path)
    download = shared / "data" / "cad2_task2" / "zenodo_download"
    where = ["path.root=root", f"path.zenodo_download_path={download}"]
    script = "process_dataset.process_zenodo_download"
    assert call_recipe(script, *where, recipe="cad2.task2") == 0

    data = ["data.root_path=root/audio", "data.music_tracks_file=root/metadata", *QUICK, *TINY]
    data += ["training.epochs=1", "data.samples_per_track=2", "models_dir=models"]
    for target in ("Cello", "Viola", "Violin"):
        assert call("train", *data, f"data.target={target}", f"exp_dir={target}") == 0

    options = ["path.root=root", "evaluate.batch_size=8"]
    models = ["separator=convtasnet", "separator.models_dir=models", "separator.device=cpu"]
    assert call_recipe("baseline.enhance", *options, *models, recipe="cad2.task2") == 0
    assert call_recipe("baseline.evaluate", *options, recipe="cad2.task2") == 0
    scores = rows(Path("exp/scores_1-8.csv"))
    assert len(scores) == 1
    assert all(0 < float(row["avg_haaqi"]) < 1 for row in scores)


def test_the_trained_network_is_a_separator(music, rng):
    assert call("train", *music, "training.epochs=1", "exp_dir=out") == 0
    separator = build_separator("convtasnet", models_dir="out/models")
    assert isinstance(separator, ConvTasNetEnsemble)
    mixture = 0.1 * rng.standard_normal((2, RATE))
    stems = separator(mixture, sample_rate=RATE, instruments=("Violin",))
    assert stems["Violin"].shape == mixture.shape
    assert stems["Violin"].any()


@pytest.mark.slow
def test_songs_train_a_separator_of_four_stems(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        write_song(tmp_path / "songs" / f"song {seed}", seed)
    data = ["data=songs", "data.train_path=songs", "data.valid_path=songs"]
    options = ["data.samples_per_track=4", "training.epochs=1", "exp_dir=out", *QUICK, *TINY]
    assert call("train", *data, *options) == 0
    folder = "out/models/ConvTasNet_VDBO_NonCausal"
    separator = build_separator("convtasnet_vdbo", weights=folder)
    assert isinstance(separator, ConvTasNetVDBO)
    prepare(separator, ("vocals", "drums", "bass", "other"))
    stems = separator(0.1 * rng.standard_normal((2, 9000)), sample_rate=RATE)
    assert stems["drums"].shape == (2, 9000)


@pytest.mark.slow
def test_training_for_listeners(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        write_song(tmp_path / "songs" / f"song {seed}", seed)
    entries = {name: listener_entry(name, left="N2", right="S2") for name in ("L1", "L2")}
    Path("listeners.json").write_text(json.dumps(entries))
    data = ["data=songs", "data.train_path=songs", "data.valid_path=songs", *QUICK, *TINY]
    options = [*data, "data.samples_per_track=1", "data.segment_length=0.4", "exp_dir=out"]
    options += ["training.ears=one", "training.listeners=listeners.json", "training.loss=mixed"]
    assert call("train", *options, "training.epochs=1") == 0
    (row,) = rows(Path("out/history.csv"))
    assert 0 < float(row["valid_haaqi"]) < 1
    assert np.isfinite(float(row["valid_sdr_db"]))
    Path("moved.json").write_text(Path("listeners.json").read_text())
    assert call("train", *options, "training.epochs=1", "training.listeners=moved.json") == 0
    del entries["L2"]
    Path("listeners.json").write_text(json.dumps(entries))
    assert call("train", *options, "training.epochs=2") == 2
    assert "training.listeners" in capsys.readouterr().err


@pytest.mark.parametrize(("data", "target"), [("generated", "Viola"), ("generated_songs", "VDBO")])
def test_training_on_synthetic_music(tmp_path, monkeypatch, data, target):
    monkeypatch.chdir(tmp_path)
    pieces = ["data.n_train=4", "data.n_valid=4", "data.stems_of.duration_s=0.6"]
    options = [f"data={data}", f"data.target={target}", *pieces, "data.samples_per_track=1"]
    assert call("train", *options, "training.epochs=1", "exp_dir=out", *QUICK, *TINY) == 0
    assert Path(f"out/models/ConvTasNet_{target}_NonCausal/model.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "data.root_path is required"),
        (["data=custom"], "data._target_ is required"),
        (
            ["data.root_path=.", "data.music_tracks_file=nowhere"],
            "music_tracks_file: no such folder: nowhere",
        ),
        (
            ["data.root_path=nowhere", "data.music_tracks_file=."],
            "root_path: no such folder: nowhere",
        ),
        (["data.colour=blue"], "colour"),
        (
            [*HERE, "training.loss=l2"],
            "training.loss must be one of l1, sdr, haaqi, mixed, got 'l2'",
        ),
        ([*HERE, "training.ears=left"], "training.ears must be one of both, one, got 'left'"),
        ([*HERE, "training.l1_weight=-1"], "training.l1_weight must be at least 0, got -1"),
        ([*HERE, "training.loss=mixed", "training.listeners=gone.json"], "gone.json"),
        (
            [*HERE, "training.loss=haaqi", "data.segment_length=0.3"],
            "data.segment_length must be at least 0.4 s for training.loss=haaqi, got 0.3",
        ),
        (
            [*HERE, "training.loss=haaqi", "data.sample_rate=8000"],
            "sample_rate must be at least 12000 Hz for NAL-R, got 8000",
        ),
        (
            [*HERE, "training.micro_batch_size=0"],
            "training.micro_batch_size must be at least 1, got 0",
        ),
        ([*HERE, "resume=changed"], "resume must be true or false for train.py, got changed"),
        (["convtasnet=tiny"], "tiny"),
        (
            ["data.root_path=.", "data.music_tracks_file=.", "convtasnet.P=2"],
            "P must be odd, got 2",
        ),
    ],
)
def test_bad_configurations(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert call("train", *arguments) == 2
    assert message in capsys.readouterr().err


def test_all_presets_compose(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for preset in ("published", "large", "small"):
        arguments = [f"convtasnet={preset}", "data.root_path=.", "data.music_tracks_file=nowhere"]
        assert call("train", *arguments) == 2
        assert "music_tracks_file: no such folder: nowhere" in capsys.readouterr().err
