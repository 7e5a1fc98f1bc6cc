from tests.utils.formats.repairs import repaired, save
from utils.images import read_mark


def test_bmp_has_no_place_for_a_mark(tmp_path):
    _, _, target = repaired(save(tmp_path, "colour.bmp"), mark="unseen")
    assert read_mark(target) is None
