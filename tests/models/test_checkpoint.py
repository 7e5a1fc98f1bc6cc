import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from models import checkpoint
from models.deepfillv2 import PatchDiscriminator
from models.deeplabv3 import DeepLabV3
from tests.parity import published_state
from utils.spec import DISCRIMINATOR, GENERATOR, METADATA_KEY, inpaint_spec, segmenter_spec

SMALL = inpaint_spec(GENERATOR, latent_channels=4, imgsize=96, imgresize=3, norm="ln", activation="prelu")


@pytest.fixture(scope="module")
def mobilenet():
    torch.manual_seed(0)
    return DeepLabV3("mobilenetv2").eval()


@pytest.fixture
def small_generator():
    torch.manual_seed(0)
    return checkpoint.build_generator(SMALL).eval()


def same(one: nn.Module, other: nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# our own files


def test_own_checkpoint_comes_back_with_weights_spec_and_extras(tmp_path, small_generator):
    path = tmp_path / "new" / "G.pth"
    checkpoint.save_checkpoint(path, small_generator, SMALL, epoch=3, optimizer={"lr": 1e-4})
    generator, spec = checkpoint.load_generator(path)
    assert same(generator, small_generator)
    assert spec == SMALL
    assert not generator.training
    content = checkpoint.read_checkpoint(path)
    assert content["epoch"] == 3
    assert content["optimizer"] == {"lr": 1e-4}
    assert checkpoint.read_spec(content) == SMALL
    assert [file.name for file in path.parent.iterdir()] == ["G.pth"]


def test_half_precision_weights_load_as_float32(tmp_path, mobilenet):
    halved = DeepLabV3("mobilenetv2")
    halved.load_state_dict(mobilenet.state_dict())
    checkpoint.save_checkpoint(tmp_path / "S.pth", halved.half(), segmenter_spec("mobilenetv2"))
    network, _ = checkpoint.load_segmenter(tmp_path / "S.pth")
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    weight = mobilenet.decoder.conv1.weight
    torch.testing.assert_close(network.decoder.conv1.weight, weight, rtol=1e-3, atol=1e-6)


def test_discriminator_comes_back(tmp_path):
    spec = inpaint_spec(DISCRIMINATOR, latent_channels=4, norm="bn")
    discriminator = checkpoint.build_discriminator(spec)
    checkpoint.save_checkpoint(tmp_path / "D.pth", discriminator, spec)
    loaded, loaded_spec = checkpoint.load_discriminator(tmp_path / "D.pth", latent_channels=4)
    assert same(loaded, discriminator)
    assert loaded_spec == spec


@pytest.mark.parametrize(
    ("flag", "given", "stated"),
    [("latent_channels", 64, 4), ("norm", "in", "ln"), ("imgsize", 1536, 96), ("imgresize", 6, 3)],
)
def test_flag_that_contradicts_an_own_file_names_both_values(tmp_path, small_generator, flag, given, stated):
    checkpoint.save_checkpoint(tmp_path / "G.pth", small_generator, SMALL)
    with pytest.raises(ValueError, match=rf"--{flag} {given} contradicts .*G.pth', which was trained with {stated}"):
        checkpoint.load_generator(tmp_path / "G.pth", **{flag: given})


def test_file_of_another_network_is_refused(tmp_path, small_generator):
    checkpoint.save_checkpoint(tmp_path / "G.pth", small_generator, SMALL)
    with pytest.raises(ValueError, match="holds the network deepfillv2_G, deeplabv3 is needed here"):
        checkpoint.load_segmenter(tmp_path / "G.pth")


# files of the published project


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["mobilenetv2", "resnet50"])
def test_published_segmenter_states_its_backbone(tmp_path, backbone):
    state = published_state(f"deeplabv3_{backbone}")
    torch.save(state, tmp_path / "S.pth")
    network, spec = checkpoint.load_segmenter(tmp_path / "S.pth")
    assert spec == segmenter_spec(backbone)
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    with pytest.raises(ValueError, match=f"--backbone resnet101 contradicts .*, which was trained with {backbone}"):
        checkpoint.load_segmenter(tmp_path / "S.pth", backbone="resnet101")


def test_published_generator_states_its_width(tmp_path):
    torch.save(published_state("deepfillv2_G_latent16"), tmp_path / "G.pth")
    _, spec = checkpoint.load_generator(tmp_path / "G.pth", pad_type="reflect", imgsize=768)
    assert spec == inpaint_spec(GENERATOR, latent_channels=16, pad_type="reflect", imgsize=768)
    with pytest.raises(ValueError, match=r"--latent_channels 64 contradicts .*, which was trained with 16"):
        checkpoint.load_generator(tmp_path / "G.pth", latent_channels=64)


def test_published_file_with_unfinished_power_iteration_gets_the_one_the_network_would_make(tmp_path):
    state = published_state("deepfillv2_D_latent16")
    torch.manual_seed(0)
    u = nn.functional.normalize(torch.randn(64), dim=0)
    state["block3.conv2d.module.weight_u"] = u
    torch.save(state, tmp_path / "D.pth")
    discriminator, _ = checkpoint.load_discriminator(tmp_path / "D.pth")
    weight = state["block3.conv2d.module.weight_bar"]
    matrix = weight.flatten(1)
    v = nn.functional.normalize(matrix.T @ u, dim=0)
    u = nn.functional.normalize(matrix @ v, dim=0)
    torch.testing.assert_close(discriminator.block3.conv2d.weight, weight / (u @ matrix @ v))


def test_names_of_data_parallel_training_are_read(tmp_path):
    state = published_state("deepfillv2_D_latent16")
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "D.pth")
    discriminator, _ = checkpoint.load_discriminator(tmp_path / "D.pth")
    assert torch.equal(discriminator.state_dict()["block6.conv2d.bias"], state["block6.conv2d.module.bias"])


def test_published_norms_and_activations_with_weights_are_recognised(tmp_path):
    generator = checkpoint.build_generator(SMALL)
    torch.save(generator.state_dict(), tmp_path / "G.pth")
    _, spec = checkpoint.load_generator(tmp_path / "G.pth")
    assert (spec.norm, spec.activation) == ("ln", "prelu")
    torch.save(PatchDiscriminator(4, norm="bn").state_dict(), tmp_path / "D.pth")
    assert checkpoint.load_discriminator(tmp_path / "D.pth")[1].norm == "bn"


# weights to start from


def vainf_state(network: DeepLabV3) -> dict[str, torch.Tensor]:
    """The same weights as DeepLabV3Plus-Pytorch names them."""
    renamed = {}
    for name, value in network.state_dict().items():
        parts = name.split(".")
        if name.startswith("backbone.features."):
            block = int(parts[2])
            level, number = ("low", block) if block < 4 else ("high", block - 4)
            parts[1:3] = [f"{level}_level_features", str(number)]
        renamed[".".join(parts).replace("aspp.", "classifier.classifier.0.")] = value
    return {name: value for name, value in renamed.items() if not name.startswith("decoder.")}


def test_deeplabv3plus_checkpoint_fills_encoder_and_aspp(tmp_path, mobilenet):
    torch.save({"model_state": vainf_state(mobilenet), "best_score": 0.7}, tmp_path / "V.pth")
    network = DeepLabV3("mobilenetv2")
    decoder = network.decoder.conv1.weight.clone()
    loaded, total = checkpoint.start_from(network, tmp_path / "V.pth")
    assert total == len(network.state_dict())
    assert loaded == total - len(network.decoder.state_dict())
    assert same(network.backbone, mobilenet.backbone)
    assert same(network.aspp, mobilenet.aspp)
    assert torch.equal(network.decoder.conv1.weight, decoder)


def test_deeplabv3plus_checkpoint_cannot_predict(tmp_path, mobilenet):
    torch.save({"model_state": vainf_state(mobilenet)}, tmp_path / "V.pth")
    with pytest.raises(ValueError, match="has no decoder"):
        checkpoint.load_segmenter(tmp_path / "V.pth")


def test_torchvision_classifier_fills_the_encoder(tmp_path):
    classifier = torchvision.models.mobilenet_v2()
    torch.save(classifier.state_dict(), tmp_path / "imagenet.pth")
    network = DeepLabV3("mobilenetv2")
    loaded, _ = checkpoint.start_from(network, tmp_path / "imagenet.pth")
    assert loaded == len(network.backbone.state_dict())
    assert torch.equal(network.backbone.features[17].conv[2].weight, classifier.features[17].conv[2].weight)


@pytest.mark.slow
@pytest.mark.parametrize("build, backbone", [("mobilenet_v2", "mobilenetv2"), ("resnet50", "resnet50")])
def test_imagenet_encoder_gives_for_our_input_what_it_gave_for_its_own(tmp_path, build, backbone):
    classifier = getattr(torchvision.models, build)().eval()
    torch.save(classifier.state_dict(), tmp_path / "imagenet.pth")
    network = DeepLabV3(backbone).eval()
    checkpoint.start_from(network, tmp_path / "imagenet.pth")
    bgr = torch.rand(1, 3, 32, 32)
    theirs = torchvision.transforms.functional.normalize(bgr.flip(1), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

    def first_layer(net: nn.Module) -> nn.Module:
        return net.features[0] if build == "mobilenet_v2" else nn.Sequential(net.conv1, net.bn1)

    with torch.inference_mode():
        expected, drawn = first_layer(classifier)(theirs), first_layer(network.backbone)((bgr - 0.6) / 0.2)
    inner = np.s_[..., 2:-2, 2:-2]  # the zeros around a picture stand for other colours
    torch.testing.assert_close(drawn[inner], expected[inner], atol=1e-4, rtol=1e-4)


def test_first_pytorch_mobilenet_fills_the_encoder(tmp_path):
    classifier = torchvision.models.mobilenet_v2()
    flat = {}
    for name, value in classifier.state_dict().items():
        block, found, layer = name.partition(".conv.")
        if found:  # convolutions and norms of a block are counted together with the activations between them
            layers = [key for key, _ in classifier.get_submodule(f"{block}.conv").named_modules() if key]
            leaves = [key for key in layers if not any(other.startswith(f"{key}.") for other in layers)]
            key, _, entry = layer.rpartition(".")
            name = f"{block}.conv.{leaves.index(key)}.{entry}"
        flat[name] = value
    torch.save(flat, tmp_path / "tonylins.pth")
    network = DeepLabV3("mobilenetv2")
    loaded, _ = checkpoint.start_from(network, tmp_path / "tonylins.pth")
    assert loaded == len(network.backbone.state_dict())
    assert torch.equal(network.backbone.features[17].conv[2].weight, classifier.features[17].conv[2].weight)
    assert torch.equal(network.backbone.features[1].conv[1].weight, classifier.features[1].conv[1].weight)


def test_imagenet_weights_out_of_reach_name_the_file_to_fetch(monkeypatch, mobilenet):
    def unreachable(self, *args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr(torchvision.models.MobileNet_V2_Weights, "get_state_dict", unreachable)
    with pytest.raises(OSError, match=r"ImageNet weights of mobilenetv2 \(no route\); download https://"):
        checkpoint.start_from_imagenet(mobilenet, "mobilenetv2")


def test_weights_of_which_nothing_fits_are_refused(tmp_path, mobilenet):
    torch.save({"some.weight": torch.zeros(3)}, tmp_path / "X.pth")
    with pytest.raises(ValueError, match=r"fits nothing of DeepLabV3: its entries are some\.weight"):
        checkpoint.start_from(mobilenet, tmp_path / "X.pth")


# files that cannot be read


def test_weights_that_do_not_fit_list_what_is_missing_and_unexpected(tmp_path):
    state = published_state("deepfillv2_D_latent16")
    for number in (2, 3, 4, 5):
        del state[f"block{number}.conv2d.module.bias"]
    state["extra.weight"] = torch.zeros(1)
    state["block6.conv2d.module.bias"] = torch.zeros(2)
    torch.save(state, tmp_path / "D.pth")
    with pytest.raises(ValueError) as error:
        checkpoint.load_discriminator(tmp_path / "D.pth")
    message = str(error.value)
    assert "missing block2.conv2d.bias, block3.conv2d.bias, block4.conv2d.bias, … (4 in all)" in message
    assert "unexpected extra.weight" in message
    assert "block6.conv2d.bias (2,) instead of (1,)" in message


def test_pickled_network_is_not_executed(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(ValueError, match=r"holds pickled Python objects.*Save only the weights"):
        checkpoint.read_checkpoint(tmp_path / "whole.pth")


@pytest.mark.parametrize("content", [b"", b"just text\n" * 50, bytes(4096), b"PK\x03\x04" + bytes(100)])
def test_file_that_is_no_checkpoint_is_named(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read '.*bad.pth': it is damaged or no PyTorch checkpoint"):
        checkpoint.read_checkpoint(tmp_path / "bad.pth")


def test_truncated_checkpoint_is_named(tmp_path, small_generator):
    checkpoint.save_checkpoint(tmp_path / "G.pth", small_generator, SMALL)
    content = (tmp_path / "G.pth").read_bytes()
    (tmp_path / "G.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="it is damaged"):
        checkpoint.load_generator(tmp_path / "G.pth")


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such checkpoint: .*train one with train\.py"):
        checkpoint.load_generator(tmp_path / "none.pth")


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {METADATA_KEY: SMALL.to_json(), "state_dict": 5}])
def test_checkpoint_without_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "X.pth")
    with pytest.raises(ValueError, match=r"holds a list|holds no state dict"):
        checkpoint.load_generator(tmp_path / "X.pth")


def test_full_disk_is_named_and_the_file_that_was_there_stays(tmp_path, monkeypatch):
    path = tmp_path / "state.pth"
    checkpoint.write(path, {"step": 1})

    def full(content, beside):
        beside.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"state\.pth', what was there .* is untouched: most likely the disk or a quota"):
        checkpoint.write(path, {"step": 2})
    monkeypatch.undo()
    assert checkpoint.read_checkpoint(path) == {"step": 1} and list(tmp_path.iterdir()) == [path]


def test_network_of_four_classes_starts_from_one_of_two_with_all_that_it_knows(tmp_path, mobilenet):
    path = tmp_path / "two.pth"
    checkpoint.save_checkpoint(path, mobilenet, segmenter_spec("mobilenetv2"))
    four = DeepLabV3("mobilenetv2", num_classes=4).eval()
    loaded, total = checkpoint.start_from(four, path)
    assert loaded == total
    images = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        known, probs = mobilenet(images).softmax(1), four(images).softmax(1)
    torch.testing.assert_close(probs[:, 1::2].sum(1), known[:, 1])
