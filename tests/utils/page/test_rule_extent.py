import numpy as np
import pytest

from utils.page.rule import HALF_PX, LONE_PX, STRONG_PX
from utils.page.rule_extent import (
    LEVEL_PX,
    MIN_STROKE_PX,
    Extents,
    find_dotted,
    find_middle,
    find_solid,
    go_on,
    is_even,
    measure_extents,
    measure_reach,
    print_limit,
)

NOISE = 1.0
COLUMNS = np.arange(-HALF_PX, HALF_PX + 1.0)


def solid(length: int, total: int = 240, level: float = 60) -> np.ndarray:
    """Darkness along a course that is a rule for so many pixels, then paper."""
    core = np.random.default_rng(0).normal(0, NOISE / 2, total)
    core[:length] += level
    return core


def dots(period: float, total: int = 240, level: float = 60) -> np.ndarray:
    return level * (np.arange(total) % period < period / 2)


def alone(measure, core: np.ndarray):
    """What a measure of many strokes says of one."""
    values = measure(core[None], np.array([len(core)]), NOISE)
    return values.chosen(0) if isinstance(values, Extents) else values[0]


def strip_of(core: np.ndarray, width: float = 3) -> np.ndarray:
    """A stroke of this darkness along and so many pixels across, `(n, 2 * HALF_PX + 1)`."""
    return core[:, None] * np.clip(width / 2 + 0.5 - abs(COLUMNS), 0, 1)


@pytest.mark.parametrize("length", [40, 100, 240])
def test_a_solid_stroke_goes_on_as_far_as_it_is_seen(length):
    extent = alone(measure_extents, solid(length))
    assert extent.period == 0 and extent.likeness == 1
    assert extent.length == pytest.approx(length, abs=0.15 * length)
    assert length < LEVEL_PX or extent.level == pytest.approx(60, abs=5)


def test_paper_strokes_too_short_and_strokes_lighter_than_the_grain_have_no_extent():
    for core in (solid(0), solid(MIN_STROKE_PX - 5), solid(240, level=1.5)):
        assert alone(measure_extents, core).length == 0 and not alone(go_on, core)


def test_a_short_gap_ends_no_stroke_and_a_long_one_does():
    for gap, whole in ((3, True), (60, False)):
        core = solid(240)
        core[100 : 100 + gap] = 0
        assert (alone(find_solid, core).length > 200) == whole


@pytest.mark.parametrize("period", [6.0, 11.3, 23.7])
def test_a_period_is_told_to_a_hundredth_of_a_pixel(period):
    u = np.arange(240)
    core = 60 * np.clip(0.5 + 1.5 * np.sin(2 * np.pi * u / period), 0, 1)
    extent = alone(measure_extents, core)
    assert extent.length == 240 and extent.period == pytest.approx(period, abs=0.02) and extent.likeness > 0.9


def test_dots_seen_over_a_short_way_only_are_none():
    assert alone(find_dotted, dots(8.0, total=STRONG_PX - 1)) == (0, 0, 0, 0)
    assert alone(find_dotted, dots(8.0, total=STRONG_PX)).period == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_strokes_at_random_are_no_dots(seed):
    rng = np.random.default_rng(seed)
    core = np.repeat(60.0 * (rng.random(80) < 0.5), 3)
    assert alone(find_dotted, core).period == 0


def test_many_strokes_of_any_length_are_measured_as_each_alone():
    rng = np.random.default_rng(1)
    cores = [solid(90), solid(240), solid(0), dots(9.0), dots(17.5, 150), solid(30, total=40), dots(7.0, total=70)]
    cores += [rng.normal(0, 3, int(rng.integers(1, 240))) for _ in range(5)]
    lengths = np.array([len(core) for core in cores])
    padded = np.stack([np.pad(core, (0, 240 - len(core)), constant_values=99) for core in cores])
    together, going = measure_extents(padded, lengths, NOISE), go_on(padded, lengths, NOISE)
    for index, core in enumerate(cores):
        one = alone(measure_extents, core)
        assert together.chosen(index) == pytest.approx(one) and going[index] == (one.length > 0)
    assert np.count_nonzero(together.length) == 6 and np.count_nonzero(together.period) == 3


def test_a_rule_is_even_and_a_row_of_letters_is_not():
    core, letters = np.full(150, 60.0), 60.0 * (np.arange(150) % 9 < 6)
    assert is_even(strip_of(core), core, 60, 0, NOISE)
    assert not is_even(strip_of(letters), letters, 60, 0, NOISE)


def test_print_on_one_side_leaves_a_rule_even_and_on_both_does_not():
    core = np.full(150, 60.0)
    strip = strip_of(core)
    stems = np.arange(150) % 8 < 4
    strip[stems, HALF_PX + 5 : HALF_PX + 9] = 60
    assert is_even(strip, core, 60, 0, NOISE)
    strip[stems, HALF_PX - 9 : HALF_PX - 5] = 60
    assert not is_even(strip, core, 60, 0, NOISE)


def test_dots_that_are_feet_of_stems_are_no_rule():
    core = dots(12.0, 150)
    assert is_even(strip_of(core), core, 60, 0.95, NOISE)
    stems = strip_of(core)
    stems[:, HALF_PX - 9 : HALF_PX] = core[:, None]
    assert not is_even(stems, core, 60, 0.95, NOISE)


@pytest.mark.parametrize(("width", "reach"), [(1, 0), (5, 2), (9, 4)])
def test_a_stroke_reaches_half_its_width_to_both_sides(width, reach):
    core = np.full(LONE_PX, 60.0)
    assert measure_reach(strip_of(core, width), 60) == (reach, reach)


def test_what_is_too_broad_for_a_stroke_reaches_nowhere():
    assert measure_reach(strip_of(np.full(LONE_PX, 60.0), 25), 60) == (0, 0)


@pytest.mark.parametrize("shift", [-2.0, 0.0, 1.5])
def test_the_middle_of_a_stroke_is_where_it_is_drawn(shift):
    strip = np.full((80, 1), 60.0) * np.clip(2 - abs(COLUMNS - shift), 0, 1)
    assert find_middle(strip, COLUMNS, 0) == pytest.approx(shift, abs=0.05)


def test_the_middle_of_a_double_rule_lies_between_its_lines():
    strip = np.full((80, 1), 60.0) * (np.clip(2 - abs(COLUMNS), 0, 1) + np.clip(2 - abs(COLUMNS - 6), 0, 1))
    assert find_middle(strip, COLUMNS, 0) == pytest.approx(3, abs=0.1)


def test_print_is_darker_than_half_the_stroke_and_than_the_grain():
    assert print_limit(60, 1) == 30 and print_limit(10, 5) == 15
