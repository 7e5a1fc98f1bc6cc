"""A small training root in the layout of the contest, drawn: grey pages with letters, round occluders."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def draw_triple(seed: int, height: int = 120, width: int = 90) -> tuple[NDArray, NDArray, NDArray]:
    """Clean page, the page covered, and the mask with 128 on the occluder."""
    rng = np.random.default_rng(seed)
    clean = np.full((height, width, 3), 225, np.uint8)
    for y in range(14, height - 4, 12):
        text = "".join(chr(code) for code in rng.integers(65, 91, 9))
        cv2.putText(clean, text, (4, y), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (50, 40, 40), 1)
    covered, mask = clean.copy(), np.zeros((height, width), np.uint8)
    centre = int(rng.integers(width // 4, 3 * width // 4)), int(rng.integers(height // 4, 3 * height // 4))
    cv2.circle(covered, centre, width // 6, (90, 120, 200), -1)
    cv2.circle(mask, centre, width // 6, 128, -1)
    return clean, covered, mask


def write_root(root: Path, count: int = 6, folders: int = 1, height: int = 120, width: int = 90) -> Path:
    """Write a root of `count` triples, every third one landscape; returns it."""
    lines: dict[Path, list[str]] = {}
    for number in range(count):
        folder = root / f"train_data_{number % folders + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        for kind, picture in zip(("clean", "covered", "mask"), draw_triple(number, height, width), strict=True):
            if number % 3 == 2:
                picture = np.ascontiguousarray(picture.swapaxes(0, 1))
            names.append(f"{kind}{number}.png")
            assert cv2.imwrite(str(folder / names[-1]), picture)
        lines.setdefault(folder, []).append(" ".join(names))
    for folder, texts in lines.items():
        (folder / "annotation.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return root
