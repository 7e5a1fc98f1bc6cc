"""The direction of the imports: a photo's way down the house never climbs, and no two rooms need each other."""

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# From the ground up. A module may import from its own storey and from those below; the longest name that fits counts.
STOREYS = (
    ("utils.arrays",),
    ("utils.formats",),
    ("utils",),  # what stands in utils/ itself: regions, preprocess, stages, images …
    ("utils.page",),
    ("utils.finding",),
    ("utils.lost",),
    ("utils.compat", "utils.proof", "utils.remover"),
    ("utils.places", "utils.folder", "utils.runtime"),
    ("utils.cluster",),
    ("models", "datasets"),
    ("web",),
    tuple(path.stem for path in ROOT.glob("*.py")),  # the scripts
    ("benchmarks", "occluder_removal"),  # they run scripts
)
PACKAGES = ("utils", "models", "datasets", "web", "benchmarks", "occluder_removal")
SCRIPTS = STOREYS[-2]


def modules() -> dict[str, Path]:
    """Every module of the packages and every script, by its dotted name."""
    paths = [*ROOT.glob("*.py"), *(path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py"))]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


MODULES = modules()


@functools.cache
def imports_of(path: Path) -> set[str]:
    """The modules of this project that a file imports anywhere in it, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                name if (name := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names
            }
    return {name for name in found if name.split(".")[0] in (*PACKAGES, *SCRIPTS)}


@functools.cache
def storey(module: str) -> int:
    """How high a module stands."""
    fitting = [
        (len(name), height)
        for height, names in enumerate(STOREYS)
        for name in names
        if module == name or module.startswith(f"{name}.")
    ]
    return max(fitting)[1]


def test_every_room_has_its_storey():
    """Rooms of `utils` differ in height, those of the others do not."""
    rooms = {name for name, path in MODULES.items() if path.name == "__init__.py" and name.split(".")[0] == "utils"}
    assert rooms <= {name for names in STOREYS for name in names}
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders - {"tests"} == set(PACKAGES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_above_it(module):
    above = [name for name in imports_of(MODULES[module]) if storey(name) > storey(module)]
    assert not above, f"{module} reaches up to {above}"


def test_every_import_names_a_module_that_is_there():
    missing = {(module, name) for module, path in MODULES.items() for name in imports_of(path) if name not in MODULES}
    assert not missing


def test_there_is_no_circle():
    graphlib.TopologicalSorter({module: imports_of(path) for module, path in MODULES.items()}).prepare()


def test_models_and_datasets_do_not_know_each_other():
    for one, other in (("models", "datasets"), ("datasets", "models")):
        for module in MODULES:
            if module.split(".")[0] == one:
                assert not [name for name in imports_of(MODULES[module]) if name.split(".")[0] == other], module


def test_no_package_and_no_script_imports_a_script():
    for module, path in MODULES.items():
        if storey(module) < len(STOREYS) - 1:
            assert not imports_of(path) & set(SCRIPTS), module


@pytest.mark.slow
def test_predict_onnx_reaches_no_module_that_needs_torch():
    reached, waiting = set(), ["predict_onnx"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += imports_of(MODULES[module])
    assert not [module for module in reached if module.split(".")[0] in ("models", "datasets")]
    code = f"import sys; sys.modules['torch'] = None; import {', '.join(sorted(reached))}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_folders_are_checked_before_what_repairs_photos_is_loaded():
    code = "import sys, predict_onnx, utils.places; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"onnxruntime", "utils.page.structure", "utils.remover", "tqdm"} & set(done.stdout.split())
