"""XMP packets: the mark of a repair, and what of a packet goes since it holds or announces a picture.

Sources: XMP specification parts 1 and 3 (ISO 16684-1), Google's and Adobe's descriptions of the parts that cameras hang
behind a photo (Ultra HDR, depth maps, motion photos), C2PA 2.1.
"""

import html
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from utils.formats.metadata import HARMLESS_BYTES, picture_in

# The mark: one XMP property in a namespace of our own. A URN, since no page on the web stands behind it.
MARK_NAMESPACE = "urn:occluder-remover:xmp:1#"
_MARK_PATTERN = re.compile(
    r'<rdf:Description rdf:about="" xmlns:occ="' + re.escape(MARK_NAMESPACE) + r'" occ:repainted="([^"]*)"/>'
)
# All that is known of the repaired regions, as JSON: a list with one entry for each time the picture was repaired.
_RECORD = re.compile(
    r'<rdf:Description rdf:about="" xmlns:occ="' + re.escape(MARK_NAMESPACE) + r'" occ:hidden="([^"]*)"/>'
)
IPTC_EXTENSION, SOURCE_TYPE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "DigitalSourceType"
MEDIA_MANAGEMENT, HISTORY = "http://ns.adobe.com/xap/1.0/mm/", "History"
RESOURCE_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_NO_MARK = "so it cannot be marked as repaired (--mark False writes it without)"
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

# Namespaces whose properties say something about a photo and hold none, however long they are.
SAFE_NAMESPACES = frozenset(
    {
        *(RDF, "adobe:ns:meta/", MARK_NAMESPACE, "http://purl.org/dc/elements/1.1/", "http://purl.org/dc/terms/"),
        *("http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xap/1.0/mm/", "http://ns.adobe.com/xap/1.0/rights/"),
        *("http://ns.adobe.com/xap/1.0/bj/", "http://ns.adobe.com/xap/1.0/t/pg/", "http://ns.adobe.com/pdf/1.3/"),
        *("http://ns.adobe.com/xap/1.0/sType/ResourceEvent#", "http://ns.adobe.com/xap/1.0/sType/ResourceRef#"),
        *("http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/", "http://ns.adobe.com/exif/1.0/aux/"),
        *("http://cipa.jp/exif/1.0/", "http://ns.adobe.com/photoshop/1.0/", "http://ns.adobe.com/lightroom/1.0/"),
        *("http://ns.adobe.com/camera-raw-settings/1.0/", "http://ns.adobe.com/camera-raw-saved-settings/1.0/"),
        *("http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"),
        *("http://ns.useplus.org/ldf/xmp/1.0/", "http://creativecommons.org/ns#", "http://www.digikam.org/ns/1.0/"),
        *("http://ns.microsoft.com/photo/1.0/", "http://ns.microsoft.com/photo/1.2/", "http://ns.acdsee.com/iptc/1.0/"),
        *("http://www.metadataworkinggroup.com/schemas/regions/", "http://ns.google.com/photos/1.0/panorama/"),
    }
)
# What holds a picture, a hash of the old one, or announces a part behind the photo that goes: by the beginning of the
# namespace, or the whole of it and a name.
PICTURE_NAMESPACES = (
    *("http://ns.google.com/photos/1.0/", "http://ns.google.com/photos/dd/", "http://ns.adobe.com/hdr-gain-map/"),
    *(
        "http://ns.apple.com/",
        "http://ns.adobe.com/xap/1.0/g/img/",
        "http://ns.adobe.com/xmp/note/",
        "http://c2pa.org/",
    ),
    *("http://ns.samsung.com/", "http://ns.xiaomi.com/", "http://ns.oppo.com/", "http://ns.vivo.com/"),
)
PICTURE_PROPERTIES = frozenset(
    {
        ("http://ns.adobe.com/xap/1.0/", "Thumbnails"),
        ("http://ns.adobe.com/xap/1.0/mm/", "Pantry"),
        ("http://purl.org/dc/terms/", "provenance"),
    }
)

_ATTRIBUTE = re.compile(r"""\s+([\w.-]+:)?([\w.-]+)\s*=\s*("[^"]*"|'[^']*')""")
# A comment and the like; a tag: closing, prefix, name, attributes, empty; or what is none of them.
_TOKEN = re.compile(
    r"""<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|"""
    r"""<(/?)([\w.-]+:)?([\w.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(/?)>|<""",
    re.DOTALL,
)


class Mark(NamedTuple):
    """What a repaired picture's XMP says of the repair.

    Attributes:
        text: what was repainted, in words.
        record: what is known of it as JSON, see `utils.lost.record`; empty for none.
        source_type: URI of the IPTC's term for how the picture came about (`Iptc4xmpExt:DigitalSourceType`), or empty.
        keep_types: URIs of terms that say more than this one: where the picture states one of them, that stays.
        event: name of the software, for an entry of `xmpMM:History`; empty for none. The entry states no time: the same
            photo gives the same bytes.
    """

    text: str
    record: str = ""
    source_type: str = ""
    keep_types: tuple[str, ...] = ()
    event: str = ""


@dataclass
class _Element:
    """An element of a packet: where it lies, what it is, how its tag is written, and its attributes.

    Attributes:
        attributes: namespace, name, start and end of each.
        prefixes: namespaces by their prefixes, as they count inside of it.
    """

    start: int
    end: int
    namespace: str
    name: str
    tag: str
    parent: "_Element | None"
    attributes: list[tuple[str, str, int, int]]
    prefixes: dict[str, str] = field(default_factory=dict)

    def is_described(self) -> bool:
        """Whether its children and attributes are properties of the photo itself."""
        above = self.parent
        return (self.namespace, self.name) == (RDF, "Description") and above is not None and above.name == "RDF"


def read_mark(packet: bytes) -> str | None:
    """The mark that `repaired` left in an XMP packet, or None."""
    match = _MARK_PATTERN.search(packet.decode("utf-8", "replace"))
    return html.unescape(match[1]) if match else None


def read_record(packet: bytes) -> str | None:
    """The JSON that `repaired` left in an XMP packet, or None."""
    match = _RECORD.search(packet.decode("utf-8", "replace"))
    return html.unescape(match[1]) if match else None


def repaired(packet: bytes | None, mark: Mark | str | None, dropped: list[str]) -> bytes | None:
    """The XMP of a repaired photo: without pictures and what announces them, with the mark; all else it holds stays.

    Args:
        packet: UTF-8, or None for a file without XMP.
        mark: what to add, or None; where the packet has a mark already, the new text follows it after "; ".
        dropped: what went is added in words.

    Returns:
        The new packet, or None if there was none and no mark is wanted.

    Raises:
        ValueError: a mark is wanted and the packet is not XMP in UTF-8.
    """
    packet = _cleaned(packet, dropped) if packet else packet
    if mark is None:
        return packet or None
    try:
        text = packet.decode("utf-8") if packet else _EMPTY_PACKET
    except UnicodeDecodeError:
        raise ValueError(f"its XMP is not UTF-8, {_NO_MARK}") from None
    mark = Mark(mark) if isinstance(mark, str) else mark
    said = {"repainted": mark.text}
    earlier, recorded = (read_mark(packet), read_record(packet)) if packet else (None, None)
    if earlier is not None:
        text, said["repainted"] = _MARK_PATTERN.sub("", text), f"{earlier}; {mark.text}"
    if mark.record:
        text, said["hidden"] = _RECORD.sub("", text), _joined(recorded, mark.record)
    description = "".join(_described(f'xmlns:occ="{MARK_NAMESPACE}"', f"occ:{n}", v) for n, v in said.items())
    if mark.source_type:
        text, stays = _without_type(text, mark.keep_types)
        if not stays:
            space = f'xmlns:Iptc4xmpExt="{IPTC_EXTENSION}"'
            description += _described(space, f"Iptc4xmpExt:{SOURCE_TYPE}", mark.source_type)
    if mark.event:
        text, history = _with_event(text, _event(mark))
        description += history
    # an RDF element without content may be written as one empty tag; the prefix is "rdf" in every known writer
    text = re.sub(r"(<rdf:RDF\b[^>]*?)\s*/>", r"\1></rdf:RDF>", text, count=1)
    before, end, after = text.rpartition("</rdf:RDF>")
    if not end:
        raise ValueError(f"its XMP has no rdf:RDF element, {_NO_MARK}")
    return (before + description + end + after).encode("utf-8")


def _described(namespace: str, name: str, value: str) -> str:
    """One property of the picture as an element of RDF; `namespace` is its declaration."""
    escaped = html.escape(value).replace("\n", "&#10;")
    return f'<rdf:Description rdf:about="" {namespace} {name}="{escaped}"/>'


def _joined(earlier: str | None, record: str) -> str:
    """A JSON list of the earlier records and this one."""
    if earlier and earlier.startswith("[") and earlier.endswith("]"):
        return f"{earlier[:-1]},{record}]"
    return f"[{record}]"


def _without_type(text: str, keep: tuple[str, ...]) -> tuple[str, bool]:
    """A packet without the term for how the picture came about, and whether one stays that says more.

    A property may stand once only; it is an attribute, or an element with text or with `rdf:resource`.
    """
    try:
        elements = _parsed(text)
    except ValueError:
        return text, True  # what it says is not known: nothing is added
    spans = []
    for element in elements:
        if (element.namespace, element.name) == (IPTC_EXTENSION, SOURCE_TYPE):
            spans.append((element.start, element.end))
        spans += [(a, b) for space, name, a, b in element.attributes if (space, name) == (IPTC_EXTENSION, SOURCE_TYPE)]
    if any(term in text[start:end] for start, end in spans for term in keep):
        return text, True
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return text, False


def _event(mark: Mark) -> str:
    """An entry of the picture's history (XMP specification part 2, ResourceEvent)."""
    software = html.escape(mark.event)
    return (
        f'<rdf:li rdf:parseType="Resource" xmlns:stEvt="{RESOURCE_EVENT}"><stEvt:action>edited</stEvt:action>'
        f"<stEvt:parameters>repainted {html.escape(mark.text)}</stEvt:parameters>"
        f"<stEvt:softwareAgent>{software}</stEvt:softwareAgent>"
        "<stEvt:changed>/content</stEvt:changed></rdf:li>"
    )


def _with_event(text: str, event: str) -> tuple[str, str]:
    """A packet with an entry at the end of its history; where it has none, the history is returned apart."""
    try:
        elements = _parsed(text)
    except ValueError:
        return text, ""
    for element in elements:
        if (element.namespace, element.name) == (MEDIA_MANAGEMENT, HISTORY):
            end = text.rfind("</rdf:Seq>", element.start, element.end)
            return (text[:end] + event + text[end:], "") if end >= 0 else (text, "")
    opening = f'<rdf:Description rdf:about="" xmlns:xmpMM="{MEDIA_MANAGEMENT}"><xmpMM:{HISTORY}><rdf:Seq>'
    return text, f"{opening}{event}</rdf:Seq></xmpMM:{HISTORY}></rdf:Description>"


def _cleaned(packet: bytes, dropped: list[str]) -> bytes:
    """A packet without what `PICTURE_NAMESPACES` and the like name, and without long properties that nobody knows.

    One that cannot be read is kept where nothing in it begins like a picture or like a long run of base64.
    """
    try:
        text = packet.decode("utf-8")
        elements = _parsed(text)
    except ValueError:
        plain = packet.replace(b"\0", b"")  # be it UTF-16
        if picture_in(plain) is None and not re.search(rb"[A-Za-z0-9+/]{1000}", plain) and b"Thumbnails" not in plain:
            return packet
        dropped.append("XMP that cannot be read")
        return b""
    spans: list[tuple[int, int]] = []
    for element in elements:
        if spans and element.start < spans[-1][1]:
            continue  # inside of what goes
        inside = text[element.start : element.end]
        is_property = element.parent is not None and element.parent.is_described()
        if _goes(element.namespace, element.name, inside if is_property else ""):
            spans.append((element.start, element.end))
            dropped.append(f"XMP {element.name}")
            continue
        for namespace, name, start, end in element.attributes:
            if _goes(namespace, name, text[start:end] if element.is_described() else ""):
                spans.append((start, end))
                dropped.append(f"XMP {name}")
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return text.encode("utf-8")


def _goes(namespace: str, name: str, value: str) -> bool:
    """Whether a property goes; `value` is all of it, or empty inside of another property."""
    if namespace.startswith(PICTURE_NAMESPACES) and namespace not in SAFE_NAMESPACES:
        return True
    if (namespace, name) in PICTURE_PROPERTIES or picture_in(value.encode()) is not None:
        return True
    return bool(namespace) and namespace not in SAFE_NAMESPACES and len(value) > HARMLESS_BYTES


def _namespace(prefix: str, prefixes: dict[str, str]) -> str:
    """What a prefix stands for, be it only by custom."""
    return prefixes.get(prefix) or ("http://ns.adobe.com/xap/1.0/" if prefix in ("xmp:", "xap:") else prefix)


def _parsed(text: str) -> list[_Element]:
    """All elements of a packet, in the order of their beginnings.

    Raises:
        ValueError: it is no well-formed XML, or has a document type.
    """
    elements: list[_Element] = []
    stack: list[_Element] = []
    for token in _TOKEN.finditer(text):
        if token[0] == "<":
            raise ValueError("no well-formed XML")
        if not token[3]:  # a comment and the like
            continue
        if token[1]:
            if not stack or stack[-1].tag != f"{token[2] or ''}{token[3]}":
                raise ValueError("no well-formed XML")
            stack.pop().end = token.end()
            continue
        above = stack[-1] if stack else None
        prefixes = dict(above.prefixes) if above else {}
        named = [(a, token.start(4)) for a in _ATTRIBUTE.finditer(token[4])]
        for attribute, _ in named:
            if attribute[1] == "xmlns:" or (not attribute[1] and attribute[2] == "xmlns"):
                key = f"{attribute[2]}:" if attribute[1] else ""
                prefixes[key] = html.unescape(attribute[3][1:-1])
        element = _Element(
            start=token.start(),
            end=token.end(),
            namespace=_namespace(token[2] or "", prefixes),
            name=token[3],
            tag=f"{token[2] or ''}{token[3]}",
            parent=above,
            attributes=[
                (_namespace(attribute[1], prefixes), attribute[2], at + attribute.start(), at + attribute.end())
                for attribute, at in named
                if attribute[1] and attribute[1] != "xmlns:"
            ],
            prefixes=prefixes,
        )
        elements.append(element)
        if not token[5]:
            stack.append(element)
    if stack:
        raise ValueError("no well-formed XML")
    return elements
