import numpy as np

from datasets import effects


def rng(seed=0):
    return np.random.default_rng(seed)


def page(height=160, width=120):
    return np.full((height, width, 3), 210, np.uint8)


def picture(height, width):
    return np.full((height, width, 3), 60, np.uint8)


def test_marks_change_about_half_of_the_pages_and_leave_the_given_one():
    clean = page()
    changed = sum((effects.mark(clean, rng(seed), 160, picture) != 210).any() for seed in range(60))
    assert 20 < changed < 50
    assert (clean == 210).all()


def test_every_mark_stays_inside_parts_smaller_than_it():
    for seed in range(40):
        marked = effects.mark(page(24, 20), rng(seed), 640, picture)
        assert marked.shape == (24, 20, 3) and marked.dtype == np.uint8


def test_printed_pictures_are_no_brighter_than_the_paper():
    printed = page()
    effects._printed(printed, rng(2), 160, lambda height, width: np.full((height, width, 3), 255, np.uint8))
    assert printed.max() <= 210


def test_the_camera_is_the_same_for_a_seed_and_changes_light():
    image = rng().integers(0, 256, (80, 60, 3), np.uint8)
    levels = set()
    for seed in range(30):
        first, again = (effects.develop(image, rng(seed)) for _ in range(2))
        assert first.shape == image.shape and first.dtype == np.uint8
        assert np.array_equal(first, again)
        levels.add(round(float(first.mean())))
    assert len(levels) > 10 and max(levels) - min(levels) > 30
