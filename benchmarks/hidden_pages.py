"""Photographs of drawn pages with a hole, of which every letter below it is known, for `benchmarks.hidden`."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from datasets.camera import Camera, draw_camera, page_points_to_photo, photograph
from datasets.occluders import drawn_occluder, place, warp
from datasets.pages import Layout, draw_layout
from datasets.pages.fonts import measure
from utils.arrays import Image, Mask, Points, Reals
from utils.regions import Box, grow

GAP_SIZES = 0.5  # of a text's size: words farther apart are two lines, as the cells of a table
SAME_BASELINE = 0.3  # of a text's size
LETTER_MIDDLE = 0.35  # of a text's size, over its baseline
LETTER_HALF = 0.35  # of a text's size: half of the height in which letters have their ink
LETTER_REACH = 0.6  # of a text's size, from that middle to the foot of a long letter and the head of a capital
LETTER_STEPS = 7  # points up and along a letter at which it is asked whether it is hidden
GROWTH_PX = 7  # of a photo 4000 pixels high: a mask holds the occluder's soft edge
VIEW_PX = 420  # drawn around a hole
OCCLUDERS, OCCLUDER_SIDE = 400, 900  # how many are drawn, and their longer side in pixels
PLACEMENTS = 30  # tried for a hole over text
COVERING_ALPHA = 0.02  # alpha from which an occluder is seen
SKIN = (120, 150, 190)  # BGR of what lies in the hole

# A hole without text lies anywhere on the page, with lines as near as can be, or on a picture, code or tinted box.
ANYWHERE, BESIDE_TEXT, ON_PICTURE = HOLE_PLACES = ("anywhere", "beside text", "on a picture")
BARE_SIZES = (0.7, 0.5, 0.35, 0.25)  # of an occluder's own size: what fits between the lines is smaller
MAP_STEP = 8  # pixels of the photo that are one of the map in which a place is looked for
ON_PAGE_SHARE = 0.7  # share of a hole that lies on the page
MOST_PICTURE = 0.5  # share of a hole on a picture
NEAREST = 0.9  # quantile of the places by how much text is near
TEXT_NEARBY_PX = 120  # pixels: so near the hole text counts for that


class Letters(NamedTuple):
    """The printed letters of a page in a photo, all of one line with the same number.

    Attributes:
        places: `(n, 2)` float64, the middle of each (x, y) in pixels.
        line: `(n,)` number of the line.
        size: `(n,)` height of a line of its text in pixels.
        word: `(n,)` number of the word.
        half: `(n,)` half of its width in pixels.
    """

    places: Points
    line: np.ndarray
    size: np.ndarray
    word: np.ndarray
    half: np.ndarray


def find_letters(layout: Layout, camera: Camera) -> Letters:
    """Where the printed letters of a page appear; seals, whose letters are turned, and handwriting are left out."""
    texts = sorted((t for t in layout.texts if not t.angle and t.text), key=lambda t: (round(t.y), t.x))
    places, lines, sizes, words, halves = [], [], [], [], []
    line = 0
    for number, run in enumerate(texts):
        before = texts[number - 1] if number else None
        joined = (
            before is not None
            and abs(before.y - run.y) < SAME_BASELINE * run.size
            and -run.size < run.x - before.x - before.length < GAP_SIZES * run.size
        )
        line += not joined
        at = run.x
        for character in run.text:
            width = measure(character, run.font, run.weight) * run.size
            if not character.isspace():
                places.append((at + width / 2, run.y - LETTER_MIDDLE * run.size))
                lines.append(line)
                sizes.append(run.size)
                words.append(number)
                halves.append(width / 2)
            at += width
    if not places:
        return Letters(np.zeros((0, 2)), *(np.zeros(0, int),) * 4)
    flat = np.array(places)
    photo = page_points_to_photo(camera, flat)
    above = page_points_to_photo(camera, flat - (0, 1))
    scale = np.hypot(*(photo - above).T)
    return Letters(photo, np.array(lines), np.array(sizes) * scale, np.array(words), np.array(halves) * scale)


def find_ink(layout: Layout, camera: Camera) -> Points:
    """Places of handwriting and seals, `(n, 2)` float64 in pixels; what is said of them is neither right nor wrong."""
    parts = [stroke.points for stroke in layout.strokes] + [stamp.points for stamp in layout.stamps]
    parts += [np.array([[run.x, run.y]], np.float32) for run in layout.texts if run.angle]
    return page_points_to_photo(camera, np.concatenate(parts)) if parts else np.zeros((0, 2))


def in_mask(mask: Mask, points: Points) -> Mask:
    """Which of `(n, 2)` points (x, y) lie in an `(H, W)` mask."""
    x, y = np.floor(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    inside[inside] = mask[y[inside], x[inside]]
    return inside


class Sample(NamedTuple):
    """A part of a photographed page with a hole, in its own pixels.

    Attributes:
        window: `(h, w, 3)` uint8 BGR, the page with its hole filled with one colour.
        hole: `(h, w)` bool.
        letters: of the whole page.
        ink: of the whole page, see `find_ink`.
        longer_side: of the whole photo, in pixels.
    """

    window: Image
    hole: Mask
    letters: Letters
    ink: Points
    longer_side: int


def draw_mask(rng: np.random.Generator, height: int, width: int, size: float = 1.0) -> tuple[Box, Mask]:
    """The mask of one drawn occluder in its box of a photo, as it falls; of another size it lies in the middle."""
    occluder = drawn_occluder(int(rng.integers(OCCLUDERS)), OCCLUDER_SIDE)
    matrix = place(occluder, height, width, rng)
    if size != 1:
        matrix[:, :2] *= size
        middle = np.array([occluder.sprite.shape[1] / 2, occluder.sprite.shape[0] / 2])
        matrix[:, 2] = np.array([width / 2, height / 2]) - matrix[:, :2] @ middle
    box, layer = warp(occluder, matrix, height, width)
    reach = box.padded(GROWTH_PX + 2, height, width)
    pixels = np.zeros((reach.height, reach.width), bool)
    pixels[box.shifted(-reach.x0, -reach.y0).slices()] = layer[..., 3] > COVERING_ALPHA
    return reach, grow(pixels, GROWTH_PX)


def draw_sample(seed: int, number: int, bare: bool) -> Sample | None:
    """A page with a hole as it falls, or with one that hides no text; None where there is no room for such a one."""
    rng = np.random.default_rng((seed, number, bare))
    layout = draw_layout(rng)
    camera = draw_camera(rng, layout)
    letters, ink = find_letters(layout, camera), find_ink(layout, camera)
    if bare:
        sizes = rng.permutation(BARE_SIZES)
        tries = (
            _bare_hole(rng, layout, camera, letters, size, HOLE_PLACES[number % len(HOLE_PLACES)]) for size in sizes
        )
    else:
        tries = (_text_hole(rng, camera, letters) for _ in range(PLACEMENTS))
    hole = next((hole for hole in tries if hole is not None), None)
    if hole is None:
        return None
    box, mask = hole
    view = box.padded(VIEW_PX, camera.height, camera.width)
    window = photograph(layout, camera, 1.0, (view.x0, view.y0, view.x1, view.y1))
    whole = np.zeros(window.shape[:2], bool)
    whole[box.shifted(-view.x0, -view.y0).slices()] = mask
    window[whole] = SKIN
    corner = np.array([view.x0, view.y0])
    letters = letters._replace(places=letters.places - corner)
    return Sample(window, whole, letters, ink - corner, max(camera.height, camera.width))


def _text_hole(rng: np.random.Generator, camera: Camera, letters: Letters) -> tuple[Box, Mask] | None:
    """An occluder's mask as it falls, in its box; None where it hides no letter."""
    box, mask = draw_mask(rng, camera.height, camera.width)
    return (box, mask) if in_mask(mask, letters.places - (box.x0, box.y0)).any() else None


def _bare_hole(
    rng: np.random.Generator, layout: Layout, camera: Camera, letters: Letters, size: float, where: str
) -> tuple[Box, Mask] | None:
    """An occluder's mask where it touches no text, in its box; None where it fits nowhere.

    Args:
        rng: chooses the occluder, and its place among those that there are.
        layout, camera, letters: of the page.
        size: of the occluder, of its own.
        where: one of `HOLE_PLACES`; without a picture to lie on, it lies beside text.
    """
    box, mask = draw_mask(rng, camera.height, camera.width, size)
    high, wide = (-(-length // MAP_STEP) for length in mask.shape)
    padded = np.pad(mask, [(0, high * MAP_STEP - mask.shape[0]), (0, wide * MAP_STEP - mask.shape[1])])
    shape = np.asarray(padded.reshape(high, MAP_STEP, wide, MAP_STEP).any(axis=(1, 3)), np.float32)
    text, page, pictures = _maps(layout, camera, letters)
    free = (_under(text, shape) < 0.5) & (_under(page, shape) >= ON_PAGE_SHARE * shape.sum())
    on_picture = free & (_under(pictures, shape) > MOST_PICTURE * shape.sum())
    if where == ON_PICTURE and on_picture.any():
        free = on_picture
    elif where != ANYWHERE and free.any():
        text_nearby = _under(
            text,
            cv2.dilate(np.pad(shape, TEXT_NEARBY_PX // MAP_STEP), np.ones((2 * TEXT_NEARBY_PX // MAP_STEP + 1,) * 2)),
        )
        free &= text_nearby >= np.quantile(text_nearby[free], NEAREST)
    places = np.argwhere(free)
    if not len(places):
        return None
    y, x = (places[rng.integers(len(places))] - (high // 2, wide // 2)) * MAP_STEP
    whole = Box(x, y, x + mask.shape[1], y + mask.shape[0])
    box = whole.padded(0, camera.height, camera.width)  # cut where it hangs over the photo's border
    return box, mask[box.shifted(-x, -y).slices()]


def _under(picture: Reals, shape: Reals) -> Reals:
    """How much of a map lies under a shape in each place, that of its middle, `(h, w)` float32."""
    return cv2.filter2D(picture, cv2.CV_32F, shape, borderType=cv2.BORDER_CONSTANT)


def _maps(layout: Layout, camera: Camera, letters: Letters) -> tuple[Reals, Reals, Reals]:
    """Where a photo shows ink that is text, the page, and what is printed beside text: `(h, w)` float32, 1 there."""
    half = np.stack([letters.half, LETTER_REACH * letters.size], axis=1) + MAP_STEP
    corners = [letters.places + half * sides for sides in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    turned = [
        (run.x - run.size, run.y - run.size, run.x + run.size, run.y + run.size) for run in layout.texts if run.angle
    ]
    text = _filled(camera, np.stack(corners, axis=1)) + _boxes(camera, turned)
    for points in (*(stroke.points for stroke in layout.strokes), *(stamp.points for stamp in layout.stamps)):
        places = np.rint(page_points_to_photo(camera, points) / MAP_STEP).astype(np.int32)
        cv2.polylines(text, [places], False, 1.0, 3)
    flat = [(*shape.points.min(axis=0), *shape.points.max(axis=0)) for shape in layout.shapes]
    printed = _boxes(camera, [*(picture.box for picture in layout.pictures), *flat])
    return np.minimum(text, 1), _boxes(camera, [(0, 0, layout.width, layout.height)]), printed


def _boxes(camera: Camera, boxes: Sequence[tuple[float, float, float, float]]) -> Reals:
    """A map with boxes of the page `(x0, y0, x1, y1)` filled."""
    shapes = [np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float) for x0, y0, x1, y1 in boxes]
    return _filled(camera, [page_points_to_photo(camera, shape) for shape in shapes])


def _filled(camera: Camera, shapes: Iterable[Points]) -> Reals:
    """A map of a photo with convex shapes, `(n, 2)` points (x, y) in its pixels, filled."""
    picture = np.zeros((-(-camera.height // MAP_STEP), -(-camera.width // MAP_STEP)), np.float32)
    for shape in shapes:
        cv2.fillConvexPoly(picture, np.rint(shape / MAP_STEP).astype(np.int32), 1.0)
    return picture


def hides(mask: Mask, letters: Letters) -> Mask:
    """Which letters a hole touches, `(n,)` bool, each as wide as it is and as high as the longest and the highest."""
    return np.asarray(_hidden_shares(mask, letters, LETTER_REACH) > 0)


def hidden_lengths(mask: Mask, letters: Letters) -> Reals:
    """How much of the width of each letter a hole hides, `(n,)` in pixels."""
    return _hidden_shares(mask, letters, LETTER_HALF) * 2 * letters.half


def _hidden_shares(mask: Mask, letters: Letters, half: float) -> Reals:
    """How much of each letter a hole hides, `(n,)`, `half` of a text's size over and under its middle."""
    steps = np.linspace(-1, 1, LETTER_STEPS)
    reach = np.stack([letters.half, half * letters.size], axis=1)
    return np.asarray(np.mean([in_mask(mask, letters.places + reach * (x, y)) for x in steps for y in steps], axis=0))
