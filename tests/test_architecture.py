"""Who may import whom, and that nothing is written twice."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
GROUND = {
    *("errors", "_archive", "_blocks", "_check", "_compiled", "_durations", "_files", "_wav"),
    *("_delay", "_notebook", "_options", "_paths", "_settings", "_sidecar", "_stereo_kernels"),
    *("audiogram", "audio", "audio_blocks", "levels", "loudness", "statistics", "stems"),
}
BLOCKS = {"remix", "hrtf", "hearing_aid", "separation", "synthetic"}
MAY_IMPORT = {
    **dict.fromkeys((*GROUND, *BLOCKS), GROUND),
    "haaqi": GROUND | {"hearing_aid"},
    "challenges": GROUND | BLOCKS | {"haaqi"},
    "runner": GROUND | {"separation", "hearing_aid"},
    "plots": GROUND | {"hearing_aid", "haaqi"},
    "report": GROUND | BLOCKS | {"haaqi", "challenges", "runner", "plots"},
    "training": GROUND | {"separation", "synthetic", "haaqi", "hrtf", "remix", "hearing_aid"},
    "datasets": GROUND | {"hrtf", "hearing_aid", "challenges", "runner"},
    "demo": GROUND | BLOCKS | {"report", "datasets"},
}
HYDRA_ROOMS = {"runner"}  # the other rooms take arrays, dataclasses and paths
NETWORKS = {  # modules that are built of torch's classes
    "cadenza.separation.convtasnet.network",
    "cadenza.separation.refine_torch",
    "cadenza.haaqi.loss",
    "cadenza.training.remix_loss",
    *(f"cadenza.haaqi.tensor.{p.stem}" for p in (REPOSITORY / "cadenza/haaqi/tensor").glob("*.py")),
}
HEAVY = {
    *("torch", "torchaudio", "openunmix", "demucs", "bs_roformer"),
    *("tensorboard", "matplotlib", "museval"),
}


def imported_modules(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def room_of(path: Path) -> str:
    return path.relative_to(REPOSITORY / "cadenza").parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


LIBRARY = sorted((REPOSITORY / "cadenza").rglob("*.py"))
RECIPES = sorted((REPOSITORY / "recipes").rglob("*.py"))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_rooms_import_only_what_they_may(path):
    room = room_of(path)
    if room in ("__init__", "__main__", "command"):
        return
    ours = {n.split(".")[1] for n in imported_modules(path) if n.startswith("cadenza.")}
    assert ours <= MAY_IMPORT[room] | {room, "__version__"}


def test_hydra_stays_at_the_edge():
    users = {
        room_of(path)
        for path in LIBRARY
        if {n.split(".")[0] for n in imported_modules(path)} & {"hydra", "omegaconf"}
    }
    assert users == HYDRA_ROOMS


@pytest.mark.parametrize(
    ("library", "only"),
    [
        ("soundfile", {"audio.py", "audio_blocks.py"}),
        ("soxr", {"audio.py"}),
        ("sofar", {"sofa.py"}),
    ],
)
def test_a_library_is_touched_in_few_files(library, only):
    users = {
        p.name for p in LIBRARY if any(n.split(".")[0] == library for n in imported_modules(p))
    }
    assert users == only


def test_no_recipe_imports_another():
    for path in RECIPES:
        assert not [n for n in imported_modules(path) if "recipes" in n], path


def test_no_function_is_defined_in_two_recipes():
    thin_frame = {"items", "read_item", "process_item", "run", "main"}
    names = Counter(
        node.name
        for path in RECIPES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name not in thin_frame
    )
    assert [name for name, count in names.items() if count > 1] == []


FRAME = re.compile(
    r"main = cli\.|early.start|def run|if __name__|main\(\)|from |import |return report|\)$|"
    r"STEP = |report = run_step|STEP,|config,|table=|items\(config|partial\(process_item|"
    r"file_digests=blocks|return \[|Item.of\(|pair,$"
)


def code_lines(path: Path) -> list[str]:
    """Lines that say something: no blank lines, imports or the frame that every script has."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    return [line for line in lines if line and not FRAME.match(line)]


def test_recipes_share_no_copied_lines():
    scripts = [path for path in RECIPES if path.name != "__init__.py"]
    for first, second in combinations(scripts, 2):
        if first.parent == second.parent:
            continue
        runs = [
            {tuple(lines[i : i + 4]) for i in range(len(lines) - 3)}
            for lines in map(code_lines, (first, second))
        ]
        assert not runs[0] & runs[1], (first, second)


def test_recipes_are_thin():
    assert {p.name: n for p in RECIPES if (n := len(p.read_text().splitlines())) >= 150} == {}


def test_torch_is_imported_only_where_it_is_needed():
    for path in LIBRARY:
        if module_of(path) not in NETWORKS:
            imported = imported_modules(path, top_level_only=True)
            assert not {n for n in imported if n.split(".")[0] in HEAVY or n in NETWORKS}, path
    program = (
        "import sys, cadenza.haaqi, cadenza.separation.spectral, "
        "cadenza.separation.convtasnet_ensemble, cadenza.separation.convtasnet_vdbo, "
        "cadenza.training.loop, cadenza.training.corpus; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_scripts_start_without_slow_imports():
    """A run that has nothing left to do takes half a second, not two."""
    scripts = [
        "cadenza." + ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for path in RECIPES
        if path.name != "__init__.py" and path.parent.name != "ConvTasNet"
    ]
    program = f"import sys, {', '.join(scripts)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    slow = HEAVY | {"scipy", "numba", "pandas", "cadenza.haaqi"}
    assert not slow & set(done.stdout.split())


def test_every_package_is_listed_for_the_wheel():
    listed = re.findall(
        r'^    "(cadenza[\w.]*)",$', (REPOSITORY / "pyproject.toml").read_text(), re.M
    )
    found = {".".join(p.parent.relative_to(REPOSITORY).parts) for p in LIBRARY}
    assert set(listed) == found | {"cadenza.recipes", "cadenza.configs"}


PYTHON_FILES = [
    path
    for folder in ("cadenza", "recipes", "benchmarks", "tests")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
    if not any(part.startswith(".venv") for part in path.parts)  # of the benchmarks
]


def n_code_lines(function: ast.FunctionDef, text: str) -> int:
    """Lines of a function that hold code: no decorators, blank lines, comments or docstrings."""
    documented = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
    ]
    docstrings = {
        number
        for node in documented
        for number in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    numbers = set(range(function.lineno, function.end_lineno + 1)) - docstrings
    lines = [text.splitlines()[number - 1].strip() for number in numbers]
    return len([line for line in lines if line and not line.startswith("#")])


def test_files_are_short():
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in PYTHON_FILES}
    assert {str(p.relative_to(REPOSITORY)): n for p, n in lengths.items() if n > 400} == {}


def test_functions_are_short():
    too_long = {}
    for path in PYTHON_FILES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (n := n_code_lines(node, text)) > 60:
                too_long[f"{path.relative_to(REPOSITORY)}:{node.name}"] = n
    assert too_long == {}


def test_package_faces_only_export():
    """`__init__.py` holds a docstring, imports and names; code has a file of its own."""
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)
    for path in LIBRARY:
        if path.name == "__init__.py":
            others = [node for node in ast.parse(path.read_text()).body
                      if not isinstance(node, allowed)]  # fmt: skip
            assert others == [], path
