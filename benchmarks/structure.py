"""How well rules, paper and page edges are continued below a hole, on drawn pages with exact truth.

    python -m benchmarks.structure [--count 40] [--seed 0] [--save_dir OUT]

Tables, ruled paper and forms are drawn with solid, dotted, dashed and double rules, photographed by a lens model
(perspective, turn up to 5 degrees, curl, uneven light, blur, noise, sometimes the desk at the border) and covered by
shapes like fingers, forearms and heads. The true place of every rule is known: of its hidden length, `recall` was
drawn within 3 px, `precision` of the drawn length is true, `off` is the distance where both agree (95 % of the
length lies within it). `psnr` counts the pixels in the hole: against the page, and against the page without text.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import AnyArray
from utils.baselines import opencv_inpaint
from utils.flags import positive_int
from utils.page.structure import repair

SHEET_HEIGHT, SHEET_WIDTH = 3600, 2700
CONTEXT_PX = 400
AGREE_PX = 3.0
SHEET_KINDS = ("table", "ruled", "form", "text")
STYLES = ("solid", "solid", "solid", "dotted", "dashed", "double")

# How pages are drawn and photographed: by eye, as the contest's pages look. Pixels of the photo unless something else
# is said; second ends of whole numbers are exclusive.
DOUBLE_GAP = (2.5, 5)  # between the two strokes of a double rule
PERIODS, ON_SHARES = {"dotted": (7, 14), "dashed": (16, 34)}, {"dotted": 0.45, "dashed": 0.65}
LETTERS, LETTER_WIDTH = "abcdefghijklmnoprstuvw   0123456789", 0.62  # over its height
HERSHEY_HEIGHT, HERSHEY_STROKE = 22, 9  # height of OpenCV's font at scale 1; heights of text for a pixel of stroke
SHADE = (120, 235)  # levels that ink is darker than paper
SHEET_MARGIN, SHEET_TOP, SHEET_END = (0.03, 0.12), (0.02, 0.1), 0.97  # shares of width and height
PITCH, RULED_STYLES, RULED_THICKNESS = (70, 130), ("solid", "solid", "dotted"), (1.5, 4)
SHEET_WRITING_RISE, SHEET_WRITING_SIZE, WRITING_LENGTH = 8, 0.45, (0.3, 0.8)  # size over the pitch; share of the width
FORM_TABLE_CHANCE, FIELD_CHANCE = 0.4, 0.6  # of what comes next on a form; the rest are paragraphs
FIELD_SIZE, FIELD_LABEL, FIELD_RULE, SHEET_FIELD_DROP, FIELD_STEP = (28, 44), 0.2, 0.22, 6, (1.8, 2.6)
SHEET_TEXT_SIZE, TEXT_LINES, TEXT_LENGTH, TEXT_STEP = (26, 60), (1, 8), (0.2, 0.8), (1.5, 2.0)
SHEET_RULE_THICKNESS, FRAME_THICKNESS, SIDE_THICKNESS = (1.5, 5), 1.6, 1.2  # a frame's over that of the rules in it
SHEET_ROW_HEIGHT, ROW_COUNT, SHEET_COLUMN_COUNT = (55, 150), (2, 14), (1, 8)
TABLE_MARGIN, TABLE_INSET, COLUMN_LEAST, CLOSED_CHANCE = (0.5, 1.5), 60, 50, 0.8
CELL_TEXT, CELL_SIZE, CELL_CHANCE, CELL_INSET = 0.5, (24, 44), 0.7, 14
CELL_LENGTH, CELL_DROP, TABLE_GAP = (0.3, 0.85), 0.35, (40, 160)
TURN_DEGREES, CORNER_SPREAD, CURL_CHANCE, CURL = (-5, 5), (-0.02, 0.02), 0.5, (-12, 12)
SHEET_DESK_CHANCE, WITH_DESK, FILLED = 0.4, (1.0, 1.12), (0.8, 0.9)  # the photo's frame over the sheet
PAPER, PAPER_TINT, SHEET_DESK_LEVELS = (165, 235), 0.02, (30, 150)
SHEET_LIGHT_SLOPE, LIGHT_BOW, LENS_BLUR, SHEET_NOISE, GRAIN_BLUR = (
    (-0.15, 0.15),
    (-0.15, 0.05),
    (0.6, 1.3),
    (1.5, 4),
    0.6,
)
BAND_ROWS = 600  # photographed at a time: a whole photo of float64 coordinates would take most of the memory

# Occluders.
HEAD_PLACE, SHEET_HEAD_SIZE, HEAD_RISE = (0.2, 0.8), (260, 380), 1.7
HEAD_AXES, SHOULDER_AXES = (0.6, 0.8), (1.3, 1.1)  # of ellipses, over the size
ENTRY_PLACE, ENTRY_RADIANS, LIMB_BEND, LIMB_TAPER = (0.15, 0.85), (-0.5, 0.5), (-120, 120), 0.25
LIMB_STEPS, LIMB_START = 40, -0.1  # circles that draw it; it begins outside of the photo
FINGER_WIDTH, FINGER_REACH, ARM_WIDTH, ARM_REACH = (180, 280), (900, 1500), (300, 420), (700, 1100)
SKIN_BGR = (120, 150, 190)
SHEET_STEP_PX = 2.0  # between points of a rule
POINTS_AT_ONCE = 512  # whose distances are computed together


@dataclass(frozen=True)
class Drawn:
    """A drawn photo.

    Attributes:
        clean, textless: `(H, W, 3)` uint8.
        rules: the centre line of each rule, `(n, 2)` points (x, y) a pixel or two apart.
    """

    clean: NDArray[np.uint8]
    textless: NDArray[np.uint8]
    rules: list[NDArray[np.float64]]


class _Sheet:
    """A flat page that ink is drawn on, four sub-pixel bits a coordinate."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.rng = rng
        self.rules_ink = np.zeros((height, width), np.uint8)
        self.text_ink = np.zeros((height, width), np.uint8)
        self.lines: list[tuple[float, float, float, float]] = []

    def rule(self, x0: float, y0: float, x1: float, y1: float, thickness: float, shade: int, style: str) -> None:
        """A lying or standing rule."""
        if style == "double":
            gap = thickness + self.rng.uniform(*DOUBLE_GAP)
            dx, dy = (0, gap / 2) if y0 == y1 else (gap / 2, 0)
            for sign in (-1, 1):
                self._stroke(x0 + sign * dx, y0 + sign * dy, x1 + sign * dx, y1 + sign * dy, thickness, shade)
        elif style == "solid":
            self._stroke(x0, y0, x1, y1, thickness, shade)
        else:
            period, on = self.rng.uniform(*PERIODS[style]), ON_SHARES[style]
            length = max(x1 - x0, y1 - y0)
            for start in np.arange(0, length, period):
                a, b = start / length, min(1, (start + on * period) / length)
                self._stroke(
                    x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0), thickness, shade
                )
        height, width = self.rules_ink.shape
        line = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if line[2] >= line[0] and line[3] >= line[1]:
            self.lines.append(line)

    def _stroke(self, x0: float, y0: float, x1: float, y1: float, thickness: float, shade: int) -> None:
        half = thickness / 2
        across = (0, half) if y0 == y1 else (half, 0)
        corners = np.array([
            (x0 - across[0], y0 - across[1]), (x1 - across[0], y1 - across[1]),
            (x1 + across[0], y1 + across[1]), (x0 + across[0], y0 + across[1]),
        ])  # fmt: skip
        box = np.floor(corners.min(0)).astype(int) - 1, np.ceil(corners.max(0)).astype(int) + 2
        x_lo, y_lo = np.maximum(box[0], 0)
        x_hi, y_hi = np.minimum(box[1], self.rules_ink.shape[::-1])
        if x_hi <= x_lo or y_hi <= y_lo:
            return
        # Exact area: the share of each pixel that the bar covers.
        xs, ys = np.arange(x_lo, x_hi), np.arange(y_lo, y_hi)
        lo, hi = corners.min(0), corners.max(0)
        share_x = np.clip(np.minimum(xs + 0.5, hi[0]) - np.maximum(xs - 0.5, lo[0]), 0, 1)
        share_y = np.clip(np.minimum(ys + 0.5, hi[1]) - np.maximum(ys - 0.5, lo[1]), 0, 1)
        window = self.rules_ink[y_lo:y_hi, x_lo:x_hi]
        np.maximum(window, np.rint(np.outer(share_y, share_x) * shade).astype(np.uint8), out=window)

    def text(self, x: float, y: float, size: float, width: float, shade: int) -> None:
        """Words from (x, y), the baseline, as long as `width` allows."""
        scale = size / HERSHEY_HEIGHT
        letters = "".join(self.rng.choice(list(LETTERS), int(width / size / LETTER_WIDTH)))
        if letters.strip():
            cv2.putText(
                self.text_ink, letters, (int(x), int(y)), cv2.FONT_HERSHEY_SIMPLEX, scale, shade,
                max(1, round(size / HERSHEY_STROKE)), cv2.LINE_AA,
            )  # fmt: skip


def draw_page(rng: np.random.Generator, kind: str) -> Drawn:
    """A photographed page of one of `SHEET_KINDS`."""
    sheet = _Sheet(rng, SHEET_HEIGHT, SHEET_WIDTH)
    shade = int(rng.uniform(*SHADE))
    margin = rng.uniform(*SHEET_MARGIN) * SHEET_WIDTH
    y = rng.uniform(*SHEET_TOP) * SHEET_HEIGHT
    while y < SHEET_HEIGHT * SHEET_END:
        if kind == "ruled":
            pitch, style = rng.uniform(*PITCH), str(rng.choice(RULED_STYLES))
            thickness = rng.uniform(*RULED_THICKNESS)
            margin_line = rng.random() < 0.5
            for line_y in np.arange(y, SHEET_HEIGHT, pitch):
                sheet.rule(0, line_y, SHEET_WIDTH, line_y, thickness, shade // 2, style)
                if rng.random() < 0.5:
                    length = rng.uniform(*WRITING_LENGTH) * SHEET_WIDTH
                    sheet.text(margin, line_y - SHEET_WRITING_RISE, pitch * SHEET_WRITING_SIZE, length, shade)
            if margin_line:
                sheet.rule(margin, 0, margin, SHEET_HEIGHT, thickness, shade // 2, "solid")
            break
        if kind == "table" or (kind == "form" and rng.random() < FORM_TABLE_CHANCE):
            y += _draw_table(sheet, margin, y, shade)
        elif kind == "form" and rng.random() < FIELD_CHANCE:
            size = rng.uniform(*FIELD_SIZE)
            sheet.text(margin, y + size, size, SHEET_WIDTH * FIELD_LABEL, shade)
            line_y, thickness, style = (
                y + size + SHEET_FIELD_DROP,
                rng.uniform(*SHEET_RULE_THICKNESS),
                str(rng.choice(STYLES)),
            )
            sheet.rule(margin + SHEET_WIDTH * FIELD_RULE, line_y, SHEET_WIDTH - margin, line_y, thickness, shade, style)
            y += size * rng.uniform(*FIELD_STEP)
        else:
            size = rng.uniform(*SHEET_TEXT_SIZE)
            for _ in range(int(rng.integers(*TEXT_LINES))):
                sheet.text(margin, y + size, size, rng.uniform(*TEXT_LENGTH) * SHEET_WIDTH, shade)
                y += size * rng.uniform(*TEXT_STEP)
            y += size
    return _photograph(rng, sheet)


def _draw_table(sheet: _Sheet, margin: float, y: float, shade: int) -> float:
    """Draw a table at `y`; returns its height with the space after it."""
    rng = sheet.rng
    row = rng.uniform(*SHEET_ROW_HEIGHT)
    rows = int(rng.integers(*ROW_COUNT))
    x0, x1 = margin, SHEET_WIDTH - margin * rng.uniform(*TABLE_MARGIN)
    inner = np.sort(rng.uniform(x0 + TABLE_INSET, x1 - TABLE_INSET, int(rng.integers(*SHEET_COLUMN_COUNT))))
    thickness = rng.uniform(*SHEET_RULE_THICKNESS)
    style = str(rng.choice(STYLES))
    closed = rng.random() < CLOSED_CHANCE
    for index in range(rows + 1):
        outer = index in (0, rows)
        heavy = thickness * (FRAME_THICKNESS if outer else 1)
        sheet.rule(x0, y + index * row, x1, y + index * row, heavy, shade, "solid" if outer else style)
    for x in [x0, x1] if closed else []:
        sheet.rule(x, y, x, y + rows * row, thickness * SIDE_THICKNESS, shade, "solid")
    last = -np.inf
    for x in inner:
        if x - last > COLUMN_LEAST:
            sheet.rule(float(x), y, float(x), y + rows * row, thickness, shade, style)
            last = float(x)
    size = min(row * CELL_TEXT, rng.uniform(*CELL_SIZE))
    for index in range(rows):
        for a, b in zip([x0, *inner], [*inner, x1], strict=True):
            if rng.random() < CELL_CHANCE and b - a > 3 * size:
                baseline, length = y + (index + 0.5) * row + size * CELL_DROP, (b - a) * rng.uniform(*CELL_LENGTH)
                sheet.text(a + CELL_INSET, baseline, size, length, shade)
    return rows * row + rng.uniform(*TABLE_GAP)


def _photograph(rng: np.random.Generator, sheet: _Sheet) -> Drawn:
    """Perspective, turn, curl, light, blur and noise."""
    turn = np.radians(rng.uniform(*TURN_DEGREES))
    corners = np.array([(0, 0), (SHEET_WIDTH, 0), (SHEET_WIDTH, SHEET_HEIGHT), (0, SHEET_HEIGHT)], np.float32)
    zoom = rng.uniform(*(WITH_DESK if rng.random() < SHEET_DESK_CHANCE else FILLED))
    centre = np.array([SHEET_WIDTH / 2, SHEET_HEIGHT / 2])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    frame = centre + (corners - centre) @ rotation.T * zoom + rng.uniform(*CORNER_SPREAD, (4, 2)) * SHEET_WIDTH
    to_sheet = cv2.getPerspectiveTransform(corners, frame.astype(np.float32))
    to_photo = np.linalg.inv(to_sheet)
    curl = rng.uniform(*CURL) if rng.random() < CURL_CHANCE else 0.0

    def bent(x: AnyArray) -> AnyArray:
        return curl * np.sin(np.pi * x / SHEET_WIDTH)

    clean = np.empty((SHEET_HEIGHT, SHEET_WIDTH, 3), np.uint8)
    textless = np.empty_like(clean)
    paper = np.array([rng.uniform(*PAPER)] * 3) * (1 + rng.normal(0, PAPER_TINT, 3))
    desk = rng.uniform(*SHEET_DESK_LEVELS, 3)
    slope = rng.uniform(*SHEET_LIGHT_SLOPE, 2)
    bow = rng.uniform(*LIGHT_BOW)
    blur = rng.uniform(*LENS_BLUR)
    sigma = rng.uniform(*SHEET_NOISE)
    inks = [np.maximum(sheet.rules_ink, sheet.text_ink), sheet.rules_ink]
    for top in range(0, SHEET_HEIGHT, BAND_ROWS):
        y, x = np.mgrid[top : min(SHEET_HEIGHT, top + BAND_ROWS), 0:SHEET_WIDTH].astype(np.float32)
        w = to_sheet[2, 0] * x + to_sheet[2, 1] * y + to_sheet[2, 2]
        sx = ((to_sheet[0, 0] * x + to_sheet[0, 1] * y + to_sheet[0, 2]) / w).astype(np.float32)
        sy = ((to_sheet[1, 0] * x + to_sheet[1, 1] * y + to_sheet[1, 2]) / w).astype(np.float32)
        sy = (sy + bent(sx)).astype(np.float32)
        on = np.clip(np.minimum(np.minimum(sx, SHEET_WIDTH - sx), np.minimum(sy, SHEET_HEIGHT - sy)) + 0.5, 0, 1)
        dx, dy = x / SHEET_WIDTH - 0.5, y / SHEET_HEIGHT - 0.5
        light = 1 + slope[0] * dx + slope[1] * dy + bow * (dx**2 + dy**2)
        grain = cv2.GaussianBlur(rng.standard_normal((*x.shape, 3)).astype(np.float32), (0, 0), GRAIN_BLUR)
        grain *= sigma / grain.std()
        for ink, out in zip(inks, (clean, textless), strict=True):
            dark = cv2.remap(ink, sx, sy, cv2.INTER_LINEAR).astype(np.float32) / 255
            reflect = paper * (1 - dark[..., None]) * on[..., None] + desk * (1 - on[..., None])
            shot = cv2.GaussianBlur(reflect * light[..., None], (0, 0), blur)
            out[top : top + BAND_ROWS] = np.clip(np.rint(shot + grain), 0, 255)
    rules = []
    for x0, y0, x1, y1 in sheet.lines:
        t = np.linspace(0, 1, max(2, int(max(x1 - x0, y1 - y0) / 2)))
        sheet_x, sheet_y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
        on_sheet = np.stack([sheet_x, sheet_y - bent(sheet_x), np.ones_like(t)])
        photo = to_photo @ on_sheet
        rules.append((photo[:2] / photo[2]).T)
    return Drawn(clean, textless, rules)


def draw_hole(rng: np.random.Generator) -> NDArray[np.bool_]:
    """A finger, a forearm or a head and shoulders from an edge of the photo, 2 to 6 % of it."""
    mask = np.zeros((SHEET_HEIGHT, SHEET_WIDTH), np.uint8)
    kind = rng.choice(["finger", "arm", "head"])
    if kind == "head":
        x, size = rng.uniform(*HEAD_PLACE) * SHEET_WIDTH, rng.uniform(*SHEET_HEAD_SIZE)
        for centre_y, axes in ((int(SHEET_HEIGHT - size * HEAD_RISE), HEAD_AXES), (SHEET_HEIGHT, SHOULDER_AXES)):
            cv2.ellipse(mask, (int(x), centre_y), (int(size * axes[0]), int(size * axes[1])), 0, 0, 360, 1, -1)
        return mask > 0
    side = int(rng.integers(4))
    along = rng.uniform(*ENTRY_PLACE)
    start = np.array(
        [
            (0, along * SHEET_HEIGHT),
            (SHEET_WIDTH, along * SHEET_HEIGHT),
            (along * SHEET_WIDTH, 0),
            (along * SHEET_WIDTH, SHEET_HEIGHT),
        ][side]
    )
    inward = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)][side], float)
    angle = rng.uniform(*ENTRY_RADIANS)
    inward = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ inward
    width = rng.uniform(*(FINGER_WIDTH if kind == "finger" else ARM_WIDTH))
    reach = rng.uniform(*(FINGER_REACH if kind == "finger" else ARM_REACH))
    bend = rng.uniform(*LIMB_BEND)
    normal = np.array([-inward[1], inward[0]])
    t = np.linspace(LIMB_START, 1, LIMB_STEPS)
    path = start + inward * reach * t[:, None] + normal * (bend * np.sin(np.pi * t))[:, None]
    for point, share in zip(path, t, strict=True):
        cv2.circle(mask, tuple(np.rint(point).astype(int).tolist()), int(width / 2 * (1 - LIMB_TAPER * share)), 1, -1)
    return mask > 0


def score(drawn: Drawn, hole: NDArray[np.bool_]) -> dict[str, Any]:
    """Repair one hole and compare with the truth."""
    y, x = np.nonzero(hole)
    box = np.s_[
        max(0, y.min() - CONTEXT_PX) : y.max() + CONTEXT_PX + 1, max(0, x.min() - CONTEXT_PX) : x.max() + CONTEXT_PX + 1
    ]
    covered = drawn.clean.copy()
    covered[hole] = SKIN_BGR
    window, inside = np.ascontiguousarray(covered[box]), np.ascontiguousarray(hole[box])
    started, wall = time.process_time(), time.perf_counter()
    result = repair(window, inside)
    seconds, wall = time.process_time() - started, time.perf_counter() - wall
    corner = np.array([box[1].start, box[0].start])
    true = _hidden([line - corner for line in drawn.rules], inside)
    continued_points = _hidden([rule.points(SHEET_STEP_PX) for rule in result.continued], inside)
    to_found, to_true = _distances(true, continued_points), _distances(continued_points, true)
    agreed = to_found[to_found <= AGREE_PX]
    telea = opencv_inpaint(window, inside)
    clean, textless = drawn.clean[box], drawn.textless[box]
    return {
        "hidden": len(true),
        "recalled": int((to_found <= AGREE_PX).sum()),
        "drawn": len(continued_points),
        "true": int((to_true <= AGREE_PX).sum()),
        "off": agreed,
        "psnr": _psnr(result.image, clean, inside),
        "psnr_textless": _psnr(result.image, textless, inside),
        "telea": _psnr(telea, clean, inside),
        "telea_textless": _psnr(telea, textless, inside),
        "seconds": seconds,
        "wall": wall,
        "share": float(hole.mean()),
        "result": result,
        "window": window,
        "inside": inside,
        "clean": clean,
    }


def _hidden(lines: Sequence[NDArray[np.floating]], hole: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The points of the lines that lie in the hole, `(n, 2)`, two pixels apart."""
    points = [np.zeros((0, 2))]
    for line in lines:
        length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        at = np.arange(0, length[-1], SHEET_STEP_PX)
        even = np.stack([np.interp(at, length, line[:, axis]) for axis in (0, 1)], axis=1)
        x, y = np.rint(even).astype(int).T
        inside_window = (x >= 0) & (y >= 0) & (x < hole.shape[1]) & (y < hole.shape[0])
        inside_window[inside_window] = hole[y[inside_window], x[inside_window]]
        points.append(even[inside_window])
    return np.concatenate(points)


def _distances(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from each point to the nearest of the others, along-track spacing taken out."""
    result = np.full(len(points), np.inf)
    for start in range(0, len(points), POINTS_AT_ONCE):
        if len(others):
            chunk = points[start : start + POINTS_AT_ONCE]
            squares = ((chunk[:, None] - others) ** 2).sum(axis=2)
            # Points lie up to a pixel apart along the line: half their spacing is no distance.
            two = np.sort(np.partition(squares, min(1, len(others) - 1), axis=1)[:, :2], axis=1)
            if two.shape[1] == 1:
                two = np.repeat(two, 2, axis=1)
            nearest, second = two[:, 0], two[:, 1]
            along = (second - nearest - 4) / 4  # for neighbours two pixels apart on one straight line
            across = nearest - np.where(np.abs(along) <= 1.01, along**2, 0)
            result[start : start + POINTS_AT_ONCE] = np.sqrt(np.maximum(across, 0))
    return result


def _psnr(image: NDArray[np.uint8], truth: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    error = image[mask].astype(np.float64) - truth[mask]
    return float(10 * np.log10(255**2 / max(1e-9, np.square(error).mean())))


def main(argv: list[str] | None = None) -> int:
    """Print a line for each page and the totals."""
    parser = argparse.ArgumentParser(description="Continue rules and paper below holes of drawn pages.")
    parser.add_argument("--count", type=positive_int, default=24, help="pages to draw (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn (default %(default)s)")
    parser.add_argument("--save_dir", help="folder for a picture of each page: truth, covered, repaired")
    args = parser.parse_args(argv)
    rows = []
    for number in range(args.count):
        rng = np.random.default_rng((args.seed, number))
        kind = SHEET_KINDS[number % len(SHEET_KINDS)]
        row = score(draw_page(rng, kind), draw_hole(rng))
        rows.append({"kind": kind, **row})
        print(
            f"{number:3d} {kind:6s} share {100 * row['share']:.1f} %  hidden {row['hidden'] * 2:6d} px "
            f"recall {_ratio(row['recalled'], row['hidden'])} precision {_ratio(row['true'], row['drawn'])} "
            f"psnr {row['psnr']:.1f} (OpenCV {row['telea']:.1f})  textless {row['psnr_textless']:.1f} "
            f"(OpenCV {row['telea_textless']:.1f})  {row['seconds']:.2f} s CPU {row['wall']:.2f} s",
            flush=True,
        )
        if args.save_dir:
            out = Path(args.save_dir)
            out.mkdir(parents=True, exist_ok=True)
            picture = np.hstack([row["clean"], row["window"], row["result"].image])
            cv2.imwrite(str(out / f"{number:03d}_{kind}.png"), picture)
        for key in ("result", "window", "inside", "clean"):
            del rows[-1][key]
    for kind in [*SHEET_KINDS, "all"]:
        chosen = [row for row in rows if kind in ("all", row["kind"])]
        if not chosen:
            continue
        off = np.concatenate([row["off"] for row in chosen])
        total = {key: sum(row[key] for row in chosen) for key in ("hidden", "recalled", "drawn", "true")}
        mean = {key: np.mean([row[key] for row in chosen]) for key in ("psnr", "telea", "psnr_textless", "seconds")}
        print(
            f"{kind:6s} recall {_ratio(total['recalled'], total['hidden'])} precision "
            f"{_ratio(total['true'], total['drawn'])} off p50 {np.median(off) if len(off) else 0:.2f} p95 "
            f"{np.percentile(off, 95) if len(off) else 0:.2f} px  psnr {mean['psnr']:.1f} (OpenCV {mean['telea']:.1f}) "
            f"textless {mean['psnr_textless']:.1f}  {mean['seconds']:.2f} s CPU"
        )
    return 0


def _ratio(count: int, total: int) -> str:
    return f"{100 * count / total:5.1f} %" if total else "   –   "


if __name__ == "__main__":
    sys.exit(main())
