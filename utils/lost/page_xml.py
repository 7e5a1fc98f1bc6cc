"""Repaired regions and interrupted lines as PAGE-XML, for OCR-D, Transkribus and other tools that read it.

Source: the PAGE content schema 2019-07-15 of PRImA (primaresearch.org). What it asks of what is used here:

- `PcGts` holds `Metadata` and `Page`; `Metadata` holds `Creator`, `Created`, `LastChange` (UTC), then `Comments`.
- `Page` states `imageFilename`, `imageWidth`, `imageHeight`, and holds regions.
- A region has an `id` and may have `custom`; it holds `Coords`, then `UserDefined`; a `TextRegion` then `TextLine`s.
- A `TextLine` has an `id` and may have `custom`; it holds `Coords`, then `Baseline`, then `UserDefined`.
- `points` are at least two pairs of whole numbers, none negative: `x,y x,y`; those of an area at least three, and no
  point of a line lies outside of its region.
- `UserDefined` holds `UserAttribute`s with `name`, `type` (`xsd:string`, `xsd:integer`, `xsd:float`) and `value`.

A region that interrupts text is a `TextRegion`, any other an `UnknownRegion`. `check` tests all of this without the
schema at hand.
"""

import datetime
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from utils.arrays import Points
from utils.lost.lines import band_of
from utils.lost.regions import LostRegion

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
SCHEMA = f"{NAMESPACE}/pagecontent.xsd"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
CREATOR = "occluder-removal"

POINTS = re.compile(r"([0-9]+,[0-9]+ )+([0-9]+,[0-9]+)")
IDENTIFIER = re.compile(r"[A-Za-z_][\w.-]*")
# What each element may hold, in this order; the region types of the schema that are not written are left out.
CHILDREN = {
    "PcGts": ("Metadata", "Page"),
    "Metadata": ("Creator", "Created", "LastChange", "Comments"),
    "Page": ("TextRegion", "UnknownRegion"),
    "TextRegion": ("Coords", "UserDefined", "TextLine"),
    "UnknownRegion": ("Coords", "UserDefined"),
    "TextLine": ("Coords", "Baseline", "UserDefined"),
    "UserDefined": ("UserAttribute",),
}
REQUIRED = {
    "PcGts": {"Metadata", "Page"},
    "Metadata": {"Creator", "Created", "LastChange"},
    "TextRegion": {"Coords"},
    "UnknownRegion": {"Coords"},
    "TextLine": {"Coords"},
}
ATTRIBUTES = {
    "PcGts": (set(), {f"{{{INSTANCE}}}schemaLocation", "pcGtsId"}),
    "Page": ({"imageFilename", "imageWidth", "imageHeight"}, {"custom"}),
    "TextRegion": ({"id"}, {"custom", "comments"}),
    "UnknownRegion": ({"id"}, {"custom", "comments"}),
    "TextLine": ({"id"}, {"custom", "comments"}),
    "Coords": ({"points"}, {"conf"}),
    "Baseline": ({"points"}, {"conf"}),
    "UserAttribute": (set(), {"name", "description", "type", "value"}),
}
CHOICES = ("Page",)  # elements whose children come in any order


def to_page_xml(
    name: str, size: tuple[int, int], regions: Sequence[LostRegion], moment: datetime.datetime | None = None
) -> bytes:
    """The repaired regions of a photo as a PAGE-XML document, UTF-8.

    Args:
        name: file name of the picture.
        size: its width and height, upright.
        regions: what was repaired.
        moment: when; None for now.
    """
    moment = moment or datetime.datetime.now(datetime.UTC)
    stamp = moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    root = ET.Element("PcGts", {"xmlns": NAMESPACE, "xmlns:xsi": INSTANCE})
    root.set("xsi:schemaLocation", f"{NAMESPACE} {SCHEMA}")
    metadata = ET.SubElement(root, "Metadata")
    for tag, text in (("Creator", CREATOR), ("Created", stamp), ("LastChange", stamp)):
        ET.SubElement(metadata, tag).text = text
    ET.SubElement(metadata, "Comments").text = "Regions were covered and repaired; text that they hid is lost."
    page = ET.SubElement(root, "Page", imageFilename=name, imageWidth=str(size[0]), imageHeight=str(size[1]))
    for number, region in enumerate(regions, start=1):
        _add_region(page, f"hidden_{number}", region, size)
    ET.indent(root)
    return ET.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _add_region(page: ET.Element, identifier: str, region: LostRegion, size: tuple[int, int]) -> None:
    bands = [band_of(line) for line in region.lines]
    corners = np.array([(region.box.x0, region.box.y0), (region.box.x1, region.box.y1)])
    outline = max(region.outlines, key=lambda points: _area(points), default=_box(corners))
    if bands or len(region.outlines) > 1:  # no point of a line may lie outside of its region
        outline = cv2.convexHull(np.rint(np.concatenate([*region.outlines, *bands])).astype(np.int32))[:, 0]
    element = ET.SubElement(page, "TextRegion" if bands else "UnknownRegion", id=identifier, custom=_custom("hidden"))
    ET.SubElement(element, "Coords", points=_points(outline, size))
    ground = ", ".join(f"{kind} {share:g}" for kind, share in region.ground.items())
    known: dict[str, Any] = {"ground": ground, "made_by": ", ".join(region.made), "rules_continued": region.rules}
    if region.confidence is not None:
        known |= {"covered_by": region.covered_by, "confidence": float(region.confidence)}
    _define(element, known)
    for number, (line, band) in enumerate(zip(region.lines, bands, strict=True), start=1):
        inner = ET.SubElement(element, "TextLine", id=f"{identifier}_line_{number}", custom=_custom("gap"))
        ET.SubElement(inner, "Coords", points=_points(band, size))
        ET.SubElement(inner, "Baseline", points=_points(line.baseline, size))
        share = round(float(line.share), 3)
        _define(inner, {"hidden_characters": line.characters, "hidden_words": line.words, "hidden_share": share})


def _custom(kind: str) -> str:
    """The free attribute in the way of Transkribus, which shows such tags."""
    return f"structure {{type:{kind};}}"


def _define(element: ET.Element, values: dict[str, Any]) -> None:
    defined = ET.SubElement(element, "UserDefined")
    types = {str: "xsd:string", int: "xsd:integer", float: "xsd:float"}
    for name, value in values.items():
        ET.SubElement(defined, "UserAttribute", name=name, type=types[type(value)], value=str(value))


def _box(corners: Points) -> Points:
    (x0, y0), (x1, y1) = corners
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _area(points: Points) -> float:
    return float(abs(cv2.contourArea(np.asarray(points, np.float32))))


def _points(points: Points, size: tuple[int, int]) -> str:
    """Points as PAGE writes them: whole numbers inside of the picture."""
    inside = np.clip(np.rint(points), 0, np.array(size)).astype(int)
    return " ".join(f"{x},{y}" for x, y in inside.tolist())


def check(document: bytes) -> None:
    """Test a document against what the module says of the schema.

    Raises:
        ValueError: it says what is wrong, and where.
    """
    root = ET.fromstring(document)
    _check_element(root, "PcGts")
    identifiers = [element.get("id") for element in root.iter() if element.get("id") is not None]
    if len(set(identifiers)) != len(identifiers):
        raise ValueError("two elements have the same id")


def _check_element(element: ET.Element, name: str) -> None:
    if element.tag != f"{{{NAMESPACE}}}{name}":
        raise ValueError(f"{element.tag} stands where {name} is expected")
    required, allowed = ATTRIBUTES.get(name, (set(), set()))
    given = set(element.attrib)
    if not required <= given or not given <= required | allowed:
        raise ValueError(f"{name} has the attributes {sorted(given)}; it needs {sorted(required)}")
    if "points" in required and not POINTS.fullmatch(element.attrib["points"]):
        raise ValueError(f"{name} has the points '{element.attrib['points']}'")
    if name == "Coords" and element.attrib["points"].count(" ") < 2:
        raise ValueError("the Coords of an area need three points")
    if "id" in required and not IDENTIFIER.fullmatch(element.attrib["id"]):
        raise ValueError(f"{name} has the id '{element.attrib['id']}'")
    names = [child.tag.rpartition("}")[2] for child in element]
    order = CHILDREN.get(name, ())
    if not set(names) <= set(order) or not REQUIRED.get(name, set()) <= set(names):
        raise ValueError(f"{name} holds {names}; it may hold {list(order)}")
    places = [order.index(child) for child in names]
    if name not in CHOICES and places != sorted(places):
        raise ValueError(f"{name} holds {names}, which is not the order of {list(order)}")
    for child, tag in zip(element, names, strict=True):
        _check_element(child, tag)
