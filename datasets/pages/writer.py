"""A page in the making: its hand, that is language, font, ink and margins, and the blocks that fill it."""

import math
import re

import cv2
import numpy as np

from datasets.pages.fonts import measure
from datasets.pages.layout import (
    PAGE_SIZE,
    SEAL_RED,
    Colour,
    Layout,
    Picture,
    Rule,
    Shape,
    Text,
    box_outline,
    circle_outline,
)
from datasets.pages.words import CHINESE, ENGLISH, Writer

# Set by eye on printed pages. Without another unit, lengths are heights of the text and widths of rules page units;
# second ends of whole numbers are exclusive.

# A page's hand.
PAGE_SPREAD, NARROW_PAGE = (0.97, 1.03), (0.3, 0.6)  # of the usual sides; width of a receipt over its height
CHINESE_CHANCE = 0.6
INK_LEVEL, WEIGHTS, TEXT_SIZE = (0, 70), (300, 400, 400, 500), (34, 62)  # grey levels; of fonts; page units
SIDE_MARGIN, TOP_MARGIN, BOTTOM_MARGIN = (0.05, 0.13), (0.04, 0.1), (0.9, 0.96)  # shares of width and height
BLUE_PEN_CHANCE, BLUE_PEN_BGR, DARK_PEN_BGR = 0.5, ((110, 190), (40, 80), (20, 60)), (45, 40, 40)

# Words and handwriting.
PLAIN, BOLD = 400, 700  # weights
SPACE, LETTER_GAP = 0.28, 0.02  # between words, and after a piece that no space ends
LETTER_COUNT, KNOTS, FINER = (1.3, 2.2), 3, 4  # letters per length over height; knots a letter; points a knot
KNOT_SPREAD = 0.12
TALL_CHANCE, TALL_REACH, SMALL_REACH, FOOT_REACH = 0.2, (0.8, 1.4), (0.35, 0.6), (-0.08, 0.08)  # of letters
TAIL_CHANCE, TAIL_REACH = 0.07, 0.35  # of a letter that goes below the line
SLANT, LETTERS_A_STROKE, STROKE_WIDTH, LEAST_STROKE = 0.25, 5, 0.06, 3.0  # writing leans to the right

# Head and foot.
HEADER_SIZE, HEADER_CODE_CHANCE, HEADER_RULE_CHANCE, HEADER_RULE = 0.8, 0.5, 0.7, (2, 5)
HEADER_RULE_DROP, HEADER_STEP = 1.5, (2.2, 4)
PAGE_NUMBERS, PAGE_TOTALS, NUMBER_SIZE = (1, 200), (200, 300), 0.85
NUMBER_PLACES, NUMBER_DROP = (0.5, 0.5, 1, 0), (0.955, 0.98)  # shares of width and height
TITLE_SIZE, RED_TITLE_CHANCE, CENTRED_CHANCE, BOLD_CHANCE, TITLE_STEP = (1.3, 2.2), 0.06, 0.8, 0.6, (1.5, 2.4)
SUBTITLE_SIZE, SUBTITLE_DROP, SUBTITLE_STEP = (1.05, 1.35), 1.2, (1.8, 2.4)

# Fields, paragraphs, lists.
FIELD_COUNT, FIELD_DROP, FIELD_STEP = (1, 4), 1.1, (1.8, 2.6)
FIELD_LABEL_SHARE, LABEL_GAP, FIELD_END = 0.5, 0.2, 0.92  # of a field's width; its blank begins and ends there
BLANK_SHARE, OPEN_SHARE = 0.4, 0.3  # of fields with a rule; of those with nothing printed in them
BLANK_DROP, BLANK_RULE = 0.15, (2, 4)
HANDWRITTEN_CHANCE, HANDWRITTEN_FIELD_SHARE, HANDWRITTEN_SIZE = 0.5, (0.3, 0.9), 1.2
PARAGRAPH_LINE_STEP, PARAGRAPH_STEP = (1.35, 1.7), (1.2, 1.8)
ITEM_STEP, ITEM_INDENT, LIST_GAP = (1.5, 2.2), 3, 0.5

# Seals; lengths are radii.
RED_SEAL_CHANCE, BLUE_SEAL, SEAL_RING = 0.85, (150, 60, 40), (6, 14)  # BGR; page units
OBLONG_CHANCE, OBLONG_HEIGHT, OBLONG_DROP, OBLONG_SIZE = 0.25, 0.35, 0.15, 0.4
ROUND_CHANCE, FLATNESS = 0.75, 0.7  # of a circle, else an ellipse
STAR_POINTS, STAR_INNER, STAR_OUTER = 5, 0.1, 0.26
SEAL_LETTERS, SEAL_SIZE, SEAL_TEXT_RADIUS, SEAL_DEGREES = 14, 0.24, 0.7, (210, -30)  # first and last letter

# Pictures, codes, charts.
GREY_PICTURE_CHANCE, PICTURE_LEVELS, PICTURE_CELLS, PICTURE_SIDE, PICTURE_NOISE = 0.5, (20, 250), (3, 7), 96, 12
BAR_UNIT, BAR_WIDTHS = 5, (1, 4)  # page units, and bars and gaps in these
MODULES, FINDER = (21, 34), 7  # modules of a matrix code and of the squares in its corners
CHART_AXIS, CHART_COUNT, CHART_HEIGHT, BAR_CHART_CHANCE = 4, (4, 12), (0.1, 0.95), 0.5
CHART_SHADE, CHART_BAR, CHART_BAR_START, CHART_CURVE, CHART_LETTERS = (60, 200), 0.6, 0.2, (3, 7), 0.7

_PIECE = re.compile("(?:[\u2e81-\U0010ffff]{1,4}|[^ \u2e81-\U0010ffff]+) *")


def pieces(text: str) -> list[str]:
    """Cut where a line may break: behind each word that is not Chinese, behind every fourth Chinese character."""
    return _PIECE.findall(text + " ")


class Page:
    """A page in the making: its choices of hand (language, font, ink, margins) and the blocks that fill it."""

    def __init__(self, rng: np.random.Generator, fonts: list[str], narrow: bool = False) -> None:
        self.rng = rng
        height, width = (round(side * rng.uniform(*PAGE_SPREAD)) for side in PAGE_SIZE)
        if narrow:
            width = round(height * rng.uniform(*NARROW_PAGE))
        self.layout = Layout(width, height)
        self.language = CHINESE if rng.random() < CHINESE_CHANCE else ENGLISH
        self.writer = Writer(rng, self.language)
        usual = ["uni", "sans"] if self.language == CHINESE else ["sans", "sans", "uni"]
        self.font = str(rng.choice(usual + fonts))
        grey = int(rng.integers(*INK_LEVEL))
        self.ink: Colour = (grey, grey, grey)
        self.weight = int(rng.choice(WEIGHTS))
        self.size = int(rng.integers(*TEXT_SIZE))  # of running text
        self.left = round(width * rng.uniform(*SIDE_MARGIN))
        self.right = width - round(width * rng.uniform(*SIDE_MARGIN))
        blue, green, red = (int(rng.integers(*limits)) for limits in BLUE_PEN_BGR)
        self.pen: Colour = (blue, green, red) if rng.random() < BLUE_PEN_CHANCE else DARK_PEN_BGR
        self.y = height * rng.uniform(*TOP_MARGIN)
        self.bottom = height * rng.uniform(*BOTTOM_MARGIN)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A number between two, all as likely."""
        return float(self.rng.uniform(low, high))

    def room(self) -> float:
        """How far the cursor may still go down, in page units."""
        return self.bottom - self.y

    # words

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: int | None = None,
        align: float = 0.0,
        limit: float = math.inf,
        weight: int | None = None,
        colour: Colour | None = None,
    ) -> float:
        """Write one line, cut off where it would exceed `limit`; returns its length.

        `align` is the part of the text that lies left of `x`: 0, 0.5 or 1.
        """
        size, weight, colour = size or self.size, weight or self.weight, colour or self.ink
        placed: list[tuple[str, float, float]] = []
        end = 0.0
        for piece in pieces(text):
            word = piece.rstrip()
            length = measure(word, self.font, weight) * size
            if end + length > limit:
                break
            placed.append((word, end, length))
            end += length + (SPACE * size if piece.endswith(" ") else LETTER_GAP * size)
        total = placed[-1][1] + placed[-1][2] if placed else 0.0
        for word, offset, length in placed:
            self.layout.texts.append(Text(x - align * total + offset, y, size, word, self.font, colour, weight, length))
        return total

    def scribble(self, x: float, y: float, length: float, size: float) -> None:
        """Something written by hand on the baseline `y`."""
        rng = self.rng
        letters = max(2, int(length / size * rng.uniform(*LETTER_COUNT)))
        knots = KNOTS * letters
        xs = np.linspace(0, length, knots) + rng.normal(0, size * KNOT_SPREAD, knots)
        is_tall = rng.random(knots) < TALL_CHANCE
        reach = np.where(is_tall, rng.uniform(*TALL_REACH, knots), rng.uniform(*SMALL_REACH, knots))
        ys = np.where(np.arange(knots) % 2, -reach, rng.uniform(*FOOT_REACH, knots)) * size
        ys = np.where(rng.random(knots) < TAIL_CHANCE, size * TAIL_REACH, ys)
        curve = cv2.resize(
            np.stack([xs, ys], 1)[:, None].astype(np.float32), (1, knots * FINER), interpolation=cv2.INTER_CUBIC
        )
        points = curve[:, 0] + np.array([x, y], np.float32)
        points[:, 0] -= (points[:, 1] - y) * np.float32(SLANT)
        breaks = np.sort(rng.integers(1, len(points), max(1, letters // LETTERS_A_STROKE)))
        for piece in np.split(points, breaks):
            if len(piece) > 2:
                self.layout.strokes.append(Rule(piece, max(LEAST_STROKE, size * STROKE_WIDTH), self.pen))

    # lines

    def line(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        width: float,
        dash: tuple[float, float] = (0, 0),
        colour: Colour | None = None,
    ) -> None:
        points = np.array([[x0, y0], [x1, y1]], np.float32)
        self.layout.rules.append(Rule(points, width, colour or self.ink, dash))

    # blocks

    def header(self) -> None:
        """A running head, sometimes with a line under it."""
        y, size = self.y, int(self.size * HEADER_SIZE)
        self.write(self.left, y + size, self.writer.phrase(), size)
        if self.chance(HEADER_CODE_CHANCE):
            self.write(self.right, y + size, self.writer.code(), size, align=1)
        if self.chance(HEADER_RULE_CHANCE):
            rule_y = y + size * HEADER_RULE_DROP
            self.line(self.left, rule_y, self.right, rule_y, self.between(*HEADER_RULE))
        self.y += size * self.between(*HEADER_STEP)

    def page_number(self) -> None:
        number, total = int(self.rng.integers(*PAGE_NUMBERS)), int(self.rng.integers(*PAGE_TOTALS))
        plain = [f"{number}", f"- {number} -", f"{number}/{total}"]
        named = [f"第 {number} 页 共 {total} 页"] if self.language == CHINESE else [f"Page {number} of {total}"]
        align = float(self.rng.choice(NUMBER_PLACES))
        x = self.left + (self.right - self.left) * align
        y = self.layout.height * self.between(*NUMBER_DROP)
        self.write(x, y, str(self.rng.choice(plain + named)), int(self.size * NUMBER_SIZE), align)

    def title(self) -> None:
        size = int(self.size * self.between(*TITLE_SIZE))
        colour = SEAL_RED if self.chance(RED_TITLE_CHANCE) else None
        align = 0.5 if self.chance(CENTRED_CHANCE) else 0.0
        x = self.left + (self.right - self.left) * align
        weight = BOLD if self.chance(BOLD_CHANCE) else None
        self.write(x, self.y + size, self.writer.title(), size, align, self.right - self.left, weight, colour)
        self.y += size * self.between(*TITLE_STEP)

    def subtitle(self) -> None:
        size = int(self.size * self.between(*SUBTITLE_SIZE))
        number = int(self.rng.integers(1, 9))
        mark = f"{'一二三四五六七八九'[number]}、" if self.language == CHINESE else f"{number}. "
        self.write(self.left, self.y + size * SUBTITLE_DROP, mark + self.writer.phrase(3), size, weight=BOLD)
        self.y += size * self.between(*SUBTITLE_STEP)

    def fields_line(self) -> None:
        """A few labels side by side, as above a table."""
        count = int(self.rng.integers(*FIELD_COUNT))
        step = (self.right - self.left) / count
        y = self.y + self.size * FIELD_DROP
        for k in range(count):
            x = self.left + k * step
            used = self.write(
                x, y, self.writer.label() + ("：" if self.language == CHINESE else ":"), limit=step * FIELD_LABEL_SHARE
            )
            start, end = x + used + self.size * LABEL_GAP, x + step * FIELD_END
            style = self.rng.random()
            if style < BLANK_SHARE:
                rule_y = y + self.size * BLANK_DROP
                self.line(start, rule_y, end, rule_y, self.between(*BLANK_RULE))
            if style > OPEN_SHARE:
                self.write(start, y, self.value(), limit=end - start)
            elif self.chance(HANDWRITTEN_CHANCE):
                length = (end - start) * self.between(*HANDWRITTEN_FIELD_SHARE)
                self.scribble(start, y, length, self.size * HANDWRITTEN_SIZE)
        self.y += self.size * self.between(*FIELD_STEP)

    def value(self) -> str:
        makers = (self.writer.phrase, self.writer.number, self.writer.date, self.writer.name, self.writer.code)
        return makers[int(self.rng.integers(len(makers)))]()

    def paragraph(self, lines: int, x0: float | None = None, x1: float | None = None) -> None:
        x0, x1 = self.left if x0 is None else x0, self.right if x1 is None else x1
        step, space = self.size * self.between(*PARAGRAPH_LINE_STEP), self.size * SPACE
        x, used = x0 + 2 * self.size, 0
        while used < lines and self.room() > step:
            for piece in pieces(self.writer.sentence()):
                word = piece.rstrip()
                length = measure(word, self.font, self.weight) * self.size
                if x + length > x1:
                    x, used = x0, used + 1
                    self.y += step
                    if used == lines or self.room() < step:
                        break
                self.layout.texts.append(
                    Text(x, self.y + self.size, self.size, word, self.font, self.ink, self.weight, length)
                )
                x += length + (space if piece.endswith(" ") and self.language == ENGLISH else LETTER_GAP * self.size)
        self.y += step * self.between(*PARAGRAPH_STEP)

    def items(self, count: int) -> None:
        """A numbered or bulleted list."""
        step = self.size * self.between(*ITEM_STEP)
        style = int(self.rng.integers(4))
        for k in range(1, count + 1):
            if self.room() < step:
                break
            mark = (f"{k}.", f"({k})", "•", f"{k}、")[style]
            self.write(self.left + self.size, self.y + self.size, mark)
            indent = self.size * ITEM_INDENT
            text, limit = self.writer.sentence(), self.right - self.left - indent
            self.write(self.left + indent, self.y + self.size, text, limit=limit)
            self.y += step
        self.y += self.size * LIST_GAP

    def stamp(self, x: float, y: float, radius: float) -> None:
        """A round or oblong seal; its letters are text, its ring is not."""
        chinese = self.language == CHINESE
        colour: Colour = SEAL_RED if self.chance(RED_SEAL_CHANCE) else BLUE_SEAL
        ring = self.between(*SEAL_RING)
        if self.chance(OBLONG_CHANCE):
            half, words = radius * OBLONG_HEIGHT, "已审核" if chinese else "APPROVED"
            self.layout.stamps.append(Shape(box_outline(x - radius, y - half, x + radius, y + half), colour, ring))
            size = int(radius * OBLONG_SIZE)
            self.write(x, y + radius * OBLONG_DROP, words, size, 0.5, weight=BOLD, colour=colour)
            return
        flat = 1.0 if self.chance(ROUND_CHANCE) else FLATNESS
        self.layout.stamps.append(Shape(circle_outline(x, y, radius, radius * flat), colour, ring))
        corners = np.arange(2 * STAR_POINTS)
        angles = -np.pi / 2 + corners * np.pi / STAR_POINTS
        reach = np.where(corners % 2, STAR_INNER, STAR_OUTER) * radius
        star = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], 1).astype(np.float32)
        self.layout.stamps.append(Shape(star, colour))
        words = "".join(self.writer.phrase(3) for _ in range(3))[:SEAL_LETTERS] if chinese else "OFFICE OF REGISTRY"
        size = int(radius * SEAL_SIZE)
        for letter, turn in zip(words, np.linspace(*SEAL_DEGREES, len(words)), strict=True):
            angle = math.radians(turn)
            reach_x, reach_y = SEAL_TEXT_RADIUS * radius, SEAL_TEXT_RADIUS * radius * flat
            where = x + reach_x * math.cos(angle), y - reach_y * math.sin(angle)
            if letter != " ":
                length = measure(letter, self.font, PLAIN) * size
                self.layout.texts.append(
                    Text(where[0], where[1], size, letter, self.font, colour, PLAIN, length, turn - 90)
                )

    def picture(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A printed photograph: soft areas of grey or colour."""
        rng = self.rng
        channels, side = 1 if self.chance(GREY_PICTURE_CHANCE) else 3, PICTURE_SIDE
        cells = int(rng.integers(*PICTURE_CELLS)), int(rng.integers(*PICTURE_CELLS))
        small = rng.integers(*PICTURE_LEVELS, (*cells, channels), dtype=np.uint8)
        image = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        noise = rng.normal(0, PICTURE_NOISE, (side, side)).astype(np.float32)
        image = np.clip(image.reshape(side, side, -1) + noise[..., None], 0, 255).astype(np.uint8)
        self.layout.pictures.append(Picture((x0, y0, x1, y1), np.broadcast_to(image, (side, side, 3)).copy()))

    def barcode(self, x: float, y: float, width: float, height: float) -> None:
        at = x
        while at < x + width:
            bar = BAR_UNIT * float(self.rng.integers(*BAR_WIDTHS))
            self.layout.shapes.append(Shape(box_outline(at, y, at + bar, y + height), self.ink))
            at += bar + BAR_UNIT * float(self.rng.integers(*BAR_WIDTHS))

    def matrix_code(self, x: float, y: float, side: float) -> None:
        """A square of black and white modules."""
        count = int(self.rng.integers(*MODULES))
        modules = np.where(self.rng.random((count, count)) < 0.5, 0, 255).astype(np.uint8)
        for row, column in ((0, 0), (0, count - FINDER), (count - FINDER, 0)):
            for inset, level in enumerate((0, 255, 0)):
                end = FINDER - inset
                modules[row + inset : row + end, column + inset : column + end] = level
        image = np.repeat(modules[..., None], 3, axis=2)
        self.layout.pictures.append(Picture((x, y, x + side, y + side), image, smooth=False))

    def chart(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Bars or a curve over a pair of axes."""
        self.line(x0, y0, x0, y1, CHART_AXIS)
        self.line(x0, y1, x1, y1, CHART_AXIS)
        count = int(self.rng.integers(*CHART_COUNT))
        heights = self.rng.uniform(*CHART_HEIGHT, count) * (y1 - y0)
        step = (x1 - x0) / count
        if self.chance(BAR_CHART_CHANCE):
            shade = int(self.between(*CHART_SHADE))
            for k, high in enumerate(heights.tolist()):
                left = x0 + (k + CHART_BAR_START) * step
                bar = box_outline(left, y1 - high, left + CHART_BAR * step, y1)
                self.layout.shapes.append(Shape(bar, (shade, shade, shade)))
        else:
            points = np.stack([x0 + (np.arange(count) + 0.5) * step, y1 - heights], 1).astype(np.float32)
            self.layout.rules.append(Rule(points, self.between(*CHART_CURVE), self.ink))
        for k in range(count):
            self.write(x0 + (k + 0.5) * step, y1 + self.size, str(k + 1), int(self.size * CHART_LETTERS), 0.5)
