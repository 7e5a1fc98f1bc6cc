"""One photo of a list: fetched, repaired, put in its place, recorded."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from utils.cluster.addresses import is_url
from utils.cluster.listing import Listed
from utils.cluster.records import FAILED, RecordFile, Row, key_of
from utils.cluster.storage import Bucket
from utils.done import TIME_SECONDS, Record
from utils.folder import Result, Run, all_settings, clean_photo, work_on
from utils.mask_files import MaskFolder
from utils.options import RemovalOptions
from utils.originals import Originals
from utils.places import FolderOptions, wanted_extras
from utils.remover import OccluderRemover
from utils.runtime import onnx_backend

TEMPORARY = "occluder-removal-"  # how folders begin that a killed process leaves behind

Load = Callable[["Job"], tuple[OccluderRemover, str]]


def load_onnx(job: "Job") -> tuple[OccluderRemover, str]:
    """The two graphs, and in one line what they run on. Errors: see `onnx_backend.load_remover`."""
    return onnx_backend.load_remover(
        *job.graphs, job.removal, job.provider, job.imgsize, job.imgresize, workers=job.folder.num_workers
    )


@dataclass(frozen=True)
class Job:
    """What is to be done to every photo of a list; travels to other processes and machines.

    Attributes:
        source, target: the folders of photos and of results; paths, or addresses of an object store.
        record_dir: where records go, likewise.
        folder: what to write; its two folders count only where `source` and `target` are paths.
        removal: how to repair.
        graphs: paths of the segmentation graph and of the generator's.
        provider, imgsize, imgresize: see `onnx_backend.load_remover`.
        load: makes the networks.
    """

    source: str
    target: str
    record_dir: str
    folder: FolderOptions
    removal: RemovalOptions
    graphs: tuple[str, str]
    provider: str = "auto"
    imgsize: int | None = None
    imgresize: int | None = None
    load: Load = load_onnx


class Keys:
    """The key that a photo's record is to have; its mask is a part of that."""

    def __init__(self, job: Job) -> None:
        self.extras = wanted_extras(job.folder)
        self.settings = all_settings(job.removal, job.folder)
        masks = job.folder.mask_dir
        self.masks = MaskFolder(masks, job.folder.max_pixels) if masks is not None else None
        self._of_all = key_of(work_on(Path(), self.settings, None), self.extras) if masks is None else ""

    def of(self, id: str) -> str:
        """The key of one photo."""
        return self._of_all or key_of(work_on(Path(id), self.settings, self.masks), self.extras)


class Worker:
    """Does photos, in one process. Threads may share it.

    Args:
        job: what to do.
        name: of its record file.

    Attributes:
        description: what the networks run on, in one line.

    Raises:
        ValueError, OSError: the networks cannot be loaded, or the records not be written.
    """

    def __init__(self, job: Job, name: str) -> None:
        self.job = job
        self.remover, self.description = job.load(job)
        self.keys = Keys(job)
        self.source = Bucket(job.source) if is_url(job.source) else None
        self.target = Bucket(job.target, "--save_dir") if is_url(job.target) else None
        self.known: dict[str, Record] = {}
        self.run = Run.of(self.remover, job.folder, Originals(), self.known)
        self.records = RecordFile(job.record_dir, name)

    def __call__(self, photo: Listed) -> Row:
        """Do a photo and record it, whatever becomes of it.

        Raises:
            OSError: the record cannot be written.
        """
        row = blank_row(self.job, self.keys.of(photo.id), photo)
        try:
            with ExitStack() as stack:
                self._do(photo, row, stack)
        except (ValueError, OSError, MemoryError) as error:
            row.update(status=FAILED, message=str(error) or "not enough memory for this photo", done=None)
        row.update(provider=self.description, ended=time.time())
        self.records.add(row)
        return row

    def _do(self, photo: Listed, row: Row, stack: ExitStack) -> None:
        folder, run = self.job.folder, self.run
        if self.source is not None:
            local = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=TEMPORARY)))
            fetched = self.source.fetch(photo.id, local / photo.id)
            if fetched.time >= 0:
                os.utime(local / photo.id, (fetched.time, fetched.time))
            folder = replace(folder, src_image_dir=local)
        path = folder.src_image_dir / photo.id
        _check_version(photo, path)
        if self.target is not None:
            folder = replace(folder, save_dir=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=TEMPORARY))))
            lies_there = None if photo.is_ours else self.target.read_if_there(photo.id)
            if lies_there is not None:  # so that it is looked at as a file would be
                (folder.save_dir / photo.id).parent.mkdir(parents=True, exist_ok=True)
                (folder.save_dir / photo.id).write_bytes(lies_there)
        else:
            _check_place(folder, photo.id)
            if photo.is_ours:
                self.known[photo.id] = Record("", photo.size, photo.time)
        if folder is not self.job.folder:
            run = Run.of(self.remover, folder, Originals(), self.known)
        result = clean_photo(run, path)
        row.update(vars(result))
        for here, bucket in ((folder.src_image_dir, self.source), (folder.save_dir, self.target)):
            if bucket is not None:
                row["message"] = row["message"].replace(str(here), bucket.shown)
        if result.done is None:
            return
        written = folder.save_dir / photo.id
        row["result_sha256"] = hashlib.sha256(written.read_bytes()).hexdigest()
        row["result_size"] = written.stat().st_size
        if self.target is None:
            _settle(written)
            return
        companions = sorted(file for file in folder.save_dir.rglob("*") if file.is_file() and file != written)
        for file in (*companions, written):  # the result last: where it stands, all of it does
            self.target.put(file.relative_to(folder.save_dir).as_posix(), file.read_bytes())


def blank_row(job: Job, key: str, photo: Listed, status: str = FAILED, message: str = "") -> Row:
    """A record in which nothing has been done yet."""
    return {
        "id": photo.id,
        "key": key,
        **vars(Result(photo.id, status, message)),
        "result_sha256": "",
        "result_size": -1,
        "etag": photo.etag,
        "graphs": dict(job.folder.work),
        "ended": time.time(),
    }


def _check_version(photo: Listed, path: Path) -> None:
    """Refuse a photo that is another one than was listed.

    Raises:
        ValueError: its size or time is not as the list says.
        OSError: it is not there.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise OSError(f"cannot read '{photo.id}': {error.strerror}") from None
    is_other_time = photo.time >= 0 and abs(int(status.st_mtime) - photo.time) > TIME_SECONDS
    if is_other_time or (photo.size >= 0 and photo.size != status.st_size):
        raise ValueError(f"'{photo.id}' has changed since it was listed; list it anew")


def _check_place(folder: FolderOptions, id: str) -> None:
    """Refuse a photo whose result would not lie in the target folder, or that lies there itself.

    Raises:
        ValueError: one line says why.
    """
    target = os.path.realpath(folder.save_dir)
    place = os.path.realpath((folder.save_dir / id).parent)
    if os.path.commonpath([target, place]) != target:
        raise ValueError(f"'{Path(id).parent}' in --save_dir '{folder.save_dir}' is a link that leads out of it")
    source = os.path.realpath((folder.src_image_dir / id).parent)
    if os.path.commonpath([target, source]) == target:
        raise ValueError(f"'{id}' lies in --save_dir '{folder.save_dir}', among the results; leave it out of the list")


def _settle(path: Path) -> None:
    """Have a file and its name on the disk, so that no loss of power takes what a record tells of.

    Raises:
        OSError: the disk does not take them.
    """
    if os.name != "posix":
        return
    for name in (path, path.parent):
        handle = os.open(name, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
