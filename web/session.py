"""A photo on somebody's page: what was found in it, how that was corrected, what came of it.

All that is computed here is computed by `OccluderRemover` and written by `utils.folder.write_removal`: a photo that is
repaired as it was found becomes the file that `predict_onnx.py` writes, and one whose mask was corrected the file that
it writes with `--mask_dir` and that mask (`--grow_px 0`, for what is painted is not grown).
"""

import hashlib
import shutil
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from utils import done, images
from utils.arrays import AnyArray, Floats, Image, Mask
from utils.finding.finder import Finding, Region, locate
from utils.folder import PREVIEW_SIDES, all_settings, mark_of, overlay, work_with_masks, write_removal
from utils.images import Photo
from utils.mask_files import doubts, read_mask_file, shows_photo
from utils.options import RemovalOptions
from utils.places import FolderOptions
from utils.regions import Box, connected_parts
from utils.remover import OccluderRemover, Removal
from utils.stages import Inpainter, Segmenter
from web import layers
from web.cache import Cache
from web.jobs import LOOKED_AT, Job, Jobs
from web.refusal import Refusal
from web.strokes import Part, Step, draw, parse

CACHE_BYTES = 2**30  # a photo of 100 megapixels, its repair and its mask take 0.7 GB
MOST_MASKS = 20  # of the user's own, for one photo
MOST_OUTLINES = 400  # regions that are outlined; a photo of confetti has more


class PackedMask(NamedTuple):
    """A mask in a hundredth of its memory.

    Attributes:
        shape: `(H, W)`.
        data: its bits, compressed.
    """

    shape: tuple[int, int]
    data: bytes

    @classmethod
    def of(cls, mask: Mask) -> "PackedMask":
        return cls((mask.shape[0], mask.shape[1]), zlib.compress(np.packbits(mask).tobytes(), 1))

    def unpacked(self) -> Mask:
        bits = np.frombuffer(zlib.decompress(self.data), np.uint8)
        height, width = self.shape
        return np.unpackbits(bits, count=height * width).view(bool).reshape(height, width)


class PackedFloats(NamedTuple):
    """`(h, w)` float32 probabilities, compressed without loss."""

    shape: tuple[int, int]
    data: bytes

    @classmethod
    def of(cls, values: Floats) -> "PackedFloats":
        return cls((values.shape[0], values.shape[1]), zlib.compress(np.ascontiguousarray(values).tobytes(), 1))

    def unpacked(self) -> Floats:
        return np.frombuffer(zlib.decompress(self.data), np.float32).reshape(self.shape)


@dataclass(frozen=True)
class FoundRegion:
    """A region as the page shows it.

    Attributes:
        name: by which steps call it; it holds the number of the search, for another search numbers anew.
        is_doubtful: left alone unless it is taken, else taken unless it is left.
        outline: see `layers.outlines`.
    """

    name: str
    is_doubtful: bool
    box: Box
    confidence: float
    outline: Sequence[Sequence[Sequence[int]]]


@dataclass(frozen=True)
class Search:
    """What one search found.

    Attributes:
        number: of the search, from 1.
        scope, grow_px: it was made with.
        mask, hidden: as in `Finding`.
        doubted, off_page: likewise.
        doubts: what speaks against the mask, or nothing.
    """

    number: int
    scope: str
    grow_px: float
    regions: list[FoundRegion]
    mask: PackedMask
    hidden: PackedMask
    doubted: PackedMask | None
    off_page: PackedFloats | None
    doubts: str


class Made(NamedTuple):
    """A repair, with what a command line would have to say to make the same.

    Attributes:
        removal: what was done.
        options: it was done with.
        corrected: the mask, `(H, W)` bool, where it is other than what was found; else None.
        lifts_beside: whether a shadow was lifted beside a corrected mask, which no command line does.
    """

    removal: Removal
    options: RemovalOptions
    corrected: Mask | None = None
    lifts_beside: bool = False


@dataclass
class Repaired:
    """What one repair made.

    Attributes:
        number: of the repair, from 1.
        revision, search_number: of the steps and the search it was made from.
        settings: it was made with.
        path: the file, once it is written.
        is_written: set once it is, or failed.
    """

    number: int
    revision: int
    search_number: int
    settings: dict[str, Any]
    boxes: list[Box]
    area_share: float
    shade_share: float
    is_corrected: bool
    path: Path | None = None
    dropped: list[str] = field(default_factory=list)
    is_written: threading.Event = field(default_factory=threading.Event)


@dataclass
class Session:
    """One photo.

    Attributes:
        id: what the routes call it.
        name: of the photo's file, for people and for the download.
        path: where it lies; in `folder` where it was uploaded.
        folder: what is written for it, removed with it.
        is_uploaded: False for a photo of `--photo_dir`, which is not forgotten.
        height, width: in pixels, upright; 0 before it was first read.
        steps, revision: the corrections, and how often they were set.
        error: why the last search or repair failed, or "".
    """

    id: str
    name: str
    path: Path
    folder: Path
    is_uploaded: bool = True
    height: int = 0
    width: int = 0
    format: str = ""
    stamp: tuple[int, int] | None = None
    disk_bytes: int = 0
    raw_steps: list[Any] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    revision: int = 0
    masks: dict[str, PackedMask] = field(default_factory=dict)
    search: Search | None = None
    searches: int = 0
    repaired: Repaired | None = None
    repairs: int = 0
    thumbnail: bytes = b""
    error: str = ""
    touched: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Workshop:
    """The networks, and what is done to a photo with them.

    Args:
        remover: the networks and the options of the command line; without an inpainter only `--structure only` is
            offered.
        inpainter: where there is one; `remover` has it only where its own options need it.
        jobs: where searches and repairs wait.
        jpeg, mark: how results are written, see `write_removal`.
        weights: from `done.weights_of`, of both graphs.
        max_pixels: larger photos are refused.
    """

    def __init__(
        self,
        remover: OccluderRemover,
        inpainter: Inpainter | None,
        jobs: Jobs,
        *,
        jpeg: str = "auto",
        mark: bool = True,
        weights: Mapping[str, Any] | None = None,
        max_pixels: int = images.MAX_PIXELS,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.segmenter: Segmenter = remover.segmenter
        self.inpainter = inpainter
        self.options: RemovalOptions = remover.options
        self.jobs = jobs
        self.jpeg, self.mark, self.max_pixels = jpeg, mark, max_pixels
        self.weights = dict(weights or {})
        self.cache = Cache(cache_bytes)

    @property
    def structures(self) -> list[str]:
        """The modes of `--structure` that can be had."""
        return ["only"] if self.inpainter is None else ["only", "auto", "off"]

    def remover_with(self, **changes: Any) -> OccluderRemover:
        """The remover with other options.

        Raises:
            Refusal: a value is out of range.
        """
        try:
            return OccluderRemover(self.segmenter, self.inpainter, replace(self.options, **changes))
        except (ValueError, TypeError) as error:
            raise Refusal(422, "bad_option", str(error).replace("--", "")) from None

    def photo(self, session: Session) -> Photo:
        """The decoded photo.

        Raises:
            ValueError, OSError: as `images.read_photo`, and for one of a folder that has changed since it was read.
        """

        def read() -> Photo:
            status = session.path.stat()
            stamp = status.st_mtime_ns, status.st_size
            photo = images.read_photo(session.path, self.max_pixels)
            height, width = photo.size
            with session.lock:
                if session.stamp not in (None, stamp):
                    raise ValueError(f"'{session.name}' has changed on disk since it was opened; load the page anew")
                session.stamp, session.format = stamp, photo.format
                session.height, session.width = height, width
            return photo

        return self.cache.get((session.id, "photo"), read, lambda photo: photo.image.nbytes + len(photo.data))

    def mask(self, session: Session) -> Mask:
        """`(H, W)` bool, what is found and corrected by now; not to be changed."""
        with session.lock:
            search, steps, revision = session.search, session.steps, session.revision
        key = session.id, "mask", search.number if search else 0, revision

        def made() -> Mask:
            self.cache.drop(session.id, "mask")
            start = self._searched_mask(session, search)
            find_region, find_mask = partial(self._region_mask, session, search), partial(_own_mask, session)
            return draw(steps, start, find_region, find_mask)

        return self.cache.get(key, made, lambda mask: mask.nbytes)

    def _searched_mask(self, session: Session, search: Search | None) -> Mask:
        if search is None:
            return np.zeros((session.height, session.width), bool)
        return self.cache.get((session.id, "found", search.number), search.mask.unpacked, lambda mask: mask.nbytes)

    def _region_mask(self, session: Session, search: Search | None, name: str) -> Part | None:
        if search is None:
            return None

        def regions_by_name() -> dict[str, Part]:
            masks = [self._searched_mask(session, search), search.doubted.unpacked() if search.doubted else None]
            listed = [region for mask in masks if mask is not None for region in connected_parts(mask)]
            return {_region_name(search.number, index): region for index, region in enumerate(listed)}

        key = session.id, "parts", search.number
        regions = self.cache.get(key, regions_by_name, lambda made: sum(pixels.nbytes for _, pixels in made.values()))
        return regions.get(name)

    def result(self, session: Session, repaired: Repaired) -> Image:
        """`(H, W, 3)` uint8 BGR, the repaired photo."""

        def read() -> Image:
            repaired.is_written.wait()
            if repaired.path is None:
                raise Refusal(409, "not_written", "The result could not be written; repair again.")
            return images.read_image(repaired.path, self.max_pixels)

        return self.cache.get((session.id, "result", repaired.number), read, lambda image: image.nbytes)

    def layer(self, session: Session, name: str) -> AnyArray:
        """One of the pictures that the page shows: `photo`, `mask` or `result`.

        Raises:
            Refusal: there is no such layer, or not yet.
        """
        if name == "photo":
            return self.photo(session).image
        if name == "mask":
            if not session.height:
                self.photo(session)
            return self.mask(session)
        repaired = session.repaired
        if name != "result" or repaired is None:
            raise Refusal(404, "no_layer", f"There is no layer {name!r} of this photo; photo, mask and result are.")
        return self.result(session, repaired)

    def preview(self, session: Session, name: str) -> bytes:
        """A layer reduced to at most `layers.PREVIEW_SIDE`, as a file: JPEG, for masks PNG."""
        version = {"photo": 0, "mask": (session.revision, session.searches), "result": session.repairs}.get(name)

        def made() -> bytes:
            picture = layers.preview(self.layer(session, name))
            return layers.stencil(picture) if picture.dtype == bool else layers.jpeg(picture)

        return self.cache.get((session.id, "preview", name, version), made, len)

    def find(self, session: Session, priority: int = LOOKED_AT, **changes: Any) -> Job:
        """Let the photo be searched; `changes` of the options are `scope` and `grow_px`.

        Raises:
            Refusal: an option is out of range.
        """
        remover = self.remover_with(**changes)
        self.jobs.cancel(session.id, "find")
        return self.jobs.add(
            session.id, "find", priority, lambda: self._guarded(session, lambda: self._find(session, remover))
        )

    def search(self, session: Session) -> None:
        """Search the photo at once, with the options of the command line. Raises what `photo` raises."""
        self._find(session, self.remover_with())

    def _find(self, session: Session, remover: OccluderRemover) -> None:
        photo = self.photo(session)
        # Seen reduced as the folder's photos are; a copy, for a photo that is decoded gives no reduced view.
        sight = remover.look(replace(photo).preview(*PREVIEW_SIDES))
        finding = locate(photo.image, sight, remover.options)
        number = session.searches + 1
        search = Search(
            number,
            remover.options.scope,
            remover.options.grow_px,
            _regions(finding, number, *photo.image.shape[:2]),
            PackedMask.of(finding.mask),
            PackedMask.of(finding.hidden),
            None if finding.doubted is None else PackedMask.of(finding.doubted),
            None if finding.off_page is None else PackedFloats.of(finding.off_page),
            doubts(finding.mask),
        )
        small = layers.preview(photo.image, layers.THUMBNAIL_SIDE)
        shown = overlay(small, layers.preview(finding.mask, layers.THUMBNAIL_SIDE))
        with session.lock:
            session.search, session.searches, session.thumbnail = search, number, layers.jpeg(shown)
        self.cache.drop(session.id, "mask")
        self.cache.drop(session.id, "found")
        self.cache.put((session.id, "found", number), finding.mask, finding.mask.nbytes)

    def repair(
        self,
        session: Session,
        structure: str | None = None,
        lift_shadow: bool | None = None,
        feather_px: float | None = None,
        then: Any = None,
        priority: int = LOOKED_AT,
    ) -> Job:
        """Let the photo be repaired as its mask is now.

        Args:
            structure, feather_px: as in `RemovalOptions`; None is what the command line says.
            lift_shadow: None as `predict_onnx.py` does: what the command line says for a mask as it was found, and not
                for a corrected one.
            then: called with no arguments when the file is written.

        Raises:
            Refusal: an option is out of range or cannot be had here.
        """
        if structure is not None and structure not in self.structures:
            offered = ", ".join(self.structures)
            raise Refusal(422, "bad_option", f"structure {structure!r} cannot be had here; {offered} can")
        changes = {"structure": structure, "feather_px": feather_px}
        changes = {name: value for name, value in changes.items() if value is not None}
        remover = self.remover_with(**changes)
        settings = {
            "structure": remover.options.structure,
            "feather_px": remover.options.feather_px,
            "lift_shadow": lift_shadow,
        }

        def work() -> None:
            self._repair(session, remover, lift_shadow, settings)
            if then is not None:
                then()

        self.jobs.cancel(session.id, "repair")
        return self.jobs.add(session.id, "repair", priority, lambda: self._guarded(session, work))

    def _repair(
        self, session: Session, remover: OccluderRemover, lift_shadow: bool | None, settings: dict[str, Any]
    ) -> None:
        photo = self.photo(session)
        with session.lock:
            search, revision, number = session.search, session.revision, session.repairs + 1
        made = self.made(session, remover, lift_shadow)
        removal = made.removal
        repaired = Repaired(
            number,
            revision,
            search.number if search else 0,
            settings,
            removal.boxes,
            np.count_nonzero(removal.mask) / removal.mask.size,
            0.0 if removal.shade is None else np.count_nonzero(removal.shade) / removal.shade.size,
            made.corrected is not None,
        )
        self.cache.put((session.id, "result", number), removal.image, removal.image.nbytes)
        with session.lock:
            earlier, session.repaired, session.repairs = session.repaired, repaired, number
        try:
            # The page has the picture by now, and waits no longer than it takes to write the file.
            path = session.folder / "results" / str(number) / session.path.name
            path.parent.mkdir(parents=True, exist_ok=True)
            repaired.dropped = self.write(path, photo, made, session)
            repaired.path = path
            with session.lock:
                session.disk_bytes += path.stat().st_size
                if earlier is not None and earlier.path is not None:
                    session.disk_bytes -= earlier.path.stat().st_size
                    shutil.rmtree(earlier.path.parent, ignore_errors=True)
            if earlier is not None:
                self.cache.drop(session.id, "result", earlier.number)
        finally:
            repaired.is_written.set()

    def made(self, session: Session, remover: OccluderRemover, lift_shadow: bool | None = None) -> Made:
        """Repair the photo as its mask is now.

        Raises:
            ValueError: next to nothing of the photo is visible.
        """
        photo, mask, search = self.photo(session), self.mask(session), session.search
        if search is not None and np.array_equal(mask, self._searched_mask(session, search)):
            lifts = remover.options.lift_shadow if lift_shadow is None else lift_shadow
            off_page = None if search.off_page is None else search.off_page.unpacked()
            regions = [Region(region.box, region.confidence) for region in search.regions if not region.is_doubtful]
            finding = Finding(mask, search.hidden.unpacked(), regions, [], off_page)
            options = replace(remover.options, scope=search.scope, grow_px=search.grow_px, lift_shadow=lifts)
            remover = OccluderRemover(self.segmenter, remover.inpainter, options)
            return Made(remover.repair_found(photo.image, finding), options)
        lifts = remover.options.lift_shadow if lift_shadow is None else lift_shadow
        options = replace(remover.options, grow_px=0.0, lift_shadow=lifts)
        removal = remover.repair(photo.image, mask, lift_shadow=bool(lift_shadow))
        return Made(removal, options, mask, bool(lift_shadow))

    def write(self, target: Path, photo: Photo, made: Made, session: Session) -> list[str]:
        """Write a repaired photo as the command line does; returns and raises what `write_removal` does."""
        mark = mark_of(made.removal, self._done_with(made, session)) if self.mark else None
        return write_removal(target, photo, made.removal, jpeg=self.jpeg, mark=mark)

    def _done_with(self, made: Made, session: Session) -> str:
        """The record of a repair, in words: what `predict_onnx.py` writes for the same work."""
        if made.corrected is not None and not session.is_uploaded:
            return ""  # a corrected photo of the folder: without a record, --skip_existing leaves it alone
        options = made.options
        weights = {**self.weights}
        if options.without_network:
            weights.pop("deepfillv2_onnx", None)
        folder = FolderOptions(session.path.parent, session.folder, mark=self.mark, jpeg=self.jpeg, work=weights)
        if made.corrected is None:
            work = done.digest(all_settings(options, folder))
        else:
            settings = all_settings(options, replace(folder, mask_dir=session.folder))
            if made.lifts_beside:
                settings["lifts_beside_masks"] = True
            work = work_with_masks(settings, [hashlib.sha256(layers.mask_file(made.corrected)).hexdigest()])
        return done.asked_for(session.path, work, ()).mark()

    def _guarded(self, session: Session, work: Any) -> None:
        with session.lock:
            session.error = ""
        try:
            work()
        except MemoryError:
            session.error = "There is not enough memory for this photo."
        except Refusal as refusal:
            session.error = refusal.message
        except (ValueError, OSError) as error:
            session.error = _sentence(error)
        except cv2.error as error:
            session.error = f"This photo cannot be worked on: {' '.join(str(error).split())[:200]}"

    def set_steps(self, session: Session, raw: Any, append: bool = False) -> None:
        """Replace the corrections, or add to them.

        Raises:
            Refusal: they are none.
        """
        if not session.height:
            self.photo(session)
        try:
            if append and isinstance(raw, list):
                raw = [*session.raw_steps, *raw]
            steps = parse(raw, session.height, session.width)
        except ValueError as error:
            raise Refusal(422, "bad_steps", f"{error}.") from None
        with session.lock:
            session.raw_steps, session.steps = raw, steps
            session.revision += 1

    def add_mask(self, session: Session, name: str, path: Path) -> None:
        """Keep a mask of the user's own, for the step `{"mask": name}`.

        Args:
            path: the file, in any format that masks come in.

        Raises:
            Refusal: it is no mask, of another size, or there are too many.
        """
        if len(session.masks) >= MOST_MASKS and name not in session.masks:
            raise Refusal(409, "too_many_masks", f"A photo has at most {MOST_MASKS} masks; leave one out.")
        photo = self.photo(session)
        try:
            file = read_mask_file(path, max_pixels=self.max_pixels)
        except (ValueError, OSError) as error:
            raise Refusal(422, "no_mask", _sentence(error).replace(f"'{path.name}'", "the mask")) from None
        height, width = file.levels.shape
        if (height, width) != photo.image.shape[:2]:
            sizes = f"The mask has {width}×{height} pixels, the photo {session.width}×{session.height}"
            raise Refusal(422, "mask_size", f"{sizes}; they must be equal.")
        if not file.is_labels and shows_photo(file.levels, photo.image):
            raise Refusal(422, "no_mask", "This is the photo itself and no mask; white where to repair is expected.")
        with session.lock:
            session.masks[name] = PackedMask.of(file.covered())


def _regions(finding: Finding, number: int, height: int, width: int) -> list[FoundRegion]:
    listed: list[FoundRegion] = []
    kinds = ((finding.mask, finding.regions, False), (finding.doubted, finding.doubtful, True))
    for mask, regions, is_doubtful in kinds:
        if mask is None:
            continue
        for region, (box, inside) in zip(regions, connected_parts(mask), strict=True):
            name = _region_name(number, len(listed))
            outline = layers.outlines(box, inside, height, width) if len(listed) < MOST_OUTLINES else []
            listed.append(FoundRegion(name, is_doubtful, box, region.confidence, outline))
    return listed


def _region_name(search: int, index: int) -> str:
    return f"{search}.{index}"


def _own_mask(session: Session, name: str) -> Mask | None:
    packed = session.masks.get(name)
    return None if packed is None else packed.unpacked()


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
