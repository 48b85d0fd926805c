"""What a user installs: the wheel and the source distribution, in an environment of their own."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import cadenza

from .golden import roots

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(p for p in (REPOSITORY / "recipes").rglob("*.py") if p.name != "__init__.py")
SOURCES = ("cadenza", "configs", "recipes", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


def run(command: list[object], cwd: Path) -> str:
    """Standard output and error of a command that must succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The sources of the package alone, without what earlier builds left behind."""
    folder = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", "exp*", "outputs", "multirun")
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=ignore)
        else:
            shutil.copyfile(path, folder / name)
    return folder


@pytest.fixture(scope="module")
def build_log(source) -> str:
    """Build the source distribution, and the wheel from it; what the build prints."""
    return run([sys.executable, "-m", "build", "--no-isolation", source], source)


@pytest.fixture(scope="module")
def wheel(source, build_log) -> Path:
    (path,) = (source / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Path:
    """Python of an environment that holds the wheel and, by path, the packages it depends on."""
    folder = tmp_path_factory.mktemp("bare")
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(run(where, folder).strip())
    packages = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    (site / "dependencies.pth").write_text("\n".join(packages))
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall",
         "--target", site, wheel], folder)  # fmt: skip
    return python


def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_pip_builds_the_wheel_without_a_warning(source, tmp_path):
    """Setuptools warned of each folder that looks like a package but is not listed as one."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    log = run([*command, "--wheel-dir", tmp_path, source], source)
    assert "Successfully built cadenza" in log
    for complaint in ("BuildBackendWarning", "would be ignored", "Deprecat"):
        assert complaint not in log


@pytest.mark.skipif(os.name == "nt", reason="the Makefile needs a Unix shell")
def test_an_editable_installation_as_in_the_makefile_is_quiet(source, tmp_path):
    (recipe,) = re.findall("^INSTALL := (.*)$", (REPOSITORY / "Makefile").read_text(), re.M)
    command = recipe.replace("$(RUN)", sys.executable)
    options = f"--no-deps --no-build-isolation --target {tmp_path} --editable {source}"
    assert "Warning" not in run(["bash", "-c", f"{command} {options}"], source)


def test_sources_and_source_distribution_give_the_same_wheel(source, wheel, tmp_path):
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir"]
    run([*command, tmp_path, source], source)
    (direct,) = tmp_path.glob("*.whl")
    assert direct.name == wheel.name
    one, other = (
        {i.filename: i.CRC for i in zipfile.ZipFile(path).infolist()} for path in (direct, wheel)
    )
    assert one == other


def test_the_wheel_holds_every_source_file_and_nothing_else(wheel):
    folders = {"cadenza": "cadenza", "recipes": "cadenza/recipes", "configs": "cadenza/configs"}
    suffixes = {".py", ".yaml", ".json", ".safetensors", ".typed", ".md", ".html"}
    suffixes |= {".css", ".js", ".toml"}
    expected = {
        f"{target}/{path.relative_to(REPOSITORY / folder).as_posix()}"
        for folder, target in folders.items()
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in suffixes
    }
    found = {name for name in names(wheel) if ".dist-info/" not in name}
    assert found == expected
    assert "cadenza/py.typed" in found


def test_metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    (path,) = (name for name in names(wheel) if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(archive.read(path))
    assert metadata["Version"] == cadenza.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert "https://cadenzachallenge.org" in "".join(metadata.get_all("Project-URL"))


def test_the_source_distribution_holds_licence_and_readme(source, build_log):
    (path,) = (source / "dist").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "recipes/__init__.py"} <= inside


def test_the_installed_package_is_imported_and_holds_its_networks(bare, tmp_path):
    program = (
        "import cadenza, importlib.metadata as m, importlib.resources as r; "
        "print(cadenza.__file__, cadenza.__version__, m.version('cadenza'), "
        "sum(p.joinpath('model.safetensors').is_file() "
        "for p in (r.files('cadenza.separation') / 'models').iterdir()))"
    )
    path, *versions, n_networks = run([bare, "-c", program], tmp_path).split()
    assert Path(path).is_relative_to(bare.parents[1])
    assert versions == [cadenza.__version__] * 2
    models = REPOSITORY / "cadenza" / "separation" / "models"
    assert int(n_networks) == len(list(models.iterdir())) > 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_every_script_explains_itself(bare, script, tmp_path):
    module = ".".join(("cadenza", *script.relative_to(REPOSITORY).with_suffix("").parts))
    assert "path" in run([bare, "-m", module, "--help"], tmp_path)


def test_a_script_finds_its_configuration_and_the_shared_groups(bare, tmp_path):
    module = "cadenza.recipes.cad_icassp_2024.baseline.enhance"
    arguments = ["path.root=nowhere", "separator=spectral", "--cfg", "job", "--resolve"]
    config = run([bare, "-m", module, *arguments], tmp_path)
    assert "_target_: cadenza.separation" in config
    assert "remix_sample_rate: 32000" in config


def test_a_script_runs(bare, tmp_path):
    roots.write_icassp(tmp_path / "root")
    module = "cadenza.recipes.cad_icassp_2024.generate_dataset.generate_train_scenes"
    run([bare, "-m", module, "path.root=root", "scene.number_scenes_per_song=1"], tmp_path)
    assert (tmp_path / "root" / "metadata" / "scenes.train.json").is_file()


def test_the_command_is_installed(bare, tmp_path):
    (command,) = bare.parents[1].rglob("site-packages/bin/cadenza")  # pip --target puts it there
    assert run([command, "--version"], tmp_path) == f"cadenza {cadenza.__version__}\n"
