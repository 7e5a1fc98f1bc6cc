import numpy as np
import pytest

from utils import classes


def test_first_bit_is_covered_and_the_published_scripts_eight_bits_keep_it_alone():
    answers = np.arange(4, dtype=np.uint8)
    kept = answers * np.uint8(128)  # as the published script makes a mask of classes
    assert kept.tolist() == [0, 128, 0, 128]
    covered, known = classes.covered(answers)
    assert np.array_equal(covered, kept == 128) and known.all()


def test_levels_and_labels_of_a_mask_that_states_the_page_are_one_another():
    mask = np.repeat(np.repeat(np.array([[0, 128, 64], [192, 255, 0]], np.uint8), 9, 0), 9, 1)
    assert classes.states_page(mask)
    labels = classes.from_levels(mask)
    assert set(np.unique(labels)) == {0, 1, 2, 3, classes.UNKNOWN}
    assert np.array_equal(classes.to_levels(labels), mask)


def test_soft_edges_of_a_contest_mask_do_not_state_the_page():
    mask = np.zeros((40, 40), np.uint8)
    mask[:, 18:20], mask[:, 20:22], mask[:, 22:] = 64, 192, 128  # no level but 0 and 128 fills a square
    assert not classes.states_page(mask)
    labels = classes.from_levels(mask)
    assert (labels[:, :20] == classes.NOT_COVERED).all() and (labels[:, 20:] == classes.COVERED).all()


@pytest.mark.parametrize("code", [*range(8), classes.UNKNOWN])
def test_what_is_known_of_a_label_is_what_its_possible_classes_agree_in(code):
    possible = np.flatnonzero(classes.ALLOWED[code])
    for bit, (value, known) in enumerate(f(np.array([code])) for f in (classes.covered, classes.off_page)):
        bits = set(((possible >> bit) & 1).tolist())
        assert bool(known[0]) == (len(bits) == 1)
        if known[0]:
            assert int(value[0]) in bits


def test_two_classes_know_the_covered_bit_alone():
    codes = np.array([*range(8), classes.UNKNOWN])
    assert classes.fold(codes, 2).tolist() == [0, 1, 0, 1, 0, 1, 255, 255, 255]
    assert np.array_equal(classes.fold(codes, 4), codes)
