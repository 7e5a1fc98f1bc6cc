import cv2
import numpy as np
import pytest

from benchmarks.growth import REGION_PX, draw_disc, draw_regions, table


@pytest.mark.parametrize("count", [1, 3, 10, 100])
def test_so_many_regions_lie_apart_and_inside_the_photo(count: int):
    mask = draw_regions(900, 700, count)
    found, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    assert found - 1 == count
    assert (stats[1:, cv2.CC_STAT_WIDTH] == REGION_PX + 1).all()


def test_a_disc_covers_its_share():
    assert draw_disc(600, 800, 0.08).mean() == pytest.approx(0.08, rel=0.02)


def test_a_table_compares_work_and_time_with_its_first_line():
    page = np.full((300, 400, 3), 210, np.uint8)
    cases = [(f"{share}", page, draw_disc(300, 400, share)) for share in (0.02, 0.08)]
    head, rule, first, second = table("share", cases, rounds=1)
    assert head.startswith("| share |") and head.count("|") == rule.count("|") == second.count("|")
    assert first.split(" | ")[3:] == ["1.0", "1.0 |"]
    assert float(second.split(" | ")[3]) == pytest.approx(4, abs=0.2)
