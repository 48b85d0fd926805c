"""Blocks on real music against files that the reference implementation (pyClarity 0.9.0) made."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_array_equal

from cadenza import audio, hrtf
from cadenza.audiogram import read_listeners
from cadenza.hearing_aid import NALR, Compressor, NALRAid
from cadenza.loudness import match_loudness
from cadenza.remix import remix_to_mixture, stem_gain_table
from cadenza.stems import STEMS

RATE = 44100


def _codes(path):
    return soundfile.read(path, dtype="int16", always_2d=True)[0]


def _at_microphones(root, song, position_id, stem):
    """16-bit codes of a stem at the microphones, as `generate_at_mic_musdb18.py` writes them."""
    positions = json.loads((root / "metadata/head_loudspeaker_positions.json").read_text())
    position = positions[position_id]
    head = hrtf.read_head_response(
        root / "audio/hrtf",
        microphone=position["mic"],
        subject=position["subject"],
        left_angle_deg=position["left_angle"],
        right_angle_deg=position["right_angle"],
        sample_rate=RATE,
    )
    music, _ = audio.read(root / "audio/music/train" / song / f"{stem}.wav", channels=2)
    return audio.to_int16(match_loudness(hrtf.render(music, head), music, RATE))


def test_gain_table(shared):
    golden = json.loads((shared / "data/icassp_2024/metadata/gains.json").read_text())
    assert list(stem_gain_table().items()) == list(golden.items())


@pytest.mark.parametrize("stem", ["mixture", "vocals"])
def test_music_at_the_microphones_sample_for_sample(shared, stem):
    song, position_id = "Mini Band - Ballad In G", "hlp_0005"
    example = shared / f"golden/icassp_2024/at_mic_example/{song}-{position_id}/{stem}.flac"
    codes = _at_microphones(shared / "data/icassp_2024", song, position_id, stem)
    assert_array_equal(codes.T, _codes(example))


def test_remix_amplification_compression_and_flac(shared, tmp_path):
    """At most one 16-bit step in fewer than 1 of 10,000 samples."""
    root = shared / "data/icassp_2024"
    scene = json.loads((root / "metadata/scenes.train.json").read_text())["scene_10001"]
    listener = read_listeners(root / "metadata/listeners.train.json")["L0057"]
    position_id = scene["head_loudspeaker_positions"]
    music = {
        stem: _at_microphones(root, scene["music"], position_id, stem) / 32768
        for stem in (*STEMS, "mixture")
    }
    mixture = music.pop("mixture")
    compressor = Compressor(
        sample_rate=RATE,
        threshold=0.35,
        attenuation=0.1,
        attack_ms=50,
        release_ms=1000,
        rms_buffer_size_s=0.064,
    )
    aid = NALRAid(sample_rate=RATE, compressor=compressor)
    remixed = remix_to_mixture(music, stem_gain_table()[scene["gain"]], mixture, RATE)
    path = tmp_path / "remix.flac"
    audio.write_flac(path, aid(remixed, listener), RATE, output_sample_rate=32000, soft_clip=True)
    golden = shared / "golden/icassp_2024/with_compressor/scene_10001_L0057_remix.flac"
    difference = np.abs(_codes(path).astype(int) - _codes(golden))
    assert difference.max() <= 1
    assert np.count_nonzero(difference) < difference.size / 10_000


@pytest.mark.parametrize("side", ["left", "right"])
def test_scaled_stem_and_its_sidecar(shared, tmp_path, side):
    song, stem = "Mini Band - Pop In D", "vocals"
    root = shared / "data/cad1_task1"
    listener = read_listeners(root / "metadata/listeners.valid.json")["L0001"]
    music, _ = audio.read(root / f"audio/musdb18hq/train/{song}/{stem}.wav")
    ear = 0 if side == "left" else 1
    amplified = NALR((listener.left, listener.right)[ear], sample_rate=RATE)(music[ear])
    path = tmp_path / "stem.flac"
    audio.write_flac(path, amplified, RATE, output_sample_rate=24000, scale=True)
    golden = shared / f"golden/cad1_task1/enhanced_signals/L0001/{song}"
    golden = golden / f"L0001_{song}_{side}_{stem}.flac"
    difference = np.abs(_codes(path).astype(int) - _codes(golden))
    assert difference.max() <= 1
    assert np.count_nonzero(difference) < difference.size / 10_000
    scale, golden_scale = (float(p.with_suffix(".txt").read_text()) for p in (path, golden))
    assert scale == pytest.approx(golden_scale, rel=1e-9)
