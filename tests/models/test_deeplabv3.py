import numpy as np
import pytest
import torch
import torch.nn.functional as F

from models.backbones import DilatedDepthwise, build_backbone
from models.deeplabv3 import DeepLabV3, convolve_doubled, halve_kernels
from tests.parity import DATA, example, published_shapes, published_state
from utils.spec import BACKBONES


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_published_logits_are_reproduced(backbone):
    network = DeepLabV3(backbone)
    network.load_state_dict(published_state(f"deeplabv3_{backbone}"))
    with torch.inference_mode():
        logits = network.eval()(torch.from_numpy(example("photo", (1, 3, 96, 64))))
    expected = np.load(DATA / "forward.npz")[f"deeplabv3_{backbone}/logits"]
    np.testing.assert_allclose(logits.numpy(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_state_dict_has_the_published_names_and_shapes(backbone):
    with torch.device("meta"):
        network = DeepLabV3(backbone)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes == published_shapes(f"deeplabv3_{backbone}")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_skip_features_have_the_stated_widths_and_sizes(backbone):
    with torch.device("meta"):
        encoder = build_backbone(backbone, in_channels=4)
        deepest, skips = encoder(torch.empty(2, 4, 64, 96))
    assert deepest.shape == (2, encoder.out_channels, 4, 6)
    assert [skip.shape[1] for skip in skips] == list(encoder.skip_channels)
    assert [tuple(skip.shape[2:]) for skip in skips] == [(8, 12), (16, 24), (32, 48), (64, 96)]


def test_logits_have_the_size_of_an_input_that_16_does_not_divide():
    with torch.device("meta"):
        network = DeepLabV3("mobilenetv2", num_classes=3).eval()
        assert network(torch.empty(1, 3, 75, 50)).shape == (1, 3, 75, 50)


def test_unknown_backbone_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"--backbone vgg16: must be one of mobilenetv2, resnet50, resnet101"):
        DeepLabV3("vgg16")


@pytest.mark.parametrize("size", [(4, 6), (3, 9)])
def test_convolving_what_is_doubled_the_short_way_gives_the_same_and_the_same_gradient(size):
    torch.manual_seed(0)
    features = torch.randn(2, 5, *size, requires_grad=True)
    kernels = torch.randn(3, 5, 3, 3, requires_grad=True)
    enlarged = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
    expected = F.conv2d(enlarged, kernels, padding=1)
    found = convolve_doubled(features, kernels, halve_kernels(kernels))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    weights = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weights).sum(), [features, kernels])
    for given, right in zip(torch.autograd.grad((found * weights).sum(), [features, kernels]), wanted, strict=True):
        torch.testing.assert_close(given, right, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(6, 4), (5, 4)])
def test_a_dilated_depthwise_convolution_does_in_training_what_it_does_otherwise(size):
    torch.manual_seed(0)
    features = torch.randn(2, 8, *size, requires_grad=True)
    layer = DilatedDepthwise(torch.nn.Conv2d(8, 8, 3, groups=8, bias=False))
    expected = F.conv2d(features, layer.weight, padding=2, dilation=2, groups=8)
    weights = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weights).sum(), [features, layer.weight])
    for training in (True, False):
        found = layer.train(training)(features)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        given = torch.autograd.grad((found * weights).sum(), [features, layer.weight])
        torch.testing.assert_close(given, wanted, rtol=0, atol=1e-4)
