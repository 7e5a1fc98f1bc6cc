"""Which lines of text a hole interrupts and how many letters it hides, told from what is seen around it.

Text is bands of ink of one height with gaps between the letters. A band that runs up to the hole goes on in it: as far
as the band opposite where there is one, else as far as the other lines of its column reach, or half of the way. How
many letters that makes, the visible ones beside it tell. Nothing is read. Where nothing runs in, nothing is claimed: a
line that is hidden whole cannot be known.

Lengths are pixels of a window reduced `REDUCTION` times, or *heights*: parts of the height of a line's small letters.
What is tuned was chosen on the drawn pages of `benchmarks/hidden.py`, seed 100, unless a constant says otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from utils.arrays import Image, Mask, Plane, Points, Reals
from utils.regions import Box, bounds_of

REDUCTION = 3.0  # of a photo 4000 pixels high: bands need no finer picture
MARGIN = 120  # pixels around the hole in which lines are looked for
PAPER_SIDE = 41  # pixels; what is darker than its whole surroundings of this side is ink
INK_LEVELS = 20.0  # that ink lies below the paper
INK_SHARE = 0.3  # of the darkness of the darkest ink: paler is the blurred rim of a stroke
DARKEST = 0.9  # quantile of the dark pixels that stands for the darkest ink
RULE_LENGTH = 34  # pixels; a straight stroke as long is a rule and no part of a letter
RULE_THICKNESS = 5  # pixels; and as thin: a line of blurred letters is thicker
WORD_GAP = 7  # pixels; ink nearer along a line belongs together
LEAST_HEIGHT, MOST_HEIGHT = 4.0, 44.0  # pixels, of small letters
LEAST_SEEN = 2  # pixels of the height of a piece that the hole cuts along
CUT_ROWS = 2  # pixels over or below a piece: the hole there cuts it
PEERS = 8  # lines beside one that tell its height
LEAST_LENGTH = 0.7  # heights; a shorter piece is a speck
MOST_FILLED = 0.8  # share of a band that is ink; more is a bar, the stub of a rule or a picture
BAND_SHARE = 0.45  # of the fullest row: the rows of small letters hold so much ink
NEAR_HOLE = 1.0  # heights between the last ink and the hole, in a line that goes on beyond it
NEAR_ALONE = 0.1  # heights between them in one that is seen on one side only
PAGE_SHARE = 0.6  # of the brightest paper: darker is a desk
SAME_LINE = 0.5  # heights between the middles of the two sides of a line
GUTTER = 1.5  # heights at least between two columns
TOUCHES = 0.08  # heights: so near the hole ink is cut by it
CENTRED = 0.6  # heights: lines whose middles lie so near are centred under each other
MOSTLY = 0.6  # of the lines of a column: if so many go on, one that ends before the hole does, too
LEAST_HIDDEN = 0.8  # heights that a line is thought to go on which the hole does not cut
ENOUGH = 2  # lines of a column that tell where its lines end
LEAST_CHAIN = 1.2  # heights that must be seen of a line that is seen on one side only
CHAIN_GAP = 1.0  # heights between two pieces of one line
PEER_ALIKE = 1.5  # ratio of the heights of two lines of one column
PEER_DISTANCE = 14.0  # heights up or down to the lines that tell how far one reaches
ALIGNED = 1.0  # heights: lines that begin so near under each other, or share their middle
ALONE = 0.4  # of the way through the hole that a line reaches of which nothing else is known
MOST_ALONE = 12.0  # heights of that way at most
DRIFT = 0.02  # of the gap: added to it, for the slope is not known exactly
ALIKE = 1.8  # ratio of the heights of both sides
MOST_COUNTED = 200  # pixels of a piece in which letters are counted
ABOVE, BELOW = 0.6, 0.4  # heights over and below small letters that belong to a line
INK_QUANTILES = 3, 90  # percentiles of a strip's levels that stand for ink and paper
SQUARE_STROKES = 2.05  # strokes one over the other in a column: Latin letters have 1.7, Chinese characters 2.5
SQUARE_PITCH, LATIN_PITCH = 1.19, 0.84  # heights from one character to the next
LEAST_PITCH, MOST_PITCH = 0.62, 1.2  # heights
MOST_LETTER = 1.3  # heights; a wider run of ink is several letters
TOUCHING = 0.95  # of the distance of runs of ink: now and then one is two letters
HALF = 0.5  # of a band's rows: a column of which so many are hidden shows no letter


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
    """

    box: Box
    baseline: Points
    height: float
    characters: int
    words: int
    share: float

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


@dataclass(frozen=True)
class _Piece:
    """A visible piece of a line near the hole, in pixels of the reduced window.

    Attributes:
        x0, x1: where its ink begins and ends, the end exclusive.
        top, bottom: of its small letters at `middle`.
        middle: x of its middle.
        slope: dy/dx.
    """

    x0: int
    x1: int
    top: float
    bottom: float
    middle: float
    slope: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def at(self, x: float) -> float:
        """Its middle line at `x`."""
        return (self.top + self.bottom) / 2 + self.slope * (x - self.middle)


@dataclass(frozen=True)
class _Chain:
    """Pieces of one line, one after the other; `y` is the middle of its height at `middle`, that of its length."""

    pieces: tuple[_Piece, ...]
    touches: bool

    @property
    def x0(self) -> int:
        return self.pieces[0].x0

    @property
    def x1(self) -> int:
        return self.pieces[-1].x1

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def y(self) -> float:
        return self.pieces[0].at(self.middle)

    @property
    def height(self) -> float:
        return self.pieces[0].height


@dataclass(frozen=True)
class _View:
    """The reduced window, `(h, w)` uint8: 1 on ink without rules, on standing rules, in the hole; the paper's level.

    `window`, `covered` and `reduction` are the window and its hole at full size, and how many times that is larger.
    """

    ink: Plane
    standing: Plane
    hole: Plane
    paper: Plane
    window: Image
    covered: Mask
    reduction: float


def find_lost_lines(
    window: Image,
    hole: Mask,
    scale: float = 1.0,
    standing: Sequence[Reals] = (),
    corner: tuple[int, int] = (0, 0),
    beside: Mask | None = None,
) -> list[LostLine]:
    """The lines of text that run into a hole.

    Args:
        window: `(h, w, 3)` uint8 BGR, the hole and some 400 px around it; what it shows in the hole is not looked at.
        hole: `(h, w)` bool.
        scale: pixels of this photo that make one of a photo 4000 high (`utils.options.scale_of`).
        standing: standing rules that go on in the hole, `(n, 2)` points (x, y) of the window: no line crosses them.
        corner: x and y of the window in the photo.
        beside: `(h, w)` bool, where the window shows no page; None where it shows nothing else.
    """
    reduction = float(min(max(1, round(REDUCTION * scale)), *hole.shape))  # OpenCV reduces fast by whole numbers
    bounds = bounds_of(hole)
    if bounds is None or hole.all():
        return []
    area = bounds.padded(round(MARGIN * reduction), *hole.shape)
    view = _reduce(window[area.slices()], hole[area.slices()], reduction)
    pieces = _whole(view, _find_pieces(view))
    if beside is not None:
        off = cv2.resize(beside[area.slices()].astype(np.uint8), view.hole.shape[::-1], interpolation=cv2.INTER_NEAREST)
        pieces = [piece for piece in pieces if not off[_place(piece, off.shape)]]
    walls = [(points - (area.x0, area.y0)) / reduction for points in standing]
    lines = _join(view, pieces, walls)
    shift = np.array([area.x0 + corner[0], area.y0 + corner[1]])
    found = []
    for line in lines:
        found.append(_described(line, window[area.slices()], reduction, shift, view))
    return found


def _reduce(window: Image, hole: Mask, reduction: float) -> _View:
    """Find the ink of a window, reduced."""
    size = hole.shape[1] // int(reduction), hole.shape[0] // int(reduction)
    inner = slice(0, size[1] * int(reduction)), slice(0, size[0] * int(reduction))
    covered = (cv2.resize(hole[inner].view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    small = cv2.resize(window[inner], size, interpolation=cv2.INTER_AREA)
    blue, green, red = cv2.split(small)
    level = cv2.min(cv2.min(blue, green), red)
    level[covered > 0] = 0
    paper = cv2.morphologyEx(level, cv2.MORPH_CLOSE, np.ones((PAPER_SIDE, PAPER_SIDE), np.uint8))
    dark = cv2.subtract(paper, level)
    near = cv2.dilate(covered, np.ones((3, 3), np.uint8))
    dark[near > 0] = 0
    counts = cv2.calcHist([dark], [0], None, [256], [0, 256]).ravel()
    counts[: int(INK_LEVELS)] = 0
    total = np.cumsum(counts)
    darkest = int(np.searchsorted(total, DARKEST * total[-1])) if total[-1] else 0
    ink = (dark > max(INK_LEVELS, INK_SHARE * darkest)).astype(np.uint8)
    left, rules = _part_rules(ink)
    return _View(left, rules, near, paper, window, hole, reduction)


def _part_rules(ink: Plane) -> tuple[Plane, Plane]:
    """Ink without what is straight, long and thin, and what of that is standing: `(h, w)` uint8, 1 there."""
    left, long = ink.copy(), ink
    for standing in (False, True):
        along, across = (1, RULE_LENGTH), (RULE_THICKNESS, 1)
        thick, wide = np.ones((3, 1), np.uint8), np.ones(along, np.uint8)
        body = np.ones(across, np.uint8)
        if standing:
            thick, wide, body = thick.T, wide.T, body.T
        # A slanted rule is a staircase: thickened, its steps meet.
        long = cv2.morphologyEx(cv2.dilate(ink, thick), cv2.MORPH_OPEN, wide)
        long &= ~cv2.morphologyEx(long & ink, cv2.MORPH_OPEN, body) & 1
        left &= ~long & 1
    return left, long


def _find_pieces(view: _View) -> list[_Piece]:
    """The pieces of lines of text near the hole."""
    smeared = cv2.morphologyEx(view.ink, cv2.MORPH_CLOSE, np.ones((1, WORD_GAP), np.uint8))
    smeared &= ~view.hole & 1
    count, labels, stats, _ = cv2.connectedComponentsWithStats(smeared, connectivity=8)
    found = []
    for label in range(1, count):
        x, y, w, h, area = stats[label].tolist()
        if h < LEAST_SEEN or w < 2 or h > 3 * MOST_HEIGHT:
            continue
        found.append((label, x, y, w, h, area))
    slopes, weights = [], []
    moments = {}
    for label, x, y, w, h, _ in found:
        part = view.ink[y : y + h, x : x + w] & (labels[y : y + h, x : x + w] == label)
        rows, columns = np.nonzero(part)
        moments[label] = rows + y, columns + x
        if w > 6 * h and len(rows) > 30:
            dx = columns - columns.mean()
            slopes.append(float((dx * (rows - rows.mean())).sum() / (dx * dx).sum()))
            weights.append(w)
    slope = 0.0
    if slopes:
        order = np.argsort(slopes)
        slope = float(np.array(slopes)[order][np.searchsorted(np.cumsum(np.array(weights)[order]), sum(weights) / 2)])
    pieces = []
    bright = np.percentile(view.paper, 90)
    for label, x, y, w, h, _ in found:
        if view.paper[min(y + h // 2, len(view.paper) - 1), x + w // 2] < PAGE_SHARE * bright:
            continue
        rows, columns = moments[label]
        if len(rows) < 6:
            continue
        middle = x + w / 2
        level = rows - slope * (columns - middle)
        low = math.floor(level.min())
        profile = np.bincount((level - low).astype(int), minlength=1).astype(float)
        full = np.flatnonzero(profile >= BAND_SHARE * profile.max())
        top, bottom = low + int(full[0]), low + int(full[-1]) + 1
        if not LEAST_SEEN <= bottom - top <= MOST_HEIGHT or w < LEAST_LENGTH * (bottom - top):
            continue
        if len(rows) > MOST_FILLED * w * (bottom - top) and (w > 3 * h or bottom - top <= RULE_THICKNESS):
            continue
        pieces.append(_Piece(x, x + w, float(top), float(bottom), middle, slope))
    return pieces


def _whole(view: _View, pieces: list[_Piece]) -> list[_Piece]:
    """The pieces with those at their true height that the hole cuts along their length, top or bottom."""
    rows = [(_share_hidden(view, piece, piece.top - CUT_ROWS, piece.top),
             _share_hidden(view, piece, piece.bottom, piece.bottom + CUT_ROWS)) for piece in pieces]  # fmt: skip
    uncut = [piece for piece, cut in zip(pieces, rows, strict=True) if max(cut) < HALF]
    found = []
    for piece, (above, below) in zip(pieces, rows, strict=True):
        if max(above, below) < HALF:
            found.append(piece)
        elif uncut:
            heights = sorted(
                (abs(other.at(piece.middle) - piece.at(piece.middle)) + abs(other.middle - piece.middle), other.height)
                for other in uncut
            )
            height = float(np.median([height for _, height in heights[:PEERS]]))
            if height > piece.height and above < HALF:
                found.append(replace(piece, bottom=piece.top + height))
            elif height > piece.height and below < HALF:
                found.append(replace(piece, top=piece.bottom - height))
            elif height <= piece.height:
                found.append(piece)
    return [piece for piece in found if piece.height >= LEAST_HEIGHT]


def _place(piece: _Piece, shape: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of a piece's middle, inside of a picture of this shape."""
    return min(shape[0] - 1, max(0, round(piece.at(piece.middle)))), min(shape[1] - 1, round(piece.middle))


def _share_hidden(view: _View, piece: _Piece, top: float, bottom: float) -> float:
    """How much of the rows from `top` to `bottom` along a piece lies in the hole."""
    columns = np.arange(piece.x0, piece.x1)
    rows = np.arange(math.floor(top), math.ceil(bottom))
    at = np.rint(rows[:, None] + piece.slope * (columns - piece.middle)).astype(int)
    return float(view.hole[np.clip(at, 0, len(view.hole) - 1), columns[None]].mean())


@dataclass(frozen=True)
class _End:
    """Where a piece runs into the hole.

    Attributes:
        piece: which.
        side: +1 where the hole lies at larger x, else -1.
        entry: the first hidden column, seen from the piece.
        exit: the first one behind it that is seen again; None where the window ends first.
    """

    piece: _Piece
    side: int
    entry: int
    exit: int | None

    @property
    def gap(self) -> int:
        """Columns between its ink and the hole."""
        return self.entry - self.piece.x1 if self.side > 0 else self.piece.x0 - 1 - self.entry


@dataclass(frozen=True)
class _Line:
    """A line with its hidden stretches.

    Attributes:
        pieces: its visible pieces.
        x0, x1: first and last hidden column, the end exclusive.
        hidden: how many of its columns are hidden, letters or gaps between words.
    """

    pieces: tuple[_Piece, ...]
    x0: float
    x1: float
    hidden: float


def _hidden_columns(view: _View, piece: _Piece) -> Mask:
    """Whether each column of the window shows no letter on the course of a piece, `(w,)`; beyond it, it does not."""
    height, width = view.hole.shape
    columns = np.arange(width)
    rows = np.arange(math.floor(piece.top), math.ceil(piece.bottom))
    at = np.rint(rows[:, None] + piece.slope * (columns - piece.middle)).astype(int)
    outside = (at < 0) | (at >= height)
    covered = view.hole[np.clip(at, 0, height - 1), columns[None]] > 0
    return np.asarray((covered | outside).mean(axis=0) >= HALF)


def _ends(view: _View, piece: _Piece, walls: list[Reals]) -> tuple[list[_End], float]:
    """Where a piece runs into the hole, and how many of its own columns are hidden between its letters."""
    hidden = _hidden_columns(view, piece)
    reach = max(2, round(NEAR_HOLE * piece.height))
    back = round(piece.height)
    width = len(hidden)
    ends = []
    right = np.flatnonzero(hidden[max(0, piece.x1 - back) : piece.x1 + reach])
    last_seen = piece.x1
    if len(right):
        entry = max(0, piece.x1 - back) + int(right[0])
        seen = np.flatnonzero(~hidden[entry:])
        if not (len(seen) and entry + seen[0] < piece.x1) and not _walled(view, walls, piece, piece.x1, entry, 1):
            ends.append(_End(piece, 1, entry, entry + int(seen[0]) if len(seen) else None))
            last_seen = entry
    first = max(0, piece.x0 - reach)
    left = np.flatnonzero(hidden[first : piece.x0 + back])
    first_seen = piece.x0
    if len(left):
        entry = first + int(left[-1])
        seen = np.flatnonzero(~hidden[: entry + 1])
        if not (len(seen) and seen[-1] >= piece.x0) and not _walled(view, walls, piece, entry + 1, piece.x0, -1):
            ends.append(_End(piece, -1, entry, int(seen[-1]) if len(seen) else None))
            first_seen = entry + 1
    inner = float(np.count_nonzero(hidden[first_seen : min(last_seen, width)]))
    return ends, inner


def _walled(view: _View, walls: list[Reals], piece: _Piece, x0: int, x1: int, side: int) -> bool:
    """Whether a standing rule is seen between two columns beside a piece, or goes on in the hole right there."""
    inside = HALF * piece.height
    if _crossed(walls, x0 - 1 - inside * (side < 0), x1 + 1 + inside * (side > 0), piece):
        return True
    if x1 <= x0:
        return False
    y = piece.at((x0 + x1) / 2)
    rows = slice(max(0, round(y - piece.height / 2)), max(1, round(y + piece.height / 2)))
    part = view.standing[rows, x0:x1]
    return bool(part.size and part.mean(axis=0).max() > HALF)


def _join(view: _View, pieces: list[_Piece], walls: list[Reals]) -> list[_Line]:
    """Lines from the pieces that run into the hole: opposite ones that agree are one line."""
    befores: list[_End] = []
    afters: list[_End] = []
    inner: dict[_Piece, float] = {}
    for piece in pieces:
        ends, own = _ends(view, piece, walls)
        inner[piece] = own
        for end in ends:
            (befores if end.side > 0 else afters).append(end)
    costs = []
    for one in befores:
        for two in afters:
            cost = _cost(view, one, two, walls)
            if cost is not None:
                costs.append((cost, one, two))
    chains = _chains(pieces, {end.piece for end in (*befores, *afters)})
    lines, taken = [], set()
    for _, one, two in sorted(costs, key=lambda entry: entry[0]):
        if id(one) in taken or id(two) in taken:
            continue
        if _are_columns(one, two, chains):
            continue
        taken |= {id(one), id(two)}
        hidden = two.entry + 1 - one.entry
        lines.append(
            _Line(
                (one.piece, two.piece),
                one.entry,
                two.entry + 1,
                hidden + inner.pop(one.piece, 0) + inner.pop(two.piece, 0),
            )
        )
    for end in (*befores, *afters):
        reach = _reach(view, end, walls, chains) if id(end) not in taken else None
        if reach is None:
            continue
        x0, x1 = reach
        lines.append(_Line((end.piece,), x0, x1, x1 - x0 + inner.pop(end.piece, 0)))
    for piece, own in inner.items():
        if own >= HALF * piece.height:
            columns = np.flatnonzero(_hidden_columns(view, piece)[piece.x0 : piece.x1]) + piece.x0
            lines.append(_Line((piece,), float(columns[0]), float(columns[-1] + 1), own))
    return lines


def _cost(view: _View, one: _End, two: _End, walls: list[Reals]) -> float | None:
    """How badly two ends fit as the two sides of one line; None where they do not."""
    gap = two.entry - one.entry
    if gap < 1 or one.piece is two.piece:
        return None
    height = max(one.piece.height, two.piece.height)
    if height > ALIKE * min(one.piece.height, two.piece.height):
        return None
    middle = (one.entry + two.entry) / 2
    off = abs(one.piece.at(middle) - two.piece.at(middle))
    limit = SAME_LINE * height + DRIFT * gap
    if off > limit or any(True for _ in _crossed(walls, one.entry, two.entry, one.piece)):
        return None
    if _hidden_columns(view, one.piece)[one.entry : two.entry].mean() < 0.8:
        return None
    return off / limit


def _crossed(walls: list[Reals], x0: float, x1: float, piece: _Piece) -> list[float]:
    """Where standing rules cut the course of a piece between two columns."""
    found = []
    for wall in walls:
        y = piece.at((x0 + x1) / 2)
        low, high = wall[:, 1].min(), wall[:, 1].max()
        if low <= y <= high:
            order = np.argsort(wall[:, 1])
            x = float(np.interp(y, wall[order, 1], wall[order, 0]))
            if x0 < x < x1:
                found.append(x)
    return found


def _reach(view: _View, end: _End, walls: list[Reals], chains: list[_Chain]) -> tuple[float, float] | None:
    """First and last column of what a line hides that is seen on one side only; None where it seems to end there.

    It goes as far as the lines of its column do: those that begin where it begins, or share its middle.
    """
    side, height = end.side, end.piece.height
    own = next(chain for chain in chains if end.piece in chain.pieces)
    if own.x1 - own.x0 < LEAST_CHAIN * height:
        return None
    limit = end.exit if end.exit is not None else (view.hole.shape[1] if side > 0 else -1)
    cut = _crossed(walls, min(end.entry, limit), max(end.entry, limit), end.piece)
    if cut:
        limit = min(cut, key=lambda x: abs(x - end.entry))
    start = own.x0 if side > 0 else own.x1
    far = abs(limit - end.entry)
    ends, middles = _column(end, own, start, limit, chains)
    beyond = [reach for reach in ends if reach > 0]
    closest = _gap(view, end)
    if closest > TOUCHES and not beyond and len(middles) >= ENOUGH:
        near = np.abs(np.array(middles) - own.middle) < CENTRED * height
        if np.count_nonzero(near) >= max(ENOUGH, len(middles) / 2):  # it is centred as it is seen: all of it is seen
            return None
    mostly_beyond = len(beyond) >= max(ENOUGH, MOSTLY * len(ends))
    if closest > (NEAR_HOLE if mostly_beyond else NEAR_ALONE if len(ends) < ENOUGH else TOUCHES):
        return None
    guess = ALONE * min(far, MOST_ALONE * height)
    if beyond:
        guess = min(far, float(np.median(beyond)))
    elif len(middles) >= ENOUGH and np.ptp(middles) < 2 * ALIGNED * height:
        mirrored = side * (2 * float(np.median(middles)) - start - end.entry)
        guess = min(far, mirrored) if mirrored > 0 else guess
    if closest > TOUCHES and guess < LEAST_HIDDEN * height:
        return None
    return (end.entry, end.entry + guess) if side > 0 else (end.entry + 1 - guess, end.entry + 1)


def _gap(view: _View, end: _End) -> float:
    """Heights between the ink of a line and the hole, in the row in which they are nearest, seen at full size."""
    piece, scale = end.piece, view.reduction
    reach = piece.height * (NEAR_HOLE + HALF)
    edge = piece.x1 if end.side > 0 else piece.x0
    y = piece.at(edge)
    x0, x1 = (max(0, round((edge + off) * scale)) for off in (-reach, reach))
    y0, y1 = (max(0, round((y + off * piece.height) * scale)) for off in (-HALF - ABOVE / 2, HALF))
    hole, part = view.covered[y0:y1, x0:x1], view.window[y0:y1, x0:x1]
    if not part.size:
        return end.gap / piece.height
    row, column = min(len(view.paper) - 1, max(0, round(y))), min(view.paper.shape[1] - 1, max(0, round(edge)))
    level, paper = part.min(axis=2), float(view.paper[row, column])
    half = (paper + float(np.percentile(level[~hole], INK_QUANTILES[0]))) / 2 if not hole.all() else paper
    ink = (level < min(half, paper - INK_LEVELS)) & ~hole
    tall = view.window[max(0, y0 - round(piece.height * scale)) : y1 + round(piece.height * scale) // 2, x0:x1]
    ink &= ~(tall.min(axis=2) < half).all(axis=0)  # a standing rule is no letter
    if end.side < 0:
        ink, hole = ink[:, ::-1], hole[:, ::-1]
    both = ink.any(axis=1) & hole.any(axis=1)
    if not both.any():
        return end.gap / piece.height
    places = np.arange(ink.shape[1])
    first = np.where(hole, places, ink.shape[1]).min(axis=1)
    last = np.where(ink & (places < first[:, None]), places, -ink.shape[1]).max(axis=1)
    return float((first - last - 1)[both].min() / (piece.height * scale))


def _are_columns(one: _End, two: _End, chains: list[_Chain]) -> bool:
    """Whether two ends opposite each other are of two columns: the other lines of both leave a gap between."""
    gap, total = two.entry - one.entry, 0.0
    for end, other in ((one, two), (two, one)):
        own = next(chain for chain in chains if end.piece in chain.pieces)
        ends, _ = _column(end, own, own.x0 if end.side > 0 else own.x1, other.entry, chains)
        reaches = [reach for reach in ends if reach > -HALF * end.piece.height]
        if not reaches or max(reaches) > gap:
            return False
        total += max(reaches)
    return gap - total > GUTTER * one.piece.height


def _column(
    end: _End, own: _Chain, start: float, limit: float, chains: list[_Chain]
) -> tuple[list[float], list[float]]:
    """How far beyond a line's end the others of its column go, of those that begin alike, and the middles of the rest.

    Args:
        end: of the line, and
        own: its pieces.
        start: x of its other side.
        limit: x up to which it may go on.
        chains: all lines.
    """
    ends, middles = [], []
    for chain in chains:
        if chain is own or chain.touches or not 1 / PEER_ALIKE < chain.height / end.piece.height < PEER_ALIKE:
            continue
        if abs(chain.y - end.piece.at(chain.middle)) > PEER_DISTANCE * end.piece.height:
            continue
        begin, stop = (chain.x0, chain.x1) if end.side > 0 else (chain.x1, chain.x0)
        if abs(begin - start) < ALIGNED * end.piece.height:
            ends.append(float(end.side * (stop - end.entry)))
        elif min(chain.x1, max(start, limit)) > max(chain.x0, min(start, limit)):
            middles.append(chain.middle)
    return ends, middles


def _chains(pieces: list[_Piece], touching: set[_Piece]) -> list[_Chain]:
    """The pieces put together to lines; `touching` run into the hole."""
    chains: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.x0):
        for chain in chains:
            last = chain[-1]
            near = -last.height < piece.x0 - last.x1 < CHAIN_GAP * max(piece.height, last.height)
            if near and abs(last.at(last.x1) - piece.at(last.x1)) < SAME_LINE * max(piece.height, last.height):
                chain.append(piece)
                break
        else:
            chains.append([piece])
    return [_Chain(tuple(chain), any(piece in touching for piece in chain)) for chain in chains]


def _described(line: _Line, window: Image, reduction: float, shift: Points, view: _View) -> LostLine:
    """A line in pixels of the photo, with its letters counted."""
    piece = max(line.pieces, key=lambda piece: piece.x1 - piece.x0)
    height = piece.height
    pitch = _pitch(_strip(window, piece, reduction), height * reduction) / reduction
    count = max(1, round(line.hidden / pitch))
    y0, y1 = piece.at(line.x0), piece.at(line.x1)
    box = np.array([line.x0, min(y0, y1) - height, line.x1, max(y0, y1) + height]) * reduction
    box = np.rint(box + np.tile(shift, 2)).astype(int)
    baseline = np.array([(line.x0, y0 + height / 2), (line.x1, y1 + height / 2)]) * reduction + shift
    seen = sum(piece.x1 - piece.x0 for piece in line.pieces)
    return LostLine(
        Box(*(int(edge) for edge in box)),
        baseline,
        height * reduction,
        count,
        max(1, round(count / 6)),
        float(line.hidden / max(1.0, line.hidden + seen)),
    )


def _strip(window: Image, piece: _Piece, reduction: float) -> Plane:
    """The piece at full size, its slope taken out: `(h, w)` uint8, from `ABOVE` over its letters to `BELOW` them."""
    x0, x1 = piece.x0, piece.x1
    if x1 - x0 > MOST_COUNTED:
        x0, x1 = round(piece.middle - MOST_COUNTED / 2), round(piece.middle + MOST_COUNTED / 2)
    top, bottom = piece.top - ABOVE * piece.height, piece.bottom + BELOW * piece.height
    size = max(1, round((x1 - x0) * reduction)), max(1, round((bottom - top) * reduction))
    start = x0 * reduction, (top + piece.slope * (x0 - piece.middle)) * reduction
    move = np.array([[1, 0, start[0]], [piece.slope, 1, start[1]]])
    y0 = max(0, math.floor(start[1] - abs(piece.slope) * size[0]) - 2)
    y1 = min(len(window), math.ceil(start[1] + size[1] + abs(piece.slope) * size[0]) + 2)
    left, right = max(0, math.floor(start[0]) - 2), min(window.shape[1], math.ceil(start[0] + size[0]) + 2)
    part = window[y0:y1, left:right].min(axis=2)
    move[:, 2] -= (left, y0)
    return cv2.warpAffine(
        part, move, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )


def _pitch(strip: Plane, height: float) -> float:
    """Mean distance of a line's letters from each other, spaces between words included, in pixels of the strip.

    Args:
        strip: as `_strip` gives it.
        height: of small letters, in its pixels.
    """
    low, high = np.percentile(strip[:, ::2], INK_QUANTILES)
    ink = strip < (low + high) / 2
    inked = ink.any(axis=0)
    if not inked.any():
        return LATIN_PITCH * height
    strokes = np.count_nonzero(ink[1:] & ~ink[:-1]) / np.count_nonzero(inked)
    if strokes > SQUARE_STROKES:
        return SQUARE_PITCH * height
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inked, [False]])))
    if float(np.median(edges[1::2] - edges[::2])) > MOST_LETTER * height:  # they touch, or a rule runs below
        return LATIN_PITCH * height
    pitch = TOUCHING * len(inked) / (len(edges) // 2)
    return float(np.clip(pitch, LEAST_PITCH * height, MOST_PITCH * height))
