"""The YAML files: they compose and build with every block, and explain all keys, which are used."""

from __future__ import annotations

import re
import shlex
import typing
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cadenza import _options
from cadenza.challenges import options as challenge_options
from cadenza.haaqi import NoiseName
from cadenza.runner import cli
from cadenza.runner.comments import keys, title
from cadenza.runner.help import all_keys, help_text
from cadenza.runner.options import blocks_of, leaves_of, options_of, without_effect
from cadenza.training.options import ConvTasNetOptions

from .command_line import REPOSITORY, recipe

__all__ = ["recipe"]

RECIPES = REPOSITORY / "recipes"
SCHEMAS = {
    "cad1/task1/baseline": challenge_options.Cad1Task1,
    "cad_icassp_2024/baseline": challenge_options.Icassp2024,
    "cad_icassp_2024/generate_dataset": challenge_options.Icassp2024Generation,
    "cad2/task2/baseline": challenge_options.Cad2Task2,
    "cad2/task2/process_dataset": challenge_options.Cad2Task2Processing,
    "cad2/task2/ConvTasNet": ConvTasNetOptions,
}
SCRIPTS = sorted(path for path in RECIPES.rglob("*.py") if path.name != "__init__.py")
YAML_FILES = sorted([*RECIPES.rglob("*.yaml"), *(REPOSITORY / "configs").rglob("*.yaml")])
BLOCKS = [
    (folder, group, name)
    for folder, schema in SCHEMAS.items()
    for group, names in blocks_of(schema).items()
    for name in names
]
MUST_BE_GIVEN = {
    "separator=custom": ["separator._target_=cadenza.separation.oracle.Oracle"],
    "separator=roformer": ["separator.weights=x", "separator.model_config=x"],
    "hearing_aid=custom": ["hearing_aid._target_=cadenza.hearing_aid.NALRAid"],
    "data=custom": [
        "data._target_=cadenza.training.corpus.EnsembleCorpus",
        "data.target=Viola",
        *(f"+data.{key}=x" for key in ("root_path", "music_tracks_file")),
        *(f"+data.{split}_file=x" for split in ("train", "valid", "test")),
    ],
    "data=cad2": ["data.root_path=x", "data.music_tracks_file=x"],
    "data=songs": ["data.train_path=x", "data.valid_path=x"],
}


def short(path):
    return str(path.relative_to(REPOSITORY))


def compose(recipe, folder, *arguments):
    """Configuration of a recipe as its scripts get it."""
    recipe.folder = RECIPES / folder
    Path("root/metadata").mkdir(exist_ok=True)
    where = [] if folder.endswith("ConvTasNet") else ["path.root=root"]
    configs = []
    script = cli.Script(recipe.folder / "x.py", lambda c: configs.append(c) or 0, SCHEMAS[folder])
    assert script([*where, *arguments]) == 0
    return configs[0]


@pytest.mark.parametrize(("folder", "group", "name"), BLOCKS)
def test_every_block_composes_and_builds(recipe, folder, group, name):
    Path("root/metadata").mkdir()
    Path("root/metadata/compressor_params.valid.json").write_text("{}")
    arguments = [f"{group}={name}", *MUST_BE_GIVEN.get(f"{group}={name}", [])]
    if folder.endswith("ConvTasNet") and group != "data":
        arguments.append("data=generated")
    if f"{group}={name}" == "hearing_aid=custom":
        arguments.append("+hearing_aid.sample_rate=44100")
    config = compose(recipe, folder, *arguments)
    assert type(cli.build(config, group)).__module__.startswith("cadenza.")


def test_members_of_an_ensemble_are_replaced_on_the_command_line(recipe):
    """The command of the documentation; and with weights."""
    text = (REPOSITORY / "docs" / "separators.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"python enhance.py (separator=ensemble .*) path.root=", text)
    folder, arguments = "cad_icassp_2024/baseline", shlex.split(command)
    ensemble = cli.build(compose(recipe, folder, *arguments), "separator")
    assert {name: type(x).__name__ for name, x in ensemble.members.items()} == {
        "network": "ConvTasNetVDBO",
        "ht": "HTDemucs",
    }
    assert ensemble.weights is None
    *arguments, _ = arguments
    weights = ["~separator.weights.spectral", "+separator.weights.ht=2.0"]
    ensemble = cli.build(compose(recipe, folder, *arguments, *weights), "separator")
    assert ensemble.weights == {"network": 1.0, "ht": 2.0}


def test_members_of_an_ensemble_are_added_and_removed_one_by_one(recipe):
    """And what is missing from the command is said."""
    (line,) = recipe.errors("separator=ensemble", "separator.members={mine: {_target_: mine.Mine}}")
    entry = "separator.members"
    assert line == f"error: {entry}: +{entry}.NAME=... adds an entry, ~{entry}.NAME removes one"
    (line,) = recipe.errors(
        "separator=ensemble",
        "~separator.members.spectral",
        work=lambda config: cli.build(config, "separator") and 0,
    )
    assert line.endswith(": there are network; with weights=null all count the same")


@pytest.mark.parametrize("folder", SCHEMAS)
def test_the_options_are_the_keys_of_the_configuration(recipe, folder):
    config = compose(recipe, folder, *(["data=generated"] if "ConvTasNet" in folder else []))
    blocks = {f"{group}." for group in blocks_of(SCHEMAS[folder])}
    found = leaves_of(OmegaConf.to_container(config))
    keys_outside = {key for key in found if not key.startswith(tuple(blocks))}
    expected = {option.key for option in options_of(SCHEMAS[folder])}
    assert keys_outside == expected - set(blocks_of(SCHEMAS[folder]))


EVALUATE = {
    "evaluate.set_random_seed": True,
    "evaluate.small_test": False,
    "evaluate.batch_size": 1,
    "evaluate.batch": 0,
}
NAL_R = {
    "nalr.nfir": 220,
    "nalr.sample_rate": 44100,
    "apply_compressor": False,
    "compressor.threshold": 0.35,
    "compressor.attenuation": 0.1,
    "compressor.attack": 50,
    "compressor.release": 1000,
    "compressor.rms_buffer_size": 0.064,
}
SPECIFIED = {
    "cad1/task1/baseline": {
        **EVALUATE,
        **NAL_R,
        "path.metadata_dir": "root/metadata",
        "path.music_dir": "root/audio/musdb18hq",
        "path.music_file": "root/metadata/musdb18.valid.json",
        "path.listeners_file": "root/metadata/listeners.valid.json",
        "path.music_segments_test_file": "root/metadata/musdb18.segments.test.json",
        "path.exp_folder": "./exp_demucs",
        "team_id": "T001",
        "sample_rate": 44100,
        "stem_sample_rate": 24000,
        "remix_sample_rate": 32000,
        "soft_clip": True,
        "separator.device": None,
    },
    "cad_icassp_2024/generate_dataset": {
        "path.metadata_dir": "root/metadata",
        "path.music_dir": "root/audio/music",
        "path.hrtf_dir": "root/audio/hrtf",
        "path.scene_file": "root/metadata/scenes.train.json",
        "path.music_file": "root/metadata/musdb18.train.json",
        "path.head_loudspeaker_positions_file": "root/metadata/head_loudspeaker_positions.json",
        "path.gains_file": "root/metadata/gains.json",
        "path.output_music_dir": "root/audio/at_mic_music",
        "path.output_music_file": "root/metadata/at_mic_music.train.json",
        "head.sofa_file": None,
        "sample_rate": 44100,
        "scene.number_scenes_per_song": 4,
        "scene_listener.number_listeners_per_scene": 2,
    },
    "cad_icassp_2024/baseline": {
        **EVALUATE,
        **NAL_R,
        "path.metadata_dir": "root/metadata",
        "path.music_dir": "root/audio/at_mic_music",
        "path.gains_file": "root/metadata/gains.json",
        "path.listeners_file": "root/metadata/listeners.train.json",
        "path.music_file": "root/metadata/at_mic_music.train.json",
        "path.scenes_file": "root/metadata/scenes.train.json",
        "path.scene_listeners_file": "root/metadata/scene_listeners.train.json",
        "path.exp_folder": "./exp",
        "sample_rate": 44100,
        "remix_sample_rate": 32000,
        "HAAQI_sample_rate": 24000,
        "soft_clip": False,
        "separator.device": None,
    },
    "cad2/task2/process_dataset": {
        "path.metadata_dir": "root/metadata",
        "path.music_dir": "root/audio",
        "path.scene_metadata_file": "root/metadata/scenes.train.json",
        "path.gain_metadata": "root/metadata/gains_meta.json",
        "path.music_metadata": "root/metadata/music.train.json",
        "seed_scene_generation": "Cad2Task2_2024",
        "gains_per_track": 4,
        "listener_per_scene": 2,
    },
    "cad2/task2/baseline": {
        **EVALUATE,
        "path.metadata_dir": "root/metadata",
        "path.music_dir": "root/audio",
        "path.gains_file": "root/metadata/gains.json",
        "path.listeners_file": "root/metadata/listeners.valid.json",
        "path.enhancer_params_file": "root/metadata/compressor_params.valid.json",
        "path.music_file": "root/metadata/music.valid.json",
        "path.scenes_file": "root/metadata/scenes.valid.json",
        "path.scene_listeners_file": "root/metadata/scene_listeners.valid.json",
        "path.exp_folder": "./exp",
        "input_sample_rate": 44100,
        "remix_sample_rate": 32000,
        "HAAQI_sample_rate": 24000,
        "separator.add_residual": 0.1,
        "separator.causality": "noncausal",
        "separator.device": None,
        "enhancer.crossover_frequencies": [353.55, 707.11, 1414.21, 2828.43, 5656.85],
        "enhancer.attack": [11, 11, 14, 13, 11, 11],
        "enhancer.release": [80, 80, 80, 80, 100, 100],
        "enhancer.threshold": [-30, -30, -30, -30, -30, -30],
        "soft_clip": False,
    },
    "cad2/task2/ConvTasNet": {
        **{f"convtasnet.{k}": v for k, v in {"N": 256, "L": 20, "B": 256, "H": 512}.items()},
        **{f"convtasnet.{k}": v for k, v in {"P": 3, "X": 10, "R": 4, "C": 2}.items()},
        "convtasnet.audio_channels": 2,
        "convtasnet.norm_type": "gLN",
        "convtasnet.causal": False,
        "convtasnet.mask_nonlinear": "relu",
        "training.epochs": 200,
        "training.batch_size": 4,
        "training.num_workers": 4,
        "training.half_lr": True,
        "training.early_stop": True,
        "training.aggregate": 1,
        "optim.lr": 0.0001,
        "data.sample_rate": 44100,
        "data.target": "Bassoon",
        "data.samples_per_track": 64,
        "data.segment_length": 3.0,
        "exp_dir": "exp/tmp",
    },
}
"""Keys and defaults of the challenges' own configurations."""


@pytest.mark.parametrize("folder", SPECIFIED)
def test_the_keys_of_the_challenges_have_their_names_and_defaults(recipe, folder):
    given = MUST_BE_GIVEN["data=cad2"] if folder.endswith("ConvTasNet") else []
    leaves = leaves_of(OmegaConf.to_container(compose(recipe, folder, *given)))
    assert {key: leaves[key] for key in SPECIFIED[folder]} == SPECIFIED[folder]


def published_commands():
    """Commands of the page that says how to repeat the published scores."""
    text = (REPOSITORY / "docs" / "published.md").read_text(encoding="utf-8")
    return re.findall(r"^python recipes/(\S+) (.+)$", re.sub(r"\\\n\s*", "", text), re.M)


@pytest.mark.parametrize(("script", "arguments"), published_commands())
def test_the_commands_of_the_published_scores_compose(recipe, script, arguments):
    assert (RECIPES / script).is_file()
    given = re.sub(r"path\.root=\S+", "path.root=root", arguments).split()
    configs = []
    options = SCHEMAS[str(Path(script).parent)]
    check = cli.Script(RECIPES / script, lambda c: configs.append(c) or 0, options)
    assert check(given) == 0, recipe.seen
    assert len(configs) == 1
    keys_given = {argument.partition("=")[0] for argument in given}
    assert without_effect(options, Path(script).stem, keys_given) == []


def test_all_published_scores_have_commands():
    scripts = {script for script, _ in published_commands()}
    assert {name for name in scripts if name.endswith("evaluate.py")} == {
        f"{folder}/evaluate.py" for folder in SCHEMAS if (RECIPES / folder / "evaluate.py").exists()
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=short)
def test_every_key_of_the_help_has_a_meaning(script):
    folder = str(script.parent.relative_to(RECIPES))
    blocks = blocks_of(SCHEMAS[folder])
    text = help_text(script, blocks)
    assert text.startswith(script.read_text(encoding="utf-8").split('"""')[1].splitlines()[0])
    for key in all_keys(script, blocks, []):
        assert re.search(rf"^  {re.escape(key)}(=\S.*)?\n? {{2,}}\S", text, re.M), key
    shared = {path.stem for path in (REPOSITORY / "configs" / "separator").glob("*.yaml")}
    foreign = shared - set(blocks.get("separator", ())) - {"oracle", "custom"}
    assert not [name for name in foreign if re.search(rf"^  {name} ", text, re.M)]


def test_the_help_shows_the_keys_of_the_block_that_is_asked_for(capsys):
    script = RECIPES / "cad2" / "task2" / "ConvTasNet" / "train.py"
    cli.Script(script, len, ConvTasNetOptions)(["--help", "data=songs"])
    text = capsys.readouterr().out
    assert "data.train_path=???" in text
    assert "data.root_path" not in text


def test_the_help_shows_blocks_of_the_users_own(recipe):
    Path("separator").mkdir()
    Path("separator/mine.yaml").write_text("# Mine\n_target_: my.Class\ngain: 2  # in dB\n")
    recipe("--config-dir", ".", "separator=mine", "--help")
    assert re.search(r"separator\.gain=2 +in dB", recipe.seen)


def test_every_file_has_a_title():
    assert [short(path) for path in YAML_FILES if not title(path)] == []


def test_the_package_of_a_file_is_named_in_its_first_line():
    """Hydra ignores it anywhere else."""
    for path in YAML_FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [n for n, line in enumerate(lines) if "@package" in line] in ([], [0]), path
        if path.parent.name == "common":
            assert lines[0] == "# @package _global_", path


@pytest.mark.parametrize("folder", SCHEMAS)
def test_every_key_is_read_by_a_script(folder):
    """By its name in Python, or by an interpolation in a block that is offered."""
    code = [*(RECIPES / folder).glob("*.py"), *(REPOSITORY / "cadenza").rglob("*.py")]
    skipped = {"options.py", "keys.py", "_options.py"}
    text = "\n".join(path.read_text() for path in code if path.name not in skipped)
    yaml = "\n".join(path.read_text() for path in YAML_FILES)
    for option in options_of(SCHEMAS[folder]):
        name = option.key.rpartition(".")[2]
        section = option.key.partition(".")[0]
        is_read = re.search(rf'\.{name}\b|"{name}"|"{re.escape(option.key)}"', text)
        is_used = f"${{{option.key}}}" in yaml or re.search(rf"\*\*config\.{section}\b", text)
        assert is_read or is_used, option.key


def test_the_kinds_of_noise_are_those_of_the_scores():
    hint = typing.get_type_hints(challenge_options.Evaluation, include_extras=True)["noise"]
    assert typing.get_args(hint)[1] == _options.Rule(one_of=typing.get_args(NoiseName))


def test_comments_of_a_file(tmp_path):
    file = tmp_path / "block.yaml"
    file.write_text(
        "# A block\n_target_: ???  # a class\n"
        "url: a#b  # not part of the value\nlist: [1, 2]  # two\n   # numbers\n"
        "# Another part\nsection:  # of it\n  key: null\n"
    )
    assert title(file) == "A block"
    found = {key.name: (key.default, key.meaning) for key in keys(file, "group")}
    assert found == {
        "group._target_": ("???", "a class"),
        "group.url": ("a#b", "not part of the value"),
        "group.list": ("[1, 2]", "two numbers"),
        "group.section": ("", "of it"),
        "group.section.key": ("null", ""),
    }
