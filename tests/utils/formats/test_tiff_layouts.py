"""Every layout of TIFF that is read, against what was written, against a second decoder, and through a repair."""

from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from tests.utils.formats import samples
from tests.utils.formats.test_exif import repaired
from utils import images
from utils.formats import pixels

RGB = np.ascontiguousarray(samples.draw()[:, :, ::-1])
DEEP = RGB.astype(np.uint16) * 256 + 9
ALPHA = cv2.resize(np.tile(np.uint8([[0, 90, 255, 255]]), (4, 1)), (samples.WIDTH, samples.HEIGHT))
MULTIPLIED = np.rint(RGB * (ALPHA[:, :, None] / 255)).astype(np.uint8)
COMPRESSIONS = ("none", "lzw", "adobe_deflate", "packbits", "lzma", "zstd")


def channels(*parts):
    return np.dstack(parts)


def layouts():
    """Values as stored, and how tifffile is to store them, by name."""
    found = {}
    for depth, rgb in ((8, RGB), (16, DEEP)):
        grey, more = np.ascontiguousarray(rgb[:, :, 1]), rgb[:, :, 0]
        alpha = ALPHA.astype(rgb.dtype) * (257 if depth == 16 else 1)
        found |= {
            f"grey {depth}": (grey, {"photometric": "minisblack"}),
            f"white is zero {depth}": (grey, {"photometric": "miniswhite"}),
            f"grey alpha {depth}": (
                channels(grey, alpha), {"photometric": "minisblack", "extrasamples": ["unassalpha"]}
            ),
            f"rgb {depth}": (rgb, {"photometric": "rgb"}),
            f"rgb alpha {depth}": (channels(rgb, alpha), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
            f"rgb unspecified {depth}": (channels(rgb, more), {"photometric": "rgb", "extrasamples": ["unspecified"]}),
            f"rgb two more {depth}": (
                channels(rgb, alpha, more), {"photometric": "rgb", "extrasamples": ["unassalpha", "unspecified"]}
            ),
        }  # fmt: skip
    found["rgb associated 8"] = (channels(MULTIPLIED, ALPHA), {"photometric": "rgb", "extrasamples": ["assocalpha"]})
    return found


LAYOUTS = layouts()
VARIANTS = {
    "plain": {},
    "separate": {"planarconfig": "separate"},
    "tiled": {"tile": (32, 48)},
    "separate tiled": {"planarconfig": "separate", "tile": (16, 32)},
    "big endian": {"byteorder": ">"},
    "many strips": {"rowsperstrip": 5},
}


def write(values, byteorder="<", orientation=1, **options):
    output = BytesIO()
    if values.ndim == 2:
        options.pop("planarconfig", None)
    elif options.get("planarconfig") == "separate":
        values = np.ascontiguousarray(values.transpose(2, 0, 1))
    else:
        options["planarconfig"] = "contig"
    tags = [(274, 3, 1, orientation, True)] if orientation != 1 else []
    with tifffile.TiffWriter(output, byteorder=byteorder) as file:
        file.write(values, metadata=None, software=False, extratags=tags, **options)
    return output.getvalue()


def second_opinion(data):
    """The picture as Pillow or else OpenCV shows it, 8-bit BGR without alpha, or None where neither reads it."""
    _, page = raw(data)
    if page.planarconfig == 2 and page.bitspersample == 16:
        return None  # both show something else, without a word
    try:
        with pixels.quiet(), Image.open(BytesIO(data)) as picture:
            if picture.mode in ("L", "LA", "RGB", "RGBA"):
                return np.array(picture.convert("RGB") if picture.mode != "RGBA" else picture)[:, :, 2::-1]
            if picture.mode.startswith("I;16") and page.photometric == 1:  # the other way round it is a negative
                values = np.array(picture).astype(np.uint16)
                return cv2.cvtColor(cv2.convertScaleAbs(values, alpha=1 / 257), cv2.COLOR_GRAY2BGR)
    except (OSError, ValueError, SyntaxError):
        pass
    if page.planarconfig != 1 or page.photometric == 0 or page.samplesperpixel == 2 or page.bitspersample != 16:
        return None  # which OpenCV shows as something else
    with pixels.quiet():
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return None if values is None else pixels.to_bgr8(values)


def raw(data):
    """The values as stored, `(H, W, C)`, and the page."""
    with tifffile.TiffFile(BytesIO(data)) as file:
        page = file.pages.first
        values = page.asarray()
        separate = values.ndim == 3 and page.planarconfig == 2
        return (values.transpose(1, 2, 0) if separate else np.atleast_3d(values)), page


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_kept_and_repaired_inside_the_mask_only(tmp_path, layout, variant):
    values, options = LAYOUTS[layout]
    data = write(values, **options, **VARIANTS[variant])
    photo, again, written, _ = repaired(tmp_path, data)
    expected = RGB if "rgb" in layout else np.repeat(RGB[:, :, 1:2], 3, 2)
    expected = 255 - expected if "white is zero" in layout else expected
    visible = ALPHA > 60 if "associated" in layout else ALPHA >= 0  # what is multiplied by little is lost
    assert np.abs(photo.image[:, :, ::-1].astype(int) - expected)[visible].max() <= (2 if "associated" in layout else 1)

    before, after = raw(data)[0], raw(written)[0]
    outside = np.ones(before.shape[:2], bool)
    outside[20:40, 20:50] = False
    assert before.shape == after.shape and before.dtype == after.dtype
    assert np.array_equal(before[outside], after[outside])
    colours = 3 if "rgb" in layout else 1
    assert np.array_equal(before[:, :, colours:], after[:, :, colours:])
    assert np.abs(again.image[~outside & visible].astype(int) - 90).max() <= (2 if "associated" in layout else 0)
    for name in ("photometric", "planarconfig", "extrasamples", "is_tiled", "bitspersample"):
        assert getattr(raw(data)[1], name) == getattr(raw(written)[1], name)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_looks_the_same_to_a_second_decoder(tmp_path, layout, variant):
    values, options = LAYOUTS[layout]
    data = write(values, **options, **VARIANTS[variant])
    path = tmp_path / "photo.tif"
    path.write_bytes(data)
    other = second_opinion(data)
    if other is None:
        pytest.skip("neither reads it: what was written decides above")
    visible = ALPHA > 60 if "associated" in layout else ALPHA >= 0
    assert np.abs(images.read_image(path).astype(int) - other)[visible].max() <= (3 if "associated" in layout else 1)


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("layout", ["grey 16", "rgb 8", "rgb alpha 8", "rgb 16"])
def test_every_compression_is_read_and_kept(tmp_path, layout, compression, predictor):
    values, options = LAYOUTS[layout]
    if predictor and compression in ("none", "packbits"):
        pytest.skip("neither has one")
    data = write(values, compression=None if compression == "none" else compression, predictor=predictor, **options)
    photo, _, written, _ = repaired(tmp_path, data)
    other = second_opinion(data)
    assert np.abs(photo.image.astype(int) - other).max() <= 1
    assert raw(data)[1].compression == raw(written)[1].compression
    assert raw(data)[1].predictor == raw(written)[1].predictor
    assert second_opinion(written).shape == other.shape


def test_webp_inside_is_read_and_written_without_loss(tmp_path):
    for values in (RGB, channels(RGB, ALPHA)):
        more = {"extrasamples": ["unassalpha"]} if values.shape[2] == 4 else {}
        data = write(values, photometric="rgb", compression="webp", compressionargs={"level": 60}, **more)
        photo, again, written, _ = repaired(tmp_path, data)
        outside = np.ones(RGB.shape[:2], bool)
        outside[20:40, 20:50] = False
        assert np.array_equal(photo.image[outside], again.image[outside])
        assert raw(written)[1].compression == 8
        with tifffile.TiffFile(BytesIO(data)) as file:
            strip = data[file.pages.first.dataoffsets[0] :][: file.pages.first.databytecounts[0]]
        other = cv2.imdecode(np.frombuffer(strip, np.uint8), cv2.IMREAD_COLOR)  # a strip is a whole WebP
        assert np.array_equal(photo.image[: len(other)], other)


@pytest.mark.parametrize("tile", [None, (64, 64)])
@pytest.mark.parametrize("photometric", ["rgb", "ycbcr", "minisblack", "miniswhite"])
def test_jpeg_inside_is_read_as_tifffile_reads_it_and_written_without_loss(tmp_path, photometric, tile):
    values = RGB if photometric in ("rgb", "ycbcr") else np.ascontiguousarray(RGB[:, :, 1])
    options = {"subsampling": (2, 2)} if photometric == "ycbcr" else {}
    data = write(values, photometric=photometric, compression="jpeg", tile=tile, **options)
    photo, again, written, _ = repaired(tmp_path, data)
    expected = np.broadcast_to(raw(data)[0], RGB.shape)
    expected = 255 - expected if photometric == "miniswhite" else expected
    outside = np.ones(RGB.shape[:2], bool)
    outside[20:40, 20:50] = False
    assert np.abs(photo.image[:, :, ::-1].astype(int) - expected).max() <= 1
    assert np.array_equal(photo.image[outside], again.image[outside]) and raw(written)[1].compression == 8


@pytest.mark.parametrize("compression", [None, "group3", "group4", "tiff_ccitt", "tiff_lzw", "packbits", "zstd"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_bilevel_is_read_in_every_compression(tmp_path, compression, photometric):
    page = RGB[:, :, 1] > 130
    tags = {"tiffinfo": {262: photometric}}
    data = samples.encode_with_pillow(Image.fromarray(page), "TIFF", compression=compression, **tags)
    photo, again, _, _ = repaired(tmp_path, data)
    assert np.array_equal(photo.image[:, :, 0], np.array(Image.open(BytesIO(data)).convert("L")))
    outside = np.ones(page.shape, bool)
    outside[20:40, 20:50] = False
    assert np.array_equal(photo.image[outside], again.image[outside]) and not again.image[~outside].any()


@pytest.mark.parametrize("options", [{"tile": (32, 48)}, {"rowsperstrip": 7}, {"tile": (16, 16), "compression": "lzw"}])
def test_tiled_bilevel_is_read(tmp_path, options):
    page = RGB[:, :, 1] > 130
    data = write(page, photometric="minisblack", **options)
    photo, again, _, _ = repaired(tmp_path, data)
    assert np.array_equal(photo.image[:, :, 1] > 0, page)
    outside = np.ones(page.shape, bool)
    outside[20:40, 20:50] = False
    assert np.array_equal(photo.image[outside], again.image[outside])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "layout", ["grey 8", "rgb 8", "rgb alpha 8", "rgb unspecified 8", "rgb associated 8", "rgb alpha 16"]
)
def test_orientation_turns_every_layout_alike(tmp_path, layout, orientation):
    values, options = LAYOUTS[layout]
    photo, again, _, _ = repaired(tmp_path, write(values, orientation=orientation, **options))
    (tmp_path / "flat.tif").write_bytes(write(values, **options))
    picture, notes = Image.fromarray(images.read_image(tmp_path / "flat.tif")), Image.Exif()
    notes[274] = orientation
    with BytesIO(samples.encode_with_pillow(picture, "PNG", exif=notes)) as file, Image.open(file) as opened:
        assert np.array_equal(photo.image, np.array(ImageOps.exif_transpose(opened)))
    assert again.header.orientation == orientation
    assert np.array_equal(again.image[:15], photo.image[:15])


@pytest.mark.parametrize("fill_order", [1, 2])
def test_bits_in_either_order_are_read(tmp_path, fill_order):
    page = RGB[:, :, 1] > 130
    data = bytearray(write(page, photometric="minisblack"))
    if fill_order == 2:
        with tifffile.TiffFile(BytesIO(data)) as file:
            (start,), (size,) = file.pages.first.dataoffsets, file.pages.first.databytecounts
        bits = np.unpackbits(np.frombuffer(data[start : start + size], np.uint8))
        data[start : start + size] = np.packbits(bits, bitorder="little").tobytes()
        entry = data.index(b"\x0a\x01\x03\x00") if b"\x0a\x01\x03\x00" in data else None
        if entry is None:
            pytest.skip("tifffile wrote no entry to change")
        data[entry + 8] = 2
    (tmp_path / "bits.tif").write_bytes(data)
    assert np.array_equal(images.read_image(tmp_path / "bits.tif")[:, :, 0] > 0, page)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (write(RGB, photometric="rgb", compression="jpeg2000"), r"JPEG 2000 compression \(number 34712\)"),
        (write(RGB, photometric="rgb", compression="jpegxl"), r"JPEG XL compression"),
        (write(np.dstack([RGB, ALPHA]), photometric="separated"), "in CMYK .*convert it to grey or RGB"),
        (write(RGB, photometric="cielab"), "in CIELab"),
        (write(RGB[:, :, 0], photometric="cfa"), "a camera's raw values"),
        (write(RGB[:, :, 0].astype(np.int16), photometric="minisblack"), "1, 8 or 16 bits"),
        (write(np.dstack([RGB] * 7), photometric="minisblack"), "with 21 channels"),
    ],
)
def test_what_is_not_read_is_refused_by_its_right_name(tmp_path, data, reason):
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(ValueError, match=rf"^cannot decode 'x\.tif': .*{reason}"):
        images.read_photo(tmp_path / "x.tif")


@pytest.mark.parametrize("variant", ["tiled", "separate", "many strips"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_file_cut_short_anywhere_is_refused(tmp_path, compression, variant):
    data = write(
        RGB, photometric="rgb", compression=None if compression == "none" else compression, **VARIANTS[variant]
    )
    for share in (0.2, 0.5, 0.8, 0.99):
        (tmp_path / "x.tif").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(ValueError, match=r"truncated|damaged|beyond the end"):
            images.read_photo(tmp_path / "x.tif")


@pytest.mark.parametrize("compression", ["lzma", "lzw", "zstd", "adobe_deflate", "packbits"])
def test_a_strip_that_ends_early_is_refused_and_not_filled_with_what_lay_in_memory(tmp_path, compression):
    data = bytearray(write(RGB, photometric="rgb", compression=compression, rowsperstrip=67))
    with tifffile.TiffFile(BytesIO(data)) as file:
        tag = file.pages.first.tags[279]
        size = file.pages.first.databytecounts[0]
    data[tag.valueoffset : tag.valueoffset + 4] = (size * 2 // 3).to_bytes(4, "little")
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(ValueError, match=r"damaged|truncated"):
        images.read_photo(tmp_path / "x.tif")


def test_no_other_photo_loads_tifffile():
    import subprocess
    import sys

    code = "import sys, utils.images; assert not {'tifffile', 'imagecodecs'} & set(sys.modules), 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)
