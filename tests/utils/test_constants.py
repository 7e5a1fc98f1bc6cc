import ast
from collections import defaultdict
from pathlib import Path

import utils.finding
import utils.page

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for room in (utils.page, utils.finding) for path in Path(room.__path__[0]).glob("*.py"))
PACKAGES = ("utils", "models", "datasets", "web", "benchmarks", "docs", "occluder_removal")
EVERY_MODULE = sorted([*ROOT.glob("*.py"), *(path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py"))])
ONE_A_FILE = {"ABOUT", "PROGRAM", "ROOT"}  # what a script says of itself


def constants(path: Path) -> dict[str, ast.Assign]:
    """The statement that sets each constant of a module, by its name."""
    found = {}
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign):
            for node in ast.walk(statement.targets[0]):
                if isinstance(node, ast.Name) and node.id.isupper():
                    found[node.id] = statement
    return found


def value_of(name: str, statement: ast.Assign) -> str:
    """The source of a constant's value, its own where several are set together."""
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return next(ast.unparse(v) for t, v in zip(target.elts, value.elts, strict=True) if ast.unparse(t) == name)
    return ast.unparse(value)


def test_the_name_of_a_constant_has_one_meaning():
    seen: dict[str, Path] = {}
    for path in MODULES:
        for name in constants(path):
            assert name not in seen, f"{name} is set in {path.name} and in {seen[name].name}"
            seen[name] = path


def test_no_name_means_two_values():
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in EVERY_MODULE:
        for name, statement in constants(path).items():
            values[name][value_of(name, statement)].append(path.relative_to(ROOT).as_posix())
    several = {name: dict(by) for name, by in values.items() if len(by) > 1 and name not in ONE_A_FILE}
    assert not several


def test_a_comment_says_what_each_constant_is():
    for path in MODULES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for name, statement in constants(path).items():
            comment = lines[(statement.end_lineno or 0) - 1].partition("  # ")[2]
            assert comment, f"{name} in {path.name} has no comment"
            assert not comment.startswith(("...", "and ", "or ")), f"{name} in {path.name}: {comment}"
