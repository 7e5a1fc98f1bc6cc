"""What was covered survives nowhere in a repaired file, and what cannot show it stays."""

import base64
import json
import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.utils.formats import samples
from tests.utils.formats.test_exif import chunk, repaired
from tests.utils.test_originals import Remover, photo
from utils.folder import clean_folder
from utils.formats import jpeg, photoshop, xmp
from utils.places import FolderOptions, find_photos

FILES = samples.photo_files()
PICTURE = samples.encode_with_pillow(Image.effect_noise((40, 40), 90), "JPEG")
NOISE = bytes(np.random.default_rng(1).integers(0, 200, 900).astype(np.uint8))  # begins like no picture
BASE64 = base64.b64encode(PICTURE)
SECRET = PICTURE[-70:-10]  # bytes that occur in nothing else


def with_segments(*segments, name="420.jpg"):
    data = FILES[name]
    return data[:2] + b"".join(struct.pack(">HH", 0xFF00 + m, len(p) + 2) + p for m, p in segments) + data[2:]


def packet(properties, attributes=b"", namespaces=b""):
    return (
        b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        b'xmlns:GImage="http://ns.google.com/photos/1.0/image/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" '
        b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:own="urn:somebody" '
        b'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" ' + namespaces + b'dc:format="a page" ' + attributes + b">"
        + properties + b"</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>"
    )  # fmt: skip


XMP_CASES = {
    "GImage:Data": (packet(b"<GImage:Data>" + BASE64 + b"</GImage:Data>", b'GImage:Mime="image/jpeg" '), "XMP Data"),
    "GImage:Data as an attribute": (packet(b"", b'GImage:Data="' + BASE64 + b'" '), "XMP Data"),
    "thumbnails": (
        packet(b"<xmp:Thumbnails><rdf:Alt><rdf:li><a>" + BASE64 + b"</a></rdf:li></rdf:Alt></xmp:Thumbnails>"),
        "XMP Thumbnails",
    ),
    "a picture in a known property": (packet(b"<dc:source>" + BASE64 + b"</dc:source>"), "XMP source"),
    "something long of somebody's": (packet(b"<own:blob>" + b"Qk0" * 200 + b"</own:blob>"), "XMP blob"),
    "a packet that cannot be read": (packet(b"<own:blob>" + BASE64), "XMP that cannot be read"),
}


@pytest.mark.parametrize("case", XMP_CASES)
def test_pictures_in_xmp_go_and_the_rest_stays(tmp_path, case):
    content, named = XMP_CASES[case]
    data = with_segments((0xE1, jpeg.XMP_LEAD + content), name="440.jpg")
    _, _, written, dropped = repaired(tmp_path, data, mark="here")
    assert named in dropped and BASE64[:80] not in written and b"Qk0Qk0" not in written
    assert (b'dc:format="a page"' in written) == ("cannot" not in case)
    assert b"here" in written


def test_what_announces_parts_behind_the_photo_goes_with_them(tmp_path):
    markers = b'hdrgm:Version="1.0" GCamera:MotionPhoto="1" xmpNote:HasExtendedXMP="0123" '
    container = b"<Container:Directory><rdf:Seq><rdf:li><Container:Item/></rdf:li></rdf:Seq></Container:Directory>"
    data = with_segments((0xE1, jpeg.XMP_LEAD + packet(container, markers)), name="440.jpg") + PICTURE
    _, _, written, dropped = repaired(tmp_path, data)
    for word in (b"hdrgm:Version", b"GCamera:MotionPhoto", b"Container:Directory", b"HasExtendedXMP", SECRET):
        assert word not in written
    assert b'dc:format="a page"' in written
    assert {"XMP Version", "XMP MotionPhoto", "XMP Directory", "XMP HasExtendedXMP"} <= set(dropped)
    assert any("bytes behind the picture" in name for name in dropped)


@pytest.mark.parametrize("content", [samples.XMP, packet(b"<own:note>short</own:note>", b'own:more="x" '), packet(b"")])
def test_xmp_without_pictures_is_not_touched(content):
    dropped = []
    assert xmp.repaired(content, None, dropped) == content and not dropped


def test_xmp_of_other_encodings_is_kept_only_without_pictures():
    for text, stays in (("<a>plain</a>", True), (f"<a>{BASE64.decode()}", False)):
        dropped = []
        assert bool(xmp.repaired(text.encode("utf-16"), None, dropped)) == stays and bool(dropped) != stays


SEGMENTS = {
    "extended XMP": (
        0xE1,
        b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + BASE64 + b"end of the extended packet, not the file",
        "APP1 http://ns.adobe.com/xmp",
    ),
    "C2PA": (0xEB, b"JP\0\1\0\0\0\1\0\0\0\x10jumbc2pa" + PICTURE, "C2PA manifest"),
    "a short part of C2PA": (0xEB, b"JP\0\1hash of the old pixels", "APP11"),
    "preview in APP3": (0xE3, PICTURE, "APP3"),
    "preview in APP4": (0xE4, b"SAMSUNG" + PICTURE, "APP4"),
    "FlashPix": (0xE2, b"FPXR\0\1" + bytes(300), "APP2 FPXR"),
    "gain map": (0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4), "APP2 urn:iso"),
    "second frame": (0xE2, b"MPF\0abcd", "APP2 MPF"),
    "JFIF extension": (0xE0, b"JFXX\0\x10" + PICTURE, "APP0 JFXX"),
    "something long that nobody knows": (0xE7, NOISE, "APP7"),
    "a comment that is a picture": (0xFE, PICTURE, "comment"),
    "pixels in no format": (0xE5, b"RAWTHUMB" + NOISE, "APP5 RAWTHUMB"),
}


@pytest.mark.parametrize("method", ["match", "exact"])
@pytest.mark.parametrize("case", SEGMENTS)
def test_segments_that_hold_or_announce_a_picture_go_and_are_named(tmp_path, case, method):
    if method == "exact":
        pytest.importorskip("jpeglib")
    marker, payload, named = SEGMENTS[case]
    _, _, written, dropped = repaired(tmp_path, with_segments((marker, payload)), jpeg=method)
    assert payload[-40:] not in written
    assert any(name.startswith(f"JPEG {named}") for name in dropped)


def test_segments_that_cannot_show_anything_stay(tmp_path):
    kept = [(0xFE, b"a comment " * 100), (0xEC, b"Ducky" + bytes(15)), (0xE7, b"short")]
    kept.append((0xE2, b"ICC_PROFILE\0\1\1" + bytes(400)))
    _, _, written, dropped = repaired(tmp_path, with_segments(*kept, name="440.jpg"))
    for _, payload in kept:
        assert payload in written
    assert not dropped


def text_chunk(keyword, text, kind=b"zTXt"):
    packed = {b"tEXt": b"\0" + text, b"zTXt": b"\0\0" + zlib.compress(text), b"iTXt": b"\0\0\0\0\0" + text}
    return chunk(kind, keyword + packed[kind])


def raw_profile(name, content):
    digits = content.hex().encode()
    lines = b"\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    return text_chunk(b"Raw profile type " + name, b"\n%s\n%8d\n%s\n" % (name, len(content), lines))


def png_with(*chunks, name="grey.png"):
    return FILES[name][:33] + b"".join(chunks) + FILES[name][33:]


def resource(number, content):
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + bytes(len(content) % 2)


def record(number, content):
    return struct.pack(">BBBH", 0x1C, 2, number, len(content)) + content


WITH_THUMBNAIL = samples.LEAD + samples.exif(1, samples.thumbnail())
PNG_CASES = {
    "C2PA": (chunk(b"caBX", PICTURE), "PNG caBX"),
    "old offsets": (chunk(b"iDOT", bytes(28)), "PNG iDOT"),
    "a chunk nobody knows": (chunk(b"prVw", PICTURE), "PNG prVw"),
    "safe to copy, but a picture": (chunk(b"abCd".replace(b"C", b"C"), PICTURE), "PNG abCd"),
    "text that is a picture": (text_chunk(b"Comment", BASE64), "PNG Comment"),
    "long text of somebody's": (text_chunk(b"mxfile", b"%3Cdrawing" * 300), "PNG mxfile"),
    "EXIF profile": (raw_profile(b"exif", WITH_THUMBNAIL), "EXIF thumbnail"),
    "EXIF profile of JPEG's name": (raw_profile(b"APP1", WITH_THUMBNAIL), "EXIF thumbnail"),
    "Photoshop profile": (raw_profile(b"8bim", resource(1036, PICTURE)), "Photoshop thumbnail"),
    "IPTC profile": (raw_profile(b"iptc", record(202, PICTURE)), "IPTC preview"),
    "XMP profile": (raw_profile(b"xmp", XMP_CASES["GImage:Data"][0]), "XMP Data"),
    "a profile nobody knows": (raw_profile(b"mine", PICTURE), "PNG Raw profile type mine"),
}


@pytest.mark.parametrize("case", PNG_CASES)
def test_png_chunks_that_hold_a_picture_go_and_are_named(tmp_path, case):
    added, named = PNG_CASES[case]
    _, _, written, dropped = repaired(tmp_path, png_with(added))
    texts = b"".join(str(value).encode() for value in Image.open(BytesIO(written)).info.values())
    for secret in (SECRET, BASE64[:60], SECRET.hex().encode(), samples.thumbnail()[-40:].hex().encode(), b"drawing"):
        assert secret not in written and secret not in texts.replace(b"\n", b"")
    assert named in dropped and b"iDOT" not in written


def test_png_chunks_that_cannot_show_anything_stay(tmp_path):
    block = samples.LEAD + samples.exif(6)
    kept = [chunk(b"tIME", bytes(7)), text_chunk(b"Comment", b"words " * 400)]
    kept += [text_chunk(b"own", b"short", kind) for kind in (b"tEXt", b"iTXt")]
    kept += [raw_profile(b"exif", block), raw_profile(b"icc", bytes(900))]
    _, _, written, dropped = repaired(tmp_path, png_with(*kept))
    for part in kept:
        assert part in written
    assert not dropped


def test_a_cleaned_exif_profile_still_says_how_the_photo_stands(tmp_path):
    data = png_with(raw_profile(b"exif", samples.LEAD + samples.exif(6, samples.thumbnail())))
    photo_, again, written, _ = repaired(tmp_path, data)
    assert photo_.header.orientation == again.header.orientation == 6
    assert Image.open(BytesIO(written)).getexif()[271] == "A maker"


TIFF_TAGS = {
    "layers": (37724, b"Adobe Photoshop Document Data Block\0" + PICTURE, "TIFF tag 37724"),
    "C2PA": (52545, b"short", "TIFF tag 52545"),
    "a tag nobody knows": (60001, bytes(range(256)) * 3, "TIFF tag 60001"),
    "Photoshop": (34377, resource(1036, PICTURE), "Photoshop thumbnail"),
    "IPTC": (33723, record(202, PICTURE[:2000]), "IPTC preview"),
    "XMP": (700, XMP_CASES["GImage:Data"][0], "XMP Data"),
}


@pytest.mark.parametrize("case", TIFF_TAGS)
@pytest.mark.parametrize("swapped", [False, True])
def test_tiff_tags_that_hold_a_picture_go_and_are_named(tmp_path, case, swapped):
    number, content, named = TIFF_TAGS[case]
    picture = Image.fromarray(samples.draw()[:, :, ::-1])
    kept = {60000: b"short", 34675: samples.ICC, 305: "a program"}
    data = samples.encode_with_pillow(picture, "TIFF", tiffinfo={number: content, **kept})
    data = samples.as_big_endian(data) if swapped else data
    _, _, written, dropped = repaired(tmp_path, data)
    assert SECRET not in written and BASE64[:60] not in written and named in dropped
    after = Image.open(BytesIO(written)).tag_v2
    assert after[60000] == b"short" and after[34675] == samples.ICC and after[305] == "a program"


def test_the_previews_in_a_tiffs_sub_directories_go(tmp_path):
    import tifffile

    output = BytesIO()
    with tifffile.TiffWriter(output) as file:
        file.write(samples.draw(), photometric="rgb", subifds=1, metadata=None)
        file.write(samples.draw()[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    _, _, written, dropped = repaired(tmp_path, output.getvalue())
    assert "TIFF previews in sub-directories" in dropped
    with tifffile.TiffFile(BytesIO(written)) as file:
        assert 330 not in file.pages.first.tags


def test_webp_chunks_that_nobody_knows_go_and_are_named(tmp_path):
    data = FILES["lossy.webp"] + b"C2PA" + struct.pack("<I", len(PICTURE)) + PICTURE + bytes(len(PICTURE) % 2)
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    _, _, written, dropped = repaired(tmp_path, data)
    assert SECRET not in written and "WebP C2PA" in dropped and "EXIF thumbnail" in dropped


def test_what_lies_behind_a_bmp_goes(tmp_path):
    _, _, written, dropped = repaired(tmp_path, FILES["colour.bmp"] + PICTURE)
    assert SECRET not in written and any("beside the picture" in name for name in dropped)
    assert struct.unpack_from("<I", written, 2)[0] == len(written)
    for name in ("colour.bmp", "palette.bmp", "grey.bmp", "alpha.bmp", "top_down.bmp"):
        _, _, written, dropped = repaired(tmp_path, FILES[name])
        assert len(written) == len(FILES[name]) and not dropped


def test_what_lies_behind_every_other_format_goes(tmp_path):
    for name in ("420.jpg", "colour.png", "plain.tif", "lossy.webp"):
        _, _, written, _ = repaired(tmp_path, FILES[name] + PICTURE)
        assert SECRET not in written, name


def test_photoshop_resources_keep_what_says_something(tmp_path):
    kept = resource(1005, bytes(16)) + resource(1034, b"\1") + resource(2000, bytes(900)) + resource(4000, b"short")
    gone = resource(1033, PICTURE) + resource(1058, PICTURE) + resource(1060, b"<x/>") + resource(4001, bytes(900))
    dropped = []
    assert photoshop.cleaned(kept + gone, dropped) == kept
    assert len(dropped) == 4
    with_caption = resource(photoshop.IPTC_RESOURCE, record(120, b"a caption") + record(202, PICTURE))
    assert photoshop.cleaned(with_caption, []) == resource(photoshop.IPTC_RESOURCE, record(120, b"a caption"))
    assert photoshop.cleaned(kept + b"rubbish" + PICTURE, []) == kept


def test_the_report_names_what_went(tmp_path):
    photo(tmp_path / "photos" / "a.png")
    path = tmp_path / "photos" / "a.png"
    path.write_bytes(path.read_bytes()[:33] + chunk(b"caBX", PICTURE) + path.read_bytes()[33:])
    options = FolderOptions(tmp_path / "photos", tmp_path / "out", report=tmp_path / "run.jsonl")
    options.save_dir.mkdir()
    clean_folder(Remover(), find_photos(options)[0], options)
    assert json.loads((tmp_path / "run.jsonl").read_text())["dropped"] == ["PNG caBX"]
    assert np.array_equal(cv2.imread(str(options.save_dir / "a.png"))[10:], cv2.imread(str(path))[10:])


@pytest.mark.parametrize("name", sorted(n for n in samples.odd_files() if "hidden" in n or "layers" in n))
def test_no_hidden_picture_survives_in_any_format(tmp_path, name):
    data = samples.odd_files()[name]
    assert samples.SECRET in data
    _, _, written, dropped = repaired(tmp_path, data, mark="here")
    assert samples.SECRET not in written and base64.b64encode(samples.HIDDEN)[:200] not in written and dropped
