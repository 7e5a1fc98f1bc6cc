"""What kind of picture a file is, told from its first bytes: what is read here, and what has to be converted first."""

import re

from utils.formats import bmp, jpeg, png, tiff, webp

HEAD_BYTES = 64  # of a file, enough for every kind below
FORMATS = {"JPEG": jpeg, "PNG": png, "TIFF": tiff, "WEBP": webp, "BMP": bmp}

# Kinds that are not read here. The brand of an ISO file (HEIF, AVIF, Canon's CR3) stands behind "ftyp".
_OTHERS = (
    ("HEIC", rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)"),
    ("AVIF", rb"....ftypavi[fs]"),
    ("camera raw", rb"....ftypcrx |FUJIFILMCCD-RAW|IIU\0|II(RO|RS)|MMOR|FOVb|\0MRM|II\x1a\0\0\0HEAPCCDR"),
    ("JPEG XL", rb"\0\0\0\x0cJXL \r\n\x87\n"),
    ("JPEG 2000", rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    ("JPEG XR", rb"II\xbc[\0\1]"),
    ("GIF", rb"GIF8[79]a"),
    ("PDF", rb"%PDF-"),
    ("PostScript", rb"%!PS|\xc5\xd0\xd3\xc6"),
    ("PSD", rb"8BPS\0[\1\2]"),
    ("PPM", rb"P[1-7][ \t\r\n]+(#|\d|WIDTH)|P[fF][ \t\r\n]+\d"),
    ("DjVu", rb"AT&TFORM....DJV"),
    ("OpenEXR", rb"\x76\x2f\x31\x01"),
    ("HDR", rb"#\?(RADIANCE|RGBE)"),
    ("XCF", rb"gimp xcf "),
    ("PCX", rb"\x0a[\0\2-\5]\x01[\1\2\4\x08]"),
    ("SGI", rb"\x01\xda[\0\1][\1\2]\0[\1-\3]"),
    ("FITS", rb"SIMPLE  ="),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _OTHERS)
RAW_EXTENSIONS = frozenset(
    {
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".rw2", ".rwl", ".orf"),
        *(".pef", ".srw", ".3fr", ".fff", ".iiq", ".mos", ".mrw", ".kdc", ".dcr", ".erf", ".mef", ".x3f", ".gpr"),
        ".raw",
    }
)
# By name, where a file is damaged, or its kind has no letters of its own at its beginning (TGA, DICOM).
_KIND_OF_EXTENSION = {
    **dict.fromkeys(RAW_EXTENSIONS, "camera raw"),
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm"), "PPM"),
    **{".avif": "AVIF", ".jxl": "JPEG XL", ".jp2": "JPEG 2000", ".j2k": "JPEG 2000", ".jxr": "JPEG XR", ".gif": "GIF"},
    **{".pdf": "PDF", ".psd": "PSD", ".psb": "PSD", ".tga": "TGA", ".dcm": "DICOM", ".xcf": "XCF", ".djvu": "DjVu"},
}


def readable(head: bytes, extension: str = "") -> str | None:
    """The format, one of `FORMATS`, that a file's first bytes show; None where it is none of them.

    Args:
        head: its first `HEAD_BYTES`, or all of it.
        extension: of its name, in small letters; a camera's raw file begins as a TIFF does.
    """
    for name, module in FORMATS.items():
        if module.matches(head):
            if name == "TIFF" and (extension in RAW_EXTENSIONS or head[8:10] == b"CR"):
                return None
            return name
    return None


def other(head: bytes, extension: str = "") -> str | None:
    """The kind of a picture that is not read here, in words; None where the file is no picture at all.

    Args:
        head, extension: as for `readable`.
    """
    for kind, pattern in _PATTERNS:
        if pattern.match(head):
            return kind
    return _KIND_OF_EXTENSION.get(extension, "camera raw" if head[8:10] == b"CR" and tiff.matches(head) else None)
