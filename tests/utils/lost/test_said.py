"""What is lost as people, programs and pictures are told it."""

import datetime
import json

import numpy as np
import pytest

from tests.utils.lost.sheets import hole_at, text_page
from utils.formats import xmp
from utils.formats.xmp import Mark
from utils.lost import origin, record
from utils.lost.page_xml import NAMESPACE, check, to_page_xml
from utils.lost.regions import NETWORK, ON_A_PAGE, STRUCTURE, LostRegion, describe_regions, with_confidence
from utils.lost.signs import draw_signs
from utils.options import HATCH, NO_SIGN, OUTLINE
from utils.page import structure
from utils.regions import Box, RegionGroup

SIZE = (1400, 900)
REGION = Box(500, 150, 800, 510)


@pytest.fixture(scope="module")
def regions() -> list[LostRegion]:
    page, hole = text_page([200, 290, 380, 470]), hole_at(*REGION)
    found = structure.repair(page, hole)
    return describe_regions(page, hole, RegionGroup(Box(0, 0, *SIZE), (REGION,)), found, network=False)


@pytest.fixture(scope="module")
def bare() -> list[LostRegion]:
    page, hole = text_page([]), hole_at(*REGION)
    found = structure.repair(page, hole)
    return describe_regions(page, hole, RegionGroup(Box(0, 0, *SIZE), (REGION,)), found, network=False)


def test_a_region_says_where_it_is_what_it_lies_on_and_how_it_was_made(regions):
    (region,) = regions
    known = region.as_json()
    assert known["box"] == list(REGION) and known["ground"] == {ON_A_PAGE: 1.0} and known["made_by"] == [STRUCTURE]
    corners = {tuple(point) for point in known["outlines"][0]}
    assert corners == {(500, 150), (799, 150), (799, 509), (500, 509)}
    assert len(known["lines"]) == 4 and known["covered_by"] is None
    assert json.loads(json.dumps(known)) == known


def test_a_region_without_text_says_none(bare):
    assert bare[0].as_json()["lines"] == "none"
    assert record.in_words(bare) == ""


def test_confidence_is_that_of_the_region(regions):
    (known,) = with_confidence(regions, {REGION: 0.93})
    assert (known.covered_by, known.confidence) == ("occluder", 0.93)
    assert with_confidence(regions, {Box(0, 0, 1, 1): 0.93}) == regions


def test_lost_words_and_lines_are_counted_in_words(regions):
    words = sum(line.words for line in regions[0].lines)
    assert record.in_words(regions) == f"about {words} words lost in 4 lines"


def test_page_xml_is_as_the_schema_asks(regions, bare):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    document = to_page_xml("a & b.jpg", SIZE, [*with_confidence(regions, {REGION: 0.9}), *bare], moment)
    check(document)
    text = document.decode()
    assert NAMESPACE in text and "<Created>2026-01-02T03:04:05Z</Created>" in text and "a &amp; b.jpg" in text
    assert text.count("<TextLine ") == 4 and text.count("<TextRegion ") == 1 and text.count("<UnknownRegion ") == 1


def test_page_xml_of_a_photo_with_nothing_repaired_is_as_the_schema_asks():
    check(to_page_xml("a.jpg", SIZE, []))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('points="', 'points="-', "points"),
        (' id="hidden_1"', "", "attributes"),
        ("UnknownRegion", "TextLine", "holds"),
    ],
)
def test_a_document_that_is_not_as_the_schema_asks_is_told(bare, old, new, message):
    document = to_page_xml("a.jpg", SIZE, bare).decode().replace(old, new)
    with pytest.raises(ValueError, match=message):
        check(document.encode())


@pytest.mark.parametrize("kind", [HATCH, OUTLINE])
def test_a_sign_lies_over_lost_text_only(regions, kind):
    page, hole = text_page([]), hole_at(*REGION)
    lines = regions[0].lines
    signed = draw_signs(page, hole, lines, kind)
    changed = (signed != page).any(axis=2)
    assert changed.any() and not changed[~hole].any()
    for row in np.flatnonzero(changed.any(axis=1)):
        assert any(-1.8 <= (row - line.baseline[0, 1]) / line.height <= 0.8 for line in lines)


def test_no_sign_is_drawn_where_none_is_wanted_or_nothing_is_lost(regions):
    page, hole = text_page([]), hole_at(*REGION)
    assert draw_signs(page, hole, regions[0].lines, NO_SIGN) is page
    assert draw_signs(page, hole, [], HATCH) is page


def test_the_network_makes_a_picture_one_edited_with_generative_ai(regions):
    drawn = [LostRegion(REGION, (), None, None, {}, 0, (), (NETWORK,))]
    assert origin.source_type(regions)[0].endswith("/algorithmicallyEnhanced")
    assert origin.source_type([*regions, *drawn])[0].endswith("/compositeWithTrainedAlgorithmicMedia")


PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}'
    "</rdf:RDF></x:xmpmeta>"
)
IPTC = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'


def packet_with(term: str) -> bytes:
    return PACKET.format(f'<rdf:Description rdf:about="" {IPTC} Iptc4xmpExt:DigitalSourceType="{term}"/>').encode()


def marked(packet: bytes | None, term: str = origin.ALTERED) -> str:
    keep = (*origin.STRONGER, origin.GENERATED_IN_PART)
    mark = Mark("0,0,9,9", '[{"box":[0,0,9,9]}]', term, keep, "occluder-removal")
    result = xmp.repaired(packet, mark, [])
    assert result is not None
    xmp._parsed(result.decode())  # well-formed
    return result.decode()


def test_the_picture_states_its_source_type_its_history_and_what_is_hidden():
    text = marked(None)
    assert f'Iptc4xmpExt:DigitalSourceType="{origin.ALTERED}"' in text
    assert "<stEvt:action>edited</stEvt:action>" in text
    assert json.loads(xmp.read_record(text.encode()) or "") == [[{"box": [0, 0, 9, 9]}]]
    assert xmp.read_mark(text.encode()) == "0,0,9,9"


def test_a_second_repair_adds_to_history_and_record_and_states_the_type_once():
    text = marked(marked(None).encode())
    assert text.count("DigitalSourceType=") == 1 and text.count("<xmpMM:History>") == 1
    assert text.count("<stEvt:action>") == 2
    assert len(json.loads(xmp.read_record(text.encode()) or "")) == 2


def test_a_type_that_says_less_is_replaced_and_one_that_says_more_stays():
    capture, trained = (f"{origin.VOCABULARY}{term}" for term in ("digitalCapture", "trainedAlgorithmicMedia"))
    assert capture not in marked(packet_with(capture))
    assert trained in marked(packet_with(trained)) and origin.ALTERED not in marked(packet_with(trained))
