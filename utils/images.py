"""Picture files: found, read, and written back alike.

What a file is, its bytes say and not its name: a PNG called `scan.jpg` is read as PNG, and written as PNG under that
name. One module for each format knows how to take it apart; here is what they share. OpenCV decodes: for a JPEG of 10
megapixels it took 0.07 s of processor time where Pillow took 0.12 s, with the same pixels.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.formats import jpeg, kinds, pixels
from utils.formats.kinds import FORMATS
from utils.formats.metadata import Header
from utils.formats.xmp import Mark
from utils.regions import Box, bounds_of, crop

MAX_PIXELS = 200_000_000  # cameras reach 100 million and stitched scans more; far above it is a decompression bomb
MAX_PIXEL_BYTES = 8  # of an uncompressed file: 16 bits in 4 channels
MAX_METADATA_BYTES = 2**26  # of an uncompressed file, beside its pixels
COPIED_AT_ONCE = 2**30  # bytes that the system is asked to copy in one call; it takes 2 GB at most

EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".bmp", ".dib"})
JPEG_METHODS = ("auto", "exact", "match")

# The size of every picture is checked here before Pillow sees it. Its own limit is lower and would print warnings.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo and what it takes to write it back alike. Its pixels are decoded when they are first asked for.

    Attributes:
        path: where it was read from.
        data: the bytes of that file.
        header: format, stored size, channels, bit depth and orientation.
    """

    path: Path
    data: bytes
    header: Header

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """`(H, W, 3)` uint8 BGR, contiguous, upright by EXIF; the 8-bit view without alpha.

        Not to be changed: `write_photo` compares with it.

        Raises:
            ValueError: the file is damaged.
        """
        with _decoding(self.path):
            stored = FORMATS[self.header.format].decode(self.data, self.header)
            if stored.shape != (self.header.height, self.header.width, 3):
                raise ValueError("the file is damaged (its headers contradict each other)")
        return pixels.turn_upright(stored, self.header.orientation)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, upright."""
        height, width = self.header.height, self.header.width
        return (width, height) if self.header.orientation > 4 else (height, width)

    def preview(self, longer: int, shorter: int) -> NDArray[np.uint8]:
        """The photo reduced while it is decoded, where its format can: a JPEG's own DCT gives 1/2, 1/4, 1/8.

        Args:
            longer, shorter: sides in pixels below which it is not reduced.

        Returns:
            `(h, w, 3)` uint8 BGR, upright; `image` itself where that is as small or the format cannot.

        Raises:
            ValueError: the file is damaged.
        """
        fits = min(max(self.size) // longer, min(self.size) // shorter)
        if self.header.format != "JPEG" or fits < 2 or "image" in self.__dict__:
            return self.image
        with _decoding(self.path):
            stored = jpeg.decode_reduced(self.data, 8 if fits >= 8 else 4 if fits >= 4 else 2)
        return pixels.turn_upright(stored, self.header.orientation)

    @property
    def format(self) -> str:
        """One of `FORMATS`."""
        return self.header.format


def read_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode a photo that `write_photo` can write back alike.

    JPEG (grey, YCbCr, RGB; 8 bits), PNG (all but animated), TIFF (grey or RGB with any further channels; 1, 8, 16 bits;
    one page), WebP (all but animated) and BMP (8, 24, 32 bits, not run-length). Everything else is refused: CMYK,
    floating point, palettes in TIFF, several pages, BigTIFF. A JPEG may be followed by further pictures (MPF), which
    are ignored.

    Args:
        path: of the file; its extension does not matter.
        max_pixels: limit for height × width, checked before anything is decoded.

    Raises:
        ValueError: the file is no picture, damaged, truncated, too large, or cannot be kept; one line says what.
        OSError: the file cannot be read.
    """
    photo = open_photo(path, max_pixels)
    _ = photo.image
    return photo


def open_photo(path: str | Path, max_pixels: int = MAX_PIXELS) -> Photo:
    """A photo whose pixels are decoded when they are asked for. Arguments and errors as `read_photo`."""
    path = Path(path)
    data = _read(path, max_pixels)
    with _decoding(path):
        header = _checked_header(data, max_pixels)
    return Photo(path, data, header)


def read_samples(path: str | Path, max_pixels: int = MAX_PIXELS) -> pixels.Samples:
    """The numbers that a picture's file holds, unscaled, upright by EXIF. Arguments and errors as `read_photo`."""
    path = Path(path)
    data = _read(path, max_pixels)
    with _decoding(path):
        header = _checked_header(data, max_pixels)
        stored = FORMATS[header.format].samples(data, header)
        if stored.values.shape[:2] != (header.height, header.width):
            raise ValueError("the file is damaged (its headers contradict each other)")
    return stored._replace(values=pixels.turn_upright(stored.values, header.orientation))


def write_photo(
    path: str | Path,
    photo: Photo,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_] | None = None,
    *,
    jpeg: str = "auto",
    mark: Mark | str | None = None,
    finish: Callable[[bytes], bytes] | None = None,
) -> list[str]:
    """Write a repaired photo as its source was: format, size, bit depth, channels, stored turning, metadata.

    What becomes of each format is said at `encode` in its module. EXIF thumbnails are dropped, as they would show what
    was removed. The file is written beside its place and renamed; whatever fails, an earlier file stays as it was.

    Args:
        path: target; its folder must exist. The format is the source's, whatever the name ends in.
        photo: from `read_photo`.
        image: `(H, W, 3)` uint8 BGR, upright, of the size of `photo.image`.
        changed: `(H, W)` bool, where `image` may differ from the photo; elsewhere the photo's pixels count. None:
            everywhere.
        jpeg: how JPEG is written: "match" encodes everything anew with the source's tables, "exact" copies the
            coefficients of untouched blocks (needs libturbojpeg or the package jpeglib), "auto" is exact where that is
            possible.
        mark: text for the XMP, to say what was repainted, or with all that `Mark` adds; added to an earlier one. BMP
            has no place for it.
        finish: takes the whole file before it is written and gives what is written instead, as one that is signed.

    Returns:
        What was left out of the file's metadata, since it holds a picture or may hold one, in words.

    Raises:
        ValueError: `image` has another shape, "exact" is not possible, or the mark cannot be added.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if jpeg not in JPEG_METHODS:
        raise ValueError(f"jpeg must be one of {', '.join(JPEG_METHODS)}, not {jpeg!r}")
    if image.shape != photo.image.shape or image.dtype != np.uint8:
        raise ValueError(f"the repaired picture is {image.dtype} {image.shape}, the photo {photo.image.shape}")
    repaired, differs = _only_where(photo.image, image, changed)
    header = photo.header
    stored, touched = (pixels.turn_back(a, header.orientation) for a in (repaired, differs))
    options = {"method": jpeg} if header.format == "JPEG" else {}
    dropped: list[str] = []
    try:
        data = FORMATS[header.format].encode(photo.data, header, stored, touched, mark, dropped, **options)
    except (ValueError, MemoryError) as error:
        raise ValueError(f"cannot write '{path.name}': {error or 'there is not enough memory'}") from None
    data = finish(data) if finish is not None else data
    with atomic(path) as temporary:
        temporary.write_bytes(data)
    return list(dict.fromkeys(dropped))


def _only_where(
    old: NDArray[np.uint8], new: NDArray[np.uint8], changed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A picture with the pixels of another one where they may differ, and `(H, W)` bool, where they do.

    It is `new` itself where that differs nowhere else: a copy of a large photo is a tenth of all memory.
    """
    height, width = old.shape[:2]
    differs = np.zeros((height, width), bool)
    box = Box(0, 0, width, height) if changed is None else bounds_of(changed)
    if box is None:
        return old, differs
    inside, rows = crop(differs, box), slice(box.y0, box.y1)
    inside[:] = cv2.inRange(crop(new, box), crop(old, box), crop(old, box)) == 0  # ten times as fast as NumPy
    allowed = np.True_ if changed is None else crop(changed, box)
    frame = np.s_[: box.y0], np.s_[box.y1 :], np.s_[rows, : box.x0], np.s_[rows, box.x1 :]
    if not (inside > allowed).any() and all(np.array_equal(old[side], new[side]) for side in frame):
        return new, differs
    inside &= allowed
    merged = old.copy()
    cv2.copyTo(crop(new, box), inside.view(np.uint8), crop(merged, box))
    return merged, differs


def copy_photo(source: str | Path, target: str | Path) -> None:
    """Copy a file byte for byte; an existing target is replaced at once or stays as it was.

    Where the system can, it copies by itself, and on file systems that can (btrfs, XFS), both files share their blocks.

    Raises:
        OSError: it cannot be read or written.
    """
    with atomic(target) as temporary:
        if not hasattr(os, "copy_file_range"):
            shutil.copyfile(source, temporary)
            return
        with open(source, "rb", buffering=0) as old, open(temporary, "wb", buffering=0) as new:
            with contextlib.suppress(OSError):  # not from this file system to that one
                while os.copy_file_range(old.fileno(), new.fileno(), COPIED_AT_ONCE):
                    pass
            shutil.copyfileobj(old, new)  # what is left, mostly nothing; what fails says why here


def copy_times(source: str | Path, target: str | Path) -> None:
    """Give a file the times of another: when it was last read and written.

    Raises:
        OSError: the one cannot be asked, or the other not be changed.
    """
    try:
        status = os.stat(source)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    except OSError as error:
        raise _named(error, f"cannot keep the times of '{Path(target).name}'") from None


def read_mark(path: str | Path) -> str | None:
    """The text that `write_photo` left in a picture's XMP, or None.

    Raises:
        ValueError: the file is no picture, or damaged.
        OSError: it cannot be read.
    """
    path = Path(path)
    data = _read(path, MAX_PIXELS)
    with _decoding(path):
        header = _read_header(data)
        return FORMATS[header.format].read_mark(data, header)


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Pixels of a picture: `(H, W, 3)` uint8 BGR, upright by EXIF as from `cv2.imread`. Errors as `read_photo`."""
    return read_photo(path, max_pixels).image


def header_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels as the file is stored, from its beginning alone.

    Raises:
        ValueError: it is no picture, or cannot be read.
    """
    try:
        with Image.open(path) as header:
            return header.size
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot decode '{path}': {error}") from error


def write_image(path: str | Path, image: NDArray[np.uint8], quality: int = 95) -> None:
    """Write a picture of our own, beside its place and renamed.

    Args:
        path: its extension, in any letter case, names the format, one of `EXTENSIONS`.
        image: `(H, W)` or `(H, W, 3)` uint8 BGR.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        ValueError: an unknown extension.
        OSError: the file cannot be written.
    """
    path = Path(path)
    check_extension(path)
    extension, parameters = path.suffix.lower(), []
    if extension in (".jpg", ".jpeg", ".jpe", ".jfif"):
        extension, parameters = ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality]
    elif extension == ".webp":
        parameters = [cv2.IMWRITE_WEBP_QUALITY, quality]
    data = cv2.imencode(extension, image, parameters)[1]
    with atomic(path) as temporary:
        temporary.write_bytes(data.data)


def check_extension(path: str | Path) -> None:
    """Raise ValueError unless `write_image` knows the format that a file's name asks for."""
    if Path(path).suffix.lower() not in EXTENSIONS:
        raise ValueError(
            f"cannot write '{Path(path).name}': the extension must be one of {', '.join(sorted(EXTENSIONS))}"
        )


def fingerprint(path: str | Path) -> str:
    """SHA-256 of a file's bytes, whatever they are; empty where it is no file or cannot be read."""
    with contextlib.suppress(OSError), open(path, "rb", opener=_open_at_once) as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def is_readable_kind(path: str | Path) -> bool:
    """Whether a file begins as a picture that is read here, be it damaged further on."""
    return kinds.readable(_head(Path(path)), Path(path).suffix.lower()) is not None


def list_photos(
    folder: str | Path,
    recursive: bool = False,
    on_error: Callable[[OSError], None] | None = None,
    on_other: Callable[[Path, str], None] | None = None,
) -> list[Path]:
    """Pictures of a folder, in natural order (`page2` before `page10`).

    Those are the files whose extension, in any letter case, is one of `EXTENSIONS`, and those of another name, or none,
    whose first bytes are a picture's: `.jpg_large`, `.mpo`, `scan.jpg~`. Hidden files are left out, among them the `._`
    companions that macOS writes, and so are hidden folders. Links to folders are not followed.

    Args:
        folder: where to look.
        recursive: its folders, too; the files of a folder come before those of its folders.
        on_error: called for a folder inside that cannot be read, and for a link that leads nowhere; None: the one is an
            error, the other left out.
        on_other: called with each picture of a kind that is not read, and the kind in words.

    Raises:
        OSError: the folder cannot be read.
    """
    folder = Path(folder)
    photos: list[tuple[tuple[Any, ...], Path]] = []
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as scanned:
                entries = [entry for entry in scanned if not entry.name.startswith(".")]
        except OSError as error:
            named = _named(error, f"cannot read the folder '{place}'")
            if place == folder or on_error is None:
                raise named from None
            on_error(named)
            continue
        key = tuple((1, natural_key(segment)) for segment in place.relative_to(folder).parts)
        for entry in entries:
            if recursive and entry.is_dir(follow_symlinks=False):
                waiting.append(place / entry.name)
                continue
            path, extension = place / entry.name, Path(entry.name).suffix.lower()
            is_file = _is_file(entry)
            head = _head(path) if is_file and extension not in EXTENSIONS else b""
            if is_file and (extension in EXTENSIONS or kinds.readable(head, extension)):
                photos.append(((*key, (0, natural_key(entry.name))), path))
            elif is_file and on_other is not None and (kind := kinds.other(head, extension)):
                on_other(path, kind)
            elif extension not in EXTENSIONS:
                continue
            elif on_error is not None and entry.is_symlink() and not os.path.exists(entry):
                on_error(FileNotFoundError(f"cannot read '{place / entry.name}': it is a link that leads nowhere"))
    return [path for _, path in sorted(photos)]


def _head(path: Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    with contextlib.suppress(OSError), open(path, "rb", opener=_open_at_once) as file:
        return file.read(kinds.HEAD_BYTES)
    return b""


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle, or to where nothing may be read
        return False


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that compares runs of digits as numbers, letters without case, and equals by the name itself."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name.casefold())
    return [*((0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in parts), (2, 0, name)]


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to: renamed to `path` at the end, or deleted if anything at all goes wrong.

    Raises:
        OSError: the file cannot be written; one line says which and why.
    """
    path = Path(path)
    # short, since names may be as long as a file system allows; hidden; with the extension, which some writers add
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix[:8]}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _named(error, f"cannot write '{path.name}'") from None
        raise


def _read(path: Path, max_pixels: int) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"cannot decode '{path.name}': not a file")
            if status.st_size > max_pixels * MAX_PIXEL_BYTES + MAX_METADATA_BYTES:
                raise ValueError(
                    f"cannot decode '{path.name}': {status.st_size} bytes are more than a picture of "
                    f"{max_pixels} pixels (--max_pixels) can have"
                )
            return file.read()
    except OSError as error:
        raise _named(error, f"cannot read '{path.name}'") from None


def _open_at_once(path: str, flags: int) -> int:
    # a pipe without a writer would block for ever
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextlib.contextmanager
def _decoding(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"cannot decode '{path.name}': {error}") from None
    except MemoryError:
        raise ValueError(f"cannot decode '{path.name}': there is not enough memory") from None


def _checked_header(data: bytes, max_pixels: int) -> Header:
    header = _read_header(data)
    if header.width * header.height > max_pixels:
        raise ValueError(
            f"{header.width}×{header.height} pixels are more than the limit of {max_pixels} (--max_pixels)"
        )
    if header.refusal:
        raise ValueError(header.refusal)
    return header


def _read_header(data: bytes) -> Header:
    if not data:
        raise ValueError("the file is empty")
    for module in FORMATS.values():
        if module.matches(data):
            try:
                return module.read_header(data)
            except struct.error:
                raise ValueError("the file is truncated") from None
    kind = kinds.other(data[: kinds.HEAD_BYTES])
    what = f"{kind} cannot be read" if kind else "not a JPEG, PNG, TIFF, WebP or BMP file"
    raise ValueError(f"{what}; convert it to {'JPEG, PNG or TIFF' if kind else 'one of these'} first")


def _named(error: OSError, what: str) -> OSError:
    """The same kind of error with a message that says what was tried."""
    named = type(error)(f"{what}: {error.strerror or error}")
    named.errno = error.errno
    return named
