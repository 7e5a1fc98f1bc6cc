"""What covers a page: drawn fingers, hands, forearms, heads and things, and cut-outs from files."""

from datasets.occluders.cutouts import REAL_SHARE, Cutout, list_cutouts, load_cutout, pick_cutout, read_cutout
from datasets.occluders.kinds import draw_occluder, drawn_occluder, drawn_of_kind
from datasets.occluders.placing import cover, disguise, place, shadow_of, vary, warp
from datasets.occluders.sprite import Occluder

__all__ = [
    "REAL_SHARE",
    "Cutout",
    "Occluder",
    "cover",
    "disguise",
    "draw_occluder",
    "drawn_occluder",
    "drawn_of_kind",
    "list_cutouts",
    "load_cutout",
    "pick_cutout",
    "place",
    "read_cutout",
    "shadow_of",
    "vary",
    "warp",
]
