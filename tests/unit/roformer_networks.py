"""Small RoFormers with seeded random weights, and files of them.

The configurations have the form of the published ones, with their tags and superfluous keys.
"""

from __future__ import annotations

import pytest
import torch
import yaml

from cadenza.separation import roformer_files
from cadenza.separation.roformer import Roformer

pytest.importorskip("bs_roformer", reason="the optional package BS-RoFormer is not installed")

SAMPLE_RATE = 44100
CHUNK = 100 * 441
BANDS = (2,) * 24 + (4,) * 12 + (12,) * 8 + (24,) * 8 + (48,) * 8 + (128, 129)
KINDS = {"bs": {"freqs_per_bands": BANDS}, "mel_band": {"num_bands": 60}}
SONG = {"instruments": ["drums", "bass", "other", "vocals"], "target_instrument": None}
VOCALS = {"instruments": ["vocals", "other"], "target_instrument": "vocals"}


def configuration(kind="bs", training=SONG, inference=(), **model):
    n_stems = len(training["instruments"]) if training["target_instrument"] is None else 1
    return {
        "audio": {"chunk_size": CHUNK, "num_channels": 2, "sample_rate": SAMPLE_RATE, "dim_t": 801},
        "model": {
            "dim": 16,
            "depth": 1,
            "stereo": True,
            "num_stems": n_stems,
            "time_transformer_depth": 1,
            "freq_transformer_depth": 1,
            "dim_head": 8,
            "heads": 2,
            "stft_n_fft": 2048,
            "stft_hop_length": 441,
            "stft_win_length": 2048,
            "mask_estimator_depth": 2,
            "multi_stft_resolutions_window_sizes": (4096, 2048),
            "linear_transformer_depth": 0,
            "use_torch_checkpoint": False,
            "flash_attn": True,
            **KINDS[kind],
            **model,
        },
        "training": {**training, "batch_size": 4, "use_amp": True},
        "inference": {"batch_size": 1, "num_overlap": 4, **dict(inference)},
    }


def write(folder, content=None, *, seed=1, wrap=None):
    """Write a configuration with its tags, and seeded random weights for it."""
    path = folder / "config.yaml"
    path.write_text(yaml.dump(content or configuration()))
    config = roformer_files.read_config(path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = roformer_files.build(config).eval()
    state = network.state_dict()
    torch.save({wrap: state, "epoch": 3} if wrap else state, folder / "model.ckpt")
    return Roformer(folder / "model.ckpt", path, device="cpu"), network
