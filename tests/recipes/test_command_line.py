"""Arguments and configuration files of the scripts: what is accepted, and what mistakes say."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from cadenza._paths import write_json
from cadenza.challenges.options import Cad1Task1
from cadenza.errors import InputError
from cadenza.runner import cli, early

from .command_line import BASELINE, REPOSITORY, recipe

__all__ = ["recipe"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("remix_samplerate=32000", "unknown key remix_samplerate; did you mean remix_sample_rate?"),
        ("+softclip=true", "unknown key softclip; did you mean soft_clip?"),
        ("+evaluate.nois=fast", "unknown key evaluate.nois; did you mean evaluate.noise?"),
        (
            "separator.segmnt_s=3",
            "unknown key separator.segmnt_s; did you mean separator.segment_s?",
        ),
        ("path.tracklist_file=x", "unknown key path.tracklist_file; --help lists all keys"),
        ("evaluate.batch_size=many", "evaluate.batch_size must be a whole number, got 'many'"),
        ("sample_rate=abc", "sample_rate must be a whole number, got 'abc'"),
        ("sample_rate=null", "sample_rate must be a whole number, got null"),
        ("nalr.sample_rate=abc", "nalr.sample_rate must be a whole number, got 'abc'"),
        (
            "nalr.sample_rate=${split}",
            "nalr.sample_rate must be a whole number, got 'train' (from ${split})",
        ),
        ("nalr.sample_rate=${spilt}", "nalr.sample_rate: cannot resolve ${spilt}: "),
        ("soft_clip=maybe", "soft_clip must be true or false, got 'maybe'"),
        ("split=true", "split must be text, got true"),
        ("compressor.attack=fast", "compressor.attack must be a number, got 'fast'"),
        ("compressor.attack=-1", "compressor.attack must be at least 0, got -1.0"),
        ("remix_sample_rate=0", "remix_sample_rate must be 8000 to 768000, got 0"),
        ("evaluate.batch_size=0", "evaluate.batch_size must be at least 1, got 0"),
        ("evaluate.noise=pink", "evaluate.noise must be one of seeded, fast, none, got 'pink'"),
        ("on_error=maybe", "on_error must be one of continue, stop, got 'maybe'"),
        ("resume=maybe", "resume must be one of true, false, changed, got 'maybe'"),
        ("evaluate=null", "evaluate must be a section with the keys batch_size, batch, "),
        ("~on_error", "config.yaml: the key on_error is missing"),
        ("path.root=null", "path.root must be text, got null"),
        ("path.root=/no/such", "path.root: no such folder: /no/such"),
        ("path.root=~/nowhere", f"path.root: no such folder: {Path.home()}/nowhere"),
        ("path.root=/a[b]", "quote it: 'path.root=\"/a[b]\"'"),
        ("path.exp_folder=null", "path.exp_folder"),
        ("path.exp_folder=${nowhere}", "Interpolation key 'nowhere' not found"),
        (
            "separator=demuks",
            "there is no separator called demuks; choose one of demucs,",
        ),
        ("separator=convtasnet", "separator=convtasnet is not made for this script; choose"),
        (
            "hearing_aid=multiband",
            "hearing_aid=multiband is not made for this script; choose",
        ),
        ("separator=custom", "separator._target_ is required: separator._target_=..."),
        ("separator=spectral,oracle", "separator has several values: -m runs a job for each"),
        ("separator.model=openunmix", "choose a separator by its name: separator=openunmix"),
        ("spectral", "cannot read the argument spectral; did you mean separator=spectral?"),
        ("nalr", "cannot read the argument nalr; did you mean hearing_aid=nalr?"),
        ("valid", "cannot read the argument valid; it must be key=value"),
        ("--splt=valid", "unrecognized arguments: --splt=valid"),
        ("--config-dir=nowhere", "--config-dir: no such folder: nowhere"),
        ("hydra/launcher=ray", "is not installed: pip install hydra-ray-launcher"),
        ("+cluster=slrum", "there is no cluster called slrum; choose one of local, slurm"),
    ],
)
def test_a_mistake_is_one_line(recipe, argument, message):
    (line,) = recipe.errors(argument)
    assert message in line


def test_a_value_that_must_be_given(recipe):
    (line,) = recipe.errors("path.root=???")
    assert line == "error: path.root is required: path.root=..."


def test_all_wrong_values_are_listed(recipe):
    assert len(recipe.errors("soft_clip=1.5", "compressor.attack=a", "evaluate.batch=b")) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("soft_clip: false", "softclip: false", "config: unknown key softclip; did you mean"),
        ("soft_clip: false", "", "the key soft_clip is missing"),
        ("  - common/running ", "  # ", "the key on_error is missing"),
        ("  gains_file:", "  gain_file:", "the key path.gains_file is missing"),
        ("split: train", "split: [train", "config.yaml, line "),
        ("split: train", "split:\ttrain", "config.yaml, line "),
        ("sample_rate: 44100", "sample_rate: 44.1 kHz", "sample_rate must be a whole number"),
        ("  - common/running ", "  - common/runing ", "common/runing"),
        (
            "soft_clip: false",
            "nalr:\n  fs: 44100\nsoft_clip: false",
            "did you mean nalr.sample_rate?",
        ),
    ],
)
def test_a_mistake_in_the_configuration_file(recipe, old, new, message):
    recipe.edit(old, new)
    lines = recipe.errors()
    assert any(message.replace("config:", "config.yaml:") in line for line in lines), lines
    assert len(lines) <= 2


def test_a_configuration_file_may_change_shared_keys(recipe):
    recipe.edit("hydra:\n", "evaluate:\n  noise: fast\nnalr: {nfir: 100}\n\nhydra:\n")
    config = recipe.values()
    assert (config.evaluate.noise, config.nalr.nfir) == ("fast", 100)
    assert config.evaluate.batch_size == 1
    assert recipe.values("evaluate.noise=none").evaluate.noise == "none"


def test_values_have_their_types_and_cannot_be_changed(recipe):
    config = recipe.values("compressor.attack=50", "split=12", "sample_rate=48000")
    assert isinstance(config.compressor.attack, float)
    assert (config.split, config.nalr.sample_rate) == ("12", 48000)
    with pytest.raises(Exception, match="read-only"):
        config.split = "train"


def test_keys_of_earlier_releases(recipe):
    assert recipe.values("path.exp=results", "nalr.fs=44100").path.exp_folder == "results"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config-dir", ".", "separator=mine", "split=valid"],
        ["separator=mine", "--config-dir", ".", "split=valid"],
        ["split=valid", "separator=mine", "--config-dir", "."],
        ["split=valid", "-m", "separator=mine", "--config-dir=."],
        ["-m", "split=valid", "--config-dir=.", "separator=mine"],
    ],
)
def test_arguments_in_any_order_and_blocks_of_the_users_own(recipe, arguments):
    Path("separator").mkdir()
    Path("separator/mine.yaml").write_text("_target_: my_module.MyClass\ngain: 2\n")
    config = recipe.values(*arguments)
    assert (config.separator.gain, config.split) == (2, "valid")


@pytest.mark.parametrize("value", ["sw/${hydra:runtime.choices.separator}", '"a b/${split}"'])
def test_a_folder_may_depend_on_other_keys(recipe, value):
    expected = {"s": "sw/oracle", '"': "a b/train"}[value[0]]
    assert recipe.values("separator=oracle", f"path.exp_folder={value}").path.exp_folder == expected
    assert Path(expected, "enhance.log").exists()


def test_a_sweep_over_a_folder_that_depends_on_the_separator(recipe):
    folders = []
    status = recipe(
        "separator=oracle,spectral",
        "-m",
        "path.exp_folder=sw/${hydra:runtime.choices.separator}",
        work=lambda config: folders.append(config.path.exp_folder) or 0,
    )
    assert (status, folders) == (0, ["sw/oracle", "sw/spectral"])
    assert sorted(path.name for path in Path("sw").iterdir()) == ["oracle", "spectral"]


def of_batch(config):
    """Exit status of a job of a sweep."""
    if config.evaluate.batch == 3:
        raise InputError("no third batch")
    if config.evaluate.batch == 4:
        raise KeyboardInterrupt
    return config.evaluate.batch


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
@pytest.mark.parametrize(
    ("batches", "status"), [("0,0", 0), ("0,1,0", 1), ("3,1,0", 2), ("0,4,1", 130)]
)
def test_the_exit_status_of_a_sweep_is_that_of_its_worst_job(recipe, launcher, batches, status):
    sweep = ["-m", f"evaluate.batch={batches}", f"hydra/launcher={launcher}"]
    assert recipe(*sweep, work=of_batch) == status
    failed = [number for number, batch in enumerate(batches.split(",")) if batch != "0"]
    for number in failed:
        assert f"job {number} ended with exit status" in recipe.seen
    assert recipe.seen.count("ended with exit status") == len(failed)


def test_a_sweep_with_a_mistake_runs_no_job(recipe):
    (line,) = recipe.errors("-m", "evaluate.batch=0,1", "softclip=true", work=of_batch)
    assert "unknown key softclip" in line


@pytest.mark.slow
def test_a_script_of_its_own_process_with_another_launcher(tmp_path):
    """The functions of a script that is run as a file are sent to the workers, too."""
    command = [sys.executable, BASELINE / "evaluate.py", f"path.root={tmp_path}", "-m"]
    command += ["hydra/launcher=joblib", "evaluate.batch=0,1", "evaluate.batch_size=2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "error: missing " in done.stderr
    assert done.stderr.count("ended with exit status 2") == 2
    assert "Traceback" not in done.stderr


def test_an_interrupted_job(recipe):
    def interrupt(config):
        raise KeyboardInterrupt

    assert recipe(work=interrupt) == 130
    assert "run the same command again to continue" in recipe.seen


def test_a_bug_is_reported_with_a_traceback(recipe, capfd):
    def fail(config):
        raise ZeroDivisionError

    script = cli.Script(recipe.folder / "enhance.py", fail, cli.Script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli.Script, "_checked", lambda self, config: config)
        patch.setattr(cli, "blocks_of", lambda options: {})
        assert script(["path.root=root"]) == 1
    assert "Traceback" in "".join(capfd.readouterr())


INTERRUPT = """
import runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "cadenza.audio":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_an_interrupt_during_the_imports():
    script = BASELINE / "enhance.py"
    command = [sys.executable, "-c", INTERRUPT, script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


class Unready:
    """A separator of a user, with a bug."""

    def __init__(self, *, gain: float) -> None:
        raise KeyError(f"gain {gain}")


def test_a_bug_in_a_users_separator_names_the_block_and_the_class(recipe):
    own = f"{__name__}.Unready"
    arguments = ["separator=custom", f"separator._target_={own}", "+separator.gain=2"]
    (line,) = recipe.errors(*arguments, work=lambda config: cli.build(config, "separator") and 0)
    assert line == f"error: cannot build separator ({own}): KeyError: 'gain 2'"
    assert "Traceback" in Path("exp/enhance.log").read_text(), "for the author of the class"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("separator.segment_s=0", "segment_s must be positive, got 0"),
        ("separator.overlap_s=11", "overlap_s must be"),
        ("separator.segment_s=long", "segment_s must be"),
        ("+separator.segments=3", "unexpected keyword argument 'segments'"),
    ],
)
def test_options_of_a_block_are_checked_before_the_first_item(recipe, argument, message):
    (line,) = recipe.errors(argument, work=lambda config: cli.build(config, "separator") and 0)
    assert line.startswith("error: cannot build separator (cadenza.separation.demucs.HybridDemucs)")
    assert message in line


def test_an_input_error_of_a_block_names_the_block(recipe):
    work = lambda config: cli.build(config, "separator") and 0  # noqa: E731
    (line,) = recipe.errors("separator.device=gpu", work=work)
    assert line.startswith("error: separator: device must be null, cpu")


@pytest.mark.parametrize("target", ["no_such_module.MySeparator", "json.NoSuchClass"])
def test_a_class_that_does_not_exist(recipe, target):
    arguments = ["separator=custom", f"separator._target_={target}"]
    (line,) = recipe.errors(*arguments, work=lambda config: cli.build(config, "separator") and 0)
    assert line.startswith(f"error: cannot build separator ({target}): ")


def test_a_results_folder_named_after_a_separator_that_was_not_chosen(recipe):
    def fail(config):
        raise InputError(f"missing file: {config.path.exp_folder.removeprefix('./')}/a.flac")

    folder = REPOSITORY / "recipes" / "cad1" / "task1" / "baseline"
    recipe.folder = folder
    run = {"options": Cad1Task1, "name": "pack_submission.py", "work": fail}
    recipe.errors(**run)
    assert "hint: path.exp_folder is ./exp_demucs because separator=demucs is the" in recipe.seen
    assert recipe.seen.count("hint: path.exp_folder") == 1
    recipe.errors("separator=demucs", **run)
    assert "hint" not in recipe.seen


def test_a_root_that_is_a_folder_too_high(recipe):
    def fail(config):
        raise InputError(f"missing folder: {config.path.metadata_dir} (with gains.json)")

    recipe.errors(work=fail)
    assert "hint" not in recipe.seen
    Path("root/data/challenge/metadata").mkdir(parents=True)
    recipe.errors(work=fail)
    assert "\nhint: did you mean path.root=root/data/challenge?\n" in recipe.seen


def test_scores_before_music(recipe):
    def fail(config):
        raise InputError(
            f"missing folder: {Path(config.path.exp_folder)}/enhanced_signals (with a)"
        )

    recipe.errors(work=fail)
    assert "\nhint: run enhance.py first, with the same path.exp_folder" in recipe.seen


@pytest.mark.parametrize("missing", ["file: {}/a.flac", "folder: {}/valid (with a)"])
def test_scores_before_all_music_is_there(recipe, missing):
    def fail(config):
        folder = Path(config.path.exp_folder) / "enhanced_signals"
        raise InputError(f"missing {missing.format(folder)}")

    recipe.errors(work=fail)
    assert (
        "\nhint: some of the enhanced music is missing: run enhance.py again, with" in recipe.seen
    )


def test_a_split_that_is_misspelt(recipe):
    def fail(config):
        files = [config.path.scenes_file, config.path.listeners_file]
        raise InputError([f"missing file: {file}" for file in files])

    recipe.errors("split=vaild", work=fail)
    assert "hint" not in recipe.seen
    for split in ("valid", "train"):
        write_json(Path(f"root/metadata/listeners.{split}.json"), {})
    recipe.errors("split=vaild", work=fail)
    expected = "hint: there are no listeners for split=vaild, only for train, valid"
    assert recipe.seen.splitlines()[-1] == expected


def test_help_needs_no_slow_import(tmp_path):
    program = (
        "import runpy, sys\n"
        "try:\n    runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "finally:\n    print(sorted({'torch', 'scipy', 'numba', 'pandas'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, BASELINE / "enhance.py", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert list(tmp_path.iterdir()) == [], "and it makes no folder"
    assert "Usage: python enhance.py" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no broken pipes")
def test_help_may_be_cut_off(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, BASELINE / "enhance.py", "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_starting_a_script_leaves_interrupts_to_the_run():
    import signal

    before = {number: signal.getsignal(number) for number in early.SIGNALS}
    early.start("", Cad1Task1)
    early.imported()
    for number, handler in before.items():
        assert signal.getsignal(number) is signal.default_int_handler
        signal.signal(number, handler)


def test_a_script_that_is_imported_does_nothing():
    assert callable(runpy.run_path(str(BASELINE / "merge_batches_results.py"))["main"])
