"""A tiny folder as `lifelike:DATA_DIR` needs one, drawn."""

import json
from pathlib import Path

import cv2
import numpy as np


def write_collection(folder: Path, sources: int = 4) -> Path:
    """Documents with their outlines, figures, surfaces and cut-outs; several files of each, of several sources."""
    rng = np.random.default_rng(3)
    for name in ("documents", "figures", "surfaces", "occluders/finger", "occluders/hand", "occluders/head",
                 "occluders/arm", "occluders/object"):  # fmt: skip
        (folder / name).mkdir(parents=True)
    outlines = {}
    for source in range(sources):
        for number in range(2):
            page = np.full((160, 120, 3), 60, np.uint8)
            page[20:140, 20:100] = 230
            for y in range(30, 130, 8):
                cv2.line(page, (28, y), (90, y), (40, 40, 40), 1)
            name = f"src{source}_{number}.png"
            cv2.imwrite(str(folder / "documents" / name), page)
            corners = [[20 / 120, 20 / 160], [100 / 120, 20 / 160], [100 / 120, 140 / 160], [20 / 120, 140 / 160]]
            outlines[name] = {"full": False, "pages": [corners], "ignore": []}
    (folder / "pages.json").write_text(json.dumps(outlines))
    rows = ["file,kind,cut_edge"]
    for number in range(14):
        figure = np.zeros((40, 40, 4), np.uint8)
        cv2.circle(figure, (20, 20), 18, (*rng.integers(0, 255, 3).tolist(), 255), -1)
        cv2.imwrite(str(folder / "figures" / f"art{number}_0.png"), figure)
        surface = np.full((60, 60, 3), rng.integers(0, 255, 3), np.uint8)
        cv2.imwrite(str(folder / "surfaces" / f"wood{number}_0.png"), surface)
        for kind in ("finger", "hand", "head", "arm", "object"):
            sprite = np.zeros((60, 30, 4), np.uint8)
            cv2.rectangle(sprite, (8, 6), (22, 59 if kind != "object" else 50), (120, 150, 210, 255), -1)
            cv2.imwrite(str(folder / "occluders" / kind / f"cut{number}_0.png"), sprite)
            edge = {"object": "none", "arm": ("bottom", "bottom+left", "bottom+left+right")[number % 3]}.get(
                kind, "bottom"
            )
            rows.append(f"occluders/{kind}/cut{number}_0.png,{kind},{edge}")
    (folder / "index.csv").write_text("\n".join(rows))
    return folder
