"""What a generator makes of life-like crops that it never saw, beside what page structure makes of them.

    python -m benchmarks.generator --generator CHECKPOINT --data_dir DATA_DIR

Crops are those of `lifelike:` training, of pictures that are kept apart from it. Each line is a mean over crops: all,
and those of which most of the hole is of one kind, as page structure says of itself. `mask_psnr` in dB, `dissimilarity`
1 - SSIM in the hole, `grain` that in the hole over that around it (1 goes on, 0 is a smear), `better` the share of
crops in which the network is nearer to the truth than page structure. `--sheet` shows the crops: hidden, truth, page
structure, network.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.looks import grain_kept
from utils.arrays import Image
from utils.flags import positive_int
from utils.metrics import psnr
from utils.page.guidance import COPIED, SURE, UNSURE
from utils.preprocess import to_image

CROP_SIDE = 256  # pixels, of the published network
HIDDEN_FROM = 0.99  # of a mask: what is hidden less is seen in part
KINDS = {"sure": SURE, "copied": COPIED, "unsure": UNSURE}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generator", required=True, metavar="FILE", help="checkpoint with 4 or 8 input channels")
    parser.add_argument("--data_dir", required=True, help="folder of `lifelike:` roots")
    parser.add_argument("--count", type=positive_int, default=90, help="crops (default %(default)s)")
    parser.add_argument("--seed", type=int, default=77, help="of the crops (default %(default)s)")
    parser.add_argument("--sheet", metavar="FILE", help="picture of all crops")
    args = parser.parse_args(argv)
    import torch
    from tqdm import tqdm

    from datasets.lifelike_holes import LifelikeInpainting
    from models.checkpoint import load_generator
    from models.losses import composite, dissimilarity
    from utils.images import write_image
    from utils.report import format_table, mean_row

    try:
        network, spec = load_generator(args.generator)
        samples = LifelikeInpainting(args.count, args.seed, CROP_SIDE, Path(args.data_dir), split="val", in_channels=8)
    except (ValueError, OSError) as error:
        print(f"generator.py: {error}", file=sys.stderr)
        return 2
    network.eval()
    rows: list[dict[str, Any]] = []
    tiles: list[Image] = []
    for index in tqdm(range(args.count), unit="crop"):
        image, mask = samples[index]
        picture, hints, mask = image[None, :3], image[None, 3:], mask[None]
        with torch.no_grad():
            drawn = network(picture, mask, hints)[1] if spec.guided else network(picture, mask)[1]
        hidden = (mask > HIDDEN_FROM).numpy()[0, 0]
        kind = float(np.median(hints[0, 3].numpy()[hidden])) * 255 if hidden.any() else np.nan
        row: dict[str, Any] = {"kind": next((name for name, level in KINDS.items() if abs(level - kind) < 1), "")}
        truth = to_image(picture[0].numpy())
        tile = [to_image((picture * (1 - mask))[0].numpy()), truth]
        results = {"structure": hints[:, :3], "network": drawn.clamp(0, 1)}
        for name, result in results.items():
            filled = composite(picture, result, mask)
            shown = to_image(filled[0].numpy())
            row[f"{name} mask_psnr"] = psnr(shown, truth, hidden)
            row[f"{name} dissimilarity"] = float(dissimilarity(filled, picture, mask) / mask.mean())
            if (grain := grain_kept(shown, hidden)) is not None:
                row[f"{name} grain"] = grain
            tile.append(shown)
        row["better"] = float(row["network mask_psnr"] > row["structure mask_psnr"])
        rows.append(row)
        tiles.append(np.hstack(tile))
    means = [mean_row(rows, kind=f"all {len(rows)}")]
    for name in KINDS:
        chosen = [row for row in rows if row["kind"] == name]
        if chosen:
            means.append(mean_row(chosen, kind=f"{name}, {len(chosen)}"))
    print(format_table(means, 3))
    if args.sheet:
        write_image(args.sheet, np.vstack(tiles))
    return 0


if __name__ == "__main__":
    sys.exit(main())
