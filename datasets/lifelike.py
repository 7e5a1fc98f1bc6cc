"""Life-like samples for the finder, put together from a folder of real pictures while training (`lifelike:DATA_DIR`).

A sample is one of four kinds of photo: a real document as it was photographed; sheets laid on a surface; a drawn page;
nothing but page. Things are printed on it, lie on it, are held over its edge, lie beside it. In most samples one camera
takes all of it together; in the rest, as in the contest, the occluder is pasted on afterwards.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets import effects, holds, lens
from datasets.collection import Collection
from datasets.drawn import DrawnSamples
from datasets.frames import DrawnFrame
from datasets.prints import print_on
from datasets.scene import Scene
from datasets.surroundings import draw_desk, draw_surface
from datasets.synthetic import DESK_CHANCE, DESK_SIDE
from utils import classes, preprocess
from utils.regions import Box

LIFELIKE = "lifelike"
AREA = 640 * 480  # pixels of a scene
SHAPES = (
    4 / 3,
    4 / 3,
    4 / 3,
    16 / 9,
    1.5,
    1.414,
    1.0,
    2.2,
)  # longer by shorter side of photos; all become the network's
LANDSCAPE_CHANCE = 0.45  # of a photo that is turned for the network
KINDS = {"document": 0.34, "sheets": 0.36, "drawn": 0.18, "filling": 0.12}
PRINT_CHANCE = {"document": 0.4, "sheets": 0.55, "drawn": 0.5, "filling": 0.55}
MARK_CHANCE = 0.3  # of stains, bars, shadows, holes as drawn pages have them
PASTED_CHANCE = 0.4  # of occluders that the camera has not seen, as in the contest
COUNTS = {0: 0.24, 1: 0.48, 2: 0.21, 3: 0.07}  # occluders
WAYS = {"reach": 0.4, "enter": 0.36, "lie": 0.24}
REACHING = {"finger": 0.5, "hand": 0.34, "arm": 0.16}
ENTERING = {"finger": 0.22, "hand": 0.3, "arm": 0.24, "head": 0.24}
HEADS_CHANCE = 0.4  # of a head as what is pasted on a drawn page
RIM_CHANCE, RIM_REACH_PX = 0.35, 12  # of a thing that lies across the page's edge; how far from it its middle may be
WRITES_CHANCE = 0.2  # of a hand that has a pen in it
BESIDE_CHANCE = 0.4  # of things beside the page, where there is room
NOTE_CHANCE = 0.1  # of notes and tape on a page, which belong to it
TAPE_SHARE, TAPE_OPACITY = 0.4, (0.25, 0.7)  # of these, strips of tape, and what they let through
BEHIND_CHANCE = 0.3  # of a hand that holds a sheet from behind
THUMB_CHANCE = 0.7  # of such a hand: its thumb lies on top
NEAR_BLUR_PX = (0.3, 2.4)  # of what is nearer to the lens
BOOK_CHANCE, SECOND_SHEET_CHANCE = 0.12, 0.2  # of an open book, of another sheet
BARS_CHANCE, WEDGES_CHANCE = 0.04, 0.06  # of bars at the edges, of wedges in the corners
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
        pasted = rng.random() < PASTED_CHANCE or (kind == "drawn" and rng.random() < 0.5)
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
        kind = _choose(rng, KINDS)
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
        zoom = max(height / h, width / w) * np.exp(rng.uniform(0, 0.7))
        if rng.random() < 0.4:  # all of it
            height, width = (round(side * np.sqrt(height * width / (h * w))) for side in (h, w))
            zoom = height / h * rng.uniform(1.0, 1.08)
        turn = cv2.getRotationMatrix2D((0, 0), rng.normal(0, 2.5), zoom)
        if rng.random() < 0.3:
            turn[:, 0] *= -1
        room = np.array([max(0, w * zoom - width), max(0, h * zoom - height)]) / 2
        turn[:, 2] = (width / 2, height / 2) + rng.uniform(-1, 1, 2) * room - turn[:, :2] @ (w / 2, h / 2)
        scene = Scene(*_warped(image, paper, np.vstack([turn, (0, 0, 1)]), height, width))
        return scene

    def _sheets(self, rng: np.random.Generator, height: int, width: int, may_hold: bool) -> Scene:
        """One sheet or several on a surface, perhaps held from behind."""
        scene = Scene(self._ground(rng, height, width))
        self._put_beside(scene, rng, 0.25)
        for number in range(2 if rng.random() < SECOND_SHEET_CHANCE else 1):
            picture, alpha = self._sheet(rng)
            if rng.random() < PRINT_CHANCE["sheets"]:
                print_on(picture, alpha, self.collection, rng)
            matrix = _lay_out(rng, picture.shape[:2], height, width, rng.uniform(0.5, 1.15))
            picture, alpha = _bent(picture, alpha, rng)
            laid = cv2.warpPerspective(np.dstack([picture, alpha]), matrix, (width, height), flags=cv2.INTER_LINEAR)
            held = may_hold and number == 0 and rng.random() < BEHIND_CHANCE
            held = held and self._hold_behind(scene, laid[..., 3], rng)
            scene.lay_page(laid[..., :3], laid[..., 3], rng)
            if held and rng.random() < THUMB_CHANCE:
                self._reach(scene, "finger", rng, near=scene.held > 0.3)
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
        picture, alpha = _bent(picture, alpha, rng)
        matrix = _lay_out(rng, picture.shape[:2], height, width, rng.uniform(1.3, 2.5))
        joint = np.dstack([picture, alpha])
        laid = cv2.warpPerspective(joint, matrix, (width, height), flags=cv2.INTER_LINEAR)
        scene = Scene(self._ground(rng, height, width))
        scene.lay_page(laid[..., :3], laid[..., 3], rng)
        return scene

    # --- what they are made of

    def _ground(self, rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
        """What pages lie on: `(height, width, 3)` float32."""
        kind = rng.random()
        if kind < 0.55:
            surface = self.collection.surface(rng)
            h, w = surface.shape[:2]
            scale = max(height / h, width / w) * np.exp(rng.uniform(0, 0.9))
            matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(0, 360), scale)
            matrix[:, 2] += (width / 2 - w / 2, height / 2 - h / 2) + rng.normal(0, 0.1, 2) * (width, height)
            ground = cv2.warpAffine(surface, matrix, (width, height), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
            if rng.random() < 0.25:
                ground *= np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)
        elif kind < 0.85:
            ground = draw_desk(rng, height, width).astype(np.float32)
        else:  # black, white or any plain colour
            level = rng.choice([rng.uniform(5, 40), rng.uniform(200, 250), rng.uniform(40, 200)])
            ground = np.full((height, width, 3), level * (1 + rng.normal(0, 0.05, 3)), np.float32)
            ground += cv2.resize(rng.normal(0, 5, (9, 9, 3)).astype(np.float32), (width, height))
        return ground * np.float32(rng.uniform(0.5, 1.1))

    def _sheet(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A sheet seen from above: `(h, w, 3)` float32 in [0, 255] and where it is, `(h, w)` float32."""
        kind = rng.random()
        if kind < 0.6:
            image, paper = self.collection.document(rng)
            count, _, stats, _ = cv2.connectedComponentsWithStats((paper == 255).astype(np.uint8))
            if count < 2:
                return self._coloured(rng)
            x, y, w, h, _ = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))].tolist()
            picture, alpha = image[y : y + h, x : x + w], (paper[y : y + h, x : x + w] == 255).astype(np.uint8)
            alpha = cv2.erode(np.pad(alpha, 3), np.ones((3, 3), np.uint8), iterations=2)[3:-3, 3:-3]
            factor = min(1.0, 800 / max(h, w))
            size = max(8, round(w * factor)), max(8, round(h * factor))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            return picture, cv2.resize(alpha.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        if kind < 0.85:
            frame = DrawnFrame(rng)
            height = 680
            width = round(height * frame.width / frame.height)
            window = Box(0, 0, frame.width, frame.height)
            alpha = np.clip(frame.inside_px(window, height, width) + np.float32(0.5), 0, 1)
            return frame.view(window, height, width).astype(np.float32), alpha
        return self._coloured(rng)

    def _coloured(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A flyer, a cover, a card: a plain or shaded colour with pictures."""
        height, width = 700, int(rng.uniform(330, 640))
        if rng.random() < 0.3:
            height, width = width, height
        base = rng.uniform(120, 255) * (1 + rng.normal(0, 0.06, 3)) if rng.random() < 0.6 else rng.uniform(10, 255, 3)
        shade = 1 + rng.normal(0, 0.15) * np.linspace(-0.5, 0.5, height)[:, None, None]
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
        for _ in range(int(rng.choice(list(COUNTS), p=list(COUNTS.values())))):
            way = _choose(rng, WAYS)
            if way == "lie":
                sprite, _ = holds.pick(self.collection, rng, "object", self.split)
                where = _rim(scene.page) if rng.random() < RIM_CHANCE else scene.page > 0.5
                self._lay(scene, holds.lie(sprite, where, rng), rng, pasted)
            elif way == "reach" and self._reach(scene, _choose(rng, REACHING), rng, pasted):
                continue
            else:
                entering = "head" if kind == "drawn" and rng.random() < HEADS_CHANCE else _choose(rng, ENTERING)
                sprite, edges = holds.pick(self.collection, rng, entering, self.split)
                self._lay(scene, holds.enter(sprite, edges, entering, *scene.size, rng), rng, pasted)

    def _put_beside(self, scene: Scene, rng: np.random.Generator, chance: float) -> None:
        """Things that lie beside every page; what happens to touch one covers it."""
        while rng.random() < chance:
            sprite, _ = holds.pick(self.collection, rng, "object", self.split)
            beside = cv2.dilate((scene.page > 0.1).astype(np.uint8), np.ones((41, 41), np.uint8)) == 0
            if not beside.any():
                return
            self._lay(scene, holds.lie(sprite, beside, rng, factor=rng.uniform(1.0, 1.8)), rng, False)

    def _stick(self, scene: Scene, rng: np.random.Generator) -> None:
        """A note with writing, a label or a strip of tape."""
        height, width = scene.size
        rows, columns = np.nonzero(scene.page[::8, ::8] > 0.9)
        if not rows.size:
            return
        at = int(rng.integers(rows.size))
        tape = rng.random() < TAPE_SHARE
        h, w = (60, 300) if tape else (200, int(rng.uniform(120, 320)))
        colour = rng.uniform(150, 255, 3) if rng.random() < 0.6 else rng.uniform(215, 255) * np.ones(3)
        note = np.full((h, w, 3), colour, np.float32)
        alpha = np.full((h, w), rng.uniform(*TAPE_OPACITY) if tape else 1.0, np.float32)
        if not tape:
            for y in range(30, h - 20, int(rng.integers(16, 40))):
                ends = (15, y), (int(rng.uniform(0.3, 0.95) * w), y + int(rng.integers(-3, 4)))
                cv2.line(note, *ends, (colour * rng.uniform(0.1, 0.6)).tolist(), int(rng.integers(1, 5)), cv2.LINE_AA)
        scale = np.exp(rng.uniform(np.log(0.05), np.log(0.3))) * max(height, width) / max(h, w)
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.normal(0, 15), scale)
        matrix[:, 2] += np.array([columns[at], rows[at]]) * 8 - (w / 2, h / 2)
        laid = cv2.warpAffine(np.dstack([note * alpha[..., None], alpha]), matrix, (width, height))
        scene.stick(laid[..., :3] / np.maximum(laid[..., 3:], 1e-3), laid[..., 3] * scene.page, rng)

    def _reach(
        self,
        scene: Scene,
        kind: str,
        rng: np.random.Generator,
        pasted: bool = False,
        near: NDArray[np.bool_] | None = None,
    ) -> bool:
        sprite, edges = holds.pick(self.collection, rng, kind, self.split)
        if edges != "bottom":
            return False
        placed = holds.reach_onto(sprite, kind, scene.page, rng, near)
        self._lay(scene, placed, rng, pasted)
        return placed is not None

    def _hold_behind(self, scene: Scene, alpha: NDArray[np.float32], rng: np.random.Generator) -> bool:
        """A hand that a page will lie on; whether there is one."""
        sprite, edges = holds.pick(self.collection, rng, "hand", self.split)
        placed = holds.reach_onto(sprite, "hand", alpha, rng) if edges == "bottom" else None
        if placed is not None:
            scene.lay_behind(holds.layer(placed, *scene.size), holding=True)
        return placed is not None

    def _lay(self, scene: Scene, placed: holds.Placed | None, rng: np.random.Generator, pasted: bool) -> None:
        if placed is None:
            return
        sharp = rng.random() < (0.7 if pasted else 0.4) or placed.kind == "object"
        blur_px = rng.uniform(0, 0.6) if sharp else float(np.exp(rng.uniform(*np.log(NEAR_BLUR_PX))))
        layer = holds.layer(placed, *scene.size)
        if placed.kind == "hand" and rng.random() < WRITES_CHANCE:
            layer = holds.holding_pen(layer, placed, rng)
        scene.lay(layer, rng, blur_px, shadow=not pasted or rng.random() < 0.4)


def _rim(page: NDArray[np.float32]) -> NDArray[np.bool_]:
    """`(h, w)` bool: about the page's edge, where clips sit and things stick out."""
    inside = (page > 0.5).astype(np.uint8)
    brush = np.ones((2 * RIM_REACH_PX + 1,) * 2, np.uint8)
    rim = (cv2.dilate(inside, brush) > 0) & (cv2.erode(inside, brush, borderValue=1) == 0)
    return rim if rim.any() else page > 0.5


def _choose(rng: np.random.Generator, chances: dict[str, float]) -> str:
    return str(rng.choice(list(chances), p=np.array(list(chances.values())) / sum(chances.values())))


def _warped(
    image: NDArray[np.uint8], paper: NDArray[np.uint8], matrix: NDArray[np.float64], height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """A document, its page and what is unknown of it, as `Scene` takes them."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    if scale < 0.75:  # bilinear sampling alone would alias
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        paper = cv2.resize(paper, size, interpolation=cv2.INTER_NEAREST)
        matrix = matrix @ np.diag([1 / scale, 1 / scale, 1])
    size, border = (width, height), cv2.BORDER_REFLECT
    turned = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
    page = cv2.warpPerspective(
        (paper == 255).astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR, borderMode=border
    )
    unknown = cv2.warpPerspective(
        (paper == 128).astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST, borderMode=border
    )
    return turned, page, unknown > 0


def _lay_out(
    rng: np.random.Generator, sheet: tuple[int, int], height: int, width: int, share: float
) -> NDArray[np.float64]:
    """The `(3, 3)` matrix from a sheet's pixels to the picture's: turned, aslant, `share` of the picture's sides."""
    h, w = sheet
    quarter = 90 * int(rng.integers(4)) if rng.random() < 0.12 else 0
    if (h < w) != (height < width) and rng.random() < 0.5:
        quarter = 90
    degrees = quarter + float(np.clip(rng.normal(0, 9), -40, 40))
    high, wide = (w, h) if quarter % 180 else (h, w)
    fit = min(height / high, width / wide) if share < 1.2 else max(height / high, width / wide)
    scale = fit * share
    centre = np.array([width, height]) / 2 + rng.normal(0, 0.1, 2) * (width, height) * min(1.0, share)
    turn = np.vstack([cv2.getRotationMatrix2D((0, 0), degrees, scale), (0, 0, 1)])
    turn[:2, 2] = centre - turn[:2, :2] @ (w / 2, h / 2)
    corners = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float64)
    moved = (np.column_stack([corners, np.ones(4)]) @ turn.T)[:, :2]
    moved += rng.normal(0, 0.035, (4, 2)) * np.array([wide, high]) * scale
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))


def _bent(
    picture: NDArray[np.float32], alpha: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Curled, crumpled, or one half of an open book: shape and shade."""
    h, w = alpha.shape
    if rng.random() < BOOK_CHANCE:
        across = np.linspace(0, 1, w, dtype=np.float32)
        gutter = np.float32(rng.uniform(0.35, 0.65)) if rng.random() < 0.6 else np.float32(rng.choice([0, 1]))
        depth = np.exp(-np.abs(across - gutter) / np.float32(rng.uniform(0.01, 0.06)))
        picture = picture * (1 - np.float32(rng.uniform(0.2, 0.7)) * depth)[None, :, None]
    if rng.random() < 0.3:
        cells = int(rng.integers(4, 14))
        relief = cv2.resize(
            rng.standard_normal((cells, cells)).astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR
        )
        slope = np.gradient(relief, axis=int(rng.integers(2)))
        picture = (
            picture * np.clip(1 + slope / (np.abs(slope).max() + 1e-6) * rng.uniform(0.05, 0.3), 0.4, 1.5)[..., None]
        )
        picture = picture.astype(np.float32)
    if rng.random() < 0.4:
        margin = 0.04
        top, left = round(margin * h), round(margin * w)
        padded = [
            cv2.copyMakeBorder(layer, top, top, left, left, cv2.BORDER_CONSTANT, value=0) for layer in (picture, alpha)
        ]
        high, wide = padded[1].shape
        y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
        for axis, (coordinate, side) in enumerate(((x, high), (y, wide))):
            other = y if axis == 0 else x
            wave = np.sin(other / side * rng.uniform(1, 7) + rng.uniform(0, 6.28)) * margin * 0.45 * rng.uniform(0, 1)
            coordinate += (wave * (wide if axis == 0 else high)).astype(np.float32)
        picture, alpha = (cv2.remap(p, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) for p in padded)
        picture = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, (w, h), interpolation=cv2.INTER_AREA)
    return picture, alpha


def _bars(image: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """The bars of a phone's screen, in place: they belong to no page."""
    h, w = labels.shape
    colour = rng.choice([0, 0, 255, int(rng.integers(256))])
    for edge in rng.permutation(4)[: int(rng.integers(1, 3))]:
        side = int(rng.uniform(0.03, 0.1) * (h if edge < 2 else w))
        part = (np.s_[:side], np.s_[-side:], np.s_[:, :side], np.s_[:, -side:])[edge]
        image[part], labels[part] = colour, classes.SURROUNDINGS
        for _ in range(int(rng.integers(0, 5))):
            area = image[part]
            centre = int(rng.integers(area.shape[1])), int(rng.integers(area.shape[0]))
            shade = int(255 - colour)
            cv2.circle(area, centre, max(2, side // 5), (shade, shade, shade), int(rng.choice([-1, 1, 2])), cv2.LINE_AA)
            image[part] = area


def _wedges(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Turned by an editor, with black corners."""
    h, w = labels.shape
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.normal(0, 9), rng.uniform(0.85, 1.05))
    matrix[:, 2] += rng.normal(0, 0.04, 2) * (w, h)
    turned = cv2.warpAffine(image, matrix, (w, h), borderMode=cv2.BORDER_CONSTANT)
    beside = int(classes.SURROUNDINGS)
    return turned, cv2.warpAffine(labels, matrix, (w, h), flags=cv2.INTER_NEAREST, borderValue=beside)


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
        mean: float = 0.6,
        std: float = 0.2,
        crop: tuple[int, int] | None = None,
        num_classes: int = 4,
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
        image = preprocess.resize(image, self.height, self.width)
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
        part = np.s_[y : y + h, x : x + w]
        image = cv2.resize(np.ascontiguousarray(image[part]), (width, height), interpolation=cv2.INTER_AREA)
        return image, cv2.resize(np.ascontiguousarray(labels[part]), (width, height), interpolation=cv2.INTER_NEAREST)
