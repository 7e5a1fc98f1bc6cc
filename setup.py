"""Puts the packages and scripts of this repository under one name, `occluder_removal`, when it is installed.

Here they stand side by side and import each other as `utils.spec`; names that common must not lie bare among other
people's packages. While the wheel is built, every import of them is written anew as `occluder_removal.utils.spec`: what
is installed is plain modules, without a loader or a path to patch.
"""

import ast
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

NAME = "occluder_removal"
ROOT = Path(__file__).parent
FOLDERS = [name for name in ("utils", "models", "datasets", "web") if (ROOT / name).is_dir()]
SCRIPTS = sorted(path.stem for path in ROOT.glob("*.py") if path.stem != "setup")
GRAPHS = "onnx_model"


def packages() -> dict[str, str]:
    """The folder of every package, by the name that it has once installed."""
    inner = [*FOLDERS, *(f"{folder}.{name}" for folder in FOLDERS for name in find_packages(folder))]
    named = {f"{NAME}.{package}": package.replace(".", "/") for package in inner}
    return {NAME: NAME, **named, f"{NAME}.{GRAPHS}": GRAPHS}


def under_one_name(source: str) -> str:
    """A module's text with its imports of this repository's modules moved below `NAME`.

    Raises:
        ValueError: an import binds a bare name, as `import utils.spec` does; it would be another one afterwards.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _is_ours(node.module):
            at = node.col_offset + len("from ")
            line = lines[node.lineno - 1].encode()  # columns are counted in bytes
            lines[node.lineno - 1] = (line[:at] + f"{NAME}.".encode() + line[at:]).decode()
        elif isinstance(node, ast.Import) and any(_is_ours(alias.name) for alias in node.names):
            [alias] = node.names
            if "." in alias.name:
                raise ValueError(f"line {node.lineno}: import {alias.name}: write it as from … import …")
            indent = lines[node.lineno - 1][: node.col_offset]
            lines[node.lineno - 1] = f"{indent}from {NAME} import {ast.unparse(alias)}\n"
    return "".join(lines)


def _is_ours(module: str | None) -> bool:
    return module is not None and module.split(".")[0] in (*FOLDERS, *SCRIPTS)


class BuildPy(build_py):
    """Copies the packages as ever, the scripts beside them, and moves all imports below the one name."""

    def run(self) -> None:
        if self.editable_mode:
            raise SystemExit("no editable install: the scripts of the repository run as they are, without one")
        target = Path(self.build_lib) / NAME
        shutil.rmtree(target, ignore_errors=True)  # of an earlier build, with modules that may be gone by now
        super().run()
        for script in SCRIPTS:
            self.copy_file(str(ROOT / f"{script}.py"), str(target / f"{script}.py"))
        for path in target.rglob("*.py"):
            path.write_text(under_one_name(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":  # as builders run it; tests import it
    setup(
        packages=list(packages()),
        package_dir=packages(),
        package_data={NAME: ["py.typed"], f"{NAME}.{GRAPHS}": ["*.onnx"], f"{NAME}.web": ["static/**"]},
        cmdclass={"build_py": BuildPy},
    )
