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

_PIECE = re.compile("(?:[\u2e81-\U0010ffff]{1,4}|[^ \u2e81-\U0010ffff]+) *")


def pieces(text: str) -> list[str]:
    """Cut where a line may break: behind each word that is not Chinese, behind every fourth Chinese character."""
    return _PIECE.findall(text + " ")


class Page:
    """A page in the making: its choices of hand (language, font, ink, margins) and the blocks that fill it."""

    def __init__(self, rng: np.random.Generator, fonts: list[str], narrow: bool = False) -> None:
        self.rng = rng
        height, width = (round(side * rng.uniform(0.97, 1.03)) for side in PAGE_SIZE)
        if narrow:
            width = round(height * rng.uniform(0.3, 0.6))
        self.layout = Layout(width, height)
        self.language = CHINESE if rng.random() < 0.6 else ENGLISH
        self.writer = Writer(rng, self.language)
        usual = ["uni", "sans"] if self.language == CHINESE else ["sans", "sans", "uni"]
        self.font = str(rng.choice(usual + fonts))
        grey = int(rng.integers(0, 70))
        self.ink: Colour = (grey, grey, grey)
        self.weight = int(rng.choice([300, 400, 400, 500]))
        self.size = int(rng.integers(34, 62))  # of running text
        self.left = round(width * rng.uniform(0.05, 0.13))
        self.right = width - round(width * rng.uniform(0.05, 0.13))
        blue = (int(rng.integers(110, 190)), int(rng.integers(40, 80)), int(rng.integers(20, 60)))
        self.pen: Colour = blue if rng.random() < 0.5 else (45, 40, 40)
        self.y = height * rng.uniform(0.04, 0.1)
        self.bottom = height * rng.uniform(0.9, 0.96)

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
            end += length + (0.28 * size if piece.endswith(" ") else 0.02 * size)
        total = placed[-1][1] + placed[-1][2] if placed else 0.0
        for word, offset, length in placed:
            self.layout.texts.append(Text(x - align * total + offset, y, size, word, self.font, colour, weight, length))
        return total

    def scribble(self, x: float, y: float, length: float, size: float) -> None:
        """Something written by hand on the baseline `y`."""
        rng = self.rng
        letters = max(2, int(length / size * rng.uniform(1.3, 2.2)))
        knots = 3 * letters
        xs = np.linspace(0, length, knots) + rng.normal(0, size * 0.12, knots)
        reach = np.where(rng.random(knots) < 0.2, rng.uniform(0.8, 1.4, knots), rng.uniform(0.35, 0.6, knots))
        ys = np.where(np.arange(knots) % 2, -reach, rng.uniform(-0.08, 0.08, knots)) * size
        ys = np.where(rng.random(knots) < 0.07, size * 0.35, ys)
        curve = cv2.resize(
            np.stack([xs, ys], 1)[:, None].astype(np.float32), (1, knots * 4), interpolation=cv2.INTER_CUBIC
        )
        points = curve[:, 0] + np.array([x, y], np.float32)
        points[:, 0] -= (points[:, 1] - y) * np.float32(0.25)  # writing leans to the right
        breaks = np.sort(rng.integers(1, len(points), max(1, letters // 5)))
        for piece in np.split(points, breaks):
            if len(piece) > 2:
                self.layout.strokes.append(Rule(piece, max(3.0, size * 0.06), self.pen))

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
        y, size = self.y, int(self.size * 0.8)
        self.write(self.left, y + size, self.writer.phrase(), size)
        if self.chance(0.5):
            self.write(self.right, y + size, self.writer.code(), size, align=1)
        if self.chance(0.7):
            self.line(self.left, y + size * 1.5, self.right, y + size * 1.5, self.between(2, 5))
        self.y += size * self.between(2.2, 4)

    def page_number(self) -> None:
        number, total = int(self.rng.integers(1, 200)), int(self.rng.integers(200, 300))
        plain = [f"{number}", f"- {number} -", f"{number}/{total}"]
        named = [f"第 {number} 页 共 {total} 页"] if self.language == CHINESE else [f"Page {number} of {total}"]
        align = float(self.rng.choice([0.5, 0.5, 1, 0]))
        x = self.left + (self.right - self.left) * align
        y = self.layout.height * self.between(0.955, 0.98)
        self.write(x, y, str(self.rng.choice(plain + named)), int(self.size * 0.85), align)

    def title(self) -> None:
        size = int(self.size * self.between(1.3, 2.2))
        colour = SEAL_RED if self.chance(0.06) else None
        align = 0.5 if self.chance(0.8) else 0.0
        x = self.left + (self.right - self.left) * align
        weight = 700 if self.chance(0.6) else None
        self.write(x, self.y + size, self.writer.title(), size, align, self.right - self.left, weight, colour)
        self.y += size * self.between(1.5, 2.4)

    def subtitle(self) -> None:
        size = int(self.size * self.between(1.05, 1.35))
        number = int(self.rng.integers(1, 9))
        mark = f"{'一二三四五六七八九'[number]}、" if self.language == CHINESE else f"{number}. "
        self.write(self.left, self.y + size * 1.2, mark + self.writer.phrase(3), size, weight=700)
        self.y += size * self.between(1.8, 2.4)

    def fields_line(self) -> None:
        """A few labels side by side, as above a table."""
        count = int(self.rng.integers(1, 4))
        step = (self.right - self.left) / count
        y = self.y + self.size * 1.1
        for k in range(count):
            x = self.left + k * step
            used = self.write(x, y, self.writer.label() + ("：" if self.language == CHINESE else ":"), limit=step * 0.5)
            start, end = x + used + self.size * 0.2, x + step * 0.92
            style = self.rng.random()
            if style < 0.4:
                self.line(start, y + self.size * 0.15, end, y + self.size * 0.15, self.between(2, 4))
            if style > 0.3:
                self.write(start, y, self.value(), limit=end - start)
            elif self.chance(0.5):
                self.scribble(start, y, (end - start) * self.between(0.3, 0.9), self.size * 1.2)
        self.y += self.size * self.between(1.8, 2.6)

    def value(self) -> str:
        makers = (self.writer.phrase, self.writer.number, self.writer.date, self.writer.name, self.writer.code)
        return makers[int(self.rng.integers(len(makers)))]()

    def paragraph(self, lines: int, x0: float | None = None, x1: float | None = None) -> None:
        x0, x1 = self.left if x0 is None else x0, self.right if x1 is None else x1
        step, space = self.size * self.between(1.35, 1.7), self.size * 0.28
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
                x += length + (space if piece.endswith(" ") and self.language == ENGLISH else 0.02 * self.size)
        self.y += step * self.between(1.2, 1.8)

    def items(self, count: int) -> None:
        """A numbered or bulleted list."""
        step = self.size * self.between(1.5, 2.2)
        style = int(self.rng.integers(4))
        for k in range(1, count + 1):
            if self.room() < step:
                break
            mark = (f"{k}.", f"({k})", "•", f"{k}、")[style]
            self.write(self.left + self.size, self.y + self.size, mark)
            self.write(
                self.left + self.size * 3,
                self.y + self.size,
                self.writer.sentence(),
                limit=self.right - self.left - self.size * 3,
            )
            self.y += step
        self.y += self.size * 0.5

    def stamp(self, x: float, y: float, radius: float) -> None:
        """A round or oblong seal; its letters are text, its ring is not."""
        chinese = self.language == CHINESE
        colour: Colour = SEAL_RED if self.chance(0.85) else (150, 60, 40)
        ring = self.between(6, 14)
        if self.chance(0.25):
            self.layout.stamps.append(
                Shape(box_outline(x - radius, y - radius * 0.35, x + radius, y + radius * 0.35), colour, ring)
            )
            self.write(
                x,
                y + radius * 0.15,
                "已审核" if chinese else "APPROVED",
                int(radius * 0.4),
                0.5,
                weight=700,
                colour=colour,
            )
            return
        flat = 1.0 if self.chance(0.75) else 0.7
        self.layout.stamps.append(Shape(circle_outline(x, y, radius, radius * flat), colour, ring))
        angles = -np.pi / 2 + np.arange(10) * np.pi / 5
        reach = np.where(np.arange(10) % 2, 0.1, 0.26) * radius
        star = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], 1).astype(np.float32)
        self.layout.stamps.append(Shape(star, colour))
        words = "".join(self.writer.phrase(3) for _ in range(3))[:14] if chinese else "OFFICE OF REGISTRY"
        size = int(radius * 0.24)
        for letter, turn in zip(words, np.linspace(210, -30, len(words)), strict=True):
            angle = math.radians(turn)
            where = x + 0.7 * radius * math.cos(angle), y - 0.7 * radius * flat * math.sin(angle)
            if letter != " ":
                length = measure(letter, self.font, 400) * size
                self.layout.texts.append(
                    Text(where[0], where[1], size, letter, self.font, colour, 400, length, turn - 90)
                )

    def picture(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A printed photograph: soft areas of grey or colour."""
        rng = self.rng
        channels = 1 if self.chance(0.5) else 3
        small = rng.integers(20, 250, (int(rng.integers(3, 7)), int(rng.integers(3, 7)), channels), dtype=np.uint8)
        image = cv2.resize(small, (96, 96), interpolation=cv2.INTER_CUBIC)
        noise = rng.normal(0, 12, (96, 96)).astype(np.float32)
        image = np.clip(image.reshape(96, 96, -1) + noise[..., None], 0, 255).astype(np.uint8)
        self.layout.pictures.append(Picture((x0, y0, x1, y1), np.broadcast_to(image, (96, 96, 3)).copy()))

    def barcode(self, x: float, y: float, width: float, height: float) -> None:
        at = x
        while at < x + width:
            bar = 5 * float(self.rng.integers(1, 4))
            self.layout.shapes.append(Shape(box_outline(at, y, at + bar, y + height), self.ink))
            at += bar + 5 * float(self.rng.integers(1, 4))

    def matrix_code(self, x: float, y: float, side: float) -> None:
        """A square of black and white modules."""
        count = int(self.rng.integers(21, 34))
        modules = np.where(self.rng.random((count, count)) < 0.5, 0, 255).astype(np.uint8)
        for row, column in ((0, 0), (0, count - 7), (count - 7, 0)):
            modules[row : row + 7, column : column + 7] = 0
            modules[row + 1 : row + 6, column + 1 : column + 6] = 255
            modules[row + 2 : row + 5, column + 2 : column + 5] = 0
        image = np.repeat(modules[..., None], 3, axis=2)
        self.layout.pictures.append(Picture((x, y, x + side, y + side), image, smooth=False))

    def chart(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Bars or a curve over a pair of axes."""
        self.line(x0, y0, x0, y1, 4)
        self.line(x0, y1, x1, y1, 4)
        count = int(self.rng.integers(4, 12))
        heights = self.rng.uniform(0.1, 0.95, count) * (y1 - y0)
        step = (x1 - x0) / count
        if self.chance(0.5):
            shade = int(self.between(60, 200))
            for k, high in enumerate(heights.tolist()):
                left = x0 + (k + 0.2) * step
                self.layout.shapes.append(
                    Shape(box_outline(left, y1 - high, left + 0.6 * step, y1), (shade, shade, shade))
                )
        else:
            points = np.stack([x0 + (np.arange(count) + 0.5) * step, y1 - heights], 1).astype(np.float32)
            self.layout.rules.append(Rule(points, self.between(3, 7), self.ink))
        for k in range(count):
            self.write(x0 + (k + 0.5) * step, y1 + self.size, str(k + 1), int(self.size * 0.7), 0.5)
