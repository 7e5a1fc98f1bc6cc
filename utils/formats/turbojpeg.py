"""libturbojpeg, where the system has it: a JPEG's coefficients, row after row, while they are written again.

The library calls back for each row of blocks between decoding and encoding the entropy-coded data, and the row may be
changed where it lies. That takes half the time of the package jpeglib, which copies all of them one by one. Functions
and structures are those of the TurboJPEG API 2, which version 3 of the library keeps.
"""

import contextlib
import ctypes
import functools
import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

NAMES = {  # what the system's loader knows it by
    "darwin": ("libturbojpeg.dylib", "/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib"),
    "win32": ("turbojpeg.dll", "libturbojpeg.dll"),
}.get(sys.platform, ("libturbojpeg.so.0",))
NO_OUTPUT, COPY_NO_MARKERS = 16, 64  # TJXOPT_NOOUTPUT, TJXOPT_COPYNONE

# Takes the component's number, that of the row of blocks, and its coefficients, `(blocks, 64)` int16, row by row.
Visit = Callable[[int, int, NDArray[np.int16]], None]


class _Region(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int) for name in "xywh")


_FILTER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, _Region, _Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


class _Transform(ctypes.Structure):
    _fields_ = (
        ("region", _Region),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", _FILTER),
    )


@functools.cache
def is_installed() -> bool:
    """Whether the library is there and has what is called here."""
    return _library() is not None


def rewritten(data: bytes, shapes: Sequence[tuple[int, int]], visit: Visit, options: int = COPY_NO_MARKERS) -> bytes:
    """A JPEG written again as one sequential scan, every row of its blocks passed to `visit` first.

    Args:
        data: grey, or Y, Cb and Cr in one of the common samplings.
        shapes: rows and columns of blocks of each component.
        visit: called for every row of a component, from its top; it may change the coefficients where they lie.
        options: COPY_NO_MARKERS, or NO_OUTPUT to see the coefficients alone.

    Returns:
        The file without metadata; empty with NO_OUTPUT.

    Raises:
        ValueError: the library cannot read it, or it has other shapes; whatever `visit` raises.
    """
    library = _library()
    assert library is not None
    failures: list[BaseException] = []
    visited = [0] * len(shapes)

    def each_row(address: int, region: _Region, plane: _Region, component: int, transform: int, owner: int) -> int:
        try:
            rows, columns = shapes[component]
            row = region.y // 8
            if (plane.h // 8, plane.w // 8, region.w // 8) != (rows, columns, columns):
                raise ValueError("libturbojpeg sees another picture in it")
            if row < rows:  # beyond that are rows that only fill the last MCU
                coefficients = (ctypes.c_short * (64 * columns)).from_address(address)
                visit(component, row, np.ctypeslib.as_array(coefficients).reshape(columns, 64))
                visited[component] += 1
        except BaseException as error:  # it cannot pass through the library
            failures.append(error)
            return -1
        return 0

    transform = _Transform(options=options, filter=_FILTER(each_row))
    written, size = ctypes.c_void_p(), ctypes.c_ulong()
    handle = library.tjInitTransform()
    try:
        status = library.tjTransform(
            handle, data, len(data), 1, ctypes.byref(written), ctypes.byref(size), ctypes.byref(transform), 0
        )
        if failures:
            raise failures[0]
        if status or visited != [rows for rows, _ in shapes]:
            raise ValueError("libturbojpeg cannot rewrite it")
        return ctypes.string_at(written, size.value) if written else b""
    finally:
        library.tjFree(written)
        library.tjDestroy(handle)


@functools.cache
def _library() -> ctypes.CDLL | None:
    for name in NAMES:
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            library.tjInitTransform.restype = ctypes.c_void_p
            library.tjInitTransform.argtypes = ()
            library.tjTransform.argtypes = (
                ctypes.c_void_p,
                ctypes.c_char_p,
                ctypes.c_ulong,
                ctypes.c_int,
                ctypes.POINTER(ctypes.c_void_p),
                ctypes.POINTER(ctypes.c_ulong),
                ctypes.POINTER(_Transform),
                ctypes.c_int,
            )
            library.tjFree.restype, library.tjFree.argtypes = None, (ctypes.c_void_p,)
            library.tjDestroy.argtypes = (ctypes.c_void_p,)
            return library
    return None
