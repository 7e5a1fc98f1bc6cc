"""Repairs of the sample files, for the tests: a new patch, written, read again."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.utils.formats import samples
from utils import images
from utils.images import read_photo, write_photo

FILES = samples.photo_files()
PATCH = (slice(20, 40), slice(30, 60))


def save(folder: Path, name: str, data: bytes | None = None) -> Path:
    path = folder / name
    path.write_bytes(FILES[name] if data is None else data)
    return path


def repair(photo: images.Photo) -> tuple[np.ndarray, np.ndarray]:
    """A photo with a new patch, and where it is."""
    image, changed = photo.image.copy(), np.zeros(photo.image.shape[:2], bool)
    image[PATCH] = (50, 120, 190)
    changed[PATCH] = True
    return image, changed


def repaired(path: Path, **options) -> tuple[images.Photo, images.Photo, Path]:
    """A file's photo, and what is read again after a repair was written, and where."""
    photo = read_photo(path)
    target = path.with_name("repaired_" + path.name)
    write_photo(target, photo, *repair(photo), **options)
    return photo, read_photo(target), target


def opened(data: bytes | Path) -> Image.Image:
    picture = Image.open(BytesIO(data) if isinstance(data, bytes) else data)
    picture.load()
    return picture


def as_stored(path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    values = cv2.imread(str(path), flags)
    assert values is not None
    return values
