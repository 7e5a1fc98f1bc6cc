"""Small picture files of every kind that `utils.images` reads, drawn here, for the tests and the fuzzer."""

import struct
import zlib
from base64 import b64encode
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

HEIGHT, WIDTH = 67, 93  # no multiple of any block size
LEAD = b"Exif\0\0"  # what Pillow wants before an EXIF block, but in PNG
ICC = bytes(range(256)) * 3
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="a page"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def _hidden() -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


HIDDEN = _hidden()  # a picture that must not survive in a repaired file
SECRET = HIDDEN[-200:-100]  # what occurs in nothing else


def draw() -> NDArray[np.uint8]:
    """A soft, coloured picture, `(HEIGHT, WIDTH, 3)` uint8 BGR."""
    coarse = np.random.default_rng(0).integers(60, 220, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def exif(orientation: int = 1, thumbnail: bytes = b"") -> bytes:
    """An EXIF block, without lead: maker, orientation, a date in its own directory and, if given, a thumbnail."""
    maker, date = b"A maker\0", b"2024:05:06 07:08:09\0"
    values = 8 + 2 + 3 * 12 + 4
    second = values + len(maker) + 2 + 12 + 4 + len(date)
    block = b"II*\0" + struct.pack("<IH", 8, 3)
    block += struct.pack("<HHII", 271, 2, len(maker), values)
    block += struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    block += struct.pack("<HHII", 34665, 4, 1, values + len(maker))
    block += struct.pack("<I", second if thumbnail else 0) + maker
    block += struct.pack("<HHHII", 1, 0x9003, 2, len(date), values + len(maker) + 18) + bytes(4) + date
    if thumbnail:
        block += struct.pack("<HHHII", 2, 513, 4, 1, second + 30)
        block += struct.pack("<HHII", 514, 4, 1, len(thumbnail)) + bytes(4) + thumbnail
    return block


def thumbnail() -> bytes:
    """A JPEG of 16 × 16 pixels."""
    return encode_with_pillow(Image.new("RGB", (16, 16), (200, 30, 40)), "JPEG")


def encode_with_pillow(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file."""
    output = BytesIO()
    picture.save(output, kind, **options)
    return output.getvalue()


def encode_with_opencv(extension: str, pixels: NDArray, *parameters: int) -> bytes:
    """The bytes of a file."""
    return cv2.imencode(extension, pixels, list(parameters))[1].tobytes()


def photo_files() -> dict[str, bytes]:
    """Files that can be repaired, by a name that says what they are."""
    bgr = draw()
    deep = bgr.astype(np.uint16) * 256 + 9  # not a multiple of 257: lost by a detour over 8 bits
    alpha = bgr[:, :, 2]
    colour = Image.fromarray(np.ascontiguousarray(bgr[:, :, ::-1]))
    grey = Image.fromarray(np.ascontiguousarray(bgr[:, :, 1]))
    with_alpha = Image.fromarray(np.dstack([bgr[:, :, ::-1], alpha]))
    grey_alpha = Image.merge("LA", (grey, Image.fromarray(np.ascontiguousarray(alpha))))
    notes: dict[str, Any] = {"icc_profile": ICC, "exif": LEAD + exif(1, thumbnail()), "xmp": XMP, "dpi": (300, 300)}
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    text.add_text("Author", "somebody")
    tagged = {"icc_profile": ICC, "dpi": (300, 300), "tiffinfo": {271: "A maker", 700: XMP}}
    return {
        "444.jpg": encode_with_pillow(colour, "JPEG", quality=85, subsampling=0, **notes),
        "422.jpg": encode_with_pillow(colour, "JPEG", quality=75, subsampling=1, **notes),
        "420.jpg": encode_with_pillow(colour, "JPEG", quality=92, subsampling=2, **notes),
        "440.jpg": encode_with_opencv(".jpg", bgr, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x121111),
        "411.jpg": encode_with_opencv(".jpg", bgr, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x411111),
        "progressive.jpg": encode_with_pillow(colour, "JPEG", quality=80, progressive=True),
        "restart.jpg": encode_with_pillow(colour, "JPEG", quality=80, restart_marker_blocks=4),
        "grey.jpg": encode_with_pillow(grey, "JPEG", quality=70),
        "rgb.jpg": encode_with_pillow(colour, "JPEG", keep_rgb=True),
        "colour.png": encode_with_pillow(colour, "PNG", pnginfo=text, **notes),
        "grey.png": encode_with_pillow(grey, "PNG"),
        "alpha.png": encode_with_pillow(with_alpha, "PNG"),
        "grey_alpha.png": encode_with_pillow(grey_alpha, "PNG"),
        "palette.png": encode_with_pillow(colour.quantize(200), "PNG", transparency=3),
        "palette4.png": encode_with_pillow(colour.quantize(13), "PNG"),
        "palette2.png": encode_with_pillow(colour.quantize(4), "PNG"),
        "bilevel.png": encode_with_pillow(grey.convert("1"), "PNG"),
        "colour16.png": encode_with_opencv(".png", deep),
        "grey16.png": encode_with_opencv(".png", deep[:, :, 0]),
        "alpha16.png": encode_with_opencv(".png", np.dstack([deep, deep[:, :, 2]])),
        "plain.tif": encode_with_pillow(colour, "TIFF", **tagged),
        "lzw.tif": encode_with_pillow(colour, "TIFF", compression="tiff_lzw", **tagged),
        "deflate.tif": encode_with_pillow(colour, "TIFF", compression="tiff_adobe_deflate"),
        "packbits.tif": encode_with_pillow(grey, "TIFF", compression="packbits", **tagged),
        "big_endian.tif": as_big_endian(encode_with_pillow(colour, "TIFF", **tagged)),
        "jpeg.tif": encode_with_pillow(colour, "TIFF", compression="jpeg"),
        "alpha.tif": encode_with_pillow(with_alpha, "TIFF", compression="tiff_lzw"),
        "bilevel.tif": encode_with_pillow(grey.convert("1"), "TIFF", compression="group4", **tagged),
        "colour16.tif": encode_with_opencv(".tif", deep),
        "grey16.tif": encode_with_opencv(".tif", deep[:, :, 0]),
        "lossy.webp": encode_with_pillow(colour, "WEBP", icc_profile=ICC, exif=exif(1, thumbnail()), xmp=XMP),
        "lossless.webp": encode_with_pillow(colour, "WEBP", lossless=True),
        "alpha.webp": encode_with_pillow(with_alpha, "WEBP", lossless=True, exact=True, xmp=XMP),
        "lossy_alpha.webp": encode_with_pillow(with_alpha, "WEBP", quality=80),
        "colour.bmp": encode_with_pillow(colour, "BMP", dpi=(300, 300)),
        "palette.bmp": encode_with_pillow(colour.quantize(100), "BMP"),
        "grey.bmp": encode_with_pillow(grey, "BMP"),
        "alpha.bmp": encode_with_pillow(with_alpha, "BMP"),
        "top_down.bmp": _top_down(encode_with_pillow(colour.transpose(Image.Transpose.FLIP_TOP_BOTTOM), "BMP")),
    }


def odd_files() -> dict[str, bytes]:
    """Files as other people's reports brought them: layouts of TIFF, and pictures hidden beside the picture."""
    import tifffile

    def tiff(values: NDArray, **options: Any) -> bytes:
        output = BytesIO()
        with tifffile.TiffWriter(output, byteorder=options.pop("byteorder", "<")) as file:
            file.write(values, metadata=None, software=False, **options)
        return output.getvalue()

    def segment(marker: int, payload: bytes) -> bytes:
        return struct.pack(">HH", 0xFF00 + marker, len(payload) + 2) + payload

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rgb = np.ascontiguousarray(draw()[:, :, ::-1])
    deep, alpha = rgb.astype(np.uint16) * 256 + 9, np.ascontiguousarray(rgb[:, :, 0])
    grey = np.ascontiguousarray(rgb[:, :, 1])
    planes, ink = np.ascontiguousarray(deep.transpose(2, 0, 1)), grey > 130
    base64 = b64encode(HIDDEN)
    packet = XMP.replace(
        b'xmlns:dc="', b'xmlns:G="http://ns.google.com/photos/1.0/image/" G:Data="' + base64 + b'" xmlns:dc="', 1
    )
    lead = b"http://ns.adobe.com/xap/1.0/\0"
    hidden = [
        *(segment(0xE1, lead + packet), segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + base64)),
        *(segment(0xEB, b"JP\0\1" + HIDDEN), segment(0xE3, HIDDEN), segment(0xE2, b"MPF\0" + bytes(40))),
        segment(0xED, b"Photoshop 3.0\0" + struct.pack(">4sHHI", b"8BIM", 1036, 0, len(HIDDEN)) + HIDDEN + b"\0"),
    ]
    picture = Image.fromarray(rgb)
    jpeg = encode_with_pillow(picture, "JPEG", quality=90, exif=LEAD + exif(6, thumbnail()))
    png, bmp = encode_with_pillow(picture, "PNG"), encode_with_pillow(picture, "BMP")
    profile = LEAD + exif(6, HIDDEN)
    text = b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(profile), profile.hex().encode())
    chunks = (
        chunk(b"caBX", HIDDEN) + chunk(b"tEXt", text) + chunk(b"tEXt", b"Comment\0" + base64) + chunk(b"iDOT", b"abc")
    )
    return {
        "separate16.tif": tiff(planes, photometric="rgb", planarconfig="separate"),
        "white_is_zero16.tif": tiff(deep[:, :, 1], photometric="miniswhite", byteorder=">"),
        "associated.tif": tiff(np.dstack([rgb, alpha]), photometric="rgb", extrasamples=["assocalpha"]),
        "unspecified.tif": tiff(
            np.dstack([rgb, alpha]), photometric="rgb", extrasamples=["unspecified"], tile=(32, 48)
        ),
        "zstd.tif": tiff(deep, photometric="rgb", compression="zstd", predictor=True),
        "lzma.tif": tiff(rgb, photometric="rgb", compression="lzma"),
        "webp.tif": tiff(rgb, photometric="rgb", compression="webp"),
        "tiled_bilevel.tif": tiff(ink, photometric="minisblack", tile=(32, 48)),
        "layers.tif": encode_with_pillow(picture, "TIFF", tiffinfo={37724: HIDDEN, 60001: HIDDEN, 700: packet}),
        "hidden.jpg": jpeg[:2] + b"".join(hidden) + jpeg[2:] + HIDDEN,
        "hidden.png": png[:33] + chunks + png[33:] + HIDDEN,
        "hidden.bmp": bmp + HIDDEN,
        "mask16.png": encode_with_opencv(".png", ink.astype(np.uint16)),
        "mask.png": encode_with_opencv(".png", np.dstack([grey * 0 + 255] * 3 + [ink * np.uint8(255)])),
    }


def as_big_endian(data: bytes) -> bytes:
    """An uncompressed 8-bit TIFF in the other byte order; Pillow writes none."""
    result = bytearray(b"MM\0*" + data[7:3:-1] + data[8:])
    waiting = [struct.unpack_from("<I", data, 4)[0]]
    while waiting:
        offset = waiting.pop()
        (count,) = struct.unpack_from("<H", data, offset)
        struct.pack_into(">H", result, offset, count)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, number, place = struct.unpack_from("<HHII", data, entry)
            struct.pack_into(">HHI", result, entry, tag, kind, number)
            unit, words = {3: (2, 1), 4: (4, 1), 5: (4, 2)}.get(kind, (1, 1))
            if unit * words * number > 4:
                struct.pack_into(">I", result, entry + 8, place)
            else:
                place = entry + 8
            for at in range(place, place + unit * words * number, unit):
                result[at : at + unit] = data[at : at + unit][::-1]
            if tag in (34665, 34853):
                waiting.append(struct.unpack_from("<I", data, entry + 8)[0])
    return bytes(result)


def _top_down(data: bytes) -> bytes:
    return data[:22] + struct.pack("<i", -HEIGHT) + data[26:]
