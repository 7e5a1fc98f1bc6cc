"""Drawn pens, pencils and markers: turned bodies, lit along their whole length.

Units as on a `Canvas`, whose sides are 1 long; the ranges follow photographs of what lies on desks: pens are 11 to 16
times as long as thick, pencils 20 to 30 times.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.occluders.sprite import Canvas

PEN_TOP, PEN_BOTTOM = 0.03, 0.97  # of the canvas: where a pen's tip and end lie
PEN_HALF_WIDTH, PENCIL_HALF_WIDTH, MARKER_HALF_WIDTH = (0.026, 0.042), (0.016, 0.024), (0.04, 0.065)
PEN_SHARES = {"ballpoint": 0.42, "pencil": 0.28, "marker": 0.2, "fountain": 0.1}
GRAPHITE, WOOD, BRASS, RUBBER = (52, 50, 50), (140, 185, 225), (110, 175, 205), (150, 150, 225)  # BGR
FACETS = np.pi / 3  # between the six sides of a pencil
TRANSPARENT_CHANCE = 0.12  # of a barrel of clear plastic with its refill in the middle
LABEL_CHANCE, CLIP_CHANCE, ERASER_CHANCE, HEXAGONAL_CHANCE = 0.6, 0.75, 0.6, 0.7


class Section(NamedTuple):
    """A stretch of a turned body.

    Attributes:
        end: of the canvas, where it ends; it begins where the one before it ended.
        widths: half-width at its beginning and at its end.
        colour: BGR.
        shine: strength of its highlight, 0 is matt.
        rings: how many grooves it has.
    """

    end: float
    widths: tuple[float, float]
    colour: NDArray[np.float64]
    shine: float
    rings: int = 0


def draw_pen(rng: np.random.Generator, side: int) -> Canvas:
    """A ballpoint, a pencil, a marker or a fountain pen, upright, its tip at the top."""
    kind = str(rng.choice(list(PEN_SHARES), p=list(PEN_SHARES.values())))
    canvas = Canvas(side, rng)
    sections = {"ballpoint": _ballpoint, "pencil": _pencil, "marker": _marker, "fountain": _fountain}[kind](rng)
    faceted = kind == "pencil" and rng.random() < HEXAGONAL_CHANCE
    _turn_body(canvas, sections, rng, faceted)
    if rng.random() < LABEL_CHANCE:
        _label(canvas, sections, rng)
    if kind != "pencil" and rng.random() < CLIP_CHANCE:
        _clip(canvas, sections[-1], rng)
    return canvas


def _plastic(rng: np.random.Generator) -> NDArray[np.float64]:
    """What barrels are made of, BGR: black, white, silver, blue, red, or any colour."""
    kind = rng.random()
    if kind < 0.3:
        return np.full(3, rng.uniform(12, 55))
    if kind < 0.42:
        return np.full(3, rng.uniform(200, 245))
    if kind < 0.54:
        return np.full(3, rng.uniform(140, 200))
    if kind < 0.7:
        return np.array([rng.uniform(110, 220), rng.uniform(30, 110), rng.uniform(10, 60)])
    if kind < 0.8:
        return np.array([rng.uniform(20, 60), rng.uniform(10, 50), rng.uniform(150, 230)])
    return rng.uniform(15, 240, 3)


def _metal(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.array(BRASS, float) if rng.random() < 0.2 else np.full(3, rng.uniform(130, 215))


def _ballpoint(rng: np.random.Generator) -> list[Section]:
    half = rng.uniform(*PEN_HALF_WIDTH)
    barrel, grip = _plastic(rng), _plastic(rng)
    if rng.random() < 0.4:
        grip = barrel
    upper = barrel if rng.random() < 0.6 else _plastic(rng)
    metal, joint = _metal(rng), rng.uniform(0.45, 0.62)
    return [
        Section(PEN_TOP + 0.02, (half * 0.1, half * 0.25), metal, 0.9),
        Section(
            PEN_TOP + rng.uniform(0.05, 0.12), (half * 0.3, half * 0.8), metal if rng.random() < 0.6 else barrel, 0.9
        ),
        Section(
            rng.uniform(0.25, 0.36), (half * 0.85, half), grip, rng.uniform(0, 0.5), int(rng.choice([0, 0, 6, 12]))
        ),
        Section(joint, (half, half * 1.02), barrel, rng.uniform(0.2, 1)),
        Section(joint + 0.012, (half * 1.05, half * 1.05), metal, 0.9),
        Section(PEN_BOTTOM - 0.05, (half * 1.02, half * 0.9), upper, rng.uniform(0.2, 1)),
        Section(PEN_BOTTOM, (half * 0.45, half * 0.42), metal if rng.random() < 0.5 else upper, 0.6),
    ]


def _pencil(rng: np.random.Generator) -> list[Section]:
    half = rng.uniform(*PENCIL_HALF_WIDTH)
    paint = np.array([30.0, 175.0, 235.0]) if rng.random() < 0.3 else _plastic(rng)
    lead = np.array(GRAPHITE, float) if rng.random() < 0.7 else paint
    sections = [
        Section(PEN_TOP + 0.025, (half * 0.08, half * 0.4), lead, 0.3),
        Section(PEN_TOP + rng.uniform(0.07, 0.11), (half * 0.4, half), np.array(WOOD, float), 0.0),
        Section(PEN_BOTTOM - 0.07, (half, half), paint, rng.uniform(0.1, 0.6)),
    ]
    if rng.random() < ERASER_CHANCE:
        sections.append(Section(PEN_BOTTOM - 0.035, (half * 1.05, half * 1.05), _metal(rng), 0.9, 3))
        sections.append(Section(PEN_BOTTOM, (half * 0.98, half * 0.9), np.array(RUBBER, float), 0.0))
        return sections
    return [*sections, Section(PEN_BOTTOM, (half, half), rng.uniform(10, 240, 3), 0.3)]


def _marker(rng: np.random.Generator) -> list[Section]:
    half = rng.uniform(*MARKER_HALF_WIDTH)
    ink, body = _plastic(rng), _plastic(rng)
    if rng.random() < 0.45:  # its cap on
        cap = rng.uniform(0.28, 0.4)
        return [
            Section(PEN_TOP + 0.02, (half * 0.8, half * 0.95), ink, 0.4),
            Section(cap, (half * 0.95, half * 1.05), ink, 0.4, int(rng.choice([0, 5]))),
            Section(PEN_BOTTOM - 0.03, (half * 0.97, half * 0.97), body, rng.uniform(0.1, 0.7)),
            Section(PEN_BOTTOM, (half * 0.9, half * 0.8), ink, 0.3),
        ]
    return [
        Section(PEN_TOP + 0.03, (half * 0.2, half * 0.3), ink * 0.6, 0.0),
        Section(PEN_TOP + 0.1, (half * 0.4, half * 0.55), body, 0.3),
        Section(PEN_TOP + 0.2, (half * 0.75, half * 0.8), body, 0.3),
        Section(PEN_BOTTOM - 0.04, (half, half), body, rng.uniform(0.1, 0.7)),
        Section(PEN_BOTTOM, (half * 0.9, half * 0.8), ink, 0.3),
    ]


def _fountain(rng: np.random.Generator) -> list[Section]:
    half = rng.uniform(*PEN_HALF_WIDTH)
    body, metal = _plastic(rng), _metal(rng)
    return [
        Section(PEN_TOP + 0.1, (half * 0.08, half * 0.75), metal, 1.0),
        Section(PEN_TOP + 0.24, (half * 0.75, half * 0.9), np.full(3, rng.uniform(10, 50)), 0.6),
        Section(PEN_TOP + 0.26, (half * 1.02, half * 1.02), metal, 1.0),
        Section(PEN_BOTTOM - 0.03, (half * 1.08, half), body, rng.uniform(0.4, 1)),
        Section(PEN_BOTTOM, (half * 0.9, half * 0.5), metal if rng.random() < 0.5 else body, 0.8),
    ]


def _turn_body(canvas: Canvas, sections: list[Section], rng: np.random.Generator, faceted: bool) -> None:
    """Paint a body whose outline and colour follow its sections, as a lathe would cut it."""
    side = canvas.side
    rows = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    half, shine = np.zeros(side, np.float32), np.zeros(side, np.float32)
    colour = np.zeros((side, 3), np.float32)
    start = PEN_TOP
    clear = rng.random() < TRANSPARENT_CHANCE
    for section in sections:
        inside = (rows >= start) & (rows < section.end)
        along = (rows[inside] - start) / max(section.end - start, 1e-3)
        half[inside] = section.widths[0] + (section.widths[1] - section.widths[0]) * along
        grooves = (
            1 - 0.25 * (np.cos(2 * np.pi * section.rings * along) < -0.3) if section.rings else np.ones_like(along)
        )
        colour[inside], shine[inside] = section.colour * grooves[:, None], section.shine
        start = section.end
    across = rows[None] - np.float32(0.5)
    place = np.clip(across / np.maximum(half[:, None], 1e-4), -1, 1)
    tilt = np.arcsin(place)
    if faceted:
        tilt = np.rint(tilt / FACETS) * FACETS
    light, ambient = rng.uniform(-0.9, 0.9), rng.uniform(0.35, 0.7)
    facing = np.clip(np.cos(tilt - light), 0, 1)
    glint = np.power(facing, rng.uniform(20, 90)) * shine[:, None] * rng.uniform(60, 200)
    shaded = colour[:, None] * (ambient + (1.15 - ambient) * facing)[..., None] + glint[..., None]
    if clear:
        refill = np.abs(place) > rng.uniform(0.25, 0.4)
        shaded = np.where(refill[..., None], shaded * 0.3 + 0.7 * rng.uniform(170, 235), shaded)
    mask = np.clip((half[:, None] - np.abs(across)) * side + 0.5, 0, 1) * (half[:, None] > 0)
    canvas.paint(mask.astype(np.float32), np.clip(shaded, 0, 255), 0)


def _label(canvas: Canvas, sections: list[Section], rng: np.random.Generator) -> None:
    """A maker's name along the longest section."""
    starts = [PEN_TOP, *(section.end for section in sections[:-1])]
    start, section = max(zip(starts, sections, strict=True), key=lambda pair: pair[1].end - pair[0])
    side, half = canvas.side, min(section.widths)
    height = max(2, round(half * side * rng.uniform(0.5, 0.9)))
    text = "".join(rng.choice(list("ABCDEGHIKLMNORSTUW  "), int(rng.integers(4, 14))))
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, height)
    strip = np.zeros((3 * height, side), np.uint8)
    cv2.putText(strip, text, (0, 2 * height), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    written = np.ascontiguousarray(np.rot90(strip))
    room = round((section.end - start) * side)
    top, left = round(start * side) + round(0.15 * room), round(0.5 * side - 1.5 * height)
    used = min(round(0.7 * room), side - top)
    ink = np.zeros((side, side), np.float32)
    ink[top : top + used, left : left + 3 * height] = written[-used:, :] / np.float32(255)
    contrast = 235.0 if section.colour.mean() < 120 else 25.0
    canvas.tint(ink * canvas.alpha, np.full(3, contrast), rng.uniform(0.5, 1))


def _clip(canvas: Canvas, last: Section, rng: np.random.Generator) -> None:
    """The clip at a pen's end, with the line of shadow beside it."""
    half = max(last.widths) * rng.uniform(0.35, 0.6)
    x = 0.5 + rng.uniform(-1.2, 1.2) * half
    line = np.array([[x, PEN_BOTTOM - 0.03], [x, PEN_BOTTOM - rng.uniform(0.22, 0.3)]])
    canvas.tint(canvas.stroke(line + np.array([half * 0.8, 0.0]), [half, half]) * canvas.alpha, (20, 20, 20), 0.5)
    canvas.paint(canvas.stroke(line, [half, half * 0.8]), _metal(rng) if rng.random() < 0.6 else _plastic(rng), 0.5)
