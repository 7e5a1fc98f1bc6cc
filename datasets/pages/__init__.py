"""Drawn pages: what an office, a school or a shop prints, as lists of lines, words and areas that render at any size.

A page is drawn once, in units of one pixel of the full-size photo, and rasterised as often as needed: whole, reduced,
or only the window that a training sample shows.
"""

from datasets.pages.fonts import find_fonts, machine_fonts
from datasets.pages.kinds import draw_layout
from datasets.pages.layout import PAGE_SIZE, Layout, Picture, Rule, Shape, Text, rules_of
from datasets.pages.raster import rasterise, render

__all__ = [
    "PAGE_SIZE",
    "Layout",
    "Picture",
    "Rule",
    "Shape",
    "Text",
    "draw_layout",
    "find_fonts",
    "machine_fonts",
    "rasterise",
    "render",
    "rules_of",
]
