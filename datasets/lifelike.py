"""Life-like samples for the finder, put together from a folder of real pictures while training (`lifelike:DATA_DIR`).

A sample is one of four kinds of photo: a real document as it was photographed; sheets laid on a surface; a drawn page;
nothing but page. Things are printed on it, lie on it, are held over its edge, lie beside it. In most samples one camera
takes all of it together; in the rest, as in the contest, the occluder is pasted on afterwards.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets import effects, holds, lens
from datasets.chances import choose
from datasets.collection import IS_PAPER, Collection
from datasets.drawn import DrawnSamples
from datasets.frames import DrawnFrame
from datasets.holds import Sprite
from datasets.light import share_light
from datasets.prints import print_on
from datasets.scene import Scene
from datasets.sheets import bent, lay_out, sketched, warped
from datasets.surroundings import draw_desk, draw_surface
from datasets.synthetic import DESK_CHANCE, DESK_SIDE
from utils import classes, preprocess
from utils.regions import Box
from utils.spec import PAGE_CLASSES, PUBLISHED_HEIGHT, PUBLISHED_MEAN, PUBLISHED_STD, PUBLISHED_WIDTH

LIFELIKE = "lifelike"
# Chances, ranges and spreads were set by eye on photographs of documents. Spreads are standard deviations.
AREA = PUBLISHED_HEIGHT * PUBLISHED_WIDTH  # pixels of a scene
# Longer by shorter side of photos; all become the network's.
SHAPES = (4 / 3, 4 / 3, 4 / 3, 16 / 9, 1.5, 1.414, 1.0, 2.2)
LANDSCAPE_CHANCE = 0.45  # of a photo that is turned for the network
PHOTO_KINDS = {"document": 0.36, "sheets": 0.38, "drawn": 0.1, "filling": 0.16}
PRINT_CHANCE = {"document": 0.3, "sheets": 0.4, "drawn": 0.5, "filling": 0.5}
MARK_CHANCE = 0.3  # of stains, bars, shadows, holes as drawn pages have them
PASTED_DRAWN_CHANCE = 0.5  # the same of drawn pages, besides
PASTED_CHANCE = 0.4  # of occluders that the camera has not seen, as in the contest
LIFELIKE_COUNTS = {0: 0.24, 1: 0.48, 2: 0.21, 3: 0.07}  # occluders
WAYS = {"reach": 0.46, "enter": 0.28, "lie": 0.26}
REACHING = {"finger": 0.56, "hand": 0.3, "arm": 0.14}
ENTERING = {"finger": 0.36, "hand": 0.26, "arm": 0.22, "head": 0.16}
HEADS_CHANCE = 0.4  # of a head as what is pasted on a drawn page
RIM_CHANCE, RIM_REACH_PX = 0.35, 12  # of a thing that lies across the page's edge; how far from it its middle may be
SHARED_LIGHT_CHANCE = 0.85  # of a thing in the paper's own light, where the camera has seen both
WRITES_CHANCE = 0.2  # of a hand that has a pen in it
BESIDE_CHANCE = 0.3  # of things beside the page, where there is room
NOTE_CHANCE = 0.1  # of notes and tape on a page, which belong to it
TAPE_SHARE, TAPE_OPACITY = 0.4, (0.25, 0.7)  # of these, strips of tape, and what they let through
BEHIND_CHANCE = 0.5  # of a hand that holds a sheet from behind
THUMB_CHANCE = 0.8  # of such a hand: its thumb lies on top
THUMB_WIDTH = (0.27, 0.45)  # of a thumb, as a share of its wrist's
HAND_BEHIND, THUMB_DEPTH = (0.15, 0.7), (0.3, 2.2)  # onto the page: shares of the hand's length, of the thumb's width
MOST_SEED = 2**31  # of a light
NEAR_BLUR_PX = (0.3, 2.4)  # of what is nearer to the lens
SHEET_COUNTS = (1, 1, 1, 1, 1, 2, 2, 2, 3, 4)  # of sheets in a photo, each as likely
BARS_CHANCE, WEDGES_CHANCE = 0.04, 0.06  # of bars at the edges, of wedges in the corners
BAR_SIDE, BAR_COUNT, ICON_COUNT, ICON_SHARE = (0.03, 0.1), (1, 3), (0, 5), 5  # of a side; of a bar's thickness
WEDGE_DEGREES, WEDGE_ZOOM, WEDGE_SHIFT = 9, (0.85, 1.05), 0.04

# A real photograph of a document.
MOST_ZOOM, WHOLE_CHANCE, WHOLE_ZOOM = 0.7, 0.4, (1.0, 1.08)  # natural logarithm; all of it is seen, enlarged by so much
DOCUMENT_DEGREES, MIRRORED_DOCUMENT_CHANCE = 2.5, 0.3
# Sheets on a surface.
AMONG_SHEETS_CHANCE, SHEET_SHARE, FILLING_SHARE = 0.15, (0.55, 1.2), (1.3, 2.5)  # things; of the picture's sides
HELD_FROM = 0.3  # coverage by a hand behind a sheet, over which its thumb reaches
SURFACE_CHANCE, DRAWN_DESK_CHANCE = 0.55, 0.3  # of what they lie on; the rest is black, white or plain
SKIN_TONED_CHANCE = 0.2  # of a ground as brown as hands: wood, leather, cardboard are taken for them
WOOD_LIKE_SKIN = ((60, 110, 185), (85, 125, 175), (120, 160, 215), (50, 75, 115))  # BGR, of wood as photos show it
MOST_GROUND_ZOOM, GROUND_SHIFT, DYED_CHANCE, DYE_SPREAD = 0.9, 0.1, 0.25, 0.25  # the first and last are logarithms
DARK_GROUND, WHITE_GROUND, ANY_GROUND = (5, 40), (200, 250), (40, 200)  # grey levels
GROUND_TINT, GROUND_BLOTCHES, BLOTCH_CELLS, GROUND_LIGHT = 0.05, 5, 9, (0.5, 1.1)
SHEETS = {"cut": 0.46, "drawn": 0.2, "sketch": 0.2, "coloured": 0.14}  # kinds; the first is cut from a document
LONGEST_SHEET_PX, DRAWN_SHEET_PX, LEAST_SHEET_PX, SHEET_RIM_PX = 800, 680, 8, 3  # the last is cut off around it
COLOURED_HEIGHT_PX, COLOURED_WIDTH_PX, LYING_CHANCE = 700, (330, 640), 0.3
PALE_BASE_CHANCE, PALE_BASE, PALE_TINT, ANY_BASE, BASE_SHADE = 0.6, (120, 255), 0.06, (10, 255), 0.15
# What lies beside and on them.
PAGE_FROM, PAGELESS_PX, ASIDE_FACTOR = 0.1, 41, (1.0, 1.8)  # coverage; side of the square that holds no page; size
STUCK_FROM, STUCK_STEP = 0.9, 8  # coverage of the page below its middle; every so many pixels are places
TAPE_SIZE, NOTE_HEIGHT, NOTE_WIDTH = (60, 300), 200, (120, 320)  # pixels before it is scaled
COLOURED_NOTE_CHANCE, COLOURED_NOTE, WHITE_NOTE = 0.6, (150, 255), (215, 255)
NOTE_TOP, NOTE_BOTTOM, NOTE_LEFT, NOTE_STEP = 30, 20, 15, (16, 40)
NOTE_END, NOTE_RISE, NOTE_INK, NOTE_LINE_PX = (0.3, 0.95), (-3, 4), (0.1, 0.6), (1, 5)
NOTE_SIZE, NOTE_DEGREES = (0.05, 0.3), 15  # of the picture's longer side
SHARP_PASTED_CHANCE, SHARP_HELD_CHANCE, HELD_BLUR_PX = 0.7, 0.4, (0, 0.6)
PASTED_SHADOW_CHANCE = 0.4
ZOOM = (0.5, 1.0)  # share of the scene's sides that a training part shows; half is the network's own scale
OWN_SCALE_CHANCE = 0.4  # of a part at the network's own scale
RECORDED = (0.15, 1.0)  # strength of the noise on photos that nothing covers: most are reduced


def parse_lifelike(root: str, flag: str = "--baseroot") -> Path:
    """The folder in `lifelike:DATA_DIR`.

    Raises:
        ValueError: it is not that, or there is no such folder.
    """
    name, _, folder = root.partition(":")
    if name != LIFELIKE or not folder or not Path(folder).is_dir():
        raise ValueError(f"{flag} {root}: lifelike:DATA_DIR, a folder as datasets/collection.py describes it")
    return Path(folder)


class Holder(NamedTuple):
    """A hand behind a sheet: its cut-out as far as the wrist, the scale of that, the seed of its light."""

    hand: Sprite
    scale: float
    light_seed: int


class LifelikeScenes:
    """Draws scenes from a collection.

    Args:
        folder: of the pictures.
        split: `train` or `val`.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.split = split
        self.collection = Collection(folder, split)

    def find_problems(self) -> list[str]:
        """What cannot be read, a message a file."""
        return self.collection.find_problems()

    def photo(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A photo and its labels.

        Returns:
            `(h, w, 3)` uint8 BGR of about `AREA` pixels, upright or lying, and `(h, w)` uint8 codes of `utils.classes`.
        """
        kind, scene = self._scene(rng, AREA)
        pasted = rng.random() < PASTED_CHANCE or (kind == "drawn" and rng.random() < PASTED_DRAWN_CHANCE)
        if pasted:
            scene.image = lens.take(scene.image, rng).astype(np.float32)
        self._dress(scene, rng)
        self._cover(scene, kind, pasted, rng)
        image = lens.retouch(scene.image, rng) if pasted else lens.take(scene.image, rng)
        labels = scene.labels()
        if rng.random() < BARS_CHANCE:
            _bars(image, labels, rng)
        if rng.random() < WEDGES_CHANCE:
            image, labels = _wedges(image, labels, rng)
        return image, labels

    def bare_photo(
        self, rng: np.random.Generator, area: float = AREA
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """A photo that nothing covers, and what might.

        Args:
            area: about how many pixels it has.

        Returns:
            `(h, w, 3)` uint8 BGR; `(h, w)` float32 in [0, 1], 1 on its pages; and the same of the occluders that are
            not in the picture, all 0 where there happens to be none.
        """
        kind, scene = self._scene(rng, area, held=False)
        before = scene.image.copy()
        self._dress(scene, rng)
        if scene.covered.any():  # a thing beside the page touches it
            scene.image = before
        over = Scene(np.zeros_like(scene.image), scene.page)
        self._cover(over, kind, False, rng)
        return lens.take(scene.image, rng, rng.uniform(*RECORDED)), scene.page, over.covered

    def _scene(self, rng: np.random.Generator, area: float, held: bool = True) -> tuple[str, Scene]:
        """Its kind, and pages on what they lie on; `held`: a hand may hold one of them."""
        shape = float(rng.choice(SHAPES))
        height, width = round(np.sqrt(area * shape)), round(np.sqrt(area / shape))
        if rng.random() < LANDSCAPE_CHANCE:
            height, width = width, height
        kind = choose(rng, PHOTO_KINDS)
        scene = self._sheets(rng, height, width, held) if kind == "sheets" else self._make(kind)(rng, height, width)
        if rng.random() < PRINT_CHANCE[kind] and kind != "sheets":
            print_on(scene.image, scene.page, self.collection, rng)
        return kind, scene

    def _make(self, kind: str) -> Callable[[np.random.Generator, int, int], Scene]:
        return {"document": self._document, "drawn": self._drawn, "filling": self._filling}[kind]

    # --- four kinds of photo

    def _document(self, rng: np.random.Generator, height: int, width: int) -> Scene:
        """A real photograph of a document, or most of it."""
        image, paper = self.collection.document(rng)
        if (image.shape[0] < image.shape[1]) != (height < width):
            height, width = width, height
        h, w = image.shape[:2]
        zoom = max(height / h, width / w) * np.exp(rng.uniform(0, MOST_ZOOM))
        if rng.random() < WHOLE_CHANCE:
            height, width = (round(side * np.sqrt(height * width / (h * w))) for side in (h, w))
            zoom = height / h * rng.uniform(*WHOLE_ZOOM)
        turn = cv2.getRotationMatrix2D((0, 0), rng.normal(0, DOCUMENT_DEGREES), zoom)
        if rng.random() < MIRRORED_DOCUMENT_CHANCE:
            turn[:, 0] *= -1
        room = np.array([max(0, w * zoom - width), max(0, h * zoom - height)]) / 2
        turn[:, 2] = (width / 2, height / 2) + rng.uniform(-1, 1, 2) * room - turn[:, :2] @ (w / 2, h / 2)
        return Scene(*warped(image, paper, np.vstack([turn, (0, 0, 1)]), height, width))

    def _sheets(self, rng: np.random.Generator, height: int, width: int, may_hold: bool) -> Scene:
        """One sheet or several on a surface, perhaps held from behind."""
        scene = Scene(self._ground(rng, height, width))
        self._put_beside(scene, rng, AMONG_SHEETS_CHANCE)
        for number in range(int(rng.choice(SHEET_COUNTS))):
            picture, alpha = self._sheet(rng)
            if rng.random() < PRINT_CHANCE["sheets"]:
                print_on(picture, alpha, self.collection, rng)
            matrix = lay_out(rng, picture.shape[:2], height, width, rng.uniform(*SHEET_SHARE))
            picture, alpha = bent(picture, alpha, rng)
            laid = cv2.warpPerspective(np.dstack([picture, alpha]), matrix, (width, height), flags=cv2.INTER_LINEAR)
            holder = None
            if may_hold and number == 0 and rng.random() < BEHIND_CHANCE:
                holder = self._hold_behind(scene, laid, rng)
            scene.lay_page(laid[..., :3], laid[..., 3], rng)
            if holder is not None and rng.random() < THUMB_CHANCE:
                self._lay_thumb(scene, holder, rng)
            else:
                scene.held[:] = 0
        return scene

    def _drawn(self, rng: np.random.Generator, height: int, width: int) -> Scene:
        """A page of the drawing code, photographed by its camera."""
        desk = draw_desk(rng, DESK_SIDE, DESK_SIDE * 3 // 4) if rng.random() < DESK_CHANCE else None
        frame = DrawnFrame(rng, desk)
        height, width = max(height, width), min(height, width)
        window = Box(0, 0, frame.width, frame.height)
        view = frame.view(window, height, width)
        page = np.clip(frame.inside_px(window, height, width) + np.float32(0.5), 0, 1)
        if rng.random() < MARK_CHANCE:
            view = effects.mark(view, rng, height, partial(draw_surface, rng))
        return Scene(view, page)

    def _filling(self, rng: np.random.Generator, height: int, width: int) -> Scene:
        """Nothing but page: a scan, a close-up."""
        picture, alpha = self._sheet(rng)
        picture, alpha = bent(picture, alpha, rng)
        matrix = lay_out(rng, picture.shape[:2], height, width, rng.uniform(*FILLING_SHARE))
        joint = np.dstack([picture, alpha])
        laid = cv2.warpPerspective(joint, matrix, (width, height), flags=cv2.INTER_LINEAR)
        scene = Scene(self._ground(rng, height, width))
        scene.lay_page(laid[..., :3], laid[..., 3], rng)
        return scene

    # --- what they are made of

    def _ground(self, rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
        """What pages lie on: `(height, width, 3)` float32."""
        kind = rng.random()
        if kind < SURFACE_CHANCE:
            surface = self.collection.surface(rng)
            h, w = surface.shape[:2]
            scale = max(height / h, width / w) * np.exp(rng.uniform(0, MOST_GROUND_ZOOM))
            matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(0, 360), scale)
            matrix[:, 2] += (width / 2 - w / 2, height / 2 - h / 2) + rng.normal(0, GROUND_SHIFT, 2) * (width, height)
            ground = cv2.warpAffine(surface, matrix, (width, height), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
            if rng.random() < DYED_CHANCE:
                ground *= np.exp(rng.normal(0, DYE_SPREAD, 3)).astype(np.float32)
        elif kind < SURFACE_CHANCE + DRAWN_DESK_CHANCE:
            ground = draw_desk(rng, height, width).astype(np.float32)
        else:  # black, white or any plain colour
            level = rng.choice([rng.uniform(*levels) for levels in (DARK_GROUND, WHITE_GROUND, ANY_GROUND)])
            ground = np.full((height, width, 3), level * (1 + rng.normal(0, GROUND_TINT, 3)), np.float32)
            blotches = rng.normal(0, GROUND_BLOTCHES, (BLOTCH_CELLS, BLOTCH_CELLS, 3)).astype(np.float32)
            ground += cv2.resize(blotches, (width, height))
        if rng.random() < SKIN_TONED_CHANCE:
            mean = np.maximum(ground.mean(axis=(0, 1)), 1.0)
            ground *= (np.array(WOOD_LIKE_SKIN[int(rng.integers(len(WOOD_LIKE_SKIN)))]) / mean).astype(np.float32)
        return ground * np.float32(rng.uniform(*GROUND_LIGHT))

    def _sheet(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A sheet seen from above: `(h, w, 3)` float32 in [0, 255] and where it is, `(h, w)` float32."""
        kind = choose(rng, SHEETS)
        if kind == "cut":
            image, paper = self.collection.document(rng)
            count, _, stats, _ = cv2.connectedComponentsWithStats((paper == IS_PAPER).astype(np.uint8))
            if count < 2:
                return self._coloured(rng)
            x, y, w, h, _ = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))].tolist()
            piece = np.s_[y : y + h, x : x + w]
            picture, alpha, rim = image[piece], (paper[piece] == IS_PAPER).astype(np.uint8), SHEET_RIM_PX
            alpha = cv2.erode(np.pad(alpha, rim), np.ones((3, 3), np.uint8), iterations=rim - 1)[rim:-rim, rim:-rim]
            factor = min(1.0, LONGEST_SHEET_PX / max(h, w))
            size = max(LEAST_SHEET_PX, round(w * factor)), max(LEAST_SHEET_PX, round(h * factor))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            return picture, cv2.resize(alpha.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        if kind == "drawn":
            frame = DrawnFrame(rng)
            height = DRAWN_SHEET_PX
            width = round(height * frame.width / frame.height)
            window = Box(0, 0, frame.width, frame.height)
            alpha = np.clip(frame.inside_px(window, height, width) + np.float32(0.5), 0, 1)
            return frame.view(window, height, width).astype(np.float32), alpha
        return sketched(rng) if kind == "sketch" else self._coloured(rng)

    def _coloured(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A flyer, a cover, a card: a plain or shaded colour with pictures."""
        height, width = COLOURED_HEIGHT_PX, int(rng.uniform(*COLOURED_WIDTH_PX))
        if rng.random() < LYING_CHANCE:
            height, width = width, height
        pale = rng.random() < PALE_BASE_CHANCE
        base = rng.uniform(*PALE_BASE) * (1 + rng.normal(0, PALE_TINT, 3)) if pale else rng.uniform(*ANY_BASE, 3)
        shade = 1 + rng.normal(0, BASE_SHADE) * np.linspace(-0.5, 0.5, height)[:, None, None]
        picture = np.clip(np.broadcast_to(base * shade, (height, width, 3)), 0, 255).astype(np.float32).copy()
        alpha = np.ones((height, width), np.float32)
        print_on(picture, alpha, self.collection, rng)
        return picture, alpha

    # --- what lies on it

    def _dress(self, scene: Scene, rng: np.random.Generator) -> None:
        """What lies beside the pages, and what is stuck on them and belongs to them."""
        self._put_beside(scene, rng, BESIDE_CHANCE)
        while rng.random() < NOTE_CHANCE:
            self._stick(scene, rng)

    def _cover(self, scene: Scene, kind: str, pasted: bool, rng: np.random.Generator) -> None:
        """What covers them."""
        for _ in range(int(rng.choice(list(LIFELIKE_COUNTS), p=list(LIFELIKE_COUNTS.values())))):
            way = choose(rng, WAYS)
            if way == "lie":
                sprite, _ = holds.pick(self.collection, rng, "object", self.split)
                where = _rim(scene.page) if rng.random() < RIM_CHANCE else scene.page > 0.5
                self._lay(scene, holds.lie(sprite, where, rng), rng, pasted)
            elif way == "reach" and self._reach(scene, choose(rng, REACHING), rng, pasted):
                continue
            else:
                entering = "head" if kind == "drawn" and rng.random() < HEADS_CHANCE else choose(rng, ENTERING)
                sprite, edges = holds.pick(self.collection, rng, entering, self.split)
                self._lay(scene, holds.enter(sprite, edges, entering, *scene.size, rng), rng, pasted)

    def _put_beside(self, scene: Scene, rng: np.random.Generator, chance: float) -> None:
        """Things that lie beside every page; what happens to touch one covers it."""
        while rng.random() < chance:
            sprite, _ = holds.pick(self.collection, rng, "object", self.split)
            page = (scene.page > PAGE_FROM).astype(np.uint8)
            free_area = cv2.dilate(page, np.ones((PAGELESS_PX, PAGELESS_PX), np.uint8)) == 0
            if not free_area.any():
                return
            self._lay(scene, holds.lie(sprite, free_area, rng, factor=rng.uniform(*ASIDE_FACTOR)), rng, False)

    def _stick(self, scene: Scene, rng: np.random.Generator) -> None:
        """A note with writing, a label or a strip of tape."""
        height, width = scene.size
        rows, columns = np.nonzero(scene.page[::STUCK_STEP, ::STUCK_STEP] > STUCK_FROM)
        if not rows.size:
            return
        at = int(rng.integers(rows.size))
        tape = rng.random() < TAPE_SHARE
        h, w = TAPE_SIZE if tape else (NOTE_HEIGHT, int(rng.uniform(*NOTE_WIDTH)))
        coloured = rng.random() < COLOURED_NOTE_CHANCE
        colour = rng.uniform(*COLOURED_NOTE, 3) if coloured else rng.uniform(*WHITE_NOTE) * np.ones(3)
        note = np.full((h, w, 3), colour, np.float32)
        alpha = np.full((h, w), rng.uniform(*TAPE_OPACITY) if tape else 1.0, np.float32)
        if not tape:
            for y in range(NOTE_TOP, h - NOTE_BOTTOM, int(rng.integers(*NOTE_STEP))):
                ends = (NOTE_LEFT, y), (int(rng.uniform(*NOTE_END) * w), y + int(rng.integers(*NOTE_RISE)))
                ink, thickness = (colour * rng.uniform(*NOTE_INK)).tolist(), int(rng.integers(*NOTE_LINE_PX))
                cv2.line(note, *ends, ink, thickness, cv2.LINE_AA)
        scale = np.exp(rng.uniform(*np.log(NOTE_SIZE))) * max(height, width) / max(h, w)
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.normal(0, NOTE_DEGREES), scale)
        matrix[:, 2] += np.array([columns[at], rows[at]]) * STUCK_STEP - (w / 2, h / 2)
        laid = cv2.warpAffine(np.dstack([note * alpha[..., None], alpha]), matrix, (width, height))
        scene.stick(laid[..., :3] / np.maximum(laid[..., 3:], 1e-3), laid[..., 3] * scene.page, rng)

    def _reach(self, scene: Scene, kind: str, rng: np.random.Generator, pasted: bool) -> bool:
        sprite, edges = holds.pick(self.collection, rng, kind, self.split)
        if edges != "bottom":
            return False
        placed = holds.reach_onto(sprite, kind, scene.page, rng)
        self._lay(scene, placed, rng, pasted)
        return placed is not None

    def _hold_behind(self, scene: Scene, sheet: NDArray[np.float32], rng: np.random.Generator) -> Holder | None:
        """A hand that a sheet, `(h, w, 4)` float32 with its coverage last, will lie on.

        Returns:
            None where there is no room for it.
        """
        sprite, edges = holds.pick(self.collection, rng, "hand", self.split)
        depth = rng.uniform(*HAND_BEHIND) * sprite.shape[0]
        placed = holds.reach_onto(sprite, "hand", sheet[..., 3], rng, depth=depth) if edges == "bottom" else None
        if placed is None:
            return None
        seed = int(rng.integers(MOST_SEED))
        layer = holds.layer(placed, *scene.size)
        lit = share_light(layer, sheet[..., :3], sheet[..., 3], True, np.random.default_rng(seed))
        scene.lay_behind(lit, holding=True)
        return Holder(sprite, holds.scale_of(placed), seed)

    def _lay_thumb(self, scene: Scene, holder: Holder, rng: np.random.Generator) -> None:
        """The thumb of a hand that `_hold_behind` laid, as large, of its skin and in its light."""
        hand, scale, seed = holder
        sprite, edges = holds.pick(self.collection, rng, "finger", self.split)
        if edges != "bottom":
            return
        thumb = holds.fading(holds.like_skin(sprite, hand))
        scale *= holds.width_of(hand) * rng.uniform(*THUMB_WIDTH) / holds.width_of(sprite)
        depth = rng.uniform(*THUMB_DEPTH) * holds.width_of(sprite)
        edge = scene.held > HELD_FROM
        placed = holds.reach_onto(thumb, "finger", scene.page, rng, edge, scale=scale, depth=depth, goes_on=False)
        if placed is not None:
            layer = holds.layer(placed, *scene.size)
            layer = share_light(layer, scene.image, scene.page, True, np.random.default_rng(seed))
            scene.lay(layer, rng, rng.uniform(*HELD_BLUR_PX))

    def _lay(self, scene: Scene, placed: holds.Placed | None, rng: np.random.Generator, pasted: bool) -> None:
        if placed is None:
            return
        sharp = rng.random() < (SHARP_PASTED_CHANCE if pasted else SHARP_HELD_CHANCE) or placed.kind == "object"
        blur_px = rng.uniform(*HELD_BLUR_PX) if sharp else float(np.exp(rng.uniform(*np.log(NEAR_BLUR_PX))))
        layer = holds.layer(placed, *scene.size)
        if placed.kind == "hand" and rng.random() < WRITES_CHANCE:
            layer = holds.holding_pen(layer, placed, rng, self.split)
        if not pasted and rng.random() < SHARED_LIGHT_CHANCE:
            layer = share_light(layer, scene.image, scene.page, placed.kind in holds.SKIN_KINDS, rng)
        scene.lay(layer, rng, blur_px, shadow=not pasted or rng.random() < PASTED_SHADOW_CHANCE)


def _rim(page: NDArray[np.float32]) -> NDArray[np.bool_]:
    """`(h, w)` bool: about the page's edge, where clips sit and things stick out."""
    inside = (page > 0.5).astype(np.uint8)
    brush = np.ones((2 * RIM_REACH_PX + 1,) * 2, np.uint8)
    rim = (cv2.dilate(inside, brush) > 0) & (cv2.erode(inside, brush, borderValue=1) == 0)
    return rim if rim.any() else page > 0.5


def _bars(image: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """The bars of a phone's screen, in place: they belong to no page."""
    h, w = labels.shape
    colour = rng.choice([0, 0, 255, int(rng.integers(256))])
    for edge in rng.permutation(4)[: int(rng.integers(*BAR_COUNT))]:
        side = int(rng.uniform(*BAR_SIDE) * (h if edge < 2 else w))
        bar = (np.s_[:side], np.s_[-side:], np.s_[:, :side], np.s_[:, -side:])[edge]
        image[bar], labels[bar] = colour, classes.SURROUNDINGS
        for _ in range(int(rng.integers(*ICON_COUNT))):
            area = image[bar]
            centre = int(rng.integers(area.shape[1])), int(rng.integers(area.shape[0]))
            shade = int(255 - colour)
            radius, thickness = max(2, side // ICON_SHARE), int(rng.choice([-1, 1, 2]))
            cv2.circle(area, centre, radius, (shade, shade, shade), thickness, cv2.LINE_AA)
            image[bar] = area


def _wedges(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Turned by an editor, with black corners."""
    h, w = labels.shape
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.normal(0, WEDGE_DEGREES), rng.uniform(*WEDGE_ZOOM))
    matrix[:, 2] += rng.normal(0, WEDGE_SHIFT, 2) * (w, h)
    turned = cv2.warpAffine(image, matrix, (w, h), borderMode=cv2.BORDER_CONSTANT)
    label = int(classes.SURROUNDINGS)
    return turned, cv2.warpAffine(labels, matrix, (w, h), flags=cv2.INTER_NEAREST, borderValue=label)


class LifelikeSegmentation(DrawnSamples):
    """Life-like photos and their labels for the segmentation net.

    Args:
        count: samples an epoch.
        seed: of everything.
        height, width: of the network's input.
        mean, std: its normalisation.
        folder, split: see `LifelikeScenes`.
        crop: height and width of samples that show a part of the photo at its own scale or smaller: they train several
            times as fast. None shows all of it.
        num_classes: of the network: 2 or 4.

    A sample is `(image (3, height, width) float32, label (height, width) int64)`, labels as in `utils.classes`.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        height: int,
        width: int,
        folder: Path,
        split: str = "train",
        mean: float = PUBLISHED_MEAN,
        std: float = PUBLISHED_STD,
        crop: tuple[int, int] | None = None,
        num_classes: int = PAGE_CLASSES,
    ) -> None:
        super().__init__(count, seed, f"{LIFELIKE}:{folder}")
        self.num_classes = num_classes
        self.height, self.width, self.mean, self.std = height, width, mean, std
        self.crop = crop
        self.photos = LifelikeScenes(folder, split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, labels = self.picture(index)
        height, width = labels.shape
        inputs = preprocess.to_segmenter_input(image, height, width, self.mean, self.std)
        return torch.from_numpy(inputs), torch.from_numpy(classes.fold(labels, self.num_classes).astype(np.int64))

    def picture(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The photo or its part as the network sees it, `(h, w, 3)` uint8 BGR, and its labels `(h, w)` uint8."""
        rng = self._rng(index)
        image, labels = self.photos.photo(rng)
        if preprocess.is_landscape(image):
            image, labels = preprocess.transpose(image), preprocess.transpose(labels)
        image = preprocess.lit_for(preprocess.resize(image, self.height, self.width), self.num_classes)
        labels = cv2.resize(labels, (self.width, self.height), interpolation=cv2.INTER_NEAREST)
        if self.crop is None:
            return image, labels
        height, width = self.crop
        least = max(height / self.height, width / self.width)
        zoom = least if rng.random() < OWN_SCALE_CHANCE else max(least, rng.uniform(*ZOOM))
        h, w = min(self.height, round(self.height * zoom)), min(self.width, round(self.width * zoom))
        if least == zoom:
            h, w = height, width
        y, x = int(rng.integers(self.height - h + 1)), int(rng.integers(self.width - w + 1))
        window = np.s_[y : y + h, x : x + w]
        image = cv2.resize(np.ascontiguousarray(image[window]), (width, height), interpolation=cv2.INTER_AREA)
        return image, cv2.resize(np.ascontiguousarray(labels[window]), (width, height), interpolation=cv2.INTER_NEAREST)
