"""Photos a second, memory and waiting: the published flow and this project's, on the same photos, in one run.

    python synthesize.py --save_dir runs/photos --count 12 --folders 1 --lossless False
    python -m benchmarks.predict --photo_dir runs/photos/train_data_1/covered

The published flow makes both sessions anew for every photo, on the default provider, one photo after the other. Ours is
`predict_onnx.py`. Every side is a process of its own, start and loading included. Beside them stands the sum of bare
decoding, segmentation, generator and encoding, each measured apart on the provider that ours chose.

The networks' answers do not matter for the time, but what they find does: so a disc of fixed place and size is added to
the logits of every segmentation graph, and every photo costs each side one run of each network. With `--clean True`
nothing is found in any of them.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

from utils import images, preprocess
from utils.arrays import AnyArray
from utils.compat import remove_as_published
from utils.flags import add_switch, positive_int
from utils.options import PROVIDERS
from utils.places import default_workers
from utils.report import format_table
from utils.runtime import onnx_backend
from utils.runtime.shipped import GENERATOR_GRAPH, SEGMENTER_GRAPH
from utils.spec import GENERATOR, PUBLISHED_CROP, PUBLISHED_HEIGHT, PUBLISHED_WIDTH, inpaint_spec, segmenter_spec
from utils.stages import Inpainter, Segmenter

ROOT = Path(__file__).resolve().parents[1]
DISC_CENTRE, DISC_RADIUS = (400, 239.5), 60  # row and column of the input: 3.7 % of the page, over text and rules
DISC_LOGIT = 1000.0  # above whatever a network says
LONG_FOLDER = 60  # photos, to see that memory does not grow
MEGAPIXELS_12, MEGAPIXELS_100 = (4000, 3000), (11547, 8660)
PHOTO_QUALITY = 92  # of the JPEG files
# A process's peak memory counts what its parent held when it was started: so this small one starts it.
LAUNCHER = """import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(code)"""
NETWORKS_ONLY, DEFAULT, MOST_WORK = "structure off", "structure only", "structure auto, jpeg exact"
MODES = {  # of ours: flags of predict_onnx.py
    NETWORKS_ONLY: ["--structure", "off", "--jpeg", "match"],
    "structure auto": ["--structure", "auto", "--jpeg", "match"],
    MOST_WORK: ["--structure", "auto", "--jpeg", "exact"],
    DEFAULT: ["--structure", "only", "--jpeg", "match"],
}
RESULTS = b": repaired ", b": nothing to remove"  # of lines that say that a photo is done
CLEAN_STEPS = "decode", "segment"  # all that a photo needs on which nothing is found
BARE_PHOTOS = 4  # for the bare steps


class Graphs(NamedTuple):
    """Paths of a pair of graphs."""

    segmenter: Path
    generator: Path

    def flags(self) -> list[str]:
        """As `predict_onnx.py` takes them."""
        return ["--deeplabv3_onnx", str(self.segmenter), "--deepfillv2_onnx", str(self.generator)]


class Process(NamedTuple):
    """What a process took: seconds on the clock and of processors, bytes of memory, seconds to its first result."""

    seconds: float
    processor_seconds: float
    memory: int
    first_result: float


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo_dir", required=True, help="folder of photos of about 10 megapixels")
    parser.add_argument("--deeplabv3_onnx", type=Path, default=SEGMENTER_GRAPH)
    parser.add_argument("--deepfillv2_onnx", type=Path, default=GENERATOR_GRAPH)
    parser.add_argument("--provider", choices=PROVIDERS, default="auto", help="for ours")
    add_switch(parser, "--speed", True, "compare times; needs PyTorch, to build graphs of the published size")
    add_switch(parser, "--clean", False, "nothing is found in any photo")
    add_switch(parser, "--memory", True, f"measure memory: {LONG_FOLDER} photos of 12 megapixels, one of 100")
    parser.add_argument("--rounds", type=positive_int, default=1, help="the best of so many counts (default 1)")
    parser.add_argument("--published_flow", nargs=2, type=Path, help=argparse.SUPPRESS)  # the child process
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print its tables."""
    args = build_parser().parse_args(argv)
    photos = images.list_photos(args.photo_dir)
    if not photos:
        print(f"no photos in '{args.photo_dir}'", file=sys.stderr)
        return 2
    if args.published_flow:
        segmenter, generator = args.published_flow
        published_flow(photos, segmenter, generator, args.clean)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        radius = 0 if args.clean else DISC_RADIUS
        shipped = Graphs(with_disc(args.deeplabv3_onnx, folder / "shipped.onnx", radius), args.deepfillv2_onnx)
        _, _, graph = onnx_backend.load_segmenter(shipped.segmenter, args.provider)
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {onnx_backend.describe(graph)}")
        if args.speed:
            pairs = {"published size": published_graphs(folder, radius), "shipped": shipped}
            print(f"\n{speed(photos, pairs, args.provider, args.rounds, folder, args.clean)}")
        if args.memory:
            print(f"\n{memory(photos, shipped, args.provider, folder)}")
    print(f"\n--help takes {run_process([str(ROOT / 'predict_onnx.py'), '--help']).seconds:.2f} s")
    return 0


def speed(
    photos: Sequence[Path], pairs: dict[str, Graphs], provider: str, rounds: int, folder: Path, clean: bool
) -> str:
    """The table of times, of pairs of graphs by name: those of the published size first, the shipped ones last."""
    pages = [images.read_image(path) for path in photos]
    print(f"{len(photos)} photos of {np.mean([page[..., 0].size for page in pages]) / 1e6:.1f} megapixels")
    rows, reference = [], None
    for name, graphs in pairs.items():
        bare = bare_steps(photos[:BARE_PHOTOS], pages, graphs, provider, folder)
        bare = {step: seconds for step, seconds in bare.items() if not clean or step in CLEAN_STEPS}
        print(f"bare, {name} graphs, processor seconds: " + ", ".join(f"{k} {v:.3f}" for k, v in bare.items()))
        flow = ["-m", "benchmarks.predict", "--photo_dir", str(photos[0].parent), "--published_flow", *map(str, graphs)]
        flow += ["--clean", str(clean)]
        sides = {"published flow": flow} if reference is None else {}
        for mode in (DEFAULT,) if clean else MODES if reference else (NETWORKS_ONLY,):
            sides[f"ours, {mode}"] = ours(photos[0].parent, folder / name / mode, graphs, provider, mode)
        for side, command in sides.items():
            runs = [run_process(command) for _ in range(rounds)]
            seconds, processor = (min(values) / len(photos) for values in list(zip(*runs, strict=True))[:2])
            reference = reference or (seconds, processor)
            rows.append(
                {
                    "graphs": name,
                    "flow": side,
                    "s a photo": round(seconds, 3),
                    "times as many": round(reference[0] / seconds, 2),
                    "processor s": round(processor, 3),
                    "times as cheap": round(reference[1] / processor, 2),
                    "processor / bare": round(processor / sum(bare.values()), 2),
                    "first result s": round(min(run.first_result for run in runs), 2),
                    "GB": round(max(run.memory for run in runs) / 1e9, 2),
                }
            )
    return format_table(rows, decimals=2)


def memory(photos: Sequence[Path], graphs: Graphs, provider: str, folder: Path) -> str:
    """The table of peaks: a short and a long folder of 12 megapixels, one photo of 100."""
    pages = [images.read_image(path) for path in photos[:12]]
    rows = []
    for label, size, count in (
        (f"{len(pages)} photos of 12 megapixels", MEGAPIXELS_12, len(pages)),
        (f"{LONG_FOLDER} photos of 12 megapixels", MEGAPIXELS_12, LONG_FOLDER),
        ("1 photo of 100 megapixels", MEGAPIXELS_100, 1),
    ):
        source = folder / f"{count}_{size[0]}"
        source.mkdir()
        for index, page in enumerate(pages[:count]):
            upright = preprocess.transpose(page) if preprocess.is_landscape(page) else page
            images.write_image(source / f"{index}.jpg", preprocess.resize(upright, *size), quality=PHOTO_QUALITY)
        for index in range(len(pages), count):
            os.link(source / f"{index % len(pages)}.jpg", source / f"{index}.jpg")
        run = run_process(ours(source, folder / source.name / "repaired", graphs, provider, MOST_WORK))
        rows.append({"folder": label, "peak GB": run.memory / 1e9, "first result s": run.first_result})
    return format_table(rows, decimals=2)


def ours(source: Path, target: Path, graphs: Graphs, provider: str, mode: str) -> list[str]:
    """The command line of this project for a folder."""
    folders = ["--src_image_dir", str(source), "--save_dir", str(target)]
    return [str(ROOT / "predict_onnx.py"), *folders, *graphs.flags(), "--provider", provider, *MODES[mode]]


def run_process(arguments: Sequence[str]) -> Process:
    """Run Python with these arguments to its end, in the repository.

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    first_result = 0.0
    command = [sys.executable, "-c", LAUNCHER, sys.executable, "-u", *arguments]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if any(word in line for word in RESULTS) and not first_result:
                first_result = time.perf_counter() - started
        code = process.wait()
        seconds = time.perf_counter() - started
        said.seek(0)
        *errors, usage = said.read().decode(errors="replace").splitlines()
    if code:
        raise RuntimeError(f"{' '.join(arguments)} failed: {errors[-5:]}")
    processor_seconds, kilobytes = usage.split()
    return Process(seconds, float(processor_seconds), int(kilobytes) * 1024, first_result)


def published_flow(photos: Sequence[Path], segmenter: Path, generator: Path, clean: bool) -> None:
    """Repair photos as the published script does, into a folder that is thrown away; `clean`: nothing is found."""
    with tempfile.TemporaryDirectory() as target:
        for photo in photos:
            image = cv2.imread(str(photo))
            assert image is not None
            segment = ort.InferenceSession(segmenter, providers=["CPUExecutionProvider"])
            inpaint = ort.InferenceSession(generator, providers=["CPUExecutionProvider"])

            def run_segmenter(inputs: np.ndarray, session: ort.InferenceSession = segment) -> tuple[AnyArray, ...]:
                return tuple(session.run(["output"], {"input": inputs}))

            def run_generator(
                inputs: np.ndarray, masks: np.ndarray, session: ort.InferenceSession = inpaint
            ) -> tuple[AnyArray, ...]:
                return tuple(session.run(["first_out", "second_out"], {"img": inputs, "mask": masks}))

            repaired, _, boxes = remove_as_published(
                image,
                Segmenter(run_segmenter, segmenter_spec("resnet50")),
                Inpainter(run_generator, inpaint_spec(GENERATOR)),
            )
            assert bool(boxes) != clean, f"'{photo}': {len(boxes)} regions were found"
            cv2.imwrite(f"{target}/{photo.stem}.jpg", repaired)
            print(f"{photo.name}: " + ("nothing to remove" if clean else "repaired 1 region"))


def bare_steps(
    photos: Sequence[Path], pages: Sequence[np.ndarray], graphs: Graphs, provider: str, folder: Path
) -> dict[str, float]:
    """Processor seconds a photo of each bare step: the median over the photos, after one run to warm up."""
    workers = default_workers()
    segment, spec, _ = onnx_backend.load_segmenter(graphs.segmenter, provider, workers)
    inpaint, inpainting, _ = onnx_backend.load_inpainter(graphs.generator, provider, workers=workers)
    side = inpainting.input_height
    hole = np.zeros((1, 1, side, side), np.float32)
    hole[..., side // 3 : side // 2, side // 3 : side // 2] = 1
    taken: dict[str, list[float]] = {}
    for photo, page in [(photos[0], pages[0]), *zip(photos, pages, strict=False)]:
        inputs = preprocess.to_segmenter_input(page, spec.input_height, spec.input_width, spec.mean, spec.std)[None]
        crop = preprocess.to_generator_image(page[:PUBLISHED_CROP, :PUBLISHED_CROP], side)[None] * (1 - hole)
        steps: dict[str, Callable[[], object]] = {
            "decode": partial(cv2.imread, str(photo)),
            "segment": partial(segment, inputs),
            "generate": partial(inpaint, crop, hole),
            "encode": partial(cv2.imwrite, str(folder / "bare.jpg"), page),
        }
        for name, step in steps.items():
            started = time.process_time()
            step()
            taken.setdefault(name, []).append(time.process_time() - started)
    return {name: float(np.median(seconds[1:])) for name, seconds in taken.items()}


def published_graphs(folder: Path, radius: int) -> Graphs:
    """Untrained graphs of the published size (ResNet-50; 64 latent channels), exported by `convert.py`."""
    import torch

    import convert
    from models.checkpoint import save_checkpoint
    from models.deepfillv2 import InpaintGenerator
    from models.deeplabv3 import DeepLabV3

    torch.manual_seed(0)
    save_checkpoint(folder / "segmenter.pth", DeepLabV3(backbone="resnet50"), segmenter_spec("resnet50"))
    save_checkpoint(folder / "generator.pth", InpaintGenerator(64), inpaint_spec(GENERATOR))
    flags = ["--deeplabv3_pretrain", "--save_path1", "--deepfillv2_generator_pretrain", "--save_path2"]
    files = ["segmenter.pth", "segmenter.onnx", "generator.pth", "generator.onnx"]
    convert.main([f"{flag}={folder / file}" for flag, file in zip(flags, files, strict=True)])
    return Graphs(with_disc(folder / "segmenter.onnx", folder / "published.onnx", radius), folder / "generator.onnx")


def with_disc(source: Path, target: Path, radius: int = DISC_RADIUS) -> Path:
    """A segmentation graph that finds a disc on the page of every photo, and nothing else; returns `target`.

    The disc is its own mirror image: a network of four classes looks at the mirrored photo as well. A radius of 0 gives
    a graph that finds nothing.
    """
    model = onnx.load(source)
    (output,) = model.graph.output
    rows, columns = np.ogrid[:PUBLISHED_HEIGHT, :PUBLISHED_WIDTH]
    inside = (rows - DISC_CENTRE[0]) ** 2 + (columns - DISC_CENTRE[1]) ** 2 <= radius**2
    logits = np.where(inside, DISC_LOGIT, -DISC_LOGIT).astype(np.float32)
    classes = [-logits, logits, *[np.full_like(logits, -DISC_LOGIT)] * 2]  # of both kinds of network
    disc = np.stack(classes[: output.type.tensor_type.shape.dim[1].dim_value])[None]
    model.graph.initializer.append(numpy_helper.from_array(disc, "disc"))
    for node in model.graph.node:
        node.output[:] = ["found" if name == "output" else name for name in node.output]
    model.graph.node.append(helper.make_node("Add", ["found", "disc"], ["output"]))
    onnx.save(model, target)
    return target


if __name__ == "__main__":
    sys.exit(main())
