"""Feed damaged picture files to the reader and the writer: `python -m tests.fuzz_images --count 3000`.

Not part of the normal test run. Every file is one of `tests.utils.formats.samples`, changed by a random mutation that
follows from the seed and the file's number alone. A worker process reads each file, repairs a patch, writes it and
reads it again; this process watches it. What may happen: a picture, or one `ValueError` of one line. What may not: any
other error, a crash, more than `--seconds` for one file, more than `--megabytes` above the memory at the start, a word
on stderr, a file left behind, a written file that cannot be read, that differs outside the patch where its format is
lossless, or in which a picture survives that was hidden in the source. Each file is also read as a mask.
"""

import argparse
import os
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from tests.utils.formats.samples import SECRET, odd_files, photo_files
from utils import images
from utils.formats import kinds
from utils.mask_files import MaskFile, read_mask_file

MAX_PIXELS = 10_000_000
LOSSLESS = {"PNG", "TIFF", "BMP"}
MUTATIONS = ("bits", "bytes", "cut", "delete", "repeat", "splice", "number", "marker", "append", "exif")
NUMBERS = (0, 1, 2, 7, 255, 256, 32767, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def mutate(names: list[str], files: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """The file of this number: the name of its origin with the mutations, and its bytes."""
    chance = random.Random(f"{seed}:{number}")
    name = names[number % len(names)]
    data = bytearray(files[name])
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        kind = chance.choice(
            ("bits", "bytes", "cut", "delete", "repeat", "splice", "number", "marker", "append", "exif")
        )
        done.append(kind)
        # headers decide most: half of the changes go to the first 200 bytes
        at = chance.randrange(min(len(data), 200) if chance.random() < 0.5 else len(data)) if data else 0
        length = chance.choice((1, 2, 4, 16, 100, 1000))
        if kind == "bits":
            for _ in range(chance.choice((1, 3, 10))):
                if data:
                    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        elif kind == "bytes":
            data[at : at + length] = chance.randbytes(min(length, len(data) - at))
        elif kind == "cut":
            del data[at:]
        elif kind == "delete":
            del data[at : at + length]
        elif kind == "repeat":
            data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))
        elif kind == "splice":
            other = files[chance.choice(names)]
            start = chance.randrange(len(other))
            data[at : at + length] = other[start : start + length]
        elif kind == "number":
            code = chance.choice(("<H", ">H", "<I", ">I"))
            size = struct.calcsize(code)
            if at + size <= len(data):
                struct.pack_into(code, data, at, chance.choice(NUMBERS) % 256**size)
        elif kind == "marker":  # of JPEG
            data[at : at + 2] = bytes((0xFF, chance.choice((0xC0, 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1))))
        elif kind == "exif":  # pointers and counts of a directory, in EXIF or in a TIFF
            starts = [found.start() for found in re.finditer(rb"II\*\0|MM\0\*", data)]
            if starts:
                at = chance.choice(starts) + chance.randrange(4, 200)
                if at + 4 <= len(data):
                    struct.pack_into(chance.choice(("<I", ">I", "<H")), data, at, chance.choice(NUMBERS) % 2**16)
        else:
            data += chance.randbytes(length)
    if data[:4] == b"\x89PNG" and chance.random() < 0.8:
        data = _with_sums(data)
    return f"{name}: {'+'.join(done)}", bytes(data)


def _with_sums(data: bytearray) -> bytearray:
    """A PNG with right checksums, so that what is behind them is reached."""
    position = 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return data


def check(folder: Path, data: bytes) -> str:
    """Read, repair, write and read one file; returns what became of it, or raises."""
    source, target = folder / "photo.bin", folder / "repaired.bin"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    try:
        photo = images.read_photo(source, max_pixels=MAX_PIXELS)
        images.read_mark(source)
    except ValueError as error:
        return _refused(error)
    if kinds.readable(data[: kinds.HEAD_BYTES]) != photo.format:
        raise AssertionError("a file that can be read would be forgotten")
    _check_mask(source, photo.image.shape[:2])
    image = photo.image.copy()
    height, width = image.shape[:2]
    changed = np.zeros((height, width), bool)
    changed[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = True
    image[changed] = (40, 120, 200)
    try:
        images.write_photo(target, photo, image, changed, mark="fuzzed")
    except ValueError as error:
        if target.exists():
            raise AssertionError("a refused file was written") from error
        return "not written: " + _refused(error)
    again = images.read_photo(target, max_pixels=MAX_PIXELS)
    if again.header.format != photo.header.format or again.image.shape != photo.image.shape:
        raise AssertionError("the written file is of another kind")
    if photo.format in LOSSLESS and not np.array_equal(again.image[~changed], photo.image[~changed]):
        raise AssertionError("the written file differs outside the patch")
    if SECRET in target.read_bytes() and not _is_shown(target):
        raise AssertionError("the covered picture survives in the written file")
    if photo.format != "BMP" and "fuzzed" not in (images.read_mark(target) or ""):
        raise AssertionError("the mark is missing")
    if sorted(os.listdir(folder)) != ["photo.bin", "repaired.bin"]:
        raise AssertionError("a temporary file was left behind")
    return "repaired"


def _is_shown(path: Path) -> bool:
    """Whether the hidden bytes are a file's pixels, as where a damaged pointer leads these there."""
    values = images.read_samples(path, max_pixels=MAX_PIXELS).values
    orders = [array for one in (values, np.invert(values)) for array in (one, one[:, :, ::-1])]
    return any(SECRET in array.tobytes() or SECRET in array.byteswap().tobytes() for array in orders)


def _check_mask(path: Path, size: tuple[int, ...]) -> None:
    """Read a file as a mask: it is one of the photo's size, or refused in one line."""
    for strict in (True, False):
        try:
            mask = read_mask_file(path, strict=strict, max_pixels=MAX_PIXELS)
        except ValueError as error:
            if "\n" in str(error) or "photo.bin" not in str(error):
                raise AssertionError(f"not one clear line: {str(error)!r}") from error
        else:
            if not isinstance(mask, MaskFile) or mask.levels.shape != size or mask.covered().dtype != bool:
                raise AssertionError("the mask is of another kind")


def _refused(error: ValueError) -> str:
    text = str(error)
    if "\n" in text or len(text) > 300 or not re.match(r"cannot (decode|write) '", text):
        raise AssertionError(f"not one clear line: {text!r}") from error
    return re.sub(r"\d+", "N", text.split("': ", 1)[1])


def work(seed: int, first: int, last: int, megabytes: int) -> None:
    """The worker: one line on stdout before and one after each file."""
    cv2.setNumThreads(1)
    files = {**photo_files(), **odd_files()}
    names = sorted(files)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("420.jpg", "zstd.tif"):
            check(Path(folder), files[name])  # everything is loaded now
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)
        for number in range(first, last):
            print(number, flush=True)
            try:
                outcome = check(Path(folder), mutate(names, files, seed, number)[1])
            except Exception as error:
                outcome = f"FAILED {type(error).__name__}: {str(error)[:300]!r}"
            print(outcome.replace("\n", " "), flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Feed damaged picture files to the reader and the writer.")
    parser.add_argument("--count", type=int, default=3000, help="files (default: 3000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seconds", type=float, default=20, help="time limit for one file (default: 20)")
    parser.add_argument("--megabytes", type=int, default=600, help="memory limit above the start's (default: 600)")
    parser.add_argument("--save", type=Path, help="write the file --first here and stop")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    files = {**photo_files(), **odd_files()}
    names = sorted(files)
    if options.save:
        options.save.write_bytes(mutate(names, files, options.seed, options.first)[1])
        return 0
    if options.worker is not None:
        work(options.seed, options.first, options.worker, options.megabytes)
        return 0
    outcomes: Counter[str] = Counter()
    failures = []
    number, last = options.first, options.first + options.count
    while number < last:
        command = [sys.executable, "-m", "tests.fuzz_images", "--seed", str(options.seed), "--first", str(number)]
        command += ["--worker", str(last), "--megabytes", str(options.megabytes)]
        with tempfile.TemporaryFile() as noise:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise, text=True)
            assert child.stdout is not None
            outcome = None
            while True:
                watch = threading.Timer(options.seconds, child.kill)
                watch.start()
                line = child.stdout.readline()
                watch.cancel()
                if not line:
                    break
                if line.strip().isdigit():
                    number, outcome = int(line), None
                else:
                    outcome = line.strip()
                    outcomes[outcome if not outcome.startswith("FAILED") else "FAILED"] += 1
                    if outcome.startswith("FAILED"):
                        failures.append((number, outcome))
            status = child.wait()
            noise.seek(0)
            said = noise.read().decode(errors="replace").strip()
        if said:
            failures.append((number, f"stderr up to this file: {said[-500:]}"))
        if outcome is None:
            failures.append((number, "took too long" if status == -9 else f"the process died, status {status}"))
        number += 1
    for kind, count in outcomes.most_common():
        print(f"{count:6} {kind}")
    for number, failure in failures:
        print(f"file {number} ({mutate(names, files, options.seed, number)[0]}): {failure}")
    print(f"{sum(outcomes.values())} of {options.count} files, {len(failures)} failures")
    return int(bool(failures) or sum(outcomes.values()) < options.count)


if __name__ == "__main__":
    sys.exit(main())
