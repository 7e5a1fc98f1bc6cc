"""A list of photos from its beginning to its end: what is left to do, done, counted, reported."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from signal import SIGINT, SIGTERM

from tqdm import tqdm

from utils import images
from utils.cluster.addresses import is_url, shown
from utils.cluster.flags import Choices
from utils.cluster.job import Job, Keys, blank_row
from utils.cluster.ledger import Known, Ledger
from utils.cluster.listing import Listed, Shard, parse_shard, read_list
from utils.cluster.on_ray import RayPool, check_ray
from utils.cluster.process import Supervisor, WorkerLost
from utils.cluster.records import (
    CLEAN,
    FAILED,
    QUARANTINED,
    REPAIRED,
    STATUSES,
    RecordFile,
    Row,
    read_records,
    result_of,
    run_name,
)
from utils.cluster.storage import Bucket
from utils.done import TIME_SECONDS
from utils.flags import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from utils.folder import NAMES_SHOWN, Interruption, look_at
from utils.originals import folds_names
from utils.places import check_folders, find_photos, make_target

GO_ON = "go on with --resume True"
RECORDS = "records"  # folder below the target


def clean_list(job: Job, choices: Choices, program: str) -> int:
    """Do the photos of a list, or this process's share of them; returns the exit status.

    Args:
        job: what to do to each. An empty `record_dir` is that below the target.
        choices: which photos, and how.
        program: what messages call the script.
    """
    try:
        job = _checked(job, choices)
        shard = parse_shard(choices.shard)
        with Ledger(keep_rows=choices.merge_report is not None) as ledger:
            if choices.merge_report is not None:
                _take_in(ledger, job, choices, shard, program)
                ledger.enter(read_records(job.record_dir))
                return _merge(ledger, Path(choices.merge_report))
            if not is_url(job.target):
                make_target(job.folder)
                ledger.folds = folds_names(job.folder.save_dir)
            meeting = _take_in(ledger, job, choices, shard, program)
            if choices.resume:
                ledger.enter(read_records(job.record_dir))
                _forget_what_counts_no_more(ledger, job, choices.retry_failed)
            return _do(ledger, job, choices, shard, meeting, program)
    except (ValueError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return EXIT_USAGE


def _checked(job: Job, choices: Choices) -> Job:
    """The job, once its folders and flags go together.

    Raises:
        ValueError, OSError: they do not; the message names the flag.
    """
    if job.folder.skip_existing:
        raise ValueError("--skip_existing goes by results; with --list, --shard and the like, --resume goes by records")
    if job.folder.report is not None:
        raise ValueError("--report: each worker keeps records of its own here; --merge_report makes one report of them")
    if job.folder.keep_times and is_url(job.target):
        raise ValueError("--keep_times: an object store gives its own times; leave it out, or name a folder to save in")
    if choices.cluster is not None:
        check_ray()
        job = _absolute(job)
    elif choices.ray_address is not None:
        raise ValueError("--ray_address needs --cluster ray")
    if choices.retry_failed and not choices.resume:
        raise ValueError("--retry_failed True needs --resume True; without it, all photos are done again")
    # names of a list may lie in folders inside, and their results mirror those
    job = replace(job, folder=replace(job.folder, recursive=job.folder.recursive or choices.list is not None))
    if not is_url(job.source) and not is_url(job.target):
        check_folders(job.folder)
    elif not is_url(job.source) and not Path(job.source).is_dir():
        raise FileNotFoundError(f"--src_image_dir '{job.source}': no such folder")
    one, other = (f"{name.partition('?')[0].rstrip('/')}/" for name in (job.source, job.target))
    if is_url(job.source) and (one.startswith(other) or other.startswith(one)):
        raise ValueError("--save_dir and --src_image_dir: one lies in the other; name a folder beside it")
    if job.record_dir:
        return job
    folder, _, query = job.target.partition("?")
    return replace(job, record_dir=f"{folder.rstrip('/')}/{RECORDS}{'?' + query if query else ''}")


def _absolute(job: Job) -> Job:
    """The job as processes that run in other folders understand it."""

    def whole(name: str) -> str:
        return name if not name or is_url(name) else str(Path(name).absolute())

    folder = replace(
        job.folder,
        src_image_dir=job.folder.src_image_dir.absolute(),
        save_dir=job.folder.save_dir.absolute(),
        mask_dir=job.folder.mask_dir.absolute() if job.folder.mask_dir is not None else None,
    )
    segmenter, generator = job.graphs
    return replace(
        job,
        source=whole(job.source),
        target=whole(job.target),
        record_dir=whole(job.record_dir),
        folder=folder,
        graphs=(whole(segmenter), whole(generator)),
    )


def _take_in(ledger: Ledger, job: Job, choices: Choices, shard: Shard, program: str) -> list[tuple[Listed, str]]:
    """Enter this share of the photos in the ledger; returns those whose names meet on the target's disk.

    Raises:
        ValueError: none is listed, or a line is wrong.
        OSError: the list or the folder cannot be read.
    """
    total = 0

    def share() -> Iterator[Listed]:
        nonlocal total
        for photo in _all_photos(job, choices, program):
            total += 1
            if shard.holds(photo.id):
                yield photo

    twice, meeting = ledger.list_all(share())
    if not total:
        where = f"--list '{choices.list}'" if choices.list is not None else f"'{shown(job.source)}'"
        raise ValueError(f"there are no photos in {where}")
    if twice:
        print(f"note: {twice} listed more than once; each is done once", file=sys.stderr)
    return meeting


def _all_photos(job: Job, choices: Choices, program: str) -> Iterable[Listed]:
    if choices.list is not None:
        return read_list(choices.list)
    if is_url(job.source):
        return Bucket(job.source).photos(job.folder.recursive)
    photos, unreadable = find_photos(job.folder)
    for line in unreadable:
        print(f"{program}: {line}", file=sys.stderr)
    return (Listed(path.relative_to(job.folder.src_image_dir).as_posix()) for path in photos)


def _forget_what_counts_no_more(ledger: Ledger, job: Job, retry_failed: bool) -> None:
    """Drop the records of photos that are to be done again."""
    keys, target = Keys(job), Bucket(job.target, "--save_dir") if is_url(job.target) else None
    for photo, known in ledger.pairs():
        if known is not None and not _counts(photo, known, keys.of(photo.id), job, retry_failed):
            ledger.forget(photo.id, _result_size(job, photo, target) == known.result_size)


def _counts(photo: Listed, known: Known, key: str, job: Job, retry_failed: bool) -> bool:
    """Whether a record tells of what is asked now: the same options, the same photo, a result that is still there."""
    if known.key != key or (retry_failed and known.status in (FAILED, QUARANTINED)):
        return False
    if photo.etag and known.etag and photo.etag != known.etag:
        return False
    if known.status not in (REPAIRED, CLEAN):
        return True
    size, time = photo.size, photo.time
    try:
        if not is_url(job.source):
            status = os.stat(job.folder.src_image_dir / photo.id)
            size, time = status.st_size, int(status.st_mtime)
    except OSError:
        return False
    if not is_url(job.target) and _result_size(job, photo) != known.result_size:
        return False
    is_other = size >= 0 and size != known.size
    return not is_other and (time < 0 or abs(time - known.time) <= TIME_SECONDS)


def _result_size(job: Job, photo: Listed, target: Bucket | None = None) -> int:
    """Bytes of what lies in the place of a photo's result, be it in a store; -2 where nothing does."""
    if target is not None:
        return target.size(photo.id)
    try:
        return os.stat(job.folder.save_dir / photo.id).st_size
    except OSError:
        return -2


def _do(
    ledger: Ledger, job: Job, choices: Choices, shard: Shard, meeting: list[tuple[Listed, str]], program: str
) -> int:
    name = run_name(shard)
    _refuse_meeting(job, meeting, name)
    ledger.enter(read_records(job.record_dir, name))
    left = len(ledger) - sum(ledger.counts().values())
    if len(ledger) > left:
        print(f"{len(ledger) - left} of {len(ledger)} have records already", flush=True)
    stopped = ""
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption((SIGINT, SIGTERM)))
        doubted: list[str] = []
        try:
            if left:
                doubted = _tell_all(ledger, job, choices, name, left, stack, lambda: interruption.asked)
        except WorkerLost as error:
            stopped = str(error)
        if interruption.asked:
            print(f"interrupted; what has a record is complete, {GO_ON}", file=sys.stderr)
            return EXIT_INTERRUPTED
    if stopped:
        print(f"{program}: {stopped}", file=sys.stderr)
    # What counts is what stands in the files, not what the processes said.
    ledger.enter(read_records(job.record_dir, name))
    if doubted:
        print(look_at(doubted, len(doubted)))
    status = check_end(ledger)
    print(f"results are in '{shown(job.target)}', records in '{shown(job.record_dir)}'")
    return status


def _tell_all(
    ledger: Ledger,
    job: Job,
    choices: Choices,
    name: str,
    left: int,
    stack: ExitStack,
    should_stop: Callable[[], bool],
) -> list[str]:
    """Do what has no record, printing a line each; returns the names of photos in doubt."""
    todo = (photo for photo, known in ledger.pairs() if known is None)
    if choices.cluster is None:
        supervisor = stack.enter_context(Supervisor(job, name, choices.photo_timeout_s, should_stop))
        print(f"running on {supervisor.description}", flush=True)
        return _tell(supervisor.rows(todo), left)
    pool = stack.enter_context(RayPool(job, name, choices.photo_timeout_s, choices.ray_address, should_stop))
    print(f"running on {pool.description}", flush=True)
    doubted = _tell(pool.rows(todo), left)
    ledger.enter(read_records(job.record_dir, name))
    lost = (photo for photo, known in ledger.pairs() if known is None)
    if not should_stop() and (count := len(ledger) - sum(ledger.counts().values())):
        print(f"{count} were lost with the processes that did them; each is done again alone", file=sys.stderr)
        doubted += _tell(pool.rows_alone(lost), count)
    return doubted


def _refuse_meeting(job: Job, meeting: list[tuple[Listed, str]], name: str) -> None:
    """Record photos as failed whose results would lie on each other."""
    if not meeting:
        return
    records, keys = RecordFile(job.record_dir, f"{name}_0"), Keys(job)
    for photo, other in meeting:
        why = f"its result would overwrite that of '{other}', whose name is the same to that disk; rename one of them"
        records.add(blank_row(job, keys.of(photo.id), photo, FAILED, why))
        print(f"{photo.id}: failed: {why}", file=sys.stderr)
    records.close()


def _tell(rows: Iterable[Row], total: int) -> list[str]:
    """Print a line for each photo, with a bar of photos a second; returns the names of those in doubt."""
    doubted = []
    with tqdm(total=total, unit="photo", disable=None, file=sys.stderr) as bar:
        for row in rows:
            result = result_of(row)
            bad = result.status in (FAILED, QUARANTINED)
            tqdm.write(result.line(), file=sys.stderr if bad else sys.stdout)
            if result.doubtful:
                doubted.append(result.name)
            bar.update()
    return doubted


def check_end(ledger: Ledger) -> int:
    """Print how the listed photos ended, and name what has no record; returns the exit status."""
    counts = Counter(ledger.counts())
    missing = len(ledger) - counts.total()
    print(f"listed {len(ledger)} = {' + '.join(f'{counts[status]} {status}' for status in STATUSES)}", end="")
    print(f" + {missing} without a record" if missing else "", flush=True)
    if counts[QUARANTINED]:
        print(f"quarantined: {_some(ledger.names(QUARANTINED, NAMES_SHOWN), counts[QUARANTINED])}", file=sys.stderr)
    if missing:
        names = _some(ledger.names(None, NAMES_SHOWN), missing)
        print(f"without a record: {names}; {GO_ON}", file=sys.stderr)
    return EXIT_FAILED if missing or counts[FAILED] or counts[QUARANTINED] else 0


def _some(names: list[str], count: int) -> str:
    return ", ".join(names) + (f" and {count - len(names)} more" if count > len(names) else "")


def _merge(ledger: Ledger, path: Path) -> int:
    """Write one report of all records, in the list's order; returns the exit status.

    Raises:
        OSError: it cannot be written.
    """
    with images.atomic(path) as temporary, open(temporary, "w", encoding="ascii") as report:
        for row in ledger.rows():
            report.write(json.dumps(row) + "\n")
    if (kinds := ledger.keys()) > 1:
        print(f"note: these records were made with {kinds} different sets of options, graphs or masks", file=sys.stderr)
    status = check_end(ledger)
    print(f"one report of all records is in '{path}'")
    return status
