"""Where a run reads photos and writes results: checked before anything large is loaded."""

import contextlib
import functools
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils import images
from utils.options import NO_SIGN
from utils.originals import identity, is_same, is_same_folder

if TYPE_CHECKING:
    from utils.lost.signing import Signer

# Folders in `save_dir` of what is written beside the results.
MASKS, SHADES, COMPARISONS, STRUCTURES = "masks", "shades", "comparisons", "structure"
PAGES = "page"  # folder in `save_dir` of PAGE-XML, as Transkribus names it


@dataclass(frozen=True)
class FolderOptions:
    """What to write, and where.

    Attributes:
        src_image_dir, save_dir: the two folders; never the same.
        recursive: read subfolders too and mirror them.
        skip_existing: leave alone what is already in `save_dir`, but for what was done otherwise, see `utils.done`.
        mask_dir: folder of masks by the photos' names (any picture format), or None.
        mask_mode: `replace` the found mask by the user's, or `add` the two.
        save_mask, save_comparison, save_structure: also write the masks of what was repainted and of lifted shadows,
            before | mask | after side by side, and a picture of the page structure of each repaired crop.
        save_hidden, save_pagexml: also write what is lost in each photo, as JSON beside the result and as PAGE-XML.
        mark_hidden: sign drawn over lost text, one of `utils.options.SIGNS`.
        signer: signs repaired photos with C2PA, or None.
        report: JSON-lines file, or None.
        mark: record the repaired boxes in the picture's XMP.
        jpeg: how JPEGs are written, see `images.write_photo`.
        max_pixels: larger pictures are refused.
        num_workers: how many photos are worked on at the same time.
        plain: write with OpenCV's defaults (JPEG quality 95, no metadata), as the published script does.
        keep_times: give results the times of their photos.
        work: what the results depend on beside these options and the remover's, as the graphs' hashes.
    """

    src_image_dir: Path
    save_dir: Path
    recursive: bool = False
    skip_existing: bool = False
    mask_dir: Path | None = None
    mask_mode: str = "replace"
    save_mask: bool = False
    save_comparison: bool = False
    save_structure: bool = False
    save_hidden: bool = False
    save_pagexml: bool = False
    mark_hidden: str = NO_SIGN
    signer: "Signer | None" = None
    report: Path | None = None
    mark: bool = True
    jpeg: str = "auto"
    max_pixels: int = images.MAX_PIXELS
    num_workers: int = 2
    plain: bool = False
    keep_times: bool = False
    work: Mapping[str, Any] = field(default_factory=dict)


def default_workers() -> int:
    """How many photos to work on at the same time: what keeps two cores busy, and more where there are many."""
    return 4 if (os.cpu_count() or 1) >= 8 else 2


def check_folders(options: FolderOptions) -> None:
    """Refuse folders that cannot work, before anything is loaded or written.

    Raises:
        FileNotFoundError: the source or the mask folder is missing.
        NotADirectoryError: the target is a file.
        ValueError: source and target are the same folder, or results or the report could come to lie over photos or
            masks, or masks are to be added and there are none.
    """
    for flag, folder in (("--src_image_dir", options.src_image_dir), ("--mask_dir", options.mask_dir)):
        if folder is not None and not folder.is_dir():
            reason = "a file; give the folder it lies in" if folder.exists() else "no such folder"
            raise FileNotFoundError(f"{flag} '{folder}': {reason}")
    source, target = options.src_image_dir, options.save_dir
    if is_same_folder(target, source):
        raise ValueError(
            f"--save_dir '{target}' is the folder of the photos themselves, under this name or another; name another "
            "folder, the originals are never overwritten"
        )
    if options.recursive and any(is_same(folder, target) for folder in source.resolve().parents):
        raise ValueError(
            f"--save_dir '{options.save_dir}' contains the folder of the photos; name another one, the results of "
            "subfolders could overwrite originals"
        )
    if options.mask_dir is not None and is_same_folder(target, options.mask_dir):
        raise ValueError(
            f"--save_dir '{options.save_dir}' is the folder of your masks, which results could overwrite; name another"
        )
    for flag, name, wanted in _extras(options):
        for folder, whose in ((source, "photos"), (options.mask_dir, "masks")):
            if wanted and folder is not None and is_same_folder(target / name, folder):
                raise ValueError(
                    f"{flag} writes to '{target / name}', which is the folder of your {whose}; name another --save_dir"
                )
    if options.mask_dir is None and options.mask_mode == "add":
        raise ValueError("--mask_mode add needs --mask_dir, the folder of the masks to add")
    if options.save_dir.is_file():
        raise NotADirectoryError(f"--save_dir '{options.save_dir}': a file, not a folder")
    if options.report is not None and options.report.suffix.lower() in images.EXTENSIONS:
        raise ValueError(f"--report '{options.report}': the name of a picture; name a file like run.jsonl")
    if options.report is not None and options.report.is_file() and not _is_report(options.report):
        raise ValueError(
            f"--report '{options.report}': that file is no report of an earlier run, and is not written to; name "
            "another file, for example run.jsonl"
        )


def _extras(options: FolderOptions) -> tuple[tuple[str, str, bool], ...]:
    """Flag, folder below `save_dir`, and whether it is wanted, of what is written beside the photos."""
    return (
        ("--save_mask", MASKS, options.save_mask),
        ("--save_mask", SHADES, options.save_mask),
        ("--save_comparison", COMPARISONS, options.save_comparison),
        ("--save_structure", STRUCTURES, options.save_structure),
        ("--save_pagexml", PAGES, options.save_pagexml),
    )


def wanted_extras(options: FolderOptions) -> tuple[str, ...]:
    """What is asked for beside the photos, by the names that a record keeps."""
    folders = tuple(folder for _, folder, wanted in _extras(options) if wanted)
    return (*folders, "hidden") if options.save_hidden else folders


def _is_report(path: Path) -> bool:
    """Whether a file is empty or begins with a line of JSON, as reports do."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(1) in (b"", b"{")
    return True  # it cannot be read: the one who opens it for writing says why


def make_target(options: FolderOptions) -> None:
    """Make the target folder and the report, where they do not exist.

    Raises:
        OSError: one of them cannot be made or written.
    """
    try:
        options.save_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.save_dir).close()
    except OSError as error:
        raise OSError(f"--save_dir '{options.save_dir}': cannot be written ({error.strerror})") from None
    if options.report is not None:
        try:
            open(options.report, "a").close()
        except OSError as error:
            raise OSError(f"--report '{options.report}': cannot be written ({error.strerror})") from None


def find_photos(options: FolderOptions) -> tuple[list[Path], list[str]]:
    """The photos to do, in natural order, and lines about what is left out.

    There is a line for each folder inside that cannot be read and each link to nowhere, and one for all pictures of
    kinds that are not read. What lies in a `save_dir` or a `mask_dir` below the source folder is not a source.

    Raises:
        OSError: the source folder itself cannot be read.
        ValueError: masks, comparisons or structures would be written among the results of such a subfolder.
    """
    source = options.src_image_dir
    below = {identity(folder) for folder in (options.save_dir, options.mask_dir) if folder is not None}
    below -= {None, identity(source)}

    @functools.cache
    def is_below(folder: Path) -> bool:
        return folder != source and (identity(folder) in below or is_below(folder.parent))

    unreadable: list[str] = []
    others: list[tuple[Path, str]] = []
    photos = images.list_photos(
        source,
        options.recursive,
        lambda error: unreadable.append(str(error)),
        lambda path, kind: others.append((path, kind)),
    )
    photos = [path for path in photos if not is_below(path.parent)]
    left_out = [(path.relative_to(source), kind) for path, kind in others if not is_below(path.parent)]
    if left_out:
        unreadable.append(_left_out(sorted(left_out, key=lambda item: images.natural_key(item[0].as_posix()))))
    for flag, name, wanted in _extras(options):
        if wanted and any(source / name in path.parents for path in photos):
            raise ValueError(
                f"{flag} writes to '{options.save_dir / name}', where the photos of '{source / name}' would go, too; "
                "rename that folder, or leave out that flag or --recursive"
            )
    return photos, unreadable


def _left_out(others: Sequence[tuple[Path, str]]) -> str:
    """One line for all pictures that are not read: how many of which kind, and some of their names."""
    counts = Counter(kind for _, kind in others)
    first = {kind: path for path, kind in reversed(others)}
    kinds = ", ".join(f"{count} {kind} ('{first[kind].as_posix()}'{' …' if count > 1 else ''})"
                      for kind, count in counts.most_common())  # fmt: skip
    pictures = "1 picture is" if len(others) == 1 else f"{len(others)} pictures are"
    return f"{pictures} of a kind that is not read: {kinds}; convert to JPEG, PNG or TIFF first"
