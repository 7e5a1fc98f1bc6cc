"""What is lost in a photo, in words and as JSON."""

from collections.abc import Sequence
from typing import Any

from utils.lost.regions import LostRegion

FORMAT = "occluder-removal hidden 1"  # of `.hidden.json` files; a program that reads them can tell them by it


def in_words(regions: Sequence[LostRegion]) -> str:
    """What is lost, for a line of text, "about 14 words lost in 3 lines", or nothing where no text is."""
    lines = [line for region in regions for line in region.lines]
    if not lines:
        return ""
    words, count = sum(line.words for line in lines), len({line.seen_at for line in lines})  # one may be crossed twice
    return f"about {words} {'word' if words == 1 else 'words'} lost in {count} {'line' if count == 1 else 'lines'}"


def as_record(name: str, size: tuple[int, int], regions: Sequence[LostRegion]) -> dict[str, Any]:
    """All that is known of what a repaired photo hides, as `.hidden.json` holds it.

    Args:
        name: of the picture.
        size: its width and height, upright.
        regions: what was repaired; empty for a photo in which nothing was found.
    """
    return {
        "format": FORMAT,
        "picture": name,
        "width": size[0],
        "height": size[1],
        "units": "pixels of the upright photo",
        "regions": [region.as_json() for region in regions],
    }
