import pytest
import torch

from models.deeplabv3 import DeepLabV3
from models.folded_decoder import fold


@pytest.mark.parametrize(("classes", "size"), [(2, (96, 64)), (3, (64, 80))])
def test_folded_network_computes_the_same(classes, size):
    torch.manual_seed(0)
    network = DeepLabV3("mobilenetv2", num_classes=classes).eval()
    images = torch.randn(2, 3, *size)
    with torch.inference_mode():
        expected = network(images)
        fold(network)
        found = network(images)
    assert found.shape == (2, classes, *size)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_folded_network_refuses_sides_that_are_no_even_numbers():
    network = DeepLabV3("mobilenetv2")
    fold(network)
    with pytest.raises(ValueError, match="pictures of even sides, this one has 65×64"):
        network(torch.zeros(1, 3, 65, 64))
