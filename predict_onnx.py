"""Clean a folder of photos with the two ONNX graphs; needs no PyTorch.

python predict_onnx.py --src_image_dir photos --save_dir cleaned
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from utils.cluster.addresses import without_file_scheme
from utils.cluster.flags import add_cluster_flags, choices_of, is_wanted
from utils.flags import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    add_switch,
    given_flags,
    positive_int,
    print_any_name,
    run_script,
    without_effect,
)
from utils.options import (
    COMPAT_REASON,
    MASK_MODES,
    NOT_IN_COMPAT,
    SIGNS,
    RemovalOptions,
    add_removal_flags,
    add_writing_flags,
    removal_options,
)
from utils.runtime.shipped import add_graph_flags

SAID_OF_LOST = ("save_hidden", "save_pagexml", "mark_hidden", "c2pa_cert", "c2pa_key")
PROGRAM = "predict_onnx.py"
ABOUT = "Remove what covers photographed documents, a folder at a time."

if TYPE_CHECKING:
    from utils.lost.signing import Signer
    from utils.places import FolderOptions
    from utils.remover import OccluderRemover


def build_parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    """The flags of this script; `program`: what messages call it."""
    parser = argparse.ArgumentParser(prog=program, description=ABOUT)
    for flag, default, what in (
        ("--src_image_dir", "test_img", "folder of photos"),
        ("--save_dir", "test_img_predict", "where results go"),
    ):
        parser.add_argument(flag, type=without_file_scheme, default=default, help=f"{what} (default %(default)s)")
    add_graph_flags(parser)
    parser.add_argument(
        "--num_workers",
        type=positive_int,
        help="photos worked on at the same time, about 0.3 GB each at 12 megapixels (default: 2, from 8 cores on 4)",
    )
    add_switch(
        parser, "--doctor", False, "print what was found on this machine and what to do about problems, then stop"
    )
    add_removal_flags(parser)

    files = parser.add_argument_group("files")
    add_switch(files, "--recursive", False, "read subfolders too, but no links to folders, and mirror them")
    add_switch(
        files,
        "--skip_existing",
        False,
        "leave alone what is already in --save_dir, done with these options and weights from the photo as it is; "
        "--report remembers also where nothing was found",
    )
    files.add_argument("--mask_dir", help="masks of your own by the photos' names, white where to repair")
    files.add_argument(
        "--mask_mode",
        choices=MASK_MODES,
        default="replace",
        help="use them instead of, or beside, the found ones",
    )
    add_switch(files, "--save_mask", False, "also write each mask to SAVE_DIR/masks")
    add_switch(files, "--save_comparison", False, "also write before | mask | after to SAVE_DIR/comparisons")
    add_switch(files, "--save_structure", False, "also write the rules found and continued to SAVE_DIR/structure")
    add_switch(
        files, "--save_hidden", False, "also write what is lost in each photo to PHOTO.hidden.json beside its result"
    )
    add_switch(files, "--save_pagexml", False, "also write that as PAGE-XML to SAVE_DIR/page")
    files.add_argument(
        "--mark_hidden",
        choices=SIGNS,
        default="none",
        help="draw a discreet sign over text that is lost, and nowhere else (default %(default)s)",
    )
    files.add_argument("--c2pa_cert", help="certificates (PEM) to sign repaired photos with (package c2pa-python)")
    files.add_argument("--c2pa_key", help="private key (PEM) of the first of them")
    files.add_argument("--report", help="append a line of JSON a photo to this file")
    add_switch(files, "--keep_times", False, "give results the modification times of their photos")
    add_writing_flags(files)
    add_cluster_flags(parser)
    return parser


def main(argv: list[str] | None = None, program: str = PROGRAM) -> int:
    """Run the script; returns the exit status: 0, 1 where a photo failed, 2 for wrong usage.

    Args:
        argv: the command line; None takes the process's own.
        program: what messages call it.
    """
    parser = build_parser(program)
    args = parser.parse_args(argv)
    print_any_name()
    # Imported here so that --help does not wait for them.
    from concurrent.futures import ThreadPoolExecutor

    from utils.memory import keep_freed_memory

    keep_freed_memory(shared=True)  # before the libraries below start their threads
    from utils.places import check_folders, find_photos, make_target

    if args.doctor:
        return _doctor(args.deeplabv3_onnx)
    try:
        options = removal_options(args)
        folder = _folder_options(args)
        if is_wanted(args):
            _print_notes(args, given_flags(parser, argv), options)
            return _clean_list(args, options, folder, program)
        check_folders(folder)
        photos, unreadable = find_photos(folder)
        for line in unreadable:
            print(f"{program}: {line}", file=sys.stderr)
        if not photos:
            hint = "" if folder.recursive else "; subfolders are read with --recursive True"
            raise ValueError(f"there are no photos in '{folder.src_image_dir}'{hint}")
        workers = min(folder.num_workers, len(photos))
        _share_cores(workers)
        with ThreadPoolExecutor(1) as loader:
            loading = loader.submit(_load, args, options, workers)
            from utils.folder import clean_folder  # on another core than the graphs, which take as long

            remover, description = loading.result()
        make_target(folder)  # only now, so that a run that cannot begin leaves no empty folder
    except (ValueError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return EXIT_USAGE

    _print_notes(args, given_flags(parser, argv), options)
    print(f"running on {description}", flush=True)
    status = _clean(lambda: clean_folder(remover, photos, folder, description), folder)
    return status or (EXIT_FAILED if unreadable else 0)


def _load(args: argparse.Namespace, options: RemovalOptions, workers: int) -> tuple["OccluderRemover", str]:
    """The remover, and what it runs on. Errors: see `onnx_backend.load_remover`."""
    from utils.runtime import onnx_backend

    graphs = args.deeplabv3_onnx, args.deepfillv2_onnx
    return onnx_backend.load_remover(*graphs, options, args.provider, args.imgsize, args.imgresize, workers=workers)


def _folder_options(args: argparse.Namespace) -> "FolderOptions":
    """What the flags say about files.

    Raises:
        ValueError: it names the flag that cannot be used.
    """
    from utils import images
    from utils.done import weights_of
    from utils.places import FolderOptions, default_workers

    for name in ("src_image_dir", "save_dir"):
        if not getattr(args, name):  # Path("") would be the folder that the command is run in
            raise ValueError(f"--{name} '': name a folder")
    if args.compat and args.mask_dir:
        raise ValueError("--mask_dir does not go with --compat True: the published flow takes no masks")
    return FolderOptions(
        src_image_dir=Path(args.src_image_dir),
        save_dir=Path(args.save_dir),
        recursive=args.recursive,
        skip_existing=args.skip_existing,
        mask_dir=Path(args.mask_dir) if args.mask_dir else None,
        mask_mode=args.mask_mode,
        save_mask=args.save_mask,
        save_comparison=args.save_comparison,
        save_structure=args.save_structure,
        save_hidden=args.save_hidden,
        save_pagexml=args.save_pagexml,
        mark_hidden=args.mark_hidden,
        signer=_signer(args),
        report=Path(args.report) if args.report else None,
        mark=args.mark,
        jpeg=args.jpeg,
        max_pixels=args.max_pixels or images.MAX_PIXELS,
        num_workers=args.num_workers or default_workers(),
        plain=args.compat,
        keep_times=args.keep_times,
        work=weights_of(
            args.deeplabv3_onnx,
            args.deepfillv2_onnx if args.structure != "only" or args.compat else None,
            args.imgsize,
            args.imgresize,
        ),
    )


def _signer(args: argparse.Namespace) -> "Signer | None":
    """Who signs the results, or None.

    Raises:
        ValueError: only one of the two files is named, one cannot be used, or the package is missing.
    """
    if args.c2pa_cert is None and args.c2pa_key is None:
        return None
    from utils.lost.signing import load_signer

    return load_signer(args.c2pa_cert, args.c2pa_key)


def _clean_list(args: argparse.Namespace, options: RemovalOptions, folder: "FolderOptions", program: str) -> int:
    """Clean the photos of a list, by records; returns the exit status."""
    from utils.cluster.job import Job
    from utils.cluster.run import clean_list

    job = Job(
        source=args.src_image_dir,
        target=args.save_dir,
        record_dir=without_file_scheme(args.record_dir or ""),
        folder=folder,
        removal=options,
        graphs=(args.deeplabv3_onnx, args.deepfillv2_onnx),
        provider=args.provider,
        imgsize=args.imgsize,
        imgresize=args.imgresize,
    )
    return clean_list(job, choices_of(args), program)


def _share_cores(workers: int) -> None:
    """As in the networks: each photo is computed on one core, the cores that are left help all."""
    import cv2

    from utils.cores import usable_cores

    cv2.setNumThreads(max(1, usable_cores() - workers + 1))


def _clean(work: Callable[[], Counter[str]], folder: "FolderOptions") -> int:
    """Do the work, which counts the photos by what became of them, and say how it went; returns the exit status."""
    try:
        counts = work()
    except KeyboardInterrupt:
        print("interrupted; what is in the target folder is complete, go on with --skip_existing True", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        raise  # `run_script` knows what to do
    except OSError as error:  # of the report or of stdout: those of a photo are its own
        reason = f"the report or these lines cannot be written ({error.strerror})"
        print(f"stopped: {reason}; go on with --skip_existing True", file=sys.stderr)
        return EXIT_FAILED
    summary = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    print(f"{summary}; results are in '{folder.save_dir}'")
    if folder.save_comparison:
        print(f"before | found | after, side by side, in '{folder.save_dir / 'comparisons'}'")
    return EXIT_FAILED if counts["failed"] else 0


def _print_notes(args: argparse.Namespace, given: set[str], options: RemovalOptions) -> None:
    own_masks = bool(args.mask_dir) and args.mask_mode == "replace"
    for note in _notes(given, options, own_masks):
        print(note, file=sys.stderr)


def _notes(given: set[str], options: RemovalOptions, own_masks: bool) -> list[str]:
    """A line for each group of flags that were given although others make them meaningless."""
    if options.compat:
        return without_effect(given, (*NOT_IN_COMPAT, "jpeg", "mark", "save_structure", *SAID_OF_LOST), COMPAT_REASON)
    notes = []
    if options.without_network:
        reason = "--structure only does without the inpainting network; give --structure auto or off to use it"
        notes += without_effect(given, ("deepfillv2_onnx", "imgsize", "imgresize"), reason)
    if options.structure == "off":
        notes += without_effect(given, ("save_structure", "lift_shadow"), "--structure off looks for none")
    if own_masks:
        reason = "with --mask_mode replace nothing is looked for but your masks"
        notes += without_effect(given, ("threshold", "confidence", "min_area_px", "lift_shadow"), reason)
    return notes


def _doctor(segmenter_graph: str) -> int:
    from utils.runtime.doctor import examine

    findings, problems = examine(segmenter_graph)
    print("\n".join(findings))
    print("\n".join(f"PROBLEM: {problem}" for problem in problems) or "no problems")
    return EXIT_FAILED if problems else 0


if __name__ == "__main__":
    run_script(main)
