import cv2
import numpy as np
import pytest

from utils.page.grain import draw_grain, measure_grain, seed_of


def noisy(strength: float, blur: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of grainy grey paper, its tone, and where it is bare."""
    noise = np.random.default_rng(1).standard_normal((256, 320, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), blur)
    tone = np.full((256, 320, 3), 180, np.float32)
    picture = np.clip(np.rint(tone + noise * (strength / noise.std())), 0, 255).astype(np.uint8)
    return picture, tone, np.ones((256, 320), bool)


def spectrum_of(picture: np.ndarray, tone: np.ndarray, bare: np.ndarray) -> np.ndarray:
    """The measured spectrum, which there is one of here."""
    spectrum = measure_grain(picture, tone, bare)
    assert spectrum is not None
    return spectrum


def neighbours(values: np.ndarray) -> float:
    """Correlation of pixels with the next one."""
    return float(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1])


@pytest.mark.parametrize("strength", [2.0, 5.0])
@pytest.mark.parametrize("blur", [0.4, 1.0])
def test_grain_has_the_strength_and_spectrum_of_the_paper(strength, blur):
    picture, tone, bare = noisy(strength, blur)
    grain = draw_grain(spectrum_of(picture, tone, bare), 300, 400, seed=3)
    assert grain.shape == (300, 400, 3)
    assert grain.std() == pytest.approx((picture - tone).std(), rel=0.12)
    assert neighbours(grain) == pytest.approx(neighbours(picture - tone), abs=0.1)
    assert abs(grain.mean()) < 0.1


def test_grey_grain_stays_grey():
    picture, tone, bare = noisy(3, 0.6)
    picture = np.repeat(picture[..., :1], 3, axis=2)
    grain = draw_grain(spectrum_of(picture, tone, bare), 128, 128, seed=0)
    assert np.corrcoef(grain[..., 0].ravel(), grain[..., 2].ravel())[0, 1] > 0.98


def test_print_that_was_missed_as_ink_is_no_grain():
    picture, tone, bare = noisy(2, 0.6)
    rows = np.arange(picture.shape[0]) // 4 % 2 == 0
    printed = picture.copy()
    printed[rows, 64:] -= 30  # four fifths of all squares
    grain = draw_grain(spectrum_of(printed, tone, bare), 128, 128, seed=0)
    assert grain.std() == pytest.approx((picture - tone).std(), rel=0.2)


def test_equal_seeds_give_equal_grain():
    spectrum = spectrum_of(*noisy(3, 0.6))
    assert (draw_grain(spectrum, 64, 64, 5) == draw_grain(spectrum, 64, 64, 5)).all()
    assert (draw_grain(spectrum, 64, 64, 5) != draw_grain(spectrum, 64, 64, 6)).any()


def test_no_bare_paper_gives_no_grain():
    picture, tone, bare = noisy(3, 0.6)
    assert measure_grain(picture, tone, np.zeros_like(bare)) is None
    assert measure_grain(picture[:20, :20], tone[:20, :20], bare[:20, :20]) is None


def test_seed_is_decided_by_what_is_visible():
    picture, _, _ = noisy(3, 0.6)
    hole = np.zeros((256, 320), bool)
    hole[50:100, 50:100] = True
    other = picture.copy()
    other[60:90, 60:90] = 0
    assert seed_of(picture, hole) == seed_of(other, hole)
    other[:20] = 0
    assert seed_of(picture, hole) != seed_of(other, hole)
