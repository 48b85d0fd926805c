"""The multiband hearing aid of CAD2 and its parameter files."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cadenza import audio
from cadenza.audiogram import Audiogram, Listener
from cadenza.errors import InputError
from cadenza.hearing_aid import (
    MultibandAid,
    MultibandCompressor,
    read_compressor_params,
)
from cadenza.remix import level_compensation_db, remix

RATE = 44100
CAD2_HZ = (353.55, 707.11, 1414.21, 2828.43, 5656.85)
TIMES = {"attack_ms": (11, 11, 14, 13, 11, 11), "release_ms": (80, 80, 80, 80, 100, 100)}
CAD2 = {"crossover_frequencies_hz": CAD2_HZ, "sample_rate": RATE, "threshold_db": -30, **TIMES}
AUDIOGRAM = Audiogram([15, 20, 25, 35, 45, 50, 60, 65])
LISTENER = Listener("L9001", left=AUDIOGRAM, right=AUDIOGRAM)
ENTRY = {
    "frequencies": [250, 500, 1000, 2000, 4000, 8000],
    "cr_l": [1.2, 1.2, 1.3, 1.6, 2.1, 3.0],
    "gain_l": [0.5, 2.0, 6.5, 12.0, 17.5, 21.0],
    "cr_r": [1.1, 1.2, 1.3, 1.7, 2.2, 3.1],
    "gain_r": [0, 1.5, 6.0, 12.5, 18.0, 22.0],
}


def _write(tmp_path, content):
    path = tmp_path / "compressor_params.valid.json"
    path.write_text(json.dumps(content))
    return path


def _aid(parameters, **settings):
    return MultibandAid(**{**CAD2, **settings}, parameters=parameters)


def test_aid_compresses_each_ear_as_prescribed(rng, tmp_path):
    parameters = read_compressor_params(_write(tmp_path, {"L9001": ENTRY}))
    signal = rng.standard_normal((2, 3000))
    output = _aid(parameters)(signal, LISTENER)
    left = MultibandCompressor(ratio=ENTRY["cr_l"], makeup_gain_db=ENTRY["gain_l"], **CAD2)
    right = MultibandCompressor(ratio=ENTRY["cr_r"], makeup_gain_db=ENTRY["gain_r"], **CAD2)
    assert_array_equal(output, [left(signal[0]), right(signal[1])])


def test_aid_needs_stereo_music_a_known_listener_and_fitting_settings(tmp_path):
    parameters = read_compressor_params(_write(tmp_path, {"L9001": ENTRY}))
    aid = _aid(parameters)
    with pytest.raises(ValueError, match=r"signal must have shape \(2, T\), got \(3, 10\)"):
        aid(np.zeros((3, 10)), LISTENER)
    with pytest.raises(InputError, match="listener L1 has no compressor parameters"):
        aid(np.zeros((2, 10)), Listener("L1", left=AUDIOGRAM, right=AUDIOGRAM))
    with pytest.raises(ValueError, match="ratio must be one number or one for each of 3 bands"):
        _aid(parameters, crossover_frequencies_hz=(500, 4000), attack_ms=11, release_ms=80)


def test_all_problems_of_a_parameter_file_are_listed(tmp_path):
    without_gains = {key: ENTRY[key] for key in ("cr_l", "cr_r", "gain_l")}
    content = {
        "L1": ENTRY,
        "L2": without_gains | {"cr_l": [1, 2]},
        "L3": ENTRY | {"cr_r": [1, 1, 1, 1, 1, 0], "gain_l": [0, 0, 0, 0, 0, "3"]},
        "L4": ENTRY | {"gain_r": [0, 0, 0, 0, 0, math.nan]},
        "L5": ENTRY | {"gain_r": 3, "cr_l": [1, 1, 1, 1, 1, True]},
        "L6": [1, 2],
    }
    path = _write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_compressor_params(path)
    assert caught.value.problems == [
        f"{path}: listener L2: cr_l: expected 6 numbers, got [1, 2]",
        f"{path}: listener L2: missing gain_r",
        f"{path}: listener L3: gain_l: expected finite numbers, got [0, 0, 0, 0, 0, '3']",
        f"{path}: listener L3: cr_r: ratios must be positive, got [1, 1, 1, 1, 1, 0]",
        f"{path}: listener L4: gain_r: expected finite numbers, got [0, 0, 0, 0, 0, nan]",
        f"{path}: listener L5: cr_l: expected finite numbers, got [1, 1, 1, 1, 1, True]",
        f"{path}: listener L5: gain_r: expected 6 numbers, got 3",
        f"{path}: listener L6: expected an object, got [1, 2]",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot read"), ("[]", "expected a JSON object")],
)
def test_file_must_hold_a_json_object(tmp_path, text, message):
    path = tmp_path / "compressor_params.json"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(str(path)) + ": " + message):
        read_compressor_params(path)
    with pytest.raises(InputError, match=r"nowhere.json: cannot read"):
        read_compressor_params(tmp_path / "nowhere.json")


@pytest.mark.parametrize("pair", ["S50001_L0066", "S50003_L0083"])
def test_remix_compression_and_flac_of_cad2(shared, tmp_path, pair):
    """At most one 16-bit step in fewer than 50 of 10,000 samples, because of the crossover."""
    downloaded = shared / "data/cad2_task2/zenodo_download"
    scene, listener = pair.split("_")
    files = ("scenes.valid", "music.valid.to_generate", "gains")
    scenes, music, gains = (
        json.loads((downloaded / f"metadata/{name}.json").read_text()) for name in files
    )
    gains_db = gains[scenes[scene]["gain"]]
    sources = {}
    for name in gains_db:
        entry = music[scenes[scene]["music"]][name]
        sources[name], _ = audio.read(
            downloaded / entry["source_dataset"] / entry["track"],
            start_s=entry["start"],
            duration_s=entry["duration"],
        )
    compensation = 10 ** (level_compensation_db(gains_db) / 20)
    aid = _aid(read_compressor_params(downloaded / "metadata/compressor_params.valid.json"))
    output = aid(
        remix(sources, gains_db) * compensation, Listener(listener, left=AUDIOGRAM, right=AUDIOGRAM)
    )
    path = tmp_path / "remix.flac"
    audio.write_flac(path, output, RATE, output_sample_rate=32000)
    expected = shared / f"golden/cad2_task2/enhanced_signals/valid/{pair}_remix.flac"
    codes, expected_codes = (np.round(audio.read(p)[0] * 32768) for p in (path, expected))
    difference = np.abs(codes - expected_codes)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) < difference.size * 50 / 10_000
