"""Which lines of text a hole interrupts and how many letters it hides, told from what is seen around it.

A band of ink that runs up to the hole goes on in it: as far as the band opposite where there is one, else as far as
the other lines of its column reach, or half of the way. How many letters that makes, the visible ones of the line tell.
Nothing is read. Where nothing runs in, nothing is claimed: a line that is hidden whole cannot be known.

`bands` finds pieces of lines, `ends` where they meet the hole, `columns` how far they go on, `stretches` puts the three
together, `letters` counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.arrays import Image, Mask, Points, Reals
from utils.lost.bands import average_along, find_pieces, mend_cut
from utils.lost.ink import REDUCTION, View, erase_rules, reduce_window
from utils.lost.letters import ABOVE, BELOW, Pitch, look, measure_pitch
from utils.lost.stretches import Stretch, find_runs, find_stretches, is_scrap
from utils.page.rule import Rule
from utils.regions import Box, bounds_of

MARGIN = 120  # pixels of the reduced window, around the hole, in which lines are looked for


@dataclass(frozen=True)
class LostLine:
    """A line of text that a hole interrupts, in pixels of the photo.

    Attributes:
        box: of the hidden part.
        baseline: `(2, 2)` points (x, y) where it enters and leaves the hole.
        height: of its small letters.
        characters: how many are hidden, estimated.
        words: the same in words, at least 1.
        share: of the line's length, as far as it is seen or estimated, that is hidden, in (0, 1].
        seen_at: x and y of a place where the line is seen; all that is hidden of one line has the same.
    """

    box: Box
    baseline: Points
    height: float
    characters: int
    words: int
    share: float
    seen_at: tuple[int, int] = (0, 0)

    def as_json(self) -> dict[str, Any]:
        """The line as JSON knows it, points to a tenth of a pixel."""
        return {
            "box": list(self.box),
            "baseline": np.round(self.baseline, 1).tolist(),
            "height": round(self.height, 1),
            "characters": self.characters,
            "words": self.words,
            "share": round(self.share, 3),
        }


def band_of(line: LostLine) -> Points:
    """The hidden stretch of a line, from under its small letters to over its capitals: four corners, `(4, 2)`."""
    down = np.array((0, line.height))
    return np.concatenate([line.baseline + BELOW * down, (line.baseline - (1 + ABOVE) * down)[::-1]])


def find_lost_lines(
    window: Image,
    hole: Mask,
    scale: float = 1.0,
    rules: Sequence[Rule] = (),
    corner: tuple[int, int] = (0, 0),
    off_page: Mask | None = None,
) -> list[LostLine]:
    """The lines of text that run into a hole.

    Args:
        window: `(h, w, 3)` uint8 BGR, the hole and some 400 px around it; what it shows in the hole is not looked at.
        hole: `(h, w)` bool.
        scale: pixels of this photo that make one of a photo 4000 high (`utils.options.scale_of`).
        rules: those that go on in the hole; no line crosses a standing one, and what is seen of them is no letter.
        corner: x and y of the window in the photo.
        off_page: `(h, w)` bool, where the window shows no page; None where it shows nothing else.
    """
    reduction = min(max(1, round(REDUCTION * scale)), *hole.shape)  # OpenCV reduces fast by whole numbers
    bounds = bounds_of(hole)
    if bounds is None or hole.all():
        return []
    area = bounds.padded(MARGIN * reduction, *hole.shape)
    around = area.slices()
    view = reduce_window(window[around], hole[around], None if off_page is None else off_page[around], reduction)
    walls = [_reduce(rule.points(), area, reduction) for rule in rules if rule.standing]
    ends = [(end.points(rule.standing), rule.standing) for rule in rules for end in rule.ends]
    view = erase_rules(view, [(_reduce(points, area, reduction), standing) for points, standing in ends])
    stretches, lines = find_stretches(view, find_runs(view, mend_cut(view, find_pieces(view)), walls), walls)
    prints = {run: look(view, run) for stretch in stretches for run in stretch.runs}
    shift = np.array([area.x0 + corner[0], area.y0 + corner[1]])
    lost_lines = []
    for stretch in stretches:
        run = stretch.longest_run
        if not prints[run].are_letters or is_scrap(stretch, lines):
            continue
        line, letters = lines[run], measure_pitch(prints[run], list(prints.values()))
        x, y = np.rint(np.array((line.x0, line.at(line.x0))) * reduction + shift).astype(int)
        lost_lines.append(
            _describe(stretch, _hidden_length(view, stretch), letters, reduction, shift, (int(x), int(y)))
        )
    return lost_lines


def _reduce(points: Points | Reals, area: Box, reduction: int) -> Reals:
    """Points of the window as those of the reduced one of a part of it."""
    return np.asarray((points - (area.x0, area.y0)) / reduction, np.float64)


def _hidden_length(view: View, stretch: Stretch) -> float:
    """Columns of a stretch that the hole covers, each as far as it does."""
    x0, x1 = max(0, math.floor(stretch.x0)), math.ceil(stretch.x1)
    share = average_along(view.share, stretch.longest_run)[x0:x1]
    return float(share.sum()) * (stretch.x1 - stretch.x0) / max(1, x1 - x0)


def _describe(
    stretch: Stretch, hidden: float, letters: Pitch, reduction: float, shift: Points, seen_at: tuple[int, int]
) -> LostLine:
    """A hidden stretch in pixels of the photo.

    Args:
        stretch: what is hidden.
        hidden: columns that hide letters or the gaps between words.
        letters: how far apart they are.
        reduction: pixels of the photo a column.
        shift: x and y of the window in the photo.
        seen_at: x and y of a place where the line is seen, in the photo.
    """
    run = stretch.longest_run
    count = max(1, round(hidden * reduction / letters.step))
    height, y0, y1 = run.height, run.at(stretch.x0), run.at(stretch.x1)
    corners = np.array([stretch.x0, min(y0, y1) - height, stretch.x1, max(y0, y1) + height]) * reduction
    box = Box(*np.rint(corners + np.tile(shift, 2)).astype(int).tolist())
    baseline = np.array([(stretch.x0, y0 + height / 2), (stretch.x1, y1 + height / 2)]) * reduction + shift
    share = hidden / max(1.0, hidden + sum(run.length for run in stretch.runs))
    words = max(1, round(count / letters.a_word))
    return LostLine(box, baseline, height * reduction, count, words, float(share), seen_at)
