"""A JPEG with new blocks in it, all others with the coefficients they had.

Two libraries can do it: libturbojpeg, where the system has it, and the package jpeglib, which takes twice the time.
Whichever writes a file, it is read again and compared before it counts: nothing less is sure to find a damaged one.
"""

import contextlib
import ctypes
import functools
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.formats import jpeg_segments, pixels, turbojpeg
from utils.formats.jpeg_blocks import Blocks
from utils.formats.jpeg_segments import JpegDetail

FAILED_CHECK = "the check failed: other coefficients were written than should be"
COLOUR_SPACES = {1: 1, 3: 3}  # by the number of components: JCS_GRAYSCALE, JCS_YCbCr

Plane = NDArray[np.int16]  # of one component: `(rows, columns, 64)`, quantised coefficients row by row


@functools.cache
def has_jpeglib() -> bool:
    """Whether the optional package is installed and loads."""
    try:
        import jpeglib  # noqa: F401
    except (ImportError, OSError):  # OSError: a library that it is built on is missing
        return False
    return True


def replaced(data: bytes, detail: JpegDetail, blocks: Sequence[Blocks]) -> bytes:
    """The file with new blocks, as one sequential scan.

    Args:
        data: the source without metadata: grey, or Y, Cb and Cr.
        detail: of the source.
        blocks: the new ones of each component.

    Raises:
        ValueError: no library can do it, or what was written is not what it should be.
    """
    reason = "neither libturbojpeg nor jpeglib is installed"
    for is_there, write in ((turbojpeg.is_installed, _with_turbojpeg), (has_jpeglib, _with_jpeglib)):
        if is_there():
            try:
                return write(data, detail, blocks)
            except ValueError as error:  # the one may know samplings that the other does not
                reason = str(error)
    raise ValueError(reason)


def _with_turbojpeg(data: bytes, detail: JpegDetail, blocks: Sequence[Blocks]) -> bytes:
    planes = _planes(detail)
    ends = [np.searchsorted(new.rows, np.arange(len(plane) + 1)) for new, plane in zip(blocks, planes, strict=True)]

    def replace(component: int, row: int, coefficients: Plane) -> None:
        new, here = blocks[component], slice(*ends[component][row : row + 2])
        coefficients[new.columns[here]] = new.values[here]
        planes[component][row] = coefficients

    def compare(component: int, row: int, coefficients: Plane) -> None:
        if not np.array_equal(planes[component][row], coefficients):
            raise ValueError(FAILED_CHECK)

    with pixels.quiet():
        encoded = turbojpeg.rewritten(data, detail.plane_shapes(), replace)
        _check_segments(encoded, detail)
        turbojpeg.rewritten(encoded, detail.plane_shapes(), compare, turbojpeg.NO_OUTPUT)
    return encoded


def _with_jpeglib(data: bytes, detail: JpegDetail, blocks: Sequence[Blocks]) -> bytes:
    planes = _planes(detail)
    try:
        with pixels.quiet():
            _read(data, planes)
            for plane, new in zip(planes, blocks, strict=True):
                plane[new.rows, new.columns] = new.values
            encoded = _written(planes, detail)
            _check_segments(encoded, detail)
            # jpeglib calls the components 0, 1, 2
            encoded = jpeg_segments.with_identifiers(encoded, detail.components)
            written = _planes(detail)
            _read(encoded, written)
    except (OSError, TypeError) as error:  # TypeError: a version whose calls take something else
        raise ValueError(f"jpeglib cannot write it ({error})") from None
    if not all(np.array_equal(a, b) for a, b in zip(planes, written, strict=True)):
        raise ValueError(FAILED_CHECK)
    return encoded


def _planes(detail: JpegDetail) -> list[Plane]:
    return [np.empty((*shape, 64), np.int16) for shape in detail.plane_shapes()]


def _check_segments(encoded: bytes, detail: JpegDetail) -> None:
    """Raise ValueError unless all that coefficients need to become the same picture stands in a file."""
    written = jpeg_segments.read(encoded)
    frames = [
        (d.height, d.width, d.is_rgb, d.tables_of_components(), [(c.horizontal, c.vertical) for c in d.components])
        for d in (detail, written)
    ]
    if frames[0] != frames[1]:
        raise ValueError("the check failed: another frame or other tables were written than should be")


def _jpeglib() -> Any:
    """The package's calls, of the newest libjpeg-turbo that it brings; its default is libjpeg 6b of 1998.

    Those of its classes decode a file up to three times and copy the coefficients as often.
    """
    from jpeglib._bind import CJpegLib  # optional

    if CJpegLib.get_version() != "turbo210":
        CJpegLib.set_version("turbo210")
    return CJpegLib


def _read(data: bytes, planes: Sequence[Plane]) -> None:
    """Fill planes of the right sizes with the coefficients of a file.

    Raises:
        OSError: jpeglib cannot read it.
    """
    with _scratch() as path:
        path.write_bytes(data)
        _jpeglib().read_jpeg_dct(
            srcfile=str(path), **_by_name(planes), qt=(ctypes.c_ushort * 256)(), quant_tbl_no=(ctypes.c_short * 4)()
        )


def _written(planes: Sequence[Plane], detail: JpegDetail) -> bytes:
    """A file of these coefficients.

    Raises:
        OSError: jpeglib cannot write it.
    """
    tables, named = detail.tables_of_components(), [component.table for component in detail.components]
    # jpeglib takes the table for a number sometimes from that number's place, sometimes from its component's: so each
    # table gets the number of the first component that has it
    numbers = [named.index(number) for number in named]
    values = np.zeros((4, 64), np.uint16)
    values[: len(tables)] = tables
    sampling = [factor for c in detail.components for factor in (c.vertical, c.horizontal)]
    with _scratch() as path:
        _jpeglib().write_jpeg_dct(
            srcfile=None,
            dstfile=str(path),
            **_by_name(planes),
            image_dims=(ctypes.c_int * 2)(detail.height, detail.width),
            block_dims=(ctypes.c_int * 8)(*(side for shape in detail.plane_shapes() for side in shape)),
            in_color_space=COLOUR_SPACES[len(planes)],
            in_components=len(planes),
            samp_factor=(ctypes.c_int * 8)(*sampling),
            qt=np.ctypeslib.as_ctypes(values),
            quality=-1,
            quant_tbl_no=(ctypes.c_short * 4)(*numbers),
            num_markers=0,
            marker_types=None,
            marker_lengths=None,
            markers=None,
            flags=[],
        )
        return path.read_bytes()


def _by_name(planes: Sequence[Plane]) -> dict[str, Any]:
    """Pointers to planes under jpeglib's names for them; it takes a missing one as None."""
    pointers = [plane.ctypes.data_as(ctypes.POINTER(ctypes.c_short)) for plane in planes]
    return dict(zip(("Y", "Cb", "Cr", "K"), [*pointers, None, None, None], strict=False))


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A file for jpeglib, which takes names alone: in memory where the system has a name for that.

    Raises:
        OSError: there is neither that nor a temporary folder.
    """
    file = None
    with contextlib.suppress(OSError):
        file = pixels.memory_file()
    if file is not None:
        with file:
            path = Path(f"/proc/self/fd/{file.fileno()}")
            if path.exists():
                yield path
                return
    handle, name = tempfile.mkstemp(suffix=".jpg")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
