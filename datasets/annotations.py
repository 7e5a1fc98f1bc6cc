"""The annotation files of a training root: which pictures belong together, and what is wrong with them."""

import codecs
import contextlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.images import natural_key

MAX_PROBLEMS_SHOWN = 20


class DataError(ValueError):
    """Training data that cannot be used; the message names the annotation file, the line and what is wrong."""


@dataclass(frozen=True)
class Triple:
    """One line of an annotation file: three pictures of the same page, and where they are named."""

    clean: Path
    covered: Path
    mask: Path
    annotation: Path
    line: int

    def problem(self, what: str) -> str:
        """`annotation:line: what`."""
        return f"{self.annotation}:{self.line}: {what}"


def read_annotations(baseroot: str | Path, flag: str = "--baseroot") -> list[Triple]:
    """All triples under a training root, folders and lines in natural order.

    Columns are separated by tabs where a line has any, else by white space.

    Args:
        baseroot: the training root.
        flag: that named it, for messages.

    Raises:
        DataError: nothing is found, a line has fewer than three columns or names a file that is not there; every
            such line is listed.
    """
    root = Path(baseroot)
    if not root.is_dir():
        raise DataError(
            f"{flag} {root}: no such folder; give the folder that holds train_data_1, train_data_2, … "
            f"(or {flag} synthetic, which draws samples while training)"
        )
    folders = sorted((f for f in root.glob("train_data_*") if f.is_dir()), key=lambda f: natural_key(f.name))
    annotations = [f / "annotation.txt" for f in folders if (f / "annotation.txt").is_file()]
    if not annotations:
        if (root / "annotation.txt").is_file():
            raise DataError(f"{flag} {root}: is one train_data_* folder; give the folder it lies in")
        instead = f"none in {', '.join(folder.name for folder in folders[:5])}" if folders else "no folder train_data_*"
        raise DataError(f"{flag} {root}: expected train_data_*/annotation.txt, found {instead}")
    triples: list[Triple] = []
    problems: list[str] = []
    for annotation in annotations:
        for number, line in enumerate(_decoded(annotation).splitlines(), start=1):
            if not line.strip():
                continue
            names = [name.strip() for name in line.split("\t")] if "\t" in line.strip() else line.split()
            if len(names) < 3:
                problems.append(
                    f"{annotation}:{number}: expected three columns (clean, covered, mask), found {len(names)}: "
                    f"{line.strip()!r}"
                )
                continue
            clean, covered, mask = (annotation.parent / name for name in names[:3])
            triple = Triple(clean, covered, mask, annotation, number)
            absent = [path for path in (triple.clean, triple.covered, triple.mask) if not path.is_file()]
            if absent:
                hint = "; separate the columns by tabs if names hold spaces" if len(names) > 3 else ""
                if os.sep == "/" and any("\\" in name for name in names):
                    hint = "; it was written on Windows: write / for each \\ between folders"
                problems.append(triple.problem(f"no such file: {', '.join(map(str, absent))}{hint}"))
            triples.append(triple)
    refuse(problems)
    if not triples:
        raise DataError(f"{flag} {root}: the annotation files are empty: {', '.join(map(str, annotations))}")
    return triples


def _decoded(annotation: Path) -> str:
    data = annotation.read_bytes()
    with contextlib.suppress(UnicodeDecodeError):
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # PowerShell's `>`
            return data.decode("utf-16")
        if b"\0" in data[:200]:  # the same without its mark; no other encoding here has zeros in it
            return data.decode("utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:  # made on a Chinese Windows
        return data.decode("gb18030", errors="replace")


def refuse(problems: Sequence[str], kind: str = "line") -> None:
    """Stop if there is any problem.

    Args:
        problems: one message each.
        kind: what each of them is.

    Raises:
        DataError: the first problems, one a line, and how many more there are.
    """
    if problems:
        shown = list(problems[:MAX_PROBLEMS_SHOWN])
        if len(problems) > len(shown):
            shown.append(f"… and {len(problems) - len(shown)} more")
        kinds = kind if len(problems) == 1 else f"{kind}s"
        raise DataError("\n".join([f"{len(problems)} bad {kinds} in the training data:", *shown]))


def split_by_picture(triples: Sequence[Triple], fraction: float) -> tuple[list[Triple], list[Triple]]:
    """Hold out lines for validation, all lines of one clean picture on the same side.

    Which pictures are held out depends on their names alone, so that it stays when others are added.

    Args:
        fraction: share of the pictures in [0, 1); at least one is held out if it is above 0.

    Returns:
        Lines to train on and lines held out.

    Raises:
        DataError: nothing would be left to train on.
    """
    names = {triple.clean: f"{triple.clean.parent.name}/{triple.clean.name}" for triple in triples}
    ranked = sorted(names, key=lambda path: (zlib.crc32(names[path].encode()), names[path]))
    count = max(1, round(len(ranked) * fraction)) if fraction > 0 else 0
    if count >= len(ranked):
        raise DataError(f"--val_fraction {fraction}: holds out all {len(ranked)} pictures; add data or lower it")
    held_out = set(ranked[:count])
    return [t for t in triples if t.clean not in held_out], [t for t in triples if t.clean in held_out]
