"""Mask files as people have them: what they cover, judged by the values that they hold before any scaling.

A mask is white on black, or 128 on 0 as the contest's, with soft edges or without; or labels: `classes.LEVELS`, which
tell the page from what lies beside it, or ones in 8 or 16 bits, colours, indices of a palette; or its shape lies in the
alpha channel. A photo is none of these.
"""

import re
import threading
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from utils import images
from utils.arrays import AnyArray, Image, Mask, Plane
from utils.classes import LEVELS, OCCLUDER, OCCLUDER_BESIDE, UNKNOWN, states_page
from utils.formats.pixels import WIDE_STEP, Samples
from utils.originals import is_same

COVERED_LEVEL = LEVELS[OCCLUDER]  # from here on a soft mask covers a pixel
COVERED_LABELS = LEVELS[OCCLUDER], LEVELS[OCCLUDER_BESIDE]

MANY_COLOURS = 32  # labels have fewer, and a photo in a palette or a posterised one has more
COUNTED_PIXELS = 65536  # among which colours are counted first: a photo shows many at once
SMALL_LABEL = 64  # of 255; few exact values below it number things, and are no grey
NOISE_LEVEL = 16  # of 255; a lossy mask of nothing holds values up to here
GREY_SHARE = 0.999  # of the pixels: so many must be grey
GREY_SPREAD = 24  # of 255; how far a lossy format moves the channels of grey apart
# Two levels but for soft edges. A page photographed so bright that it is white has its letters left as edges: 20 % and
# more of it. Noise of JPEG at quality 75 stays within 6 levels of black and white, but at edges.
CORE_SPAN = 6  # of 255; so near to black or to white a pixel has that level
CORE_SHARE = 0.8  # of the pixels: so many must have one of the two levels
BLACK_LEVEL, WHITE_LEVEL = 32, 250  # of 255; a mask has black in it, or is white as a whole
EDGE_SHARE = 0.02  # of the longer side; the widest soft edge
SIMILAR_LEVELS = 12.0  # mean difference from the photo, of 255; a photo saved again differs by 1 to 5
SIMILAR_SIDE = 256  # pixels, at which the two are compared
FLAT_LEVELS = 8.0  # standard deviation below which a picture shows nothing to compare
MOST_SHARE = 0.5  # of a photo; a mask that covers more of it is likelier inverted than meant
INVERTED_BORDER = 0.75  # of the picture's border; what covers a page leaves more of it free

SUFFIXES = ("_mask", "-mask")  # that a mask's name may have beside its photo's


class MaskFile(NamedTuple):
    """What a mask file says.

    Attributes:
        levels: `(H, W)` uint8: 0 paper and 128 or more covered, less at soft edges; or one of `classes.LEVELS`.
        is_labels: whether they are labels that tell page from surroundings.
    """

    levels: Plane
    is_labels: bool

    def covered(self, level: int = COVERED_LEVEL) -> Mask:
        """`(H, W)` bool: where labels say so, or soft values reach `level`."""
        return np.isin(self.levels, COVERED_LABELS) if self.is_labels else self.levels >= level

    def unknown(self) -> Mask:
        """`(H, W)` bool: where labels leave open what is there."""
        return (self.levels == LEVELS[UNKNOWN]) & self.is_labels


def read_mask_file(path: str | Path, *, strict: bool = True, max_pixels: int = images.MAX_PIXELS) -> MaskFile:
    """Read a mask, upright by EXIF.

    Args:
        path: of the file, in any format that `images.read_photo` reads.
        strict: refuse what does not look like a mask; else grey values are taken as they are.
        max_pixels: as for `images.read_photo`.

    Raises:
        ValueError: it is no picture, damaged, or looks like a photo; one line says what.
        OSError: it cannot be read.
    """
    samples = images.read_samples(path, max_pixels)
    labels, values = _labels_or_values(samples)
    if labels is not None:
        return MaskFile(labels * np.uint8(COVERED_LEVEL), False)
    assert values is not None
    return _judged(values, samples.is_exact, strict, Path(path).name)


def _labels_or_values(samples: Samples) -> tuple[Plane | None, AnyArray | None]:
    """A mask's ones where its values only name things, else its `(H, W)` grey values of 8 or 16 bits."""
    values, palette = samples.values, samples.palette
    if palette is not None:
        used = _counts(values[:, :, 0])[: len(palette)] > 0
        table = np.zeros((256, 3), np.uint8)
        table[: len(palette)] = palette
        is_grey = (palette[used] == palette[used][:, :1]).all()
        if not is_grey and used.sum() <= MANY_COLOURS:
            return np.take(table.any(1).astype(np.uint8), values[:, :, 0]), None
        values = table[values[:, :, 0]]
    if samples.has_alpha:
        values, alpha = values[:, :, :-1], values[:, :, -1]
        if alpha.any() and alpha.min() < alpha.max():
            visible = values[alpha > 0]
            if (visible == visible[0]).all():
                return None, alpha
            values = np.where(alpha[:, :, None] > 0, values, 0).astype(values.dtype)
    if values.shape[2] == 1:
        return None, values[:, :, 0]
    first, second, third = cv2.split(values)
    lowest, highest = cv2.min(cv2.min(first, second), third), cv2.max(cv2.max(first, second), third)
    spread = _counts(highest - lowest).cumsum()
    # a lossy format moves single pixels further
    if spread[0] == spread[-1] or (not samples.is_exact and spread[GREY_SPREAD] >= GREY_SHARE * spread[-1]):
        return None, np.ascontiguousarray(values[:, :, 1])
    if highest.min() > 0:  # nowhere black: the green channel, which the contest's reader takes
        return None, np.ascontiguousarray(values[:, :, 1])
    if samples.is_exact and _count(values) <= MANY_COLOURS:
        return (highest > 0).astype(np.uint8), None
    return None, highest


def _count(values: AnyArray) -> int:
    """How many colours an `(H, W, 3)` array holds, counted no further than to tell few from many."""
    wide = values.astype(np.uint64) @ np.array([1, 2**16, 2**32], np.uint64)
    sample = np.unique(wide.ravel()[:: max(1, wide.size // COUNTED_PIXELS)])
    return len(sample) if len(sample) > MANY_COLOURS else len(np.unique(wide))


def _judged(values: AnyArray, is_exact: bool, strict: bool, name: str) -> MaskFile:
    """Grey values of any depth as levels of a mask file."""
    present = _present(values)
    top = int(present[-1])
    if values.dtype == np.uint16 and top > 255:
        few_colours = is_exact and len(present) <= MANY_COLOURS
        if few_colours and ((len(present) == 2 and present[0] == 0) or top < SMALL_LABEL * WIDE_STEP):
            return MaskFile((values > 0) * np.uint8(COVERED_LEVEL), False)
        values = cv2.convertScaleAbs(values, alpha=1 / WIDE_STEP)
    levels = np.ascontiguousarray(values, np.uint8)
    present = _present(levels)
    top = int(present[-1])
    few_colours = is_exact and len(present) <= MANY_COLOURS
    if few_colours and set(present.tolist()) <= set(LEVELS.values()) and states_page(levels):
        return MaskFile(levels, True)
    if top == 0 or (not is_exact and top < NOISE_LEVEL):
        return MaskFile(np.zeros_like(levels), False)
    if few_colours and (top < SMALL_LABEL or (len(present) == 2 and present[0] == 0)):  # ones, or numbers of things
        return MaskFile(levels if top >= COVERED_LEVEL else (levels > 0) * np.uint8(COVERED_LEVEL), False)
    if strict and not has_two_levels(levels):
        if few_colours:  # things numbered by far-away greys
            return MaskFile((levels > 0) * np.uint8(COVERED_LEVEL), False)
        raise ValueError(
            f"'{name}' looks like a photo and not like a mask: white on black with sharp or soft edges is expected"
        )
    if top < COVERED_LEVEL and (top >= SMALL_LABEL or strict):
        levels = cv2.convertScaleAbs(levels, alpha=COVERED_LEVEL / top)
    return MaskFile(levels, False)


def _present(values: AnyArray) -> AnyArray:
    """The values that occur, in order."""
    return np.flatnonzero(_counts(values))


def _counts(values: AnyArray) -> AnyArray:
    """How often each value of an `(H, W)` array of 8 or 16 bits occurs: OpenCV counts ten times as fast as NumPy."""
    size = int(np.iinfo(values.dtype).max) + 1
    return cv2.calcHist([np.ascontiguousarray(values)], [0], None, [size], [0, size]).ravel().astype(np.int64)


def has_two_levels(levels: Plane) -> bool:
    """Whether a picture is black and of one grey level, or of one of these two, but for soft edges between them.

    Args:
        levels: `(H, W)` uint8.
    """
    counts = _counts(levels)
    middle = (int(np.flatnonzero(counts)[0]) + int(np.flatnonzero(counts)[-1]) + 1) // 2
    peaks = counts[:middle].argmax() if middle else 0, middle + counts[middle:].argmax()
    if min(peaks) > BLACK_LEVEL and levels.min() < WHITE_LEVEL:  # a plain surface has one level, too
        return False
    is_core = np.zeros(256, bool)
    for peak in peaks:
        is_core[max(0, peak - CORE_SPAN) : peak + CORE_SPAN + 1] = True
    if counts[is_core].sum() < CORE_SHARE * levels.size:
        return False
    between = (~is_core)[levels].astype(np.uint8)
    side = max(3, round(EDGE_SHARE * max(levels.shape)))
    return not cv2.erode(between, np.ones((side, side), np.uint8), borderValue=0).any()


def shows_photo(levels: Plane, image: Image) -> bool:
    """Whether a picture is the photo itself, saved again or made grey.

    Args:
        levels: `(H, W)` uint8, the picture's grey values.
        image: `(H, W, 3)` uint8 BGR, the photo.
    """
    size = (SIMILAR_SIDE, SIMILAR_SIDE)
    one = cv2.resize(levels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    other = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY).astype(np.float32)
    return bool(min(one.std(), other.std()) > FLAT_LEVELS and np.abs(one - other).mean() < SIMILAR_LEVELS)


def doubts(mask: Mask) -> str:
    """What speaks against a user's mask, or nothing.

    Args:
        mask: `(H, W)` bool.
    """
    share = np.count_nonzero(mask) / mask.size
    if share <= MOST_SHARE:
        return ""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    what = "looks inverted and" if border.mean() >= INVERTED_BORDER else ""
    return f"the mask {what} covers {share:.0%} of the photo; white is what is repaired".replace("  ", " ")


class MaskFolder:
    """A folder of masks by their photos' names; each of its folders is listed once.

    Args:
        folder: the folder.
        max_pixels: as for `images.read_photo`.
    """

    def __init__(self, folder: Path, max_pixels: int = images.MAX_PIXELS) -> None:
        self.folder = folder
        self.max_pixels = max_pixels
        self._listed: dict[Path, dict[str, list[Path]]] = {}
        self._lock = threading.Lock()

    def candidates(self, name: Path) -> list[list[Path]]:
        """What may be the mask of a photo, by its name: surer ones first, equally sure ones together.

        `page.jpg.png`, as --save_mask writes it, and `page.jpg_mask.png` are of `page.jpg` alone; `page.png`,
        `page_mask.png` and `page-mask.png` of any `page`.

        Args:
            name: of the photo, relative to the folder of photos.
        """
        masks = self._by_stem(self.folder / name.parent)
        return [group for stem in (name.name, name.stem) if (group := masks.get(stem))]

    def _by_stem(self, place: Path) -> dict[str, list[Path]]:
        with self._lock:
            if place not in self._listed:
                self._listed[place] = {}
                for path in images.list_photos(place) if place.is_dir() else []:
                    self._listed[place].setdefault(without_suffix(path.stem), []).append(path)
            return self._listed[place]

    def read(self, photo: Path, name: Path, image: Image) -> tuple[Mask | None, list[Path]]:
        """The mask of a photo.

        Args:
            photo: the file.
            name: of the photo, relative to the folder of photos.
            image: `(H, W, 3)` uint8 BGR, the photo.

        Returns:
            `(H, W)` bool, None where there is none; and the file that says so.

        Raises:
            ValueError: it has another size than the photo, marks nothing though it is not black, several files say
                different things, or the only ones of that name are photos.
        """
        photos: list[str] = []
        for group in self.candidates(name):
            masks: list[tuple[Path, Mask]] = []
            for path in group:
                if is_same(path, photo):
                    continue
                reason = self._read_one(path, image, masks)
                if reason:
                    photos.append(reason)
            if any((mask != masks[0][1]).any() for _, mask in masks[1:]):
                names = " and ".join(f"'{path.name}'" for path, _ in masks)
                raise ValueError(f"{names} say different things of what is to be repaired; keep one")
            if masks:
                return masks[0][1], [masks[0][0]]
        if photos:
            raise ValueError(f"there is no mask for it in '{self.folder}': {'; '.join(photos)}")
        return None, []

    def _read_one(self, path: Path, image: Image, masks: list[tuple[Path, Mask]]) -> str:
        """Append the file to `masks` if it is one; returns why not."""
        try:
            file = read_mask_file(path, max_pixels=self.max_pixels)
        except ValueError as error:
            if "looks like a photo" not in str(error):
                raise
            return str(error)
        if file.levels.shape != image.shape[:2]:
            raise ValueError(
                f"the mask '{path.name}' has {file.levels.shape[1]}×{file.levels.shape[0]} pixels, "
                f"the photo {image.shape[1]}×{image.shape[0]}; they must be equal"
            )
        if not file.is_labels and shows_photo(file.levels, image):
            return f"'{path.name}' is the photo itself and no mask"
        mask = file.covered()
        if not mask.any() and file.levels.any():
            raise ValueError(
                f"the mask '{path.name}' is not black, but marks nothing to repair: "
                f"levels 128 and 192, or white, are expected, and it holds {int(file.levels.max())} at most"
            )
        masks.append((path, mask))
        return ""

    def is_mask_of_another(self, photo: Path) -> bool:
        """Whether a file in a folder of photos and masks is the mask of another file there.

        Args:
            photo: a file in `folder`.
        """
        stem, place = without_suffix(photo.stem), self._by_stem(photo.parent)
        # `page.jpg.png` is that of `page.jpg`, which stands under `page`
        others = [path for path in (*place.get(stem, ()), *place.get(Path(stem).stem, ())) if path != photo]
        if not any(stem in (path.name, path.stem) for path in others):
            return False
        if stem != photo.stem:
            return True
        try:
            read_mask_file(photo, max_pixels=self.max_pixels)
        except (ValueError, OSError):
            return False
        return True


def without_suffix(stem: str) -> str:
    """`page` of `page_mask`, `page-mask` and `page`."""
    return re.sub(f"({'|'.join(SUFFIXES)})$", "", stem, flags=re.IGNORECASE) or stem
