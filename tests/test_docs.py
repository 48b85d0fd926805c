"""What the documentation says is true: its examples run, its links and commands exist."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from cadenza.command.app import cli
from tests.recipes.conftest import call, write_root

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [
    *(REPOSITORY / "recipes").rglob("*.md"),
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *(REPOSITORY / "docs").rglob("*.md"),
]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / page).read_text(), re.S)


def test_the_library_example_of_the_readme(capsys):
    (example,) = blocks("README.md", "python")
    exec(compile(example, "README.md", "exec"), {})
    assert 0 < float(capsys.readouterr().out) < 1


def test_the_plugins_page(tmp_path, monkeypatch):
    """Each example class is written to the file it names and runs with the options it shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for example in blocks("docs/plugins.md", "python"):
        name = re.match(r"# (\w+\.py)\n", example)
        assert name
        Path(name[1]).write_text(example)
    write_root(Path("root"))
    assert (
        call(
            "generate_dataset.generate_train_scenes",
            "path.root=root",
            "scene.number_scenes_per_song=1",
        )
        == 0
    )
    assert call("generate_dataset.generate_at_mic_musdb18", "path.root=root") == 0
    commands = [line for block in blocks("docs/plugins.md", "bash") for line in block.splitlines()]
    assert len(commands) == 2
    for number, command in enumerate(commands):
        arguments = command.replace("/data/cadenza", "root").split("enhance.py ")[1].split()
        arguments += [f"path.exp_folder=exp{number}"]
        arguments += [] if "separator=" in command else ["separator=oracle"]
        assert call("baseline.enhance", *arguments) == 0
        assert len(list(Path(f"exp{number}/enhanced_signals").glob("*.flac"))) == 4
    for module in ("my_separator", "my_hearing_aid"):
        del sys.modules[module]


def test_the_first_score_of_the_site(capsys):
    (example,) = blocks("docs/start/index.md", "python")
    exec(compile(example, "docs/start/index.md", "exec"), {})
    assert re.fullmatch(r"0\.\d{3} \(\)\n", capsys.readouterr().out)


def commands_of(page: Path) -> list[str]:
    """Lines of the shell in a page, those that end in a backslash joined to the next."""
    text = "\n".join(blocks(str(page.relative_to(REPOSITORY)), "bash"))
    return re.sub(r"\\\n\s*", " ", text).splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_commands_exist(page):
    for command in commands_of(page):
        if match := re.match(r"cadenza ([a-z]+)", command):
            assert match[1] in cli.commands, command
            options = {name for option in cli.commands[match[1]].params for name in option.opts}
            assert set(re.findall(r"--[a-z-]+", command)) <= options, command
        if match := re.search(r"python -m cadenza\.recipes\.([\w.]+)", command):
            script = REPOSITORY / "recipes" / f"{match[1].replace('.', '/')}.py"
            assert script.is_file(), command


def source_of(target: Path) -> Path:
    """What a page of the site is made of: a page of the gallery or the reference has no file."""
    if "auto_gallery" in target.parts:
        folder = REPOSITORY / "docs" / "gallery"
        return folder / ("GALLERY_HEADER.rst" if target.stem == "index" else f"{target.stem}.py")
    if "generated" in target.parts:
        module = REPOSITORY / target.stem.replace(".", "/")
        return module if module.is_dir() else module.with_suffix(".py")
    return target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_and_paths_exist(page):
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    paths = re.findall(r"`((?:cadenza|configs|recipes|tests|docs|benchmarks)/[\w./]*)`", text)
    for link in links:
        assert source_of(page.parent / link).exists(), link
    for path in paths:
        assert (REPOSITORY / path).exists(), path


def test_the_recipes_table_names_every_script():
    text = (REPOSITORY / "README.md").read_text()
    for script in (REPOSITORY / "recipes").rglob("*.py"):
        if script.name != "__init__.py":
            assert f"`{script.name}`" in text
            assert f"`{script.parent.relative_to(REPOSITORY)}`" in text


def test_make_targets_of_the_documentation_exist():
    makefile = (REPOSITORY / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"\bmake (demo|test|check|clean|\w+-\w+)\b", page.read_text()):
            assert f"\n{target}:" in makefile, (page, target)


def test_the_same_versions_of_python_are_named_everywhere():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    supported = [c.removeprefix(prefix) for c in project["classifiers"] if c.startswith(prefix)]
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    first, *between, last = supported
    assert (
        f"Python {', '.join([first, *between])} or {last}" in (REPOSITORY / "README.md").read_text()
    )
    assert f"({first} to {last})" in (REPOSITORY / "Makefile").read_text()
    assert project["requires-python"] == f">={first},<3.{int(last.partition('.')[2]) + 1}"


def test_the_readme_and_the_citation_file_name_the_same_works():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    readme = " ".join((REPOSITORY / "README.md").read_text().split())
    for work in citation["references"]:
        assert work["title"] in readme
        assert work.get("doi", "") in readme
        assert str(work["year"]) in readme


@pytest.mark.parametrize("extra", ["training", "openunmix", "htdemucs", "roformer"])
def test_the_extras_of_the_readme_exist(extra):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert f"pip install '.[{extra}]'" in (REPOSITORY / "README.md").read_text()
    assert extra in project["optional-dependencies"]
