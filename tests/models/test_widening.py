"""Widened networks: they answer as the narrow ones do, and their copies learn different things."""

import pytest
import torch
from torch import Tensor

from models.deepfillv2 import InpaintGenerator
from models.gated_conv import initialise
from models.widening import widen


def generator(channels: int, norm: str = "none") -> InpaintGenerator:
    torch.manual_seed(channels)
    network = InpaintGenerator(channels, norm=norm)
    initialise(network, "xavier", 2.4)
    return network.double().eval()  # instance norms enlarge what rounding leaves of a silent channel


def batch() -> tuple[Tensor, Tensor]:
    images, masks = torch.rand(2, 3, 32, 32).double(), torch.zeros(2, 1, 32, 32).double()
    masks[:, :, 8:20, 4:24] = 1
    return images, masks


@pytest.mark.parametrize("norm", ["none", "in", "bn"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_it_answers_as_the_narrow_one(times: int, norm: str) -> None:
    narrow, wide = generator(4, norm), generator(4 * times, norm)
    wide.load_state_dict(widen(narrow.state_dict(), wide.state_dict()))
    given = batch()
    with torch.no_grad():
        for picture, expected in zip(wide(*given), narrow(*given), strict=True):
            torch.testing.assert_close(picture, expected, atol=1e-6, rtol=1e-3)


def test_weights_of_half_precision_answer_the_same() -> None:
    narrow, wide = generator(4).float(), generator(8).float()
    halves = {name: tensor.half() for name, tensor in narrow.state_dict().items()}
    narrow.load_state_dict(halves)
    wide.load_state_dict(widen(halves, wide.state_dict()))
    images, masks = (tensor.float() for tensor in batch())
    with torch.no_grad():
        torch.testing.assert_close(wide(images, masks)[1], narrow(images, masks)[1], atol=1e-4, rtol=1e-3)


def test_training_steps_keep_the_answer_of_spectral_norms() -> None:
    """Each forward pass of training turns the singular vectors; from those of the narrow network they do not move."""
    narrow, wide = generator(4), generator(8)
    narrow.train()
    with torch.no_grad():
        for _ in range(30):
            narrow(*batch())
        narrow.eval()
        wide.load_state_dict(widen(narrow.state_dict(), wide.state_dict()))
        expected, images = narrow(*(given := batch()))[1], wide.train()(*given)[1]
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=1e-3)


def test_copies_learn_different_things() -> None:
    narrow, wide = generator(4), generator(8)
    wide.load_state_dict(widen(narrow.state_dict(), wide.state_dict()))
    images, masks = batch()
    wide(images, masks)[1].sub(images).abs().mean().backward()
    gradient = wide.coarse[0].conv2d.weight.grad
    assert gradient is not None
    first, second = gradient.chunk(2)
    assert (first - second).abs().mean() > 0.1 * first.abs().mean()


def test_sizes_that_are_no_multiple() -> None:
    with pytest.raises(ValueError, match=r"coarse\.0\.conv2d\.weight: \(6, 4, 7, 7\) is no multiple of \(4, 4, 7, 7\)"):
        widen(generator(4).state_dict(), generator(6).state_dict())


def test_other_layers() -> None:
    with pytest.raises(ValueError, match=r"other layers: .*running_mean"):
        widen(generator(4).state_dict(), generator(8, "bn").state_dict())
