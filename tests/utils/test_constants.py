import ast
from pathlib import Path

import utils.finding
import utils.page

MODULES = sorted(path for room in (utils.page, utils.finding) for path in Path(room.__path__[0]).glob("*.py"))


def constants(path: Path) -> dict[str, ast.Assign]:
    """The statement that sets each constant of a module, by its name."""
    found = {}
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign):
            for node in ast.walk(statement.targets[0]):
                if isinstance(node, ast.Name) and node.id.isupper():
                    found[node.id] = statement
    return found


def test_the_name_of_a_constant_has_one_meaning():
    seen: dict[str, Path] = {}
    for path in MODULES:
        for name in constants(path):
            assert name not in seen, f"{name} is set in {path.name} and in {seen[name].name}"
            seen[name] = path


def test_a_comment_says_what_each_constant_is():
    for path in MODULES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for name, statement in constants(path).items():
            comment = lines[(statement.end_lineno or 0) - 1].partition("  # ")[2]
            assert comment, f"{name} in {path.name} has no comment"
            assert not comment.startswith(("...", "and ", "or ")), f"{name} in {path.name}: {comment}"
