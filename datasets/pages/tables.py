"""Tables with rules of many looks, some of their cells merged."""

import numpy as np
from numpy.typing import NDArray

from datasets.pages.layout import Colour, Shape, box_outline
from datasets.pages.writer import Page

# Set by eye on forms and reports. Sizes of letters and gaps are in heights of the text, widths of rules in page units.
# How often each look of a table is drawn.
TABLE_STYLES = {"grid": 0.62, "three_line": 0.1, "horizontal": 0.1, "dotted": 0.1, "framed": 0.08}
TABLE_TEXT_SIZE, TABLE_TEXT_LIMITS = (0.75, 1.05), (30, 70)  # of the page's text; page units
COLUMN_COUNT, UNEQUAL_CHANCE, COLUMN_SHARES = (2, 12), 0.7, (0.6, 1.6)  # the second end exclusive
ROW_HEIGHT = (1.35, 3.2)
TALL_ROWS_CHANCE, ROW_LINES = 0.35, (1, 1, 1, 1, 2, 3)  # of a table some of whose rows hold several lines
THIN_RULE, THICK_CHANCE, THICK_RULE = (2, 4.5), 0.4, (1.2, 2.5)  # thick over thin
PALE_RULE_CHANCE, PALE_RULE_LEVEL = 0.3, (0, 110)  # of rules in grey
COLOURED_RULE_CHANCE, COLOURED_RULE_BGR = 0.04, ((120, 200), (60, 120), (20, 80))
UNMERGED_CHANCE, MERGE_COUNT, MERGED_HEAD_CHANCE = 0.5, (1, 7), 0.3  # the last: a merge lies in the first row
ACROSS_CHANCE, MOST_MERGED_ROWS = 0.6, 5  # of a merge across columns
SHADED_CHANCE, SHADE_LEVEL, COLOURED_SHADE_CHANCE = 0.25, (190, 242), 0.2
COLOURED_SHADE_BGR = ((170, 250), (190, 250), (170, 250))
SHADED_HEAD_CHANCE = 0.6  # of a shade behind the head; the others lie behind every second row
DASH, DASH_GAP = (4, 24), (0.5, 1.5)  # page units, and gap over dash
DIAGONAL_CHANCE = 0.08  # of a head of rows and columns in one cell, parted by a diagonal
DOUBLE_FRAME_CHANCE, DOUBLE_FRAME_GAP = 0.12, (4, 10)  # of a second frame around the first; page units
FILLED_SHARES = (0.15, 0.5, 0.85, 1.0)  # of cells below the head
ALIGNMENTS = (0, 0.5, 0.5, 1)  # share of the text left of its place: left, centred, right
HANDWRITTEN_TABLE_CHANCE, HANDWRITTEN_CELL_SHARE, HANDWRITTEN_PLACE = 0.1, (0.3, 0.8), 0.4
BOLD_HEAD_CHANCE, BOLD = 0.4, 700  # of a bold head; the font's weight
PADDING, LINE_HEIGHT, HALF_LETTER, MOST_LINES = 0.35, 1.3, 0.37, 3
TWO_LINES_CHANCE, LONG_TEXT, LINE_RAISE, SECOND_LINE = 0.6, 6, 0.6, 1.25  # of a long text, characters, on two lines
SPACE_BELOW = 1.5


def draw_table(page: Page, x0: float, x1: float, height: float, style: str | None = None) -> None:
    """Draw a ruled table from the cursor of a page down, and move the cursor below it.

    Args:
        page: in the making.
        x0, x1: left and right end, in page units.
        height: that it takes at most.
        style: key of `TABLE_STYLES`; None draws one.
    """
    Table(page, x0, x1, height, style).draw()


class Table:
    """A table: cells, some of them merged, the rules between them and what is written in them."""

    def __init__(self, page: Page, x0: float, x1: float, height: float, style: str | None) -> None:
        rng = page.rng
        self.page, self.rng = page, rng
        styles = list(TABLE_STYLES)
        self.style = style or str(rng.choice(styles, p=list(TABLE_STYLES.values())))
        self.size = int(np.clip(page.size * rng.uniform(*TABLE_TEXT_SIZE), *TABLE_TEXT_LIMITS))
        columns = int(rng.integers(*COLUMN_COUNT))
        shares = rng.uniform(*COLUMN_SHARES, columns) if rng.random() < UNEQUAL_CHANCE else np.ones(columns)
        self.xs = x0 + (x1 - x0) * np.concatenate([[0], np.cumsum(shares) / shares.sum()])
        row = self.size * rng.uniform(*ROW_HEIGHT)
        rows = max(2, int(height / row))
        heights = np.full(rows, row)
        if rng.random() < TALL_ROWS_CHANCE:
            heights = row * rng.choice(ROW_LINES, rows)
            heights = heights[: max(2, int(np.searchsorted(np.cumsum(heights), height)))]
        self.ys = page.y + np.concatenate([[0], np.cumsum(heights)])
        self.cells = self._merge(len(heights), columns)
        self.thin = rng.uniform(*THIN_RULE)
        self.thick = self.thin * rng.uniform(*THICK_RULE) if rng.random() < THICK_CHANCE else self.thin
        shade = int(rng.integers(*PALE_RULE_LEVEL)) if rng.random() < PALE_RULE_CHANCE else page.ink[0]
        self.colour: Colour = (shade, shade, shade)
        if rng.random() < COLOURED_RULE_CHANCE:
            self.colour = _draw_colour(rng, COLOURED_RULE_BGR)

    def _merge(self, rows: int, columns: int) -> NDArray[np.int32]:
        """Number of the cell at each row and column; merged ones share it."""
        rng = self.rng
        cells = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
        if rng.random() < UNMERGED_CHANCE or columns < 3:
            return cells
        for _ in range(int(rng.integers(*MERGE_COUNT))):
            top, left = int(rng.integers(rows)), int(rng.integers(columns - 1))
            if rng.random() < MERGED_HEAD_CHANCE:
                top = 0
            if rng.random() < ACROSS_CHANCE:
                down, across = 1, int(rng.integers(2, columns + 1))
            else:
                down, across = int(rng.integers(2, MOST_MERGED_ROWS + 1)), 1
            block = cells[top : top + down, left : left + across]
            count = np.unique(block).size
            if count == block.size and all((cells == number).sum() == 1 for number in block.flat):
                block[:] = block[0, 0]
        return cells

    def draw(self) -> None:
        if self.rng.random() < SHADED_CHANCE:
            self._shade()
        self._rules()
        self._words()
        self.page.y = float(self.ys[-1]) + self.size * SPACE_BELOW

    def _shade(self) -> None:
        """A grey head, or every second row grey."""
        grey = int(self.rng.integers(*SHADE_LEVEL))
        colour: Colour = (grey, grey, grey)
        if self.rng.random() < COLOURED_SHADE_CHANCE:
            colour = _draw_colour(self.rng, COLOURED_SHADE_BGR)
        rows = range(1) if self.rng.random() < SHADED_HEAD_CHANCE else range(1, len(self.ys) - 1, 2)
        for row in rows:
            box = box_outline(self.xs[0], self.ys[row], self.xs[-1], self.ys[row + 1])
            self.page.layout.shapes.append(Shape(box, colour))

    def _rules(self) -> None:
        rows, columns = self.cells.shape
        dash = (0.0, 0.0)
        if self.style == "dotted":
            on = self.rng.uniform(*DASH)
            dash = (on, on * self.rng.uniform(*DASH_GAP))
        outer = self.style in ("grid", "dotted", "framed")
        for row in range(rows + 1):
            edge = row in (0, rows)
            if self.style == "three_line" and not (edge or row == 1):
                continue
            if self.style == "framed" and not (edge or row == 1):
                continue
            above, below = self.cells[max(row - 1, 0)], self.cells[min(row, rows - 1)]
            parted = np.ones(columns, bool) if edge else above != below
            width = self.thick if edge or (row == 1 and self.style == "three_line") else self.thin
            for start, end in _runs(parted):
                self._line(self.xs[start], self.ys[row], self.xs[end], self.ys[row], width, (0, 0) if edge else dash)
        if self.style in ("three_line", "horizontal"):
            return
        if rows > 2 and self.rng.random() < DIAGONAL_CHANCE:
            self._line(self.xs[0], self.ys[0], self.xs[1], self.ys[1], self.thin, (0, 0))
        for column in range(columns + 1):
            edge = column in (0, columns)
            if edge and not outer:
                continue
            left, right = self.cells[:, max(column - 1, 0)], self.cells[:, min(column, columns - 1)]
            parted = np.ones(rows, bool) if edge else left != right
            width = self.thick if edge else self.thin
            for start, end in _runs(parted):
                self._line(
                    self.xs[column], self.ys[start], self.xs[column], self.ys[end], width, (0, 0) if edge else dash
                )
        if self.style == "grid" and self.rng.random() < DOUBLE_FRAME_CHANCE:
            gap = self.thick + self.rng.uniform(*DOUBLE_FRAME_GAP)
            x0, x1, y0, y1 = self.xs[0] - gap, self.xs[-1] + gap, self.ys[0] - gap, self.ys[-1] + gap
            for box in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
                self._line(*box, self.thin, (0, 0))

    def _line(self, x0: float, y0: float, x1: float, y1: float, width: float, dash: tuple[float, float]) -> None:
        self.page.line(float(x0), float(y0), float(x1), float(y1), width, dash, self.colour)

    def _words(self) -> None:
        rng, page, writer = self.rng, self.page, self.page.writer
        rows, columns = self.cells.shape
        makers = (
            writer.phrase,
            writer.phrase,
            writer.number,
            writer.money,
            writer.date,
            writer.name,
            writer.code,
            None,
        )
        kinds = [int(rng.integers(len(makers))) for _ in range(columns)]
        aligns = rng.choice(ALIGNMENTS, columns).tolist()
        filled = float(rng.choice(FILLED_SHARES))
        by_hand = rng.random() < HANDWRITTEN_TABLE_CHANCE
        bold = BOLD if rng.random() < BOLD_HEAD_CHANCE else None
        filled_cells = set()
        for row in range(rows):
            for column in range(columns):
                number = int(self.cells[row, column])
                if number in filled_cells:
                    continue
                filled_cells.add(number)
                height_in, width_in = 1, 1
                while row + height_in < rows and self.cells[row + height_in, column] == number:
                    height_in += 1
                while column + width_in < columns and self.cells[row, column + width_in] == number:
                    width_in += 1
                x0, x1 = float(self.xs[column]), float(self.xs[column + width_in])
                y0, y1 = float(self.ys[row]), float(self.ys[row + height_in])
                if row == 0:
                    self._cell(x0, y0, x1, y1, writer.head(), 0.5, bold)
                    continue
                maker = makers[kinds[column]]
                if column == 0 and maker is None:
                    self._cell(x0, y0, x1, y1, str(row), 0.5, None)
                elif maker is None or (column and rng.random() > filled):
                    continue
                elif by_hand and column:
                    inset = self.size * HANDWRITTEN_PLACE
                    page.scribble(x0 + inset, y1 - inset, (x1 - x0) * page.between(*HANDWRITTEN_CELL_SHARE), self.size)
                else:
                    self._cell(x0, y0, x1, y1, maker(), 0.5 if width_in > 1 else float(aligns[column]), None)

    def _cell(self, x0: float, y0: float, x1: float, y1: float, text: str, align: float, weight: int | None) -> None:
        pad = self.size * PADDING
        lines = max(1, min(MOST_LINES, int((y1 - y0) / (self.size * LINE_HEIGHT))))
        x = x0 + pad + (x1 - x0 - 2 * pad) * align
        y = (y0 + y1) / 2 + self.size * HALF_LETTER
        if lines > 1 and len(text) > LONG_TEXT and self.page.chance(TWO_LINES_CHANCE):
            y -= self.size * LINE_RAISE
            second_y, words = y + self.size * SECOND_LINE, self.page.writer.phrase(2)
            self.page.write(x, second_y, words, self.size, align, x1 - x0 - 2 * pad, weight)
        self.page.write(x, y, text, self.size, align, x1 - x0 - 2 * pad, weight)


def _draw_colour(rng: np.random.Generator, ranges: tuple[tuple[int, int], ...]) -> Colour:
    """A colour from the range of each channel, the second ends exclusive."""
    blue, green, red = (int(rng.integers(*limits)) for limits in ranges)
    return blue, green, red


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
