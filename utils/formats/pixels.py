"""Pixels of picture files: decoding without noise on the terminal, turning upright and back, putting repairs in."""

import contextlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.arrays import AnyArray

WIDE_STEP = 257  # levels of 16 bits for each of 8: white stays white
COLOURS_AT_ONCE = 65536  # whose distances to a palette of 256 take 64 MB

# What goes wrong is said in an exception; OpenCV would say it again on stderr, in its own words.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

try:
    os.fstat(2)
except OSError:  # without a stderr, the next file that is opened would get its number, and lose it below
    if (_handle := os.open(os.devnull, os.O_RDWR)) != 2:
        os.dup2(_handle, 2)
        os.close(_handle)

_DECODING = threading.Lock()  # one at a time, so that it is known whose picture a library complains of
# how libjpeg's messages begin, then libpng's, then libtiff's ("where: what.")
_NOISE = re.compile(
    rb"^(Application trans|Arithmetic|Bogus |Caution: |Corrupt JPEG|DCT coefficient|Didn't |Empty |Huffman table|"
    rb"Image too big|Improper |Inconsistent |Insufficient |Invalid |Maximum supp|Missing |Not a JPEG|Premature end|"
    rb"Quantization table|Sorry|Suspension |Too many |Unknown |Unsupported |Warning: unknown|libpng |[\w.]+: .*\.\s*$)"
)
# libjpeg fills what it could not decode with grey and only says so; extra bytes between segments do no harm
_DAMAGE = re.compile(rb"^(Corrupt JPEG data: (?!\d+ extraneous)|Premature end of)")


class Samples(NamedTuple):
    """The numbers that a file holds, before anything is scaled or shown.

    Attributes:
        values: `(H, W, C)` uint8 or uint16, C 1 to 4: grey or BGR, then alpha if any; with a palette the indices.
        has_alpha: whether the last channel is alpha.
        palette: `(K, 3)` uint8 BGR that the values are indices of, or None.
        is_exact: False where a lossy format has moved the values.
    """

    values: AnyArray
    has_alpha: bool
    palette: NDArray[np.uint8] | None
    is_exact: bool


def decode(data: bytes, flags: int) -> AnyArray:
    """Decode with OpenCV, pixels as they are stored (EXIF orientation is never applied).

    Damage that libjpeg only reports on the terminal is an error here, and nothing reaches the terminal.

    Args:
        data: a file in a format that OpenCV reads.
        flags: `cv2.IMREAD_COLOR`, `cv2.IMREAD_GRAYSCALE` or `cv2.IMREAD_UNCHANGED`.

    Returns:
        `(H, W)` or `(H, W, C)`, uint8 or, unchanged, what the file holds.

    Raises:
        ValueError: the file is damaged.
    """
    # OpenCV turns a picture by EXIF unless told otherwise; "unchanged" is -1 and never turns
    if flags != cv2.IMREAD_UNCHANGED:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    said: list[bytes] = []
    try:
        with _DECODING, _STDERR.captured(said):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        reason = "there is not enough memory" if error.code == cv2.Error.STS_NO_MEM else "the file is damaged"
        raise ValueError(reason) from None
    if pixels is None or any(_DAMAGE.match(line) for line in said):
        raise ValueError("the file is damaged")
    return pixels


def decode_with_pillow(data: bytes) -> Image.Image:
    """Decode with Pillow what OpenCV does not give as it is stored: indices of a palette, colours under alpha.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        with quiet(), Image.open(BytesIO(data)) as picture:
            return picture.copy()
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders pass on whatever damaged data makes them stumble over
        raise ValueError("the file is damaged") from None


def memory_file() -> BinaryIO:
    """A file of the system that lies in memory, or in the temporary folder where a system has no such files.

    Raises:
        OSError: there is neither.
    """
    if hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            return os.fdopen(os.memfd_create("picture"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


class _Stderr:
    """What C libraries write to file descriptor 2, kept from the terminal while anybody is inside `captured`.

    The descriptor belongs to the whole process: what others wrote meanwhile (a progress bar) is passed on at the end.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.sink = self.terminal = -1

    @contextlib.contextmanager
    def captured(self, said: list[bytes]) -> Iterator[None]:
        """Append the libraries' lines to `said`."""
        with self.lock:
            if self.users == 0:
                self._redirect()
            self.users += 1
            start = os.lseek(self.sink, 0, os.SEEK_END)
        try:
            yield
        finally:
            with self.lock:
                said += [line for line in self._lines(start) if _NOISE.match(line)]
                self.users -= 1
                if self.users == 0:
                    self._restore()

    def _redirect(self) -> None:
        try:
            with memory_file() as file:
                self.sink = os.dup(file.fileno())
        except OSError:  # nowhere to write to: what the libraries say is not heard
            self.sink = os.open(os.devnull, os.O_RDWR)
        self.terminal = os.dup(2)
        os.dup2(self.sink, 2)

    def _restore(self) -> None:
        others = b"".join(line for line in self._lines(0) if not _NOISE.match(line))
        os.dup2(self.terminal, 2)
        os.close(self.terminal)
        os.close(self.sink)
        with contextlib.suppress(OSError):  # a terminal that was closed meanwhile, a full disk
            os.write(2, others)

    def _lines(self, start: int) -> list[bytes]:
        size = os.lseek(self.sink, 0, os.SEEK_END) - start
        os.lseek(self.sink, start, os.SEEK_SET)  # reading moves it to the end again, where the next line goes
        return os.read(self.sink, size).splitlines(keepends=True)


_STDERR = _Stderr()


def quiet() -> contextlib.AbstractContextManager[None]:
    """Keep what C libraries write to stderr from the terminal."""
    return _STDERR.captured([])


def turn_upright(pixels: AnyArray, orientation: int) -> AnyArray:
    """Stored pixels `(H, W, …)` as EXIF `orientation` (1 to 8) wants them seen; contiguous."""
    if orientation >= 5:  # the stored rows are columns of what is seen
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(_flip(pixels, orientation))


def turn_back(pixels: AnyArray, orientation: int) -> AnyArray:
    """Inverse of `turn_upright`."""
    pixels = _flip(pixels, orientation)
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)


def _flip(pixels: AnyArray, orientation: int) -> AnyArray:
    vertically, horizontally = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return pixels[:: -1 if vertically else 1, :: -1 if horizontally else 1]


def to_bgr8(pixels: AnyArray) -> NDArray[np.uint8]:
    """The 8-bit colour view of `(H, W[, C])` uint8 or uint16 pixels, 1 to 4 channels; alpha is left out."""
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / WIDE_STEP)  # rounded
    if pixels.ndim == 2 or pixels.shape[2] <= 2:
        return cv2.cvtColor(np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[:, :, 0]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(pixels[:, :, :3])


def put(stored: AnyArray, image: NDArray[np.uint8], changed: NDArray[np.bool_]) -> None:
    """Put repaired pixels into stored ones, in place.

    Args:
        stored: `(H, W)` or `(H, W, C)` uint8 or uint16, C 1 to 4, colour as BGR; alpha is not touched.
        image: `(H, W, 3)` uint8 BGR, turned like `stored`; made grey where `stored` is.
        changed: `(H, W)` bool; elsewhere `stored` keeps its exact values.
    """
    new = image[changed]
    if stored.ndim == 2 or stored.shape[2] <= 2:
        new = cv2.cvtColor(new.reshape(1, -1, 3), cv2.COLOR_BGR2GRAY).reshape(-1) if new.size else new[:, 0]
    if stored.dtype == np.uint16:
        new = new.astype(np.uint16) * np.uint16(WIDE_STEP)
    if stored.ndim == 2:
        stored[changed] = new
    elif stored.shape[2] <= 2:
        stored[changed, 0] = new
    else:
        stored[changed, :3] = new


def nearest_index(colours: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Index of the nearest palette entry, by distance in BGR.

    Args:
        colours: `(N, 3)` uint8.
        palette: `(K, 3)` uint8, K 1 to 256.

    Returns:
        `(N,)` uint8.
    """
    if not len(colours):
        return np.zeros(0, np.uint8)
    distinct, place = np.unique(colours, axis=0, return_inverse=True)
    nearest = np.empty(len(distinct), np.uint8)
    for start in range(0, len(distinct), COLOURS_AT_ONCE):
        chunk = distinct[start : start + COLOURS_AT_ONCE].astype(np.float32)
        # |c - p|² without |c|², which is the same for every p
        scores = (palette.astype(np.float32) ** 2).sum(1) - 2 * chunk @ palette.T.astype(np.float32)
        nearest[start : start + len(chunk)] = scores.argmin(1)
    return nearest[place.reshape(-1)]
