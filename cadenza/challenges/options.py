"""What the scripts of the challenges can be set to: the keys of their ``config.yaml``, with types.

Defaults and meanings are in the YAML files: ``config.yaml`` beside the scripts, and what it takes
from ``configs/common``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cadenza._options import (
    Batches,
    Block,
    Count,
    Folder,
    NotNegative,
    Parallel,
    Rule,
    Running,
    SampleRate,
)

SongSeparator = Annotated[
    Block,
    Rule(
        blocks=(
            *("demucs", "htdemucs", "htdemucs_ft", "roformer", "openunmix"),
            *("convtasnet_vdbo", "spectral", "ensemble", "oracle", "custom"),
        )
    ),
]
"""Separates a song into vocals, drums, bass and other."""

EnsembleSeparator = Annotated[Block, Rule(blocks=("convtasnet", "oracle", "custom"))]
"""Separates a classical ensemble into its instruments."""

NalRAid = Annotated[Block, Rule(blocks=("nalr", "custom"))]
LimitedNalRAid = Annotated[Block, Rule(blocks=("nalr", "nalr_limited", "custom"))]
MultibandAid = Annotated[Block, Rule(blocks=("multiband", "custom"))]


@dataclass
class NalR:
    """The NAL-R filter."""

    nfir: Count
    sample_rate: SampleRate


@dataclass
class Compressor:
    """The broadband compressor after NAL-R."""

    threshold: NotNegative
    attenuation: NotNegative
    attack: NotNegative
    release: NotNegative
    rms_buffer_size: NotNegative


@dataclass
class Evaluation(Batches):
    """How a baseline is run and scored."""

    set_random_seed: bool
    noise: Annotated[str, Rule(one_of=("seeded", "fast", "none"))]
    small_test: bool
    allow_missing: bool
    details: bool
    engine: Annotated[str, Rule(one_of=("compiled", "torch"))]
    device: Annotated[str, Rule(one_of=("auto", "cpu", "cuda"))]
    pairs_at_once: Count


@dataclass
class SongEvaluation(Evaluation):
    """As `Evaluation`, with what is compared in CAD1 Task 1."""

    segments: bool
    target: Annotated[str, Rule(one_of=("stems", "remix"))]
    presentation: Annotated[str, Rule(one_of=("65dB", "default65"))]


@dataclass
class SongPaths:
    """Where the files of CAD1 Task 1 are."""

    root: Folder
    metadata_dir: str
    music_dir: str
    music_file: str
    listeners_file: str
    music_segments_test_file: str
    exp_folder: str
    enhanced_dir: str
    submission_dir: str
    stems_cache: str | None


@dataclass
class Cad1Task1(Running, Parallel):
    """Options of the baseline of CAD1 Task 1."""

    separator: SongSeparator
    hearing_aid: NalRAid
    path: SongPaths
    split: str
    release: Annotated[str, Rule(one_of=("0.9.0", "0.3.4"), scripts=("evaluate",))]
    stems: Annotated[str, Rule(one_of=("flac24", "float44"))]
    team_id: str
    sample_rate: SampleRate
    stem_sample_rate: SampleRate
    remix_sample_rate: SampleRate
    nalr: NalR
    apply_compressor: bool
    compressor: Compressor
    soft_clip: bool
    evaluate: SongEvaluation
    check_only: bool


@dataclass
class ScenePaths:
    """Where the files of a challenge with scenes are."""

    root: Folder
    metadata_dir: str
    music_dir: str
    gains_file: str
    listeners_file: str
    music_file: str
    scenes_file: str
    scene_listeners_file: str
    exp_folder: str
    stems_cache: str | None


@dataclass
class Icassp2024(Running, Parallel):
    """Options of the ICASSP 2024 baseline."""

    separator: SongSeparator
    hearing_aid: LimitedNalRAid
    path: ScenePaths
    split: str
    release: Annotated[str, Rule(one_of=("fixed", "published"), scripts=("enhance", "evaluate"))]
    sample_rate: SampleRate
    remix_sample_rate: SampleRate
    HAAQI_sample_rate: SampleRate
    nalr: NalR
    apply_compressor: bool
    compressor: Compressor
    soft_clip: bool
    evaluate: Evaluation


@dataclass
class AtMicPaths:
    """Where the data of ICASSP 2024 are read and written."""

    root: Folder
    metadata_dir: str
    music_dir: str
    hrtf_dir: str
    gains_file: str
    head_loudspeaker_positions_file: str
    music_file: str
    listeners_file: str
    scene_file: str
    scene_listeners_file: str
    output_music_dir: str
    output_music_file: str


@dataclass
class Head:
    """A head from a SOFA file, which takes the place of those in ``path.hrtf_dir``."""

    sofa_file: str | None
    interpolate: bool
    max_angle_deg: Annotated[float, Rule(least=0, most=180)]


@dataclass
class Scenes:
    """How many scenes to draw."""

    number_scenes_per_song: Count


@dataclass
class SceneListeners:
    """How many listeners to draw."""

    number_listeners_per_scene: Count


@dataclass
class Icassp2024Generation(Running, Parallel):
    """Options of the scripts that make the data of ICASSP 2024."""

    path: AtMicPaths
    head: Head
    split: str
    sample_rate: SampleRate
    scene: Scenes
    scene_listener: SceneListeners
    overwrite: bool


@dataclass
class EnsemblePaths(ScenePaths):
    """As `ScenePaths`, with the compressor settings of CAD2 Task 2."""

    enhancer_params_file: str


@dataclass
class Enhancer:
    """The multiband compressor: a value for each band, a crossover between two bands."""

    crossover_frequencies: Annotated[list[float], Rule(least=1)]
    attack: Annotated[list[float], Rule(least=0)]
    release: Annotated[list[float], Rule(least=0)]
    threshold: list[float]


@dataclass
class Cad2Task2(Running, Parallel):
    """Options of the baseline of CAD2 Task 2."""

    separator: EnsembleSeparator
    hearing_aid: MultibandAid
    path: EnsemblePaths
    split: str
    compat: Annotated[str, Rule(one_of=("fixed", "published"), scripts=("enhance",))]
    release: Annotated[str, Rule(one_of=("0.6.3", "0.9.0"), scripts=("evaluate",))]
    input_sample_rate: SampleRate
    remix_sample_rate: SampleRate
    HAAQI_sample_rate: SampleRate
    enhancer: Enhancer
    soft_clip: bool
    evaluate: Evaluation


@dataclass
class DownloadPaths:
    """Where the data of CAD2 Task 2 are read and written; the root is made."""

    root: str
    zenodo_download_path: str
    metadata_dir: str
    music_dir: str
    gain_metadata: str
    music_metadata: str
    listeners_file: str
    scene_metadata_file: str
    scene_listeners_file: str


@dataclass
class Cad2Task2Processing(Running):
    """Options of the scripts that make the data of CAD2 Task 2."""

    path: DownloadPaths
    seed_scene_generation: str
    gains_per_track: Count
    listener_per_scene: Count
    distinct_listeners: bool
    overwrite: bool
