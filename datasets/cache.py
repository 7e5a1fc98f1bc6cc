"""What a training sample needs of its photos, kept on disk so that 10-megapixel files are decoded once.

One file an entry: a stamp of the source files, a checksum, the pixels. Entries are memory-mapped, so the processes of
one machine share them in the page cache; they are written beside and renamed, so that several may fill it at once.
"""

import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.images import atomic

STAMP_BYTES = 16  # a digest of what a sample was made from
CHECKSUM_BYTES = 4  # CRC-32 of its pixels
HEADER_BYTES = 32  # stamp, checksum, zeros


def stamp_of(paths: Sequence[Path], geometry: str) -> bytes:
    """What an entry was made of: changes with a file's size or time of change and with the geometry of the sample.

    Raises:
        OSError: a file is not there.
    """
    state = [(entry.st_size, entry.st_mtime_ns) for entry in map(os.stat, paths)]
    return hashlib.blake2b(repr((geometry, state)).encode(), digest_size=STAMP_BYTES).digest()


class PixelCache:
    """Arrays of one shape, uint8, on disk.

    Args:
        folder: is made where it is missing.
        shape: of every array.
        geometry: how the arrays are made from their files, such as `inpainting 1536/6`; part of names and stamps.
    """

    def __init__(self, folder: str | Path, shape: tuple[int, ...], geometry: str) -> None:
        self.folder = Path(folder)
        self.shape = shape
        self.geometry = geometry
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def entry_bytes(self) -> int:
        """Size of one entry on disk."""
        return HEADER_BYTES + int(np.prod(self.shape))

    def path(self, sources: Sequence[Path]) -> Path:
        """The file of an entry; the same sources have one per geometry, so an outdated one is replaced."""
        name = repr((self.geometry, [os.path.abspath(source) for source in sources]))
        digest = hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=16).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:]}.crop"

    def missing(self, sources: Sequence[Sequence[Path]]) -> tuple[int, int]:
        """How many of the entries are still to be written, and how many of these replace an outdated or damaged one."""
        wanted = [group for group in sources if not self._is_there(group)]
        return len(wanted), sum(self.path(group).exists() for group in wanted)

    def _is_there(self, sources: Sequence[Path]) -> bool:
        try:
            return self.is_current(sources)
        except OSError:  # a photo is gone, which whoever reads it says
            return False

    def is_current(self, sources: Sequence[Path]) -> bool:
        """Whether there is an entry made of these files as they are now; its pixels are not looked at.

        Raises:
            OSError: a source file is not there.
        """
        stamp = stamp_of(sources, self.geometry)
        try:
            with self.path(sources).open("rb") as file:
                return file.read(STAMP_BYTES) == stamp and os.fstat(file.fileno()).st_size == self.entry_bytes
        except OSError:
            return False

    def read(self, sources: Sequence[Path]) -> NDArray[np.uint8] | None:
        """The array made of these files, read-only; None where it is missing, damaged or outdated.

        Raises:
            OSError: a source file is not there.
        """
        stamp = stamp_of(sources, self.geometry)
        try:
            entry = np.memmap(self.path(sources), np.uint8, mode="r")
        except (OSError, ValueError):  # missing; empty
            return None
        if entry.size != self.entry_bytes or entry[:STAMP_BYTES].tobytes() != stamp:
            return None
        pixels = entry[HEADER_BYTES:]
        checksum = entry[STAMP_BYTES : STAMP_BYTES + CHECKSUM_BYTES].tobytes()
        if checksum != _checksum(pixels):
            return None
        return pixels.reshape(self.shape)

    def write(self, sources: Sequence[Path], pixels: NDArray[np.uint8]) -> None:
        """Keep an array for `read`.

        Raises:
            OSError: the disk is full, or a source file is not there.
        """
        assert pixels.shape == self.shape and pixels.dtype == np.uint8
        pixels = np.ascontiguousarray(pixels)
        header = (stamp_of(sources, self.geometry) + _checksum(pixels)).ljust(HEADER_BYTES, b"\0")
        path = self.path(sources)
        path.parent.mkdir(exist_ok=True)
        with atomic(path) as temporary, temporary.open("wb") as file:
            file.write(header)
            file.write(pixels.data)


def _checksum(pixels: NDArray[np.uint8]) -> bytes:
    return zlib.crc32(pixels.data).to_bytes(CHECKSUM_BYTES, "little")
