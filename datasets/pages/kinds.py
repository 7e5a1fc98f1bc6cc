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

# Names in capitals say what a number is; chances, ranges (both ends as likely, second ends of whole numbers exclusive)
# and proportions below hold for one kind of page each, or for all of them.
BOLD = 700  # the font's weight
HALF_LETTER = 0.37  # of a text's height: a baseline so far below the middle of a box centres its letters
SEAL_RADIUS, SEAL_INSET = (170, 280), 300  # page units; no nearer to the page's sides
LINE_STEP = 1.7  # from one line to the next

TABLE_HEADER_CHANCE, TABLE_TITLE_CHANCE, TABLE_FIELDS, TABLE_SHARE = 0.4, 0.85, (0, 3), (0.7, 0.97)
TABLE_SEAL_CHANCE, TABLE_SEAL_RISE, TABLE_NUMBER_CHANCE = 0.2, (100, 500), 0.5

MIXED_HEADER_CHANCE, MIXED_TITLE_CHANCE, MIXED_NUMBER_CHANCE = 0.5, 0.5, 0.7
MIXED_LEAST_ROOM, MIXED_BLOCKS, MIXED_LINES = 8, 6, (2, 7)  # heights of text; kinds of blocks; lines of one
MIXED_TABLE_HEIGHT, FIGURE_ROOM, FIGURE_HEIGHT = (600, 2200), 900, (400, 800)  # page units
FIGURE_MARGIN, CHART_CHANCE = 0.15, 0.5  # share of the width; of a chart instead of a picture

FORM_FIELDS_CHANCE, FORM_RULE, FORM_LEAST_ROOM = 0.5, (2, 5), 5
FORM_ROW, FORM_USUAL_CHANCE, FORM_TALL_ROW = (1.8, 3), 0.8, (4, 10)  # heights of text
FORM_PAIRS, FORM_PAIRED_ROW = (1, 5), 4  # labels with answers in a row, one in a taller row
LABEL_SHARE, LONE_LABEL_SHARE, LABEL_PADDING = (0.25, 0.5), 0.15, 10  # of a pair's width; page units
PRINTED_SHARE, HANDWRITTEN_SHARE, CHOICES_SHARE = 0.35, 0.2, 0.1  # of the answers; the others are left open
ANSWER_INSET, HANDWRITTEN_INSET, HANDWRITTEN_LENGTH, HANDWRITTEN_SIZE = 0.4, 0.5, (0.3, 0.8), 1.2
TICK_SIZE, TICK_STEP, TICK_GAP, TICK_RULE, TICK_WORDS = 0.8, 5, 1.3, 3, 3
TICK_RISE, TICK_DROP = 0.9, 0.1  # of a box above and below the baseline
FORM_SEAL_CHANCE, FORM_SEAL_RISE, FORM_NUMBER_CHANCE = 0.3, (200, 600), 0.3

INVOICE_CODE_CHANCE, CODE_SIDE, CODE_INSET, ADDRESS_LINES = 0.5, 330, 340, 4
INVOICE_TABLE_SHARE, INVOICE_GRID_CHANCE = (0.45, 0.75), 0.6
SUM_COUNT, SUM_LABEL, SUM_STEP, SUM_RULE, SUM_THICKNESS = (1, 4), 9, 1.8, 14, (3, 7)
INVOICE_SEAL_CHANCE, INVOICE_SEAL_INSET, INVOICE_SEAL_RADIUS = 0.6, (300, 800), (180, 270)
BARCODE_CHANCE, BARCODE_ROOM, BARCODE_SIZE, BARCODE_RISE = 0.4, 400, (800, 150), 180

MARKS_HEIGHT, QUESTION_ROOM, EXAM_SUBTITLE_CHANCE = (4.5, 7), 6, 0.15
OPTIONS_SHARE, BLANKS_SHARE = 0.5, 0.3  # of the questions; the others have a table
OPTION_WIDTH, BLANK_COUNT, BLANK_STEP, BLANK_RULE = 0.9, (1, 4), 1.9, (2, 4)
ANSWERED_CHANCE, ANSWER_LENGTH, ANSWER_RISE = 0.4, (300, 1200), 8
EXAM_TABLE_HEIGHT = (5, 12)

RED_HEAD_CHANCE, HEAD_SIZE, HEAD_STEP, HEAD_RULE = 0.6, 2.2, 1.6, (3, 10)
LETTER_PARAGRAPHS, LETTER_LINES, SIGNATURE_ROOM = (2, 6), (2, 8), 3
SIGNATURE_INSET, SIGNATURE_LENGTH, SIGNATURE_SIZE = 700, 450, 1.8
LETTER_SEAL_CHANCE, LETTER_SEAL_INSET, LETTER_SEAL_RADIUS = 0.7, (300, 800), (190, 280)

BOOK_SUBTITLE_CHANCE, TWO_COLUMNS_CHANCE, COLUMN_GUTTER = 0.5, 0.3, 1.2  # heights of text, half of it
BOOK_ROOM, COLUMN_LINES, BOOK_LINES = 3, (3, 12), (3, 10)

RECEIPT_MARGIN, RECEIPT_LEAST_SIZE, RECEIPT_LETTERS = 0.06, 30, 26  # share of the width; page units; letters across
RECEIPT_TITLE_SIZE, RECEIPT_STEP, RECEIPT_TOTAL_SIZE = 1.5, 1.5, 1.4
RECEIPT_DASH, RECEIPT_GAP, RECEIPT_RULE = (8, 20), (6, 14), 4  # page units
RECEIPT_BLOCKS, RECEIPT_GOODS, RECEIPT_ROOM, GOODS_WIDTH = (2, 5), (3, 12), 6, 0.65
RECEIPT_BARCODE_CHANCE, RECEIPT_CODE_MARGIN, RECEIPT_CODE_WIDTH, RECEIPT_CODE_SIZE = 0.5, 0.15, 0.7, 6

RULING_STEP, RULING_WIDTH = (75, 140), (2, 4)  # page units
BLUE_RULING_CHANCE, BLUE_RULING, GREY_RULING = 0.6, (205, 180, 165), (180, 180, 180)  # BGR
MARGIN_BGR: Colour = (150, 130, 220)
RULING_TOP, SQUARED_CHANCE, MARGIN_CHANCE, MARGIN_PLACE = (0.04, 0.12), 0.3, 0.6, (0.08, 0.14)
WRITTEN_SHARE, WRITING_INSET, WRITING_END, WORD_LENGTH = (0.3, 1), 1.6, 200, (120, 420)
WRITING_RISE, WRITING_SIZE, WRITTEN_GAP = 0.1, 0.62, 0.5  # of the step from line to line


def table_page(page: Page) -> None:
    """One table over most of the page."""
    if page.chance(TABLE_HEADER_CHANCE):
        page.header()
    if page.chance(TABLE_TITLE_CHANCE):
        page.title()
    for _ in range(int(page.rng.integers(*TABLE_FIELDS))):
        page.fields_line()
    draw_table(page, page.left, page.right, page.room() * page.between(*TABLE_SHARE))
    for _ in range(int(page.rng.integers(*TABLE_FIELDS))):
        if page.room() > 3 * page.size:
            page.fields_line()
    if page.chance(TABLE_SEAL_CHANCE):
        x = page.between(page.left + SEAL_INSET, page.right - SEAL_INSET)
        page.stamp(x, page.y - page.between(*TABLE_SEAL_RISE), page.between(*SEAL_RADIUS))
    if page.chance(TABLE_NUMBER_CHANCE):
        page.page_number()


def mixed_page(page: Page) -> None:
    """A report: text, tables, lists and a chart or picture by turns."""
    if page.chance(MIXED_HEADER_CHANCE):
        page.header()
    if page.chance(MIXED_TITLE_CHANCE):
        page.title()
    wide = page.right - page.left
    with_table = False
    while page.room() > MIXED_LEAST_ROOM * page.size:
        block = int(page.rng.integers(MIXED_BLOCKS)) if with_table else 2
        if block == 0:
            page.subtitle()
        elif block == 1:
            page.paragraph(int(page.rng.integers(*MIXED_LINES)))
        elif block in (2, 3):
            draw_table(page, page.left, page.right, min(page.room() - page.size, page.between(*MIXED_TABLE_HEIGHT)))
            with_table = True
        elif block == 4:
            page.items(int(page.rng.integers(*MIXED_LINES)))
        elif page.room() > FIGURE_ROOM:
            high = page.between(*FIGURE_HEIGHT)
            inset = wide * FIGURE_MARGIN
            box = (page.left + inset, page.y, page.right - inset, page.y + high)
            page.chart(*box) if page.chance(CHART_CHANCE) else page.picture(*box)
            page.y += high + 2 * page.size
    if page.chance(MIXED_NUMBER_CHANCE):
        page.page_number()


def form_page(page: Page) -> None:
    """A form: boxes of labels and answers, all in one grid of unequal rows."""
    page.title()
    if page.chance(FORM_FIELDS_CHANCE):
        page.fields_line()
    thin = page.between(*FORM_RULE)
    top, x0, x1 = page.y, page.left, page.right
    while page.room() > FORM_LEAST_ROOM * page.size:
        tall = page.size * page.between(*(FORM_ROW if page.chance(FORM_USUAL_CHANCE) else FORM_TALL_ROW))
        tall = min(tall, page.room())
        pairs = int(page.rng.integers(*FORM_PAIRS)) if tall < page.size * FORM_PAIRED_ROW else 1
        label_part = page.between(*LABEL_SHARE) if pairs > 1 else LONE_LABEL_SHARE
        step = (x1 - x0) / pairs
        for k in range(pairs):
            left = x0 + k * step
            middle = left + step * label_part
            page.line(left, page.y, left, page.y + tall, thin)
            page.line(middle, page.y, middle, page.y + tall, thin)
            y = page.y + tall / 2 + page.size * HALF_LETTER
            page.write((left + middle) / 2, y, page.writer.label(), align=0.5, limit=middle - left - LABEL_PADDING)
            answer = page.rng.random()
            if answer < PRINTED_SHARE:
                page.write(middle + page.size * ANSWER_INSET, y, page.value(), limit=left + step - middle - page.size)
            elif answer < PRINTED_SHARE + HANDWRITTEN_SHARE:
                length = (left + step - middle) * page.between(*HANDWRITTEN_LENGTH)
                page.scribble(middle + page.size * HANDWRITTEN_INSET, y, length, page.size * HANDWRITTEN_SIZE)
            elif answer < PRINTED_SHARE + HANDWRITTEN_SHARE + CHOICES_SHARE:
                box = page.size * TICK_SIZE
                for choice in range(int((left + step - middle) / (page.size * TICK_STEP))):
                    at = middle + page.size * (HANDWRITTEN_INSET + TICK_STEP * choice)
                    outline = box_outline(at, y - box * TICK_RISE, at + box, y + box * TICK_DROP)
                    page.layout.shapes.append(Shape(outline, page.ink, TICK_RULE))
                    page.write(at + box * TICK_GAP, y, page.writer.phrase(1), limit=page.size * TICK_WORDS)
        page.line(x0, page.y, x1, page.y, thin)
        page.y += tall
    page.line(x0, page.y, x1, page.y, thin)
    page.line(x1, top, x1, page.y, thin)
    if page.chance(FORM_SEAL_CHANCE):
        x = page.between(x0 + SEAL_INSET, x1 - SEAL_INSET)
        page.stamp(x, page.y - page.between(*FORM_SEAL_RISE), page.between(*SEAL_RADIUS))
    if page.chance(FORM_NUMBER_CHANCE):
        page.page_number()


def invoice_page(page: Page) -> None:
    """An invoice: addresses, a table of goods, sums, a code and a seal."""
    page.title()
    if page.chance(INVOICE_CODE_CHANCE):
        page.matrix_code(page.right - CODE_INSET, page.y, CODE_SIDE)
    for _ in range(ADDRESS_LINES):
        page.write(page.left, page.y + page.size, page.writer.label() + ": " + page.value())
        page.y += page.size * LINE_STEP
    page.y += page.size * 2
    height = page.room() * page.between(*INVOICE_TABLE_SHARE)
    draw_table(page, page.left, page.right, height, "grid" if page.chance(INVOICE_GRID_CHANCE) else None)
    for _ in range(int(page.rng.integers(*SUM_COUNT))):
        page.write(page.right - page.size * SUM_LABEL, page.y + page.size, page.writer.label(), align=1)
        page.write(page.right, page.y + page.size, page.writer.money(), align=1, weight=BOLD)
        page.y += page.size * SUM_STEP
    page.line(page.right - page.size * SUM_RULE, page.y, page.right, page.y, page.between(*SUM_THICKNESS))
    page.y += page.size * 2
    if page.chance(INVOICE_SEAL_CHANCE):
        least, most = INVOICE_SEAL_INSET
        page.stamp(page.between(page.right - most, page.right - least), page.y, page.between(*INVOICE_SEAL_RADIUS))
    if page.chance(BARCODE_CHANCE) and page.room() > BARCODE_ROOM:
        page.barcode(page.left, page.bottom - BARCODE_RISE, *BARCODE_SIZE)


def exam_page(page: Page) -> None:
    """An exam sheet: a small table for the marks, then questions with options and blanks."""
    page.title()
    page.fields_line()
    draw_table(page, page.left, page.right, page.size * page.between(*MARKS_HEIGHT), "grid")
    number = 1
    while page.room() > QUESTION_ROOM * page.size:
        if page.chance(EXAM_SUBTITLE_CHANCE):
            page.subtitle()
        page.write(page.left, page.y + page.size, f"{number}. {page.writer.sentence()}", limit=page.right - page.left)
        page.y += page.size * LINE_STEP
        number += 1
        kind = page.rng.random()
        if kind < OPTIONS_SHARE:
            step = (page.right - page.left) / 4
            for k, letter in enumerate("ABCD"):
                page.write(
                    page.left + page.size + k * step,
                    page.y + page.size,
                    f"{letter}. {page.writer.phrase(1)}",
                    limit=step * OPTION_WIDTH,
                )
            page.y += page.size * 2
        elif kind < OPTIONS_SHARE + BLANKS_SHARE:
            for _ in range(int(page.rng.integers(*BLANK_COUNT))):
                page.y += page.size * BLANK_STEP
                page.line(page.left + page.size, page.y, page.right, page.y, page.between(*BLANK_RULE))
                if page.chance(ANSWERED_CHANCE):
                    x, y = page.left + 2 * page.size, page.y - ANSWER_RISE
                    page.scribble(x, y, page.between(*ANSWER_LENGTH), page.size * HANDWRITTEN_SIZE)
            page.y += page.size
        else:
            draw_table(
                page,
                page.left + page.size * 2,
                page.right - page.size * 2,
                min(page.room(), page.size * page.between(*EXAM_TABLE_HEIGHT)),
            )
    page.page_number()


def letter_page(page: Page) -> None:
    """A letter: letterhead, running text, a signature and often a seal."""
    head = SEAL_RED if page.language == CHINESE and page.chance(RED_HEAD_CHANCE) else page.ink
    size = int(page.size * HEAD_SIZE)
    page.write((page.left + page.right) / 2, page.y + size, page.writer.title(), size, 0.5, weight=BOLD, colour=head)
    page.y += size * HEAD_STEP
    page.line(page.left, page.y, page.right, page.y, page.between(*HEAD_RULE), colour=head)
    page.y += size
    page.write(page.right, page.y, page.writer.date(), align=1)
    page.y += page.size * 2
    for _ in range(int(page.rng.integers(*LETTER_PARAGRAPHS))):
        page.paragraph(int(page.rng.integers(*LETTER_LINES)))
    page.y = min(page.y + page.size * 2, page.bottom - page.size * SIGNATURE_ROOM)
    x = page.right - SIGNATURE_INSET
    page.scribble(x, page.y, SIGNATURE_LENGTH, page.size * SIGNATURE_SIZE)
    page.write(x, page.y + page.size * 2, page.writer.name())
    if page.chance(LETTER_SEAL_CHANCE):
        page.stamp(page.right - page.between(*LETTER_SEAL_INSET), page.y, page.between(*LETTER_SEAL_RADIUS))


def text_page(page: Page) -> None:
    """A page of a book, in one or two columns."""
    page.header()
    if page.chance(BOOK_SUBTITLE_CHANCE):
        page.subtitle()
    if page.chance(TWO_COLUMNS_CHANCE):
        middle, gap, top = (page.left + page.right) / 2, page.size * COLUMN_GUTTER, page.y
        for x0, x1 in ((page.left, middle - gap), (middle + gap, page.right)):
            page.y = top
            while page.room() > BOOK_ROOM * page.size:
                page.paragraph(int(page.rng.integers(*COLUMN_LINES)), x0, x1)
    else:
        while page.room() > BOOK_ROOM * page.size:
            page.paragraph(int(page.rng.integers(*BOOK_LINES)))
    page.page_number()


def receipt_page(page: Page) -> None:
    """A till receipt."""
    width = page.layout.width
    page.left, page.right = round(width * RECEIPT_MARGIN), round(width * (1 - RECEIPT_MARGIN))
    wide, size = page.right - page.left, max(RECEIPT_LEAST_SIZE, round(width / RECEIPT_LETTERS))
    page.size = size
    middle = (page.left + page.right) / 2
    page.write(middle, page.y + size * HEAD_STEP, page.writer.title(), int(size * RECEIPT_TITLE_SIZE), 0.5, wide, BOLD)
    page.y += size * 3
    for _ in range(3):
        page.write(middle, page.y + size, page.value(), align=0.5, limit=wide)
        page.y += size * RECEIPT_STEP
    dash = (page.between(*RECEIPT_DASH), page.between(*RECEIPT_GAP))
    for _ in range(int(page.rng.integers(*RECEIPT_BLOCKS))):
        page.line(page.left, page.y + size, page.right, page.y + size, RECEIPT_RULE, dash)
        page.y += size * 2
        for _ in range(int(page.rng.integers(*RECEIPT_GOODS))):
            if page.room() > RECEIPT_ROOM * size:
                page.write(page.left, page.y + size, page.writer.phrase(3), limit=wide * GOODS_WIDTH)
                page.write(page.right, page.y + size, page.writer.money(), align=1)
                page.y += size * RECEIPT_STEP
    page.write(page.left, page.y + size * 2, page.writer.label(), int(size * RECEIPT_TOTAL_SIZE), weight=BOLD)
    page.write(page.right, page.y + size * 2, page.writer.money(), int(size * RECEIPT_TOTAL_SIZE), 1, weight=BOLD)
    page.y += size * 4
    if page.room() > RECEIPT_ROOM * size:
        if page.chance(RECEIPT_BARCODE_CHANCE):
            inset = wide * RECEIPT_CODE_MARGIN
            page.barcode(page.left + inset, page.y, wide * RECEIPT_CODE_WIDTH, size * 4)
        else:
            page.matrix_code(middle - size * RECEIPT_CODE_SIZE / 2, page.y, size * RECEIPT_CODE_SIZE)


def notebook_page(page: Page) -> None:
    """Ruled or squared paper with handwriting."""
    width, height = page.layout.width, page.layout.height
    step = page.between(*RULING_STEP)
    colour: Colour = BLUE_RULING if page.chance(BLUE_RULING_CHANCE) else GREY_RULING
    thin = page.between(*RULING_WIDTH)
    top = height * page.between(*RULING_TOP)
    squared = page.chance(SQUARED_CHANCE)
    for y in np.arange(top, height, step).tolist():
        page.line(0, y, width, y, thin, colour=colour)
    if squared:
        for x in np.arange(step / 2, width, step).tolist():
            page.line(x, 0, x, height, thin, colour=colour)
    elif page.chance(MARGIN_CHANCE):
        x = width * page.between(*MARGIN_PLACE)
        page.line(x, 0, x, height, thin, colour=MARGIN_BGR)
    for y in np.arange(top + step, height * page.between(*WRITTEN_SHARE), step).tolist():
        x = page.left * WRITING_INSET
        while x < page.right - WRITING_END:
            length = page.between(*WORD_LENGTH)
            page.scribble(x, y - step * WRITING_RISE, min(length, page.right - x), step * WRITING_SIZE)
            x += length + step * WRITTEN_GAP


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
