import pytest
import torch
import torch.nn.functional as F

from models import gated_conv
from models.deepfillv2 import InpaintGenerator, PatchDiscriminator
from models.gated_conv import (
    Conv2dLayer,
    GatedConv2d,
    LayerNorm,
    ThriftyGate,
    UpsampleGatedConv2d,
    fold,
    gate,
    initialise,
)
from utils import spec


@pytest.fixture
def features():
    return torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def test_every_choice_of_the_command_line_is_implemented():
    assert tuple(gated_conv.PAD_MODES) == spec.PAD_TYPES
    assert tuple(gated_conv.ACTIVATION_LAYERS) == spec.ACTIVATIONS
    assert tuple(gated_conv.NORM_LAYERS) == spec.NORMS
    assert tuple(gated_conv.INITIALISERS) == spec.INIT_TYPES


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("pad_type", spec.PAD_TYPES)
def test_gated_layer_equals_its_two_convolutions_computed_apart(features, pad_type, spectral):
    layer = GatedConv2d(3, 5, 4, stride=2, padding=2, pad_type=pad_type, norm="in", spectral=spectral).eval()
    gated = layer.conv2d(features) * torch.sigmoid(layer.mask_conv2d(features))
    expected = F.leaky_relu(F.instance_norm(gated), 0.2)
    torch.testing.assert_close(layer(features), expected)


@pytest.mark.parametrize("norm", spec.NORMS)
@pytest.mark.parametrize("activation", ["prelu", "tanh"])
def test_folding_changes_no_value(features, norm, activation):
    layers = torch.nn.Sequential(
        UpsampleGatedConv2d(3, 4, 3, padding=1, pad_type="reflect", activation=activation, norm=norm),
        GatedConv2d(4, 2, 3, padding=2, dilation=2, pad_type="replicate", activation=activation, norm=norm),
    ).eval()
    expected = layers(features)
    fold(layers)
    assert not any(isinstance(layer, GatedConv2d) for layer in layers.modules())
    assert not any("parametrizations" in name for name in layers.state_dict())
    torch.testing.assert_close(layers(features), expected)


def test_spectral_norm_makes_the_largest_singular_value_one_in_both_halves():
    layer = GatedConv2d(3, 4, 3, padding=1, spectral=True).eval()
    for weight in layer.joint_weight()[0].chunk(2):
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_each_training_forward_makes_one_power_iteration(features):
    layer = Conv2dLayer(3, 4, 3, padding=1).train()
    state = layer.conv2d.state_dict()  # shares its memory with the layer
    matrix, v = state["parametrizations.weight.original"].flatten(1), state["parametrizations.weight.0._v"].clone()
    layer(features)
    u = F.normalize(matrix @ v, dim=0)
    torch.testing.assert_close(state["parametrizations.weight.0._u"], u)
    torch.testing.assert_close(state["parametrizations.weight.0._v"], F.normalize(matrix.T @ u, dim=0))
    layer.eval()(features)
    torch.testing.assert_close(state["parametrizations.weight.0._u"], u)


def test_layer_norm_equals_the_formula_of_the_published_layer(features):
    layer = LayerNorm(3)
    sample = features[1]
    expected = (sample - sample.mean()) / (sample.std(unbiased=True) + 1e-5)
    expected = expected * layer.gamma.view(-1, 1, 1) + layer.beta.view(-1, 1, 1)
    torch.testing.assert_close(layer(features)[1], expected)


@pytest.mark.parametrize("norm", ["in", "ln"])
def test_bfloat16_autocast_stays_close_to_float32(norm):
    torch.manual_seed(0)
    generator, discriminator = InpaintGenerator(4, norm=norm), PatchDiscriminator(4, norm=norm)
    images, masks = torch.rand(2, 3, 64, 64), (torch.rand(2, 1, 64, 64) > 0.7).float()
    _, expected = generator(images, masks)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, refined = generator(images, masks)
        score = discriminator(images, masks)
    (refined.float().mean() + score.float().mean()).backward()
    assert refined.dtype == torch.bfloat16
    assert (refined.float() - expected).abs().mean() < 0.02
    for parameter in (*generator.parameters(), *discriminator.parameters()):
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


@pytest.mark.parametrize("init_type", spec.INIT_TYPES)
def test_initialise_draws_plain_weights_and_leaves_spectral_ones(init_type):
    torch.manual_seed(0)
    network = InpaintGenerator(4)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initialise(network, init_type, 0.5)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.endswith("conv2d.weight")}
    if init_type == "normal":
        assert network.state_dict()["coarse.5.conv2d.weight"].std().item() == pytest.approx(0.5, rel=0.1)


def test_the_gate_for_training_has_the_values_and_gradients_of_the_plain_one():
    torch.manual_seed(0)
    both = torch.randn(2, 6, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.equal(ThriftyGate.apply(both), gate(both))
    assert torch.autograd.gradcheck(ThriftyGate.apply, both)


@pytest.mark.parametrize("norm", ["in", "none", "ln", "bn"])
def test_a_gated_layer_in_training_has_the_gradients_of_its_formula(norm):
    torch.manual_seed(0)
    layer = GatedConv2d(3, 4, 3, padding=1, norm=norm).double()
    features = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    found = torch.autograd.grad(layer(features).square().sum(), list(layer.parameters()))
    values, gates = layer.conv2d(features), layer.mask_conv2d(features)
    formula = F.leaky_relu(layer.norm(values * torch.sigmoid(gates)), 0.2)
    expected = torch.autograd.grad(formula.square().sum(), list(layer.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_a_gated_layer_keeps_its_input_and_three_tensors_for_the_gradient():
    kept: dict[int, int] = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    layer = GatedConv2d(8, 8, 3, padding=1, norm="in")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = layer(torch.rand(1, 8, 64, 64))
        output.sum()
    picture = output.untyped_storage().nbytes()
    # input, values with gates (twice its size), what is normalised, the output
    assert sum(size for size in kept.values() if size >= picture) == 5 * picture
