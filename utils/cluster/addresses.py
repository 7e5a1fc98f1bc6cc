"""Names of folders: plain paths, `file://`, and addresses of object stores."""

import re
from urllib.parse import unquote, urlsplit

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://")  # two letters and more: `c:` is a disk


def is_url(text: str) -> bool:
    """Whether a name is that of a folder in an object store."""
    return _SCHEME.match(text) is not None


def without_file_scheme(text: str) -> str:
    """A plain path for a `file://` address; every other name as it is."""
    return unquote(urlsplit(text).path) if text.startswith("file://") else text


def shown(text: str) -> str:
    """A name for messages: without the keys and settings that an address may hold."""
    return re.sub(r"//[^/@]*@", "//", text.partition("?")[0]) if is_url(text) else text
