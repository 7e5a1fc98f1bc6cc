"""The documents: as short as they promise to be, and naming nothing that is not there."""

import importlib
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

WORD_LIMITS = {"README.md": 1000, "MODEL_CARD.md": 700, "benchmarks/README.md": 1300}
README, TWIN = "README.md", "README.zh-CN.md"
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for folder in (".", "benchmarks", "docs") for path in (ROOT / folder).glob("*.md")
)
# Flags in the README that are other programs'.
FOREIGN_FLAGS = {"--help"}

LINK = re.compile(r"\]\(([^)\s]+)\)")
SCRIPT = re.compile(r"(?:python|torchrun\b[^\n]*?) (\w[\w/]*\.py)")
MODULE = re.compile(r"python -m ([\w.]+)")
FLAG = re.compile(r"(?<![\w-])--[a-z]\w*")
INSTALLED = {"pip", "pytest", "ruff", "mypy"}  # modules of other projects


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@lru_cache
def known_flags() -> frozenset[str]:
    """Every flag that a script or a module's command line takes, from their parsers."""
    flags: set[str] = set()
    paths = [
        *ROOT.glob("*.py"),
        *(path for name in ("models", "benchmarks", "web") for path in ROOT.glob(f"{name}/*.py")),
    ]
    for path in paths:
        if "def build_parser(" in path.read_text(encoding="utf-8"):
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            flags |= set(module.build_parser()._option_string_actions)
    return frozenset(flags)


@pytest.mark.parametrize("document", WORD_LIMITS)
def test_a_document_is_short(document):
    count = len(text_of(document).split())  # as `wc -w` counts
    assert count <= WORD_LIMITS[document], f"{document} has {count} words"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_inside_the_project_leads_somewhere(document):
    links = [link for link in LINK.findall(text_of(document)) if "://" not in link and not link.startswith("#")]
    missing = [link for link in links if not (ROOT / document).parent.joinpath(link.partition("#")[0]).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_names_a_script_that_is_there(document):
    text = text_of(document)
    missing = [script for script in SCRIPT.findall(text) if not (ROOT / script).is_file()]
    for module in set(MODULE.findall(text)) - INSTALLED:
        path = ROOT.joinpath(*module.split("."))
        if not path.with_suffix(".py").is_file() and not (path / "__main__.py").is_file():
            missing.append(module)
    assert not missing


@pytest.mark.parametrize("document", [README, TWIN, "MODEL_CARD.md", "benchmarks/README.md"])
def test_every_flag_is_one_of_a_script(document):
    own_lines = [line for line in text_of(document).splitlines() if "pip " not in line and "docker " not in line]
    unknown = set(FLAG.findall("\n".join(own_lines))) - known_flags() - FOREIGN_FLAGS
    assert not unknown


def test_every_script_is_in_the_table_of_files():
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", text_of(README)))
    scripts = {path.name for path in ROOT.glob("*.py")} - {"setup.py"}
    packages = {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")} - {"tests/"}
    rooms = {f"utils/{path.parent.name}/" for path in ROOT.glob("utils/*/__init__.py")}
    assert (scripts | packages | rooms) <= named, "files that the README does not name"


def test_every_target_of_make_in_the_documents_is_there():
    targets = set(re.findall(r"^(\w+):", text_of("Makefile"), re.M))
    for document in (README, TWIN):
        assert set(re.findall(r"\bmake (\w+)", text_of(document))) <= targets


def skeleton(document: str) -> tuple[list[str], ...]:
    """What two languages share: commands, code names, figures of tables, links, and the kinds of headings and rows."""
    text = text_of(document)
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.S)
    commands = [re.sub(r"\s+#.*|<[^>]*>", "", block) for block in blocks]
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    names = sorted(set(re.findall(r"`([^`\n]+)`", prose)))
    figures = re.findall(r"\d+\.\d+|\d+ %", prose)
    shape = [line[:2].strip() for line in prose.splitlines() if re.match(r"#|\||\* |\d\. ", line)]
    return commands, names, figures, shape


def test_the_chinese_twin_says_the_same():
    for ours, theirs in zip(skeleton(README), skeleton(TWIN), strict=True):
        assert ours == theirs


def test_documents_name_nothing_of_one_machine():
    for document in DOCUMENTS:
        assert not re.search(r"/(?:root|home)/", text_of(document)), document


def test_help_of_the_averages_comes_without_torch():
    code = "import sys; sys.modules['torch'] = None; from models import average; average.build_parser()"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
