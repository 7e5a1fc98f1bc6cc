"""Which stretches of lines a hole hides: pieces become runs, and runs whose ends lie opposite each other one line.

Lengths are pixels of the reduced window or *heights*, and what is tuned was chosen, as in `utils/lost/bands.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from utils.arrays import Reals
from utils.lost.bands import CHAIN_GAP, LEAST_LENGTH, Band, follows, to_run
from utils.lost.columns import are_alike, are_columns, find_reach
from utils.lost.ends import End, are_opposite, find_ends, is_walled
from utils.lost.ink import View

LOWEST = 0.45  # of the usual height of a window's runs: a lower one is a stub of a rule
LEAST_SCRAP = 1.2  # heights of a run that the hole cuts along all its length: a shorter one may be a dash
INSIDE = 0.8  # heights between two stretches, one in the other: lines are farther apart
LONE_LETTER = 1.2  # heights: a line of which less is seen needs another one that is like it

Ends = dict[tuple[Band, int], End]  # by the run and its side


class Stretch(NamedTuple):
    """A hidden stretch of a line between two columns, and the runs that are seen of the line around it."""

    runs: tuple[Band, ...]
    x0: float
    x1: float

    @property
    def longest_run(self) -> Band:
        return max(self.runs, key=lambda run: run.length)


def find_runs(view: View, pieces: Sequence[Band], walls: Sequence[Reals]) -> list[Band]:
    """The pieces put together to runs; `walls` are the standing rules that no run crosses."""
    chains: list[list[Band]] = []
    for piece in sorted(pieces, key=lambda piece: piece.x0):
        for chain in chains:
            if follows(chain[-1], piece) and not is_walled(view, walls, piece, chain[-1].x1, piece.x0):
                chain.append(piece)
                break
        else:
            chains.append([piece])
    least = (LEAST_LENGTH, LEAST_SCRAP)
    runs = [run for run in map(to_run, chains) if run.length >= least[run.scrap] * run.height]
    order = sorted(runs, key=lambda run: run.height)
    lengths = np.cumsum([run.length for run in order])
    usual = order[int(np.searchsorted(lengths, lengths[-1] / 2))].height if runs else 0.0
    return [run for run in runs if run.height >= LOWEST * usual]


def find_stretches(view: View, runs: Sequence[Band], walls: Sequence[Reals]) -> tuple[list[Stretch], dict[Band, Band]]:
    """What is hidden of the lines that run into the hole.

    Returns:
        The stretches, and the whole line, as far as it is seen, that each run is part of.
    """
    ends: Ends = {}
    stretches = []
    for run in runs:
        run_ends, inner = find_ends(view, run, walls)
        ends |= {(run, end.side): end for end in run_ends}
        stretches += [Stretch((run,), *columns) for columns in inner]
    bridges, following = _take_opposite(view, runs, ends, walls)
    lines, cut_ends = _join_lines(view, runs, ends, following)
    stretches += bridges
    for end in ends.values():
        reach = find_reach(view, end, walls, lines, cut_ends)
        if reach is not None:
            stretches.append(Stretch((end.run,), *reach))
    return _merge(stretches), lines


def _take_opposite(
    view: View, runs: Sequence[Band], ends: Ends, walls: Sequence[Reals]
) -> tuple[list[Stretch], dict[Band, Band]]:
    """Take those ends out of `ends` that lie opposite each other and are of one line, the nearest first.

    Returns:
        The stretches between them, and the run that follows each.
    """
    lines = {run: _whole_line([run], ends, view) for run in runs}
    pairs = [
        (one, two)
        for one in ends.values()
        for two in ends.values()
        if one.side > two.side and are_opposite(view, one, two, walls)
    ]
    stretches = []
    following: dict[Band, Band] = {}
    for one, two in sorted(pairs, key=lambda pair: pair[1].entry - pair[0].entry):
        if (one.run, 1) in ends and (two.run, -1) in ends and not are_columns(one, two, lines):
            del ends[one.run, 1], ends[two.run, -1]
            following[one.run] = two.run
            stretches.append(Stretch((one.run, two.run), one.entry, two.entry + 1))
    return stretches, following


def _join_lines(
    view: View, runs: Sequence[Band], ends: Ends, following: dict[Band, Band]
) -> tuple[dict[Band, Band], set[tuple[Band, int]]]:
    """The whole line of each run, and those lines that the hole cuts at their left (-1) or right (+1) end."""
    lines: dict[Band, Band] = {}
    cut_ends = set()
    followers = set(following.values())
    for run in runs:
        if run in followers:
            continue
        members = [run]
        while members[-1] in following:
            members.append(following[members[-1]])
        line = _whole_line(members, ends, view)
        lines |= dict.fromkeys(members, line)
        for member, side in ((members[0], -1), (members[-1], 1)):
            if (member, side) in ends and ends[member, side].gap <= 0:
                cut_ends.add((line, side))
    return lines, cut_ends


def _whole_line(members: Sequence[Band], ends: Ends, view: View) -> Band:
    """Runs of one line as one, with whether its ends are seen."""
    line = members[0] if len(members) == 1 else to_run(members)
    border = CHAIN_GAP * line.height
    left = line.x0 > border and (members[0], -1) not in ends
    right = line.x1 < view.hole.shape[1] - border and (members[-1], 1) not in ends
    return replace(line, known=(left, right))


def is_scrap(stretch: Stretch, lines: dict[Band, Band]) -> bool:
    """Whether no more than a letter is seen of a line, and no other line of its height is near: a spot, a stub."""
    (run, *others) = stretch.runs
    if others or lines[run].length >= LONE_LETTER * run.height:
        return False
    return not any(are_alike(line, run) and line.length >= LONE_LETTER * line.height for line in lines.values())


def _merge(stretches: list[Stretch]) -> list[Stretch]:
    """The stretches without those that lie in another one, of a line of which more is seen: parts of its letters."""
    kept: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda stretch: -sum(run.length for run in stretch.runs)):
        for k, other in enumerate(kept):
            if _overlap(stretch, other):
                if stretch.runs == other.runs:  # both sides of letters that the hole cuts along
                    kept[k] = Stretch(other.runs, min(stretch.x0, other.x0), max(stretch.x1, other.x1))
                break
        else:
            kept.append(stretch)
    return kept


def _overlap(one: Stretch, two: Stretch) -> bool:
    """Whether two stretches hide the same place of the page."""
    first, last = max(one.x0, two.x0), min(one.x1, two.x1)
    runs = one.longest_run, two.longest_run
    distance = abs(runs[0].at((first + last) / 2) - runs[1].at((first + last) / 2))
    return last > first and distance < INSIDE * max(run.height for run in runs)
