"""The kinds of pages: what an office, a school or a shop prints.

Source: none, written for this toolkit. Tables with thin rules dominate: the contest's pages consist of them.
Lengths are page units or multiples of the height of the running text. Proportions, ranges and chances of all drawing
code in this package were set by eye on forms, reports and books.
"""

import numpy as np

from datasets.pages.layout import SEAL_RED, Colour, Layout, Shape, box_outline
from datasets.pages.tables import draw_table
from datasets.pages.words import CHINESE
from datasets.pages.writer import Page


def table_page(page: Page) -> None:
    """One table over most of the page."""
    if page.chance(0.4):
        page.header()
    if page.chance(0.85):
        page.title()
    for _ in range(int(page.rng.integers(0, 3))):
        page.fields_line()
    draw_table(page, page.left, page.right, page.room() * page.between(0.7, 0.97))
    for _ in range(int(page.rng.integers(0, 3))):
        if page.room() > 3 * page.size:
            page.fields_line()
    if page.chance(0.2):
        page.stamp(
            page.between(page.left + 300, page.right - 300), page.y - page.between(100, 500), page.between(170, 280)
        )
    if page.chance(0.5):
        page.page_number()


def mixed_page(page: Page) -> None:
    """A report: text, tables, lists and a chart or picture by turns."""
    if page.chance(0.5):
        page.header()
    if page.chance(0.5):
        page.title()
    wide = page.right - page.left
    with_table = False
    while page.room() > 8 * page.size:
        block = int(page.rng.integers(6)) if with_table else 2
        if block == 0:
            page.subtitle()
        elif block == 1:
            page.paragraph(int(page.rng.integers(2, 7)))
        elif block in (2, 3):
            draw_table(page, page.left, page.right, min(page.room() - page.size, page.between(600, 2200)))
            with_table = True
        elif block == 4:
            page.items(int(page.rng.integers(2, 7)))
        elif page.room() > 900:
            high = page.between(400, 800)
            box = (page.left + wide * 0.15, page.y, page.right - wide * 0.15, page.y + high)
            page.chart(*box) if page.chance(0.5) else page.picture(*box)
            page.y += high + 2 * page.size
    if page.chance(0.7):
        page.page_number()


def form_page(page: Page) -> None:
    """A form: boxes of labels and answers, all in one grid of unequal rows."""
    page.title()
    if page.chance(0.5):
        page.fields_line()
    thin = page.between(2, 5)
    top, x0, x1 = page.y, page.left, page.right
    while page.room() > 5 * page.size:
        tall = page.size * page.between(1.8, 3) if page.chance(0.8) else page.size * page.between(4, 10)
        tall = min(tall, page.room())
        pairs = int(page.rng.integers(1, 5)) if tall < page.size * 4 else 1
        label_part = page.between(0.25, 0.5) if pairs > 1 else 0.15
        step = (x1 - x0) / pairs
        for k in range(pairs):
            left = x0 + k * step
            middle = left + step * label_part
            page.line(left, page.y, left, page.y + tall, thin)
            page.line(middle, page.y, middle, page.y + tall, thin)
            y = page.y + tall / 2 + page.size * 0.37
            page.write((left + middle) / 2, y, page.writer.label(), align=0.5, limit=middle - left - 10)
            answer = page.rng.random()
            if answer < 0.35:
                page.write(middle + page.size * 0.4, y, page.value(), limit=left + step - middle - page.size)
            elif answer < 0.55:
                page.scribble(
                    middle + page.size * 0.5, y, (left + step - middle) * page.between(0.3, 0.8), page.size * 1.2
                )
            elif answer < 0.65:
                box = page.size * 0.8
                for choice in range(int((left + step - middle) / (page.size * 5))):
                    at = middle + page.size * (0.5 + 5 * choice)
                    page.layout.shapes.append(
                        Shape(box_outline(at, y - box * 0.9, at + box, y + box * 0.1), page.ink, 3)
                    )
                    page.write(at + box * 1.3, y, page.writer.phrase(1), limit=page.size * 3)
        page.line(x0, page.y, x1, page.y, thin)
        page.y += tall
    page.line(x0, page.y, x1, page.y, thin)
    page.line(x1, top, x1, page.y, thin)
    if page.chance(0.3):
        page.stamp(page.between(x0 + 300, x1 - 300), page.y - page.between(200, 600), page.between(170, 280))
    if page.chance(0.3):
        page.page_number()


def invoice_page(page: Page) -> None:
    """An invoice: addresses, a table of goods, sums, a code and a seal."""
    page.title()
    if page.chance(0.5):
        page.matrix_code(page.right - 340, page.y, 330)
    for _ in range(4):
        page.write(page.left, page.y + page.size, page.writer.label() + ": " + page.value())
        page.y += page.size * 1.7
    page.y += page.size * 2
    draw_table(
        page, page.left, page.right, page.room() * page.between(0.45, 0.75), "grid" if page.chance(0.6) else None
    )
    for _ in range(int(page.rng.integers(1, 4))):
        page.write(page.right - page.size * 9, page.y + page.size, page.writer.label(), align=1)
        page.write(page.right, page.y + page.size, page.writer.money(), align=1, weight=700)
        page.y += page.size * 1.8
    page.line(page.right - page.size * 14, page.y, page.right, page.y, page.between(3, 7))
    page.y += page.size * 2
    if page.chance(0.6):
        page.stamp(page.between(page.right - 800, page.right - 300), page.y, page.between(180, 270))
    if page.chance(0.4) and page.room() > 400:
        page.barcode(page.left, page.bottom - 180, 800, 150)


def exam_page(page: Page) -> None:
    """An exam sheet: a small table for the marks, then questions with options and blanks."""
    page.title()
    page.fields_line()
    draw_table(page, page.left, page.right, page.size * page.between(4.5, 7), "grid")
    number = 1
    while page.room() > 6 * page.size:
        if page.chance(0.15):
            page.subtitle()
        page.write(page.left, page.y + page.size, f"{number}. {page.writer.sentence()}", limit=page.right - page.left)
        page.y += page.size * 1.7
        number += 1
        kind = page.rng.random()
        if kind < 0.5:
            step = (page.right - page.left) / 4
            for k, letter in enumerate("ABCD"):
                page.write(
                    page.left + page.size + k * step,
                    page.y + page.size,
                    f"{letter}. {page.writer.phrase(1)}",
                    limit=step * 0.9,
                )
            page.y += page.size * 2
        elif kind < 0.8:
            for _ in range(int(page.rng.integers(1, 4))):
                page.y += page.size * 1.9
                page.line(page.left + page.size, page.y, page.right, page.y, page.between(2, 4))
                if page.chance(0.4):
                    page.scribble(page.left + 2 * page.size, page.y - 8, page.between(300, 1200), page.size * 1.2)
            page.y += page.size
        else:
            draw_table(
                page,
                page.left + page.size * 2,
                page.right - page.size * 2,
                min(page.room(), page.size * page.between(5, 12)),
            )
    page.page_number()


def letter_page(page: Page) -> None:
    """A letter: letterhead, running text, a signature and often a seal."""
    head = SEAL_RED if page.language == CHINESE and page.chance(0.6) else page.ink
    size = int(page.size * 2.2)
    page.write((page.left + page.right) / 2, page.y + size, page.writer.title(), size, 0.5, weight=700, colour=head)
    page.y += size * 1.6
    page.line(page.left, page.y, page.right, page.y, page.between(3, 10), colour=head)
    page.y += size
    page.write(page.right, page.y, page.writer.date(), align=1)
    page.y += page.size * 2
    for _ in range(int(page.rng.integers(2, 6))):
        page.paragraph(int(page.rng.integers(2, 8)))
    page.y = min(page.y + page.size * 2, page.bottom - page.size * 3)
    page.scribble(page.right - 700, page.y, 450, page.size * 1.8)
    page.write(page.right - 700, page.y + page.size * 2, page.writer.name())
    if page.chance(0.7):
        page.stamp(page.right - page.between(300, 800), page.y, page.between(190, 280))


def text_page(page: Page) -> None:
    """A page of a book, in one or two columns."""
    page.header()
    if page.chance(0.5):
        page.subtitle()
    if page.chance(0.3):
        middle, gap, top = (page.left + page.right) / 2, page.size * 1.2, page.y
        for x0, x1 in ((page.left, middle - gap), (middle + gap, page.right)):
            page.y = top
            while page.room() > 3 * page.size:
                page.paragraph(int(page.rng.integers(3, 12)), x0, x1)
    else:
        while page.room() > 3 * page.size:
            page.paragraph(int(page.rng.integers(3, 10)))
    page.page_number()


def receipt_page(page: Page) -> None:
    """A till receipt."""
    page.left, page.right = round(page.layout.width * 0.06), round(page.layout.width * 0.94)
    wide, size = page.right - page.left, max(30, round(page.layout.width / 26))
    page.size = size
    middle = (page.left + page.right) / 2
    page.write(middle, page.y + size * 1.6, page.writer.title(), int(size * 1.5), 0.5, wide, 700)
    page.y += size * 3
    for _ in range(3):
        page.write(middle, page.y + size, page.value(), align=0.5, limit=wide)
        page.y += size * 1.5
    dash = (page.between(8, 20), page.between(6, 14))
    for _ in range(int(page.rng.integers(2, 5))):
        page.line(page.left, page.y + size, page.right, page.y + size, 4, dash)
        page.y += size * 2
        for _ in range(int(page.rng.integers(3, 12))):
            if page.room() > 6 * size:
                page.write(page.left, page.y + size, page.writer.phrase(3), limit=wide * 0.65)
                page.write(page.right, page.y + size, page.writer.money(), align=1)
                page.y += size * 1.5
    page.write(page.left, page.y + size * 2, page.writer.label(), int(size * 1.4), weight=700)
    page.write(page.right, page.y + size * 2, page.writer.money(), int(size * 1.4), 1, weight=700)
    page.y += size * 4
    if page.room() > 6 * size:
        if page.chance(0.5):
            page.barcode(page.left + wide * 0.15, page.y, wide * 0.7, size * 4)
        else:
            page.matrix_code(middle - size * 3, page.y, size * 6)


def notebook_page(page: Page) -> None:
    """Ruled or squared paper with handwriting."""
    width, height = page.layout.width, page.layout.height
    step = page.between(75, 140)
    colour: Colour = (205, 180, 165) if page.chance(0.6) else (180, 180, 180)
    thin = page.between(2, 4)
    top = height * page.between(0.04, 0.12)
    squared = page.chance(0.3)
    for y in np.arange(top, height, step).tolist():
        page.line(0, y, width, y, thin, colour=colour)
    if squared:
        for x in np.arange(step / 2, width, step).tolist():
            page.line(x, 0, x, height, thin, colour=colour)
    elif page.chance(0.6):
        x = width * page.between(0.08, 0.14)
        page.line(x, 0, x, height, thin, colour=(150, 130, 220))
    for y in np.arange(top + step, height * page.between(0.3, 1), step).tolist():
        x = page.left * 1.6
        while x < page.right - 200:
            length = page.between(120, 420)
            page.scribble(x, y - step * 0.1, min(length, page.right - x), step * 0.62)
            x += length + step * 0.5


# How often each kind of page is drawn; those with large ruled tables make up four in five.
PAGE_KINDS = {
    table_page: 0.36,
    form_page: 0.16,
    mixed_page: 0.16,
    invoice_page: 0.08,
    exam_page: 0.05,
    letter_page: 0.06,
    text_page: 0.06,
    receipt_page: 0.03,
    notebook_page: 0.04,
}


def draw_layout(rng: np.random.Generator, fonts: list[str] | None = None) -> Layout:
    """Draw a page of a random kind.

    Args:
        rng: source of all randomness; the same state gives the same page.
        fonts: font files to use beside OpenCV's own, from `find_fonts`.

    Returns:
        A page of about `PAGE_SIZE`.
    """
    kinds = list(PAGE_KINDS)
    weights = np.array([PAGE_KINDS[kind] for kind in kinds], float)
    draw_kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    page = Page(rng, fonts or [], narrow=draw_kind is receipt_page)
    draw_kind(page)
    return page.layout
