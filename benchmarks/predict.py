"""Photos a second: the published flow and this project's, on the same photos and graphs, in one run.

    python synthesize.py --save_dir runs/photos --count 24
    python benchmarks/predict.py --photo_dir runs/photos/train_data_1/covered --published_size True

The published flow makes both sessions anew for every photo, on the default provider, one photo after the other. Ours is
the whole process `predict_onnx.py`, start and loading included. Beside them stands the sum of bare decoding,
segmentation, generator and encoding, measured apart on the provider that ours chose.
"""

import argparse
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from utils import images, onnx_backend, preprocess  # noqa: E402
from utils.compat import remove_as_published  # noqa: E402
from utils.flags import add_switch, positive_int  # noqa: E402
from utils.spec import GENERATOR, inpaint_spec, segmenter_spec  # noqa: E402
from utils.stages import Inpainter, Segmenter  # noqa: E402


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo_dir", required=True, help="folder of covered photos")
    parser.add_argument("--pattern", default="*", help="which of them (default all)")
    parser.add_argument("--deeplabv3_onnx", default=str(ROOT / "onnx_model/deeplabv3_mobilenetv2.onnx"))
    parser.add_argument("--deepfillv2_onnx", default=str(ROOT / "onnx_model/deepfillv2_G.onnx"))
    add_switch(
        parser,
        "--published_size",
        False,
        "use untrained graphs of the published size instead (ResNet-50, 64 latent channels; needs PyTorch), whose last "
        "segmentation layer is set to find skin colour so that there is something to repair",
    )
    parser.add_argument("--count", type=positive_int, default=12, help="photos for ours (default %(default)s)")
    parser.add_argument("--reference_count", type=positive_int, default=4, help="photos for the published flow")
    parser.add_argument("--provider", default="auto", help="for ours")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print the table."""
    args = build_parser().parse_args(argv)
    photos = [p for p in images.list_photos(args.photo_dir) if p.match(args.pattern)][: args.count]
    if not photos:
        print(f"no photos '{args.pattern}' in '{args.photo_dir}'", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        segmenter, generator = args.deeplabv3_onnx, args.deepfillv2_onnx
        if args.published_size:
            segmenter, generator = published_graphs(folder)
        source = folder / "photos"
        source.mkdir()
        for photo in photos:
            shutil.copy(photo, source)

        published = time_published(photos[: args.reference_count], segmenter, generator, folder)
        whole, memory = time_ours(source, folder / "ours", segmenter, generator, args.provider)
        bare, provider = time_bare(photos[: args.reference_count], segmenter, generator, args.provider, folder)

    megapixels = np.mean([np.prod(images.read_image(p).shape[:2]) for p in photos[:3]]) / 1e6
    ours = whole / len(photos)
    print(f"{platform.processor() or platform.machine()}, {len(photos)} photos of {megapixels:.1f} megapixels")
    print(f"published flow      {published:6.2f} s a photo")
    print(f"this project        {ours:6.2f} s a photo, {published / ours:.1f} times as many, on {provider}")
    print(f"bare sum            {sum(bare.values()):6.2f} s: " + ", ".join(f"{k} {v:.3f}" for k, v in bare.items()))
    print(f"ours / bare sum     {ours / sum(bare.values()):6.2f}")
    print(f"peak memory         {memory / 1e9:6.2f} GB")
    return 0


def time_published(photos: list[Path], segmenter: str, generator: str, folder: Path) -> float:
    """Seconds a photo of the published flow."""
    started = time.perf_counter()
    for photo in photos:
        image = cv2.imread(str(photo))
        assert image is not None
        segment = ort.InferenceSession(segmenter, providers=["CPUExecutionProvider"])
        inpaint = ort.InferenceSession(generator, providers=["CPUExecutionProvider"])

        def run_segmenter(inputs: np.ndarray, session: ort.InferenceSession = segment) -> tuple:
            return tuple(session.run(["output"], {"input": inputs}))

        def run_generator(inputs: np.ndarray, masks: np.ndarray, session: ort.InferenceSession = inpaint) -> tuple:
            return tuple(session.run(["first_out", "second_out"], {"img": inputs, "mask": masks}))

        repaired, _, _ = remove_as_published(
            image,
            Segmenter(run_segmenter, segmenter_spec("resnet50")),
            Inpainter(run_generator, inpaint_spec(GENERATOR)),
        )
        cv2.imwrite(str(folder / "published.jpg"), repaired)
    return (time.perf_counter() - started) / len(photos)


def time_ours(source: Path, target: Path, segmenter: str, generator: str, provider: str) -> tuple[float, float]:
    """Seconds of the whole process, and its peak memory in bytes."""
    command = [sys.executable, str(ROOT / "predict_onnx.py"), "--src_image_dir", str(source), "--save_dir", str(target)]
    command += ["--deeplabv3_onnx", segmenter, "--deepfillv2_onnx", generator, "--provider", provider]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def time_bare(
    photos: list[Path], segmenter: str, generator: str, provider: str, folder: Path
) -> tuple[dict[str, float], str]:
    """Seconds of each bare step, best of the photos, and what the networks ran on."""
    segment, spec, graph = onnx_backend.load_segmenter(segmenter, provider)
    inpaint, inpainting, _ = onnx_backend.load_inpainter(generator, provider)
    side = inpainting.input_height
    crop, hole = np.full((1, 3, side, side), 0.8, np.float32), np.zeros((1, 1, side, side), np.float32)
    hole[..., side // 3 : side // 2, side // 3 : side // 2] = 1
    best: dict[str, float] = {}
    for photo in photos:
        image = images.read_photo(photo).image
        inputs = preprocess.to_segmenter_input(image, spec.input_height, spec.input_width, spec.mean, spec.std)[None]
        steps: dict[str, Callable[[], object]] = {
            "decode": partial(cv2.imread, str(photo)),
            "segment": partial(segment, inputs),
            "generate": partial(inpaint, crop, hole),
            "encode": partial(cv2.imwrite, str(folder / "bare.jpg"), image),
        }
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            best[name] = min(best.get(name, np.inf), time.perf_counter() - started)
    return best, graph.provider


def published_graphs(folder: Path) -> tuple[str, str]:
    """Untrained graphs of the published size, exported by `convert.py`; skin colour decides what they segment."""
    import torch

    import convert
    from models.checkpoint import save_checkpoint
    from models.deepfillv2 import InpaintGenerator
    from models.deeplabv3 import DeepLabV3

    torch.manual_seed(0)
    network = DeepLabV3(backbone="resnet50")
    last = network.decoder.conv4  # the last convolution also sees the input picture: its last three channels
    assert last.bias is not None
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, -1.5]))
        last.weight[1, -3, 1, 1], last.weight[1, -1, 1, 1] = -1, 1
    save_checkpoint(folder / "segmenter.pth", network, segmenter_spec("resnet50"))
    save_checkpoint(folder / "generator.pth", InpaintGenerator(64), inpaint_spec(GENERATOR))
    paths = str(folder / "segmenter.onnx"), str(folder / "generator.onnx")
    convert.main(
        [
            *("--deeplabv3_pretrain", str(folder / "segmenter.pth"), "--save_path1", paths[0]),
            *("--deepfillv2_generator_pretrain", str(folder / "generator.pth"), "--save_path2", paths[1]),
        ]
    )
    return paths


if __name__ == "__main__":
    sys.exit(main())
