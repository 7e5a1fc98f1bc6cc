"""Folders of object stores: `s3://bucket/folder`, `gs://…`, and whatever else pyarrow or fsspec have a name for.

Needs the extra `[storage]`. Folders of this machine are plain paths everywhere in this package and need nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.cluster.addresses import shown
from utils.cluster.listing import Listed
from utils.images import EXTENSIONS

WHOLE_PUTS = "allow_delayed_open"  # pyarrow's word for it


class Bucket:
    """A folder of an object store.

    Args:
        url: its address; what stands behind `?` goes to pyarrow, as `?endpoint_override=host:port&scheme=http`.
        flag: that it was given by, for messages.

    Raises:
        ValueError: pyarrow is not installed, or knows no such address.
    """

    def __init__(self, url: str, flag: str = "--src_image_dir") -> None:
        self.shown = shown(url)
        try:
            from pyarrow import fs
        except ImportError:
            raise ValueError(
                f"{flag} '{self.shown}': addresses need pyarrow; pip install pyarrow, or 'occluder-removal[storage]'"
            ) from None
        try:
            self.system, folder = fs.FileSystem.from_uri(_with_whole_puts(url))
        except (ValueError, OSError) as error:
            self.system, folder = _through_fsspec(url, f"{flag} '{self.shown}': {str(error).splitlines()[0]}")
        self.folder = folder.rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def names(self, recursive: bool = True) -> Iterator[tuple[str, int, int]]:
        """Name below the folder, bytes, and time in seconds since 1970 of every file; none where there is no folder.

        One folder's names are held at a time. What is written meanwhile may be among them, and is whole.

        Raises:
            OSError: the store does not answer.
        """
        from pyarrow import fs

        folders = [self.folder]
        while folders:
            for info in self.system.get_file_info(fs.FileSelector(folders.pop(), allow_not_found=True)):
                if info.type == fs.FileType.File:
                    yield info.path[len(self.folder) + 1 :], info.size, _seconds(info)
                elif info.type == fs.FileType.Directory and recursive:
                    folders.append(info.path)

    def photos(self, recursive: bool) -> Iterator[Listed]:
        """The files whose extension is a picture's, hidden ones left out, as a list has them."""
        for name, size, time in self.names(recursive):
            is_hidden = any(segment.startswith(".") for segment in name.split("/"))
            if Path(name).suffix.lower() in EXTENSIONS and not is_hidden:
                yield Listed(name, size, time)

    def fetch(self, name: str, target: Path) -> Listed:
        """Copy a file to this machine, into folders that are made for it; returns it as a list has it.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        from pyarrow import fs

        info = self.system.get_file_info(self._path(name))
        if info.type != fs.FileType.File:
            raise FileNotFoundError(f"cannot read '{name}': there is no such file in '{self.shown}'")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.read(name))
        return Listed(name, info.size, _seconds(info))

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        with self.system.open_input_stream(self._path(name)) as stream:
            return bytes(stream.read())

    def read_if_there(self, name: str) -> bytes | None:
        """A file's bytes, or None where there is no such file.

        Raises:
            OSError: it cannot be read.
        """
        try:
            # not by get_file_info: for what is not there, that asks for a listing too, at twelve times the price
            with self.system.open_input_file(self._path(name)) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    def size(self, name: str) -> int:
        """Bytes of a file; -2 where there is none.

        Raises:
            OSError: the store does not answer.
        """
        try:
            with self.system.open_input_file(self._path(name)) as file:
                return int(file.size())
        except FileNotFoundError:
            return -2

    def put(self, name: str, data: bytes) -> None:
        """Write a file: as a whole or not at all, as object stores do.

        Raises:
            OSError: it cannot be written.
        """
        path = self._path(name)
        if self.system.type_name not in ("s3", "gcs"):  # those know no folders
            self.system.create_dir(path.rpartition("/")[0], recursive=True)
        with self.system.open_output_stream(path) as stream:
            stream.write(data)


def _with_whole_puts(url: str) -> str:
    """An address of S3 under which pyarrow sends a file in one request, where it knows how to.

    By itself it opens an upload in parts for every file: three requests at the price of one, and parts that stay for
    ever where it is killed in between.
    """
    from pyarrow import fs

    if not url.startswith("s3://") or WHOLE_PUTS in url:
        return url
    wanted = f"{url}{'&' if '?' in url else '?'}{WHOLE_PUTS}=true"
    try:
        fs.FileSystem.from_uri(wanted)
    except (ValueError, OSError):
        return url
    return wanted


def _seconds(info: Any) -> int:
    return info.mtime_ns // 10**9 if info.mtime_ns is not None else -1


def _through_fsspec(url: str, why: str) -> tuple[Any, str]:
    """A file system that pyarrow does not know, by fsspec.

    Raises:
        ValueError: nor does fsspec.
    """
    try:
        import fsspec
        from pyarrow import fs

        system, folder = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError, OSError) as error:
        raise ValueError(f"{why}; and by fsspec: {error}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), folder
