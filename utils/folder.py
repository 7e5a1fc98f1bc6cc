"""A folder of photos through the remover, several at a time; a failed photo never stops the rest."""

import hashlib
import json
import math
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from utils import done, images, preprocess
from utils.arrays import AnyArray, Mask
from utils.formats.xmp import Mark
from utils.images import Photo
from utils.lost import origin, record
from utils.lost.page_xml import to_page_xml
from utils.lost.signing import Signer
from utils.lost.signs import draw_signs
from utils.mask_files import MaskFolder, doubts
from utils.options import NO_SIGN, RemovalOptions, growth_px
from utils.originals import Originals, is_same
from utils.page.structure import debug_picture
from utils.places import COMPARISONS, MASKS, PAGES, SHADES, STRUCTURES, FolderOptions, wanted_extras
from utils.regions import Box, connected_bounds, crop, grow
from utils.remover import OccluderRemover, Removal

COMPARISON_HEIGHT = 1200  # pixels of the before | mask | after picture
HIDDEN_SUFFIX = ".hidden.json"  # of what is lost in a photo, beside its result
UNKNOWN_HOW, CHANGED_SINCE = "nobody knows how", "changed since"  # what is known of a result that is left alone
MASK_OPACITY = 0.6
MASK_COLOUR = np.array((64, 32, 255), np.float32)  # BGR, over the covered pixels of the middle picture
PREVIEW_SIDES = 960, 720  # pixels, longer and shorter: a JPEG is decoded no smaller to look for occluders
NAMES_SHOWN = 12  # of photos that need a look
PIXELS_PER_WORKER = 25_000_000  # larger photos take the memory of several workers, the largest have all to themselves


@dataclass
class Result:
    """What became of one photo: a line of the report.

    Attributes:
        lost: the text that the repaired regions hide, in words; empty where nothing says that there was text.
        hidden: what is known of each repaired region, see `utils.lost.regions.LostRegion`.
        again: how it was done earlier, where that was not as it is asked now.
        done: its `utils.done.Record`; None where nothing was written.
    """

    name: str
    status: (
        str  # repaired | clean | skipped | failed | quarantined (by utils.cluster: it ends the process that does it)
    )
    message: str = ""
    boxes: list[Box] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    area_share: float = 0.0
    shade_share: float = 0.0
    lost: str = ""
    hidden: list[dict[str, Any]] = field(default_factory=list)
    doubtful: list[dict[str, Any]] = field(default_factory=list)
    sha256: str = ""
    milliseconds: dict[str, float] = field(default_factory=dict)
    note: str = ""
    dropped: list[str] = field(default_factory=list)
    again: str = ""
    done: dict[str, Any] | None = None

    def line(self) -> str:
        """The result in words, for people."""
        if self.status == "repaired":
            regions = "1 region" if len(self.boxes) == 1 else f"{len(self.boxes)} regions"
            seconds = sum(self.milliseconds.values()) / 1000
            note = f" (note: {self.note})" if self.note else ""
            lost = f", {self.lost}" if self.lost else ""
            return (
                f"{self.name}: repaired {regions}{lost}, {self.area_share:.1%} of the photo, {seconds:.2f} s"
                f"{self._doubt()}{note}"
            )
        words = {
            "clean": f"nothing to remove, copied as it is{self._doubt()}",
            "skipped": f"skipped: {self.message}",
            "failed": f"failed: {self.message}",
            "quarantined": f"quarantined: {self.message}",
        }
        return f"{self.name}: {words[self.status]}"

    def _doubt(self) -> str:
        if not self.doubtful:
            return ""
        regions = "1 region in doubt" if len(self.doubtful) == 1 else f"{len(self.doubtful)} regions in doubt"
        surest = max(region["confidence"] for region in self.doubtful)
        return f"; {regions} left alone (confidence {surest:.0%})"


def clean_folder(
    remover: OccluderRemover, photos: Sequence[Path], options: FolderOptions, provider: str = ""
) -> Counter[str]:
    """Repair every photo, printing a line each and writing the report.

    Args:
        remover: the loaded networks.
        photos: what `find_photos` gave.
        options: see `FolderOptions`.
        provider: what the networks run on, for the report.

    Returns:
        How many photos ended with each status.
    """
    counts: Counter[str] = Counter()
    doubted: list[str] = []
    again: Counter[str] = Counter()
    with ExitStack() as stack:
        report: TextIO | None = None
        if options.report is not None:
            # a name that is no Unicode, as of an archive packed in another country: what `os.fsencode` turns back
            names = "backslashreplace"
            report = stack.enter_context(open(options.report, "a", encoding="utf-8", errors=names))
        bar = stack.enter_context(tqdm(total=len(photos), unit="photo", disable=None, file=sys.stderr))
        for result in _results(remover, photos, options):
            counts[result.status] += 1
            failed = result.status == "failed"
            if result.again and not failed:
                again[result.again] += 1
            doubted += [result.name] if result.doubtful else []
            tqdm.write(result.line(), file=sys.stderr if failed else sys.stdout)
            if report is not None:
                report.write(json.dumps({**vars(result), "provider": provider}, ensure_ascii=False) + "\n")
                report.flush()
            bar.update()
    for line in _earlier_runs(again):
        print(line)
    if doubted:
        print(look_at(doubted, len(doubted)))
    return counts


def _earlier_runs(again: Counter[str]) -> list[str]:
    """A line for the photos that were done otherwise, and one for those of which nobody knows."""
    unknown = again.pop(UNKNOWN_HOW, 0) + again.pop(CHANGED_SINCE, 0)
    lines = []
    if total := again.total():
        how = ", ".join(f"{count} {why}" for why, count in again.most_common() if count)
        lines.append(f"{total} {'was' if total == 1 else 'were'} there already and done again: {how}")
    if unknown:
        lines.append(
            f"{unknown} left alone, of which nobody knows how they came about, or which somebody changed: delete them "
            "to have them done (--report keeps a record of each)"
        )
    return lines


def look_at(names: Sequence[str], count: int) -> str:
    """The photos in which something was left alone that may as well cover the page.

    Args:
        names: of some of them, or of all.
        count: how many there are.
    """
    shown = ", ".join(names[:NAMES_SHOWN])
    more = f" and {count - NAMES_SHOWN} more, all in the report" if count > NAMES_SHOWN else ""
    photos = "1 photo needs a look" if count == 1 else f"{count} photos need a look"
    return f"{photos}: {shown}{more} (--doubtful remove takes what was left alone there)"


def _results(remover: OccluderRemover, photos: Sequence[Path], options: FolderOptions) -> Iterator[Result]:
    """Results in the order of the photos; while one is decoded or written, another has the networks."""
    known = {}
    if options.report is not None and options.report.is_file():
        known = done.from_report(options.report)
    run = Run.of(remover, options, Originals(lambda: _originals(photos, options)), known)
    with ThreadPoolExecutor(options.num_workers) as workers, Interruption() as interruption:
        futures = deque(workers.submit(clean_photo, run, path) for path in photos)
        try:
            while futures and not interruption.asked:
                yield futures.popleft().result()
            # What is done by now counts, so that the report names every file that was written.
            workers.shutdown(cancel_futures=True)
            yield from (future.result() for future in futures if not future.cancelled())
        finally:
            workers.shutdown(cancel_futures=True)
        if interruption.asked:
            raise KeyboardInterrupt


class Interruption:
    """Ctrl-C as a wish, looked at between two photos: raised anywhere, it could come between a file and its line.

    A second Ctrl-C ends the run at once, as it does by default. Outside of the main thread nothing changes.

    Args:
        signals: what counts as the wish; queues of jobs send SIGTERM some time before they kill.
    """

    def __init__(self, signals: Sequence[int] = (signal.SIGINT,)) -> None:
        self.asked = False
        self.signals = signals
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._ask) for number in self.signals}
        return self

    def _ask(self, number: int, frame: Any) -> None:
        self.asked = True
        signal.signal(number, self.before[number])

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _originals(photos: Sequence[Path], options: FolderOptions) -> list[Path]:
    """What no result may come to lie on."""
    masks = []
    if options.mask_dir is not None:
        masks = images.list_photos(options.mask_dir, recursive=True, on_error=lambda error: None)
    return [*photos, *masks]


def clean_photo(run: "Run", path: Path) -> Result:
    """Repair one photo and write it; whatever goes wrong with it is told by its result.

    Args:
        run: may be shared by threads.
        path: of the photo, below the run's `src_image_dir`.
    """
    source = _Source(Result(path.relative_to(run.options.src_image_dir).as_posix(), "clean"), path)
    try:
        _read(source, run)
        if source.photo is None:
            return source.result
        with run.room.taken(-(-math.prod(source.photo.size) // PIXELS_PER_WORKER)):
            return _write(source, _repair(run.remover, source, run.options), run)
    except Exception as error:  # of OpenCV, of a provider or a mistake of ours: the other photos are still done
        _fail(source.result, error)
        return source.result


class Room:
    """A number of places that photos take while they are worked on, in the order in which they come."""

    def __init__(self, places: int) -> None:
        self.places = self.free = places
        self.queue = threading.Lock()
        self.change = threading.Condition()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[None]:
        """Wait for so many free places, or for all of them where there are fewer, and keep them."""
        wanted = min(wanted, self.places)
        with self.queue, self.change:  # one that waits for many places is not overtaken by those that need few
            self.change.wait_for(lambda: self.free >= wanted)
            self.free -= wanted
        try:
            yield
        finally:
            with self.change:
                self.free += wanted
                self.change.notify_all()


@dataclass(frozen=True)
class Run:
    """What the photos of one run share."""

    remover: OccluderRemover
    options: FolderOptions
    room: Room
    originals: Originals
    masks: MaskFolder | None
    settings: Mapping[str, Any]
    known: Mapping[str, done.Record]

    @classmethod
    def of(
        cls,
        remover: OccluderRemover,
        options: FolderOptions,
        originals: Originals,
        known: Mapping[str, done.Record] | None = None,
    ) -> "Run":
        """A run over a folder.

        Args:
            remover: the loaded networks.
            options: see `FolderOptions`.
            originals: what no result may come to lie on.
            known: records of earlier runs by the photos' names.
        """
        masks = MaskFolder(options.mask_dir, options.max_pixels) if options.mask_dir is not None else None
        room, settings = Room(options.num_workers), all_settings(remover.options, options)
        return cls(remover, options, room, originals, masks, settings, {} if known is None else known)


def all_settings(removal: RemovalOptions, options: FolderOptions) -> dict[str, Any]:
    """All that a result depends on but the photo and its mask."""
    settings = {**asdict(removal), "jpeg": options.jpeg, "mark": options.mark, "plain": options.plain}
    settings |= {"mark_hidden": options.mark_hidden, "signed": options.signer is not None}
    if options.mask_dir is not None:
        settings["mask_mode"] = options.mask_mode
    return {**settings, **options.work}


@dataclass
class _Source:
    """A photo on its way: read from disk, not yet repaired."""

    result: Result
    path: Path
    photo: Photo | None = None
    user_mask: Mask | None = None
    record: done.Record | None = None


def _read(source: _Source, run: Run) -> None:
    """Read a photo and its mask into `source`; where there is nothing to do for it, its result says why."""
    options, path = run.options, source.path
    name = path.relative_to(options.src_image_dir)
    started = time.perf_counter()
    try:
        source.record = done.asked_for(path, work_on(name, run.settings, run.masks), wanted_extras(options))
        if options.skip_existing and _is_done(source, name, run):
            return
        among_photos = run.masks is not None and is_same(run.masks.folder, options.src_image_dir)
        if among_photos and run.masks is not None and run.masks.is_mask_of_another(path):
            source.result.status, source.result.message = "skipped", "the mask of another photo"
            return
        source.photo = images.open_photo(path, options.max_pixels)
        source.result.sha256 = hashlib.sha256(source.photo.data).hexdigest()
        if options.mask_dir is not None:
            assert run.masks is not None
            source.user_mask = _read_user_mask(source, name, run.masks, options)
    except (ValueError, OSError, MemoryError) as error:
        _fail(source.result, error)
        source.result.sha256 = source.result.sha256 or images.fingerprint(path)
        source.photo = None  # be it only the mask that failed: the photo is neither repaired without it nor copied
    source.result.milliseconds["read"] = _milliseconds(started)


def work_on(name: Path, settings: Mapping[str, Any], masks: MaskFolder | None) -> str:
    """The digest of all that a photo's result depends on; its mask is a part of that.

    Args:
        name: of the photo, below the folder of photos.
        settings: from `all_settings`.
        masks: the user's, or None.
    """
    if masks is not None:
        files = [path for group in masks.candidates(name) for path in group]
        return work_with_masks(settings, [images.fingerprint(path) for path in files])
    return done.digest(settings)


def work_with_masks(settings: Mapping[str, Any], fingerprints: Sequence[str]) -> str:
    """The same digest for a photo whose masks' files have these SHA-256."""
    return done.digest({**settings, "masks": fingerprints})


def _is_done(source: _Source, name: Path, run: Run) -> bool:
    """Whether a photo is done as it is asked, or must not be done again; the result says why not.

    Raises:
        OSError: what lies there cannot be read.
    """
    target, result, asked = run.options.save_dir / name, source.result, source.record
    if not target.exists() or asked is None:
        return False
    is_as_long = target.stat().st_size == asked.size
    if result.name not in run.known and is_as_long and images.fingerprint(target) == images.fingerprint(source.path):
        return False  # nothing was found in it; nobody knows with which options, and looking again changes no byte
    record, fault = done.earlier(target, result.name, run.known)
    if fault == "half-finished":
        result.again = "half-finished"
        return False
    if fault == "changed":
        result.status, result.again = "skipped", CHANGED_SINCE
        result.message = "changed by somebody since it was written"
        return True
    if record is not None:
        result.again = record.difference(asked, source.path)
        if not result.again:
            result.status, result.message = "skipped", "already there"
        return not result.again
    result.status, result.message = "skipped", "already there, made nobody knows how"
    result.again = UNKNOWN_HOW
    return True


def _read_user_mask(source: _Source, name: Path, masks: MaskFolder, options: FolderOptions) -> Mask | None:
    """The user's mask for a photo, None where there is none to add.

    Raises:
        ValueError: it is missing where it is needed, or unfit (see `MaskFolder.read`).
    """
    assert source.photo is not None
    mask, _ = masks.read(source.path, name, source.photo.image)
    if mask is None:
        if options.mask_mode == "add":
            return None
        raise ValueError(f"there is no mask '{name.with_suffix('.png')}' in '{options.mask_dir}'")
    source.result.note = doubts(mask)
    return mask


def _repair(remover: OccluderRemover, source: _Source, options: FolderOptions) -> Removal | None:
    if source.photo is None:
        return None
    started = time.perf_counter()
    removal = None
    try:
        if options.mask_dir is None and not remover.options.compat:
            sight = remover.look(source.photo.preview(*PREVIEW_SIDES))
            # Most photos of any folder have nothing on them: these are never decoded as a whole.
            if not sight.is_clean or options.save_mask or options.save_comparison:
                removal = remover.finish(source.photo.image, sight)
        elif options.mask_dir is None:
            removal = remover(source.photo.image)
        else:
            image = source.photo.image
            mask = np.zeros(image.shape[:2], bool)
            if source.user_mask is not None:
                mask = grow(source.user_mask, growth_px(remover.options, *image.shape[:2]))
            if options.mask_mode == "add":
                mask |= remover.find_mask(image)
            removal = remover.repair(image, mask)
    except (ValueError, MemoryError) as error:
        _fail(source.result, error)
    source.result.milliseconds["repair"] = _milliseconds(started)
    return removal


def _write(source: _Source, removal: Removal | None, run: Run) -> Result:
    result, photo, options = source.result, source.photo, run.options
    if photo is None or result.status == "failed":
        return result
    started = time.perf_counter()
    target = options.save_dir / result.name
    try:
        _make_folder(target.parent)
        run.originals.refuse(target, source.path)
        if result.name not in run.known and done.is_strange(target, photo):
            raise ValueError(
                f"'{target}' is another picture, which no run is known to have written; move it away or name another "
                "--save_dir"
            )
        if removal is not None and removal.boxes:
            result.status = "repaired"
            result.boxes = removal.boxes
            result.confidences = [region.confidence for region in removal.regions]
            result.area_share = np.count_nonzero(removal.mask) / removal.mask.size
            result.lost = record.in_words(removal.lost)
            result.hidden = [region.as_json() for region in removal.lost]
            if removal.shade is not None:
                result.shade_share = np.count_nonzero(removal.shade) / removal.shade.size
        if removal is not None:
            result.doubtful = [region._asdict() for region in removal.doubtful]
            # The photo itself comes last: once it is there, --skip_existing takes all of it for done.
            _write_extras(photo.image, removal, source, run)
        _write_lost(photo, removal, source, run)
        run.originals.refuse(target, source.path)  # the folders may have changed since
        if options.plain and removal is not None:
            images.write_image(target, removal.image)
        else:
            mark = mark_of(removal, source.record.mark()) if removal and options.mark and source.record else None
            more: dict[str, Any] = {"sign": options.mark_hidden, "signer": options.signer}
            result.dropped = write_removal(target, photo, removal, jpeg=options.jpeg, mark=mark, **more)
            result.note = "; ".join(filter(None, (result.note, origin.about_dropped(result.dropped, options.signer))))
        run.originals.note(target)
        if options.keep_times:
            images.copy_times(source.path, target)
        if source.record is not None:
            size = target.stat().st_size
            result.done = replace(source.record, sha256=result.sha256, result_size=size).row()
    except (ValueError, OSError, MemoryError) as error:
        _fail(result, error)
    result.milliseconds["write"] = _milliseconds(started)
    return result


def write_removal(
    target: Path,
    photo: Photo,
    removal: Removal | None,
    *,
    jpeg: str = "auto",
    mark: Mark | None = None,
    sign: str = NO_SIGN,
    signer: Signer | None = None,
) -> list[str]:
    """Write a repaired photo as its source was; one of which nothing was removed is copied byte for byte.

    Args:
        target: the file; its folder exists.
        photo: as it was read.
        removal: what was done to it; None where it stays as it is.
        jpeg: how JPEGs are written, see `images.write_photo`.
        mark: what the XMP says, as from `mark_of`.
        sign: drawn over lost text, one of `utils.options.SIGNS`.
        signer: signs the file with C2PA, or None.

    Returns:
        What was left out of the file's metadata, in words.

    Raises:
        ValueError, OSError: see `images.write_photo`; it cannot be signed.
    """
    if removal is None or not removal.boxes:
        images.copy_photo(photo.path, target)
        return []
    image = draw_signs(removal.image, removal.mask, [line for region in removal.lost for line in region.lines], sign)
    term, _ = origin.source_type(removal.lost)

    def signed(data: bytes) -> bytes:
        return signer.sign(data, photo.data, photo.format, photo.path.name, term) if signer is not None else data

    return images.write_photo(target, photo, image, removal.changed, jpeg=jpeg, mark=mark, finish=signed)


def mark_of(removal: Removal, done_with: str = "") -> Mark:
    """All that a picture's XMP says of its repair; `done_with` is added to the words, see `done.Record.mark`."""
    return Mark(
        f"{_repainted(removal)} {done_with}".rstrip(),
        json.dumps([region.as_json() for region in removal.lost], separators=(",", ":")),
        *origin.source_type(removal.lost),
        event=origin.SOFTWARE,
    )


def _repainted(removal: Removal) -> str:
    """The boxes that were repainted, in words for the XMP, and those in which no more than a shadow was lifted."""

    def listed(boxes: Sequence[Box]) -> str:
        return "; ".join(f"{b.x0},{b.y0},{b.x1},{b.y1}" for b in boxes)

    if removal.shade is None:
        return listed(removal.boxes)
    return f"{listed(removal.boxes)} (shadow lifted: {listed(connected_bounds(removal.shade))})"


def _write_extras(image: NDArray[np.uint8], removal: Removal, source: _Source, run: Run) -> None:
    """Mask, comparison and structure, in folders of their own below `save_dir`, named after the photo's whole name."""
    name, options = source.result.name, run.options

    def write(folder: str, file: str, picture: NDArray[np.uint8]) -> None:
        path = options.save_dir / folder / f"{file}.png"
        _make_folder(path.parent)
        run.originals.refuse(path, source.path)
        images.write_image(path, picture)
        run.originals.note(path)

    if options.save_mask:
        write(MASKS, name, removal.mask.astype(np.uint8) * 255)
        if removal.shade is not None:
            write(SHADES, name, removal.shade.astype(np.uint8) * 255)
    if options.save_comparison:
        write(COMPARISONS, name, comparison(image, removal))
    if options.save_structure:
        for box, structure in removal.structures:
            picture = debug_picture(structure, crop(image, box), crop(removal.mask, box))
            write(STRUCTURES, f"{name}_{box.x0}_{box.y0}", picture)


def _write_lost(photo: Photo, removal: Removal | None, source: _Source, run: Run) -> None:
    """What is lost in a photo, as JSON beside its result and as PAGE-XML."""
    options, name = run.options, source.result.name
    regions = removal.lost if removal is not None else ()
    height, width = photo.size
    wanted: list[tuple[Path, Callable[[], bytes]]] = []
    if options.save_hidden:
        known = record.as_record(Path(name).name, (width, height), regions)
        path = options.save_dir / f"{name}{HIDDEN_SUFFIX}"
        wanted.append((path, lambda: (json.dumps(known, indent=1, ensure_ascii=False) + "\n").encode()))
    if options.save_pagexml:
        path = options.save_dir / PAGES / f"{name}.xml"
        wanted.append((path, lambda: to_page_xml(Path(name).name, (width, height), regions)))
    for path, content in wanted:
        _make_folder(path.parent)
        run.originals.refuse(path, source.path)
        with images.atomic(path) as temporary:
            temporary.write_bytes(content())


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make the folder '{path}': {error.strerror}") from None


def comparison(image: NDArray[np.uint8], removal: Removal) -> NDArray[np.uint8]:
    """Before | mask | after, reduced to at most `COMPARISON_HEIGHT` pixels of height.

    Args:
        image: `(H, W, 3)` uint8 BGR, the photo.
        removal: what was done to it.

    Returns:
        `(h, 3 w, 3)` uint8 BGR.
    """
    factor = min(1.0, COMPARISON_HEIGHT / image.shape[0])
    height, width = max(1, round(image.shape[0] * factor)), max(1, round(image.shape[1] * factor))

    def reduced(picture: AnyArray) -> AnyArray:
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)

    before, after = reduced(image), reduced(removal.image)
    return np.hstack([before, overlay(before, preprocess.resize(removal.mask.astype(np.uint8), height, width)), after])


def overlay(image: NDArray[np.uint8], mask: AnyArray) -> NDArray[np.uint8]:
    """Tint the covered pixels of an `(h, w, 3)` uint8 picture; `mask` is `(h, w)`, not 0 where it is covered."""
    tinted = image.copy()
    covered = mask > 0
    tinted[covered] = np.rint(image[covered] * (1 - MASK_OPACITY) + MASK_COLOUR * MASK_OPACITY).astype(np.uint8)
    return tinted


def _fail(result: Result, error: Exception) -> None:
    result.status = "failed"
    if isinstance(error, MemoryError):
        result.message = "not enough memory for this photo"
    elif isinstance(error, ValueError | OSError):
        result.message = str(error)
    else:
        result.message = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _milliseconds(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
