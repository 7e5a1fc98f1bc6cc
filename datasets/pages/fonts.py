"""Fonts to print with, OpenCV's own and a machine's, and how wide they set a text."""

import re
from functools import lru_cache
from pathlib import Path

import cv2

FONT_SUFFIXES = (".ttf", ".otf", ".ttc")
FONT_PLACES = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
    *("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts"),
)
MACHINE_FONTS = 12  # at most so many of a machine's fonts are used: opening one takes milliseconds
NOT_FOR_TEXT = re.compile("symbol|emoji|icon|dings|math|music|marlett|barcode", re.IGNORECASE)
_MEASURE_PX = 100  # text is measured at this size (larger ones are slow); widths scale with it


def find_fonts(font_dir: Path | str | None) -> list[str]:
    """The font files under a folder, sorted, as `draw_layout` takes them.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds no font that OpenCV can open.
    """
    if font_dir is None:
        return []
    if not Path(font_dir).is_dir():
        raise FileNotFoundError(f"--font_dir {font_dir}: there is no such folder")
    fonts = []
    for path in sorted(Path(font_dir).rglob("*")):
        if path.suffix.lower() in FONT_SUFFIXES and cv2.FontFace().set(str(path)):
            fonts.append(str(path))
    if not fonts:
        raise ValueError(
            f"--font_dir {font_dir}: it holds no font file that OpenCV can open ({', '.join(FONT_SUFFIXES)})"
        )
    return fonts


def machine_fonts() -> list[str]:
    """A few of the fonts that this machine has, as `draw_layout` takes them; none where it has none."""
    places = [Path(place).expanduser() for place in FONT_PLACES]
    files = [path for place in places if place.is_dir() for path in sorted(place.rglob("*"))]
    fit = [path for path in files if path.suffix.lower() in FONT_SUFFIXES and not NOT_FOR_TEXT.search(path.name)]
    spread = fit[:: max(1, -(-len(fit) // MACHINE_FONTS))]
    return [str(path) for path in spread if cv2.FontFace().set(str(path))]


@lru_cache(maxsize=256)
def font_face(font: str) -> "cv2.FontFace":
    """An opened font, by a name that OpenCV knows or by its file."""
    return cv2.FontFace(font)


def measure(text: str, font: str, weight: int) -> float:
    """Width of a run over its size: a hundredth more than with kerning, and many times as fast to know."""
    return sum(_advance(character, font, weight) for character in text)


@lru_cache(maxsize=50_000)
def _advance(character: str, font: str, weight: int) -> float:
    size = cv2.getTextSize((0, 0), character, (0, 0), font_face(font), _MEASURE_PX, weight)
    return size[2] / _MEASURE_PX
