"""Score tables: aligned text for people, JSON or CSV for programs."""

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.images import atomic
from utils.metrics import mean

REPORT_SUFFIXES = (".json", ".csv")

Row = Mapping[str, Any]


def mean_row(rows: Sequence[Row], **labels: str) -> dict[str, Any]:
    """The mean of every number over the rows (`utils.metrics.mean`: `inf` and `nan` left out).

    Args:
        rows: each maps column names to text or numbers.
        labels: columns of text for the result, put first.
    """
    columns = dict.fromkeys(name for row in rows for name, value in row.items() if isinstance(value, int | float))
    return {**labels, **{name: mean(row[name] for row in rows if name in row) for name in columns}}


def format_table(rows: Sequence[Row], decimals: int | None = None) -> str:
    """Rows as aligned text under a header, text to the left and numbers to the right; a missing or `nan` score is `-`.

    Args:
        rows: each maps column names to text or numbers; a column may be missing in some.
        decimals: of every number that is not whole; None: two for decibels and seconds (the name says so), else four.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns] + [[format_cell(name, row.get(name, math.nan), decimals) for name in columns] for row in rows]
    widths = [max(_display_width(line[index]) for line in cells) for index in range(len(columns))]
    right = [not any(isinstance(row.get(name), str) for row in rows) for name in columns]
    lines = []
    for line in cells:
        padded = [
            " " * (width - _display_width(cell)) + cell if to_right else cell + " " * (width - _display_width(cell))
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def format_cell(name: str, value: str | float, decimals: int | None = None) -> str:
    """One value as people read it; `name` is its column, `decimals` as in `format_table`."""
    if isinstance(value, str | int):
        return str(value)
    if math.isnan(value):
        return "-"
    if decimals is None:
        decimals = 2 if name.endswith(("psnr", "seconds")) else 4
    return f"{value:.{decimals}f}"


def write_report(
    path: str | Path, rows: Sequence[Row], means: Sequence[Row], failed: Mapping[str, str], settings: Row
) -> None:
    """Write the scores to a file that replaces an existing one only when it is complete.

    JSON holds everything under `settings`, `pictures`, `mean` and `failed`. CSV holds the pictures and then the means,
    one a line. The PSNR of identical pictures is the text `inf` in both, a missing score `null` or empty.

    Args:
        path: ends in one of `REPORT_SUFFIXES`.
        rows, means: as `format_table` takes them.
        failed: file → what was wrong with it.
        settings: what the scores were computed with.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        columns = list(dict.fromkeys(name for row in (*rows, *means) for name in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for row in (*rows, *means):
            writer.writerow({name: "" if _is_nan(value) else value for name, value in row.items()})
        text = buffer.getvalue()
    else:
        content = {
            "settings": dict(settings),
            "pictures": [_plain(row) for row in rows],
            "mean": [_plain(row) for row in means],
            "failed": dict(failed),
        }
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_report_path(path: str | Path) -> None:
    """Refuse a report that could not be written, before the work is done.

    Raises:
        ValueError: the message names the path and what to give instead.
    """
    path = Path(path)
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise ValueError(f"--report {path}: must end in .json or .csv")
    if not path.parent.is_dir():
        raise ValueError(f"--report {path}: there is no folder '{path.parent}'; create it first")
    if not _is_report(path):
        raise ValueError(f"--report {path}: that file is no report of an earlier run, and stays; name another")


def _is_report(path: Path) -> bool:
    """Whether a file may be replaced by a report: it is missing, empty, or begins as those of `write_report` do."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError:  # missing; or the one who writes it says why it cannot be
        return True
    return not head or re.match(rb'\{\s*"settings"|[a-z_]+,[a-z_,]*|[a-z_]+\r?\n', head) is not None


def _plain(row: Row) -> dict[str, Any]:
    """JSON has no `inf` and no `nan`."""
    return {
        name: None if _is_nan(value) else "inf" if isinstance(value, float) and math.isinf(value) else value
        for name, value in row.items()
    }


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _display_width(text: str) -> int:
    """Columns that a terminal takes for the text: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
