import torch

from models.checkpoint import build_generator
from models.training import choose_precision
from models.validation import CHEQUER_LEVELS, inpainting_grid
from utils.spec import GENERATOR, inpaint_spec


def test_holes_are_chequered_in_the_first_column_and_clean_in_the_last():
    torch.manual_seed(0)
    generator = build_generator(inpaint_spec(GENERATOR, latent_channels=4, imgsize=32, imgresize=1))
    images, masks = torch.full((2, 3, 32, 32), 0.95), torch.zeros(2, 1, 32, 32)
    masks[..., 8:24, 8:24] = 1
    grid = inpainting_grid(generator, images, masks, choose_precision(torch.device("cpu"), autocast=False))
    assert grid.shape == (2 * 32, 4 * 32, 3)
    paper, light, dark = (round(level * 255) for level in (0.95, *CHEQUER_LEVELS))
    covered, clean = grid[:32, :32], grid[:32, -32:]
    assert abs(clean.astype(int) - paper).max() <= 1
    assert abs(covered[:8].astype(int) - paper).max() <= 1
    squares = covered[8:24, 8:24, 0].reshape(2, 8, 2, 8).mean(axis=(1, 3))
    assert abs(squares - [[light, dark], [dark, light]]).max() <= 1
