"""The kinds of drawn occluders, and how often each comes."""

import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from datasets.chances import choose
from datasets.occluders import pens, people, things
from datasets.occluders.sprite import Canvas, Occluder, finish

# Chances of each kind on a page: people mostly cover a page with what they hold it with.
OCCLUDER_KINDS = {
    "finger": 0.24,
    "hand": 0.2,
    "arm": 0.12,
    "head": 0.26,
    "pen": 0.06,
    "card": 0.05,
    "cup": 0.04,
    "phone": 0.03,
}
# What the finder is trained on beside them: harder and stranger things than a contest's pages are covered with.
RARE_KINDS = {
    "crown": 0.22,
    "blob": 0.22,
    "intruder": 0.12,
    "cable": 0.06,
    "glasses": 0.07,
    "coin": 0.05,
    "eraser": 0.06,
    "ruler": 0.04,
    "clip": 0.08,
    "flap": 0.08,
}
RARE_SHARE = 0.35  # of the numbers of `drawn_occluder`
OCCLUDER_STREAM = 0x0CC1  # keeps the numbers of `drawn_occluder` apart from other uses of small seeds

DRAWN_BY: dict[str, Callable[[np.random.Generator, int], Canvas]] = {
    "finger": people.draw_finger,
    "hand": people.draw_hand,
    "arm": people.draw_arm,
    "head": people.draw_head,
    "crown": people.draw_crown,
    "pen": pens.draw_pen,
    "card": things.draw_card,
    "cup": things.draw_cup,
    "phone": things.draw_phone,
    "blob": things.draw_blob,
    "intruder": things.draw_intruder,
    "cable": things.draw_cable,
    "glasses": things.draw_glasses,
    "coin": things.draw_coin,
    "eraser": things.draw_eraser,
    "ruler": things.draw_ruler,
    "clip": things.draw_clip,
    "flap": things.draw_flap,
}


def draw_occluder(rng: np.random.Generator, side: int, kind: str | None = None) -> Occluder:
    """Draw one occluder.

    Args:
        rng: decides everything.
        side: longer side of the sprite in pixels.
        kind: a key of `DRAWN_BY`; None draws one of `OCCLUDER_KINDS`.
    """
    if kind is None:
        kind = choose(rng, OCCLUDER_KINDS)
    return Occluder(kind, finish(DRAWN_BY[kind](rng, side), rng))


@lru_cache(maxsize=2048)
def drawn_occluder(number: int, side: int) -> Occluder:
    """The occluder of a number, the same each time, now and then one of `RARE_KINDS`.

    Kept, for drawing one takes longer than all else in a sample.

    Args:
        number: which one.
        side: longer side of the sprite in pixels.
    """
    rng = np.random.default_rng((number, OCCLUDER_STREAM))
    if rng.random() < RARE_SHARE:
        return draw_occluder(rng, side, choose(rng, RARE_KINDS))
    return draw_occluder(rng, side)


@lru_cache(maxsize=2048)
def drawn_of_kind(kind: str, number: int, side: int) -> Occluder:
    """The same as `drawn_occluder`, of one kind, a key of `DRAWN_BY`."""
    return draw_occluder(np.random.default_rng((number, OCCLUDER_STREAM, zlib.crc32(kind.encode()))), side, kind)
