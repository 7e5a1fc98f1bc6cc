"""Weights in and out of files, together with what they were trained with.

A checkpoint of ours is a dictionary: `METADATA_KEY` holds a `NetworkSpec` as JSON, `state_dict` the weights, and
training adds what it needs to resume. Foreign files are read by explicit name mappings: the published
document-repair weights (plain state dicts), `VainF/DeepLabV3Plus-Pytorch` (under `model_state`), and ImageNet
classifiers of torchvision or of `tonylins/pytorch-mobilenet-v2`.
Nothing but tensors and plain values is ever unpickled.
"""

import os
import pickle
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from models.deepfillv2 import InpaintGenerator, PatchDiscriminator
from models.deeplabv3 import DeepLabV3
from utils.images import atomic
from utils.spec import (
    BACKBONES,
    DISCRIMINATOR,
    GENERATOR,
    METADATA_KEY,
    SEGMENTER,
    NetworkSpec,
    inpaint_spec,
    segmenter_spec,
)

State = dict[str, Tensor]

STATE_KEY = "state_dict"
VAINF_KEY = "model_state"
WEIGHTS_SHOWN = 3  # in a message about weights that do not fit

LAST_LAYER = "decoder.conv4"  # of the segmentation net: one channel a class
SEGMENTER_FLAGS = {"backbone": "--backbone", "in_channels": "--in_c", "out_channels": "--out_c"}
IMAGENET_WEIGHTS = {  # the sets whose features transfer best to dilated segmentation encoders
    "mobilenetv2": torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V2,
    "resnet50": torchvision.models.ResNet50_Weights.IMAGENET1K_V2,
    "resnet101": torchvision.models.ResNet101_Weights.IMAGENET1K_V2,
}
# How ImageNet's classifiers read a photo scaled to [0, 1]: RGB, minus the mean and over the deviation of each channel.
IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406])
IMAGENET_STD = torch.tensor([0.229, 0.224, 0.225])
CLASSIFIER_NAME = re.compile(r"(conv1|bn1|layer[1-4]|features)\.")
# Layers of an inverted residual as `tonylins/pytorch-mobilenet-v2` counts them, in torchvision's words; its first block
# does not expand.
FLAT_BLOCK = {"0": "0.0", "1": "0.1", "3": "1.0", "4": "1.1", "6": "2", "7": "3"}
FIRST_FLAT_BLOCK = {"0": "0.0", "1": "0.1", "3": "1", "4": "2"}


def save_checkpoint(path: str | Path, network: nn.Module, spec: NetworkSpec, **extras: Any) -> None:
    """Write weights and spec; an interrupted run never leaves half a file.

    Args:
        path: the file; its folder is made where it does not exist.
        network: a `DeepLabV3`, `InpaintGenerator` or `PatchDiscriminator`, without a wrapper of distributed training.
        spec: what the network was built and trained with.
        extras: what training wants to find again: state dicts, numbers, strings, and lists and dictionaries of them.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, {METADATA_KEY: spec.to_json(), STATE_KEY: network.state_dict(), **extras})


def write(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values; a failed or interrupted write leaves the file that was there.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        with atomic(path) as temporary:
            torch.save(dict(content), temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())  # the rename must not reach the disk before the data
    except RuntimeError as error:  # what torch makes of a full disk, in words that nobody understands
        free = shutil.disk_usage(Path(path).parent).free
        raise OSError(
            f"cannot write '{path}', what was there before is untouched: most likely the disk or "
            f"a quota is full ({free / 1e6:.0f} MB free; PyTorch: {str(error).splitlines()[0]})"
        ) from error


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint file, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, no checkpoint at all, or holds pickled Python objects, which could run code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no such checkpoint: '{path}'; train one with train.py or name another file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        if "Unsupported global" in str(error) or "Unsupported class" in str(error):
            raise ValueError(
                f"'{path}' holds pickled Python objects, for example a whole network; that could run any code and is "
                "not loaded. Save only the weights: torch.save(network.state_dict(), path)"
            ) from error
        raise ValueError(f"cannot read '{path}': it is damaged or no PyTorch checkpoint") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"'{path}' holds a {type(content).__name__}, a dictionary of weights is needed")
    return dict(content)


def read_spec(content: Mapping[str, Any]) -> NetworkSpec | None:
    """The spec in what `read_checkpoint` returned; None for a foreign file.

    Raises:
        ValueError: the entry is there but is no spec.
    """
    return NetworkSpec.from_json(content[METADATA_KEY]) if METADATA_KEY in content else None


def read_weights(path: str | Path, content: Mapping[str, Any]) -> State:
    """The weights in what `read_checkpoint` returned, under our names.

    Args:
        path: for messages.
        content: a checkpoint of ours, a plain state dict, or one under `state_dict` or `model_state`; names may carry
            the `module.` of `nn.DataParallel`.

    Raises:
        ValueError: there are no weights in it.
    """
    state = next((content[key] for key in (STATE_KEY, VAINF_KEY) if key in content), content)
    if not isinstance(state, Mapping):
        state = {}
    weights = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not weights or len(weights) < len(state):
        raise ValueError(f"'{path}' holds no state dict; found {_shorten([str(name) for name in content])}")
    if all(name.startswith("module.") for name in weights):
        weights = {name.removeprefix("module."): value for name, value in weights.items()}
    return _own_names(weights)


def _own_names(state: State) -> State:
    """Names of the published weights, of DeepLabV3Plus-Pytorch and of ImageNet's classifiers → ours."""
    renamed: State = {}
    flat = "features.1.conv.0.weight" in state
    for name, value in state.items():
        if flat:
            name = re.sub(r"^features\.(\d+)\.conv\.(\d)", _in_torchvisions_words, name)
        name = name.replace("classifier.classifier.0.", "aspp.")
        name = name.replace("backbone.low_level_features.", "backbone.features.")
        name = re.sub(
            r"^backbone\.high_level_features\.(\d+)", lambda match: f"backbone.features.{int(match[1]) + 4}", name
        )
        if CLASSIFIER_NAME.match(name):
            name = f"backbone.{name}"
        name = name.replace(".module.bias", ".bias")
        name = name.replace(".module.weight_bar", ".parametrizations.weight.original")
        name = re.sub(r"\.module\.weight(_[uv])$", r".parametrizations.weight.0.\1", name)
        renamed[name] = value
    if any(".module.weight_bar" in name for name in state):
        _iterate_powers(renamed)
    if any(CLASSIFIER_NAME.match(name) for name in state):
        _read_our_photos(renamed)
    return renamed


def _in_torchvisions_words(match: re.Match[str]) -> str:
    block, layer = match.groups()
    return f"features.{block}.conv.{(FIRST_FLAT_BLOCK if block == '1' else FLAT_BLOCK)[layer]}"


def _read_our_photos(state: State) -> None:
    """Let an ImageNet encoder give the same features for our input, BGR and normalised otherwise (but for the border).

    The scale goes into the weights of its first convolution, what is left of the means into the batch norm after it.
    """
    for convolution, norm in (("backbone.conv1", "backbone.bn1"), ("backbone.features.0.0", "backbone.features.0.1")):
        weight = state.get(f"{convolution}.weight")
        if weight is None or weight.shape[1] != len(IMAGENET_MEAN) or f"{norm}.running_mean" not in state:
            continue
        ours = segmenter_spec("")
        offset = ((ours.mean - IMAGENET_MEAN) / IMAGENET_STD).view(1, -1, 1, 1)
        state[f"{norm}.running_mean"] = state[f"{norm}.running_mean"] - (weight * offset).sum((1, 2, 3))
        state[f"{convolution}.weight"] = (weight * (ours.std / IMAGENET_STD).view(1, -1, 1, 1)).flip(1)


def _iterate_powers(state: State) -> None:
    """One power iteration, v first, on every spectral norm of a published file: such a network makes it before use."""
    for name in [name for name in state if name.endswith(".parametrizations.weight.original")]:
        norm = name.removesuffix("original") + "0."
        matrix = state[name].float().flatten(1)
        v = F.normalize(matrix.T @ state[norm + "_u"].float(), dim=0)
        state[norm + "_v"] = v
        state[norm + "_u"] = F.normalize(matrix @ v, dim=0)


def load_segmenter(
    path: str | Path, backbone: str | None = None, in_channels: int | None = None, num_classes: int | None = None
) -> tuple[DeepLabV3, NetworkSpec]:
    """The segmentation net in a checkpoint of ours or of the published project.

    Args:
        path: the file.
        backbone, in_channels, num_classes: what the caller expects; None takes what the file says.

    Returns:
        The network on the CPU, in evaluation mode, float32, and its spec.

    Raises:
        FileNotFoundError, ValueError: see `read_checkpoint`; also for a file of another network, for weights that do
            not fit, and for an expectation that the file contradicts.
    """
    content = read_checkpoint(path)
    state = read_weights(path, content)
    given = {"backbone": backbone, "in_channels": in_channels, "out_channels": num_classes}
    spec = _own_spec(path, content, SEGMENTER)
    if spec is None:
        spec = segmenter_spec(**_settle(path, given, _segmenter_shape(path, state), SEGMENTER_FLAGS))
    else:
        _settle(path, given, asdict(spec), SEGMENTER_FLAGS)
    assert spec.backbone is not None
    network = DeepLabV3(spec.backbone, spec.in_channels, spec.out_channels)
    load_strictly(network, state, path)
    return network.eval(), spec


def load_generator(
    path: str | Path,
    latent_channels: int | None = None,
    in_channels: int | None = None,
    out_channels: int | None = None,
    pad_type: str | None = None,
    activation: str | None = None,
    norm: str | None = None,
    imgsize: int | None = None,
    imgresize: int | None = None,
) -> tuple[InpaintGenerator, NetworkSpec]:
    """The generator in a checkpoint of ours or of the published project.

    Args:
        path: the file.
        latent_channels and so on: what the caller expects; None takes what the file says or its shapes show, and
            the published set-up for what neither tells.

    Returns:
        The network on the CPU, in evaluation mode, float32, and its spec.

    Raises:
        FileNotFoundError, ValueError: see `load_segmenter`.
    """
    given = {
        "latent_channels": latent_channels,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "pad_type": pad_type,
        "activation": activation,
        "norm": norm,
        "imgsize": imgsize,
        "imgresize": imgresize,
    }
    state, spec = _inpaint_weights(path, GENERATOR, given)
    network = build_generator(spec)
    load_strictly(network, state, path)
    return network.eval(), spec


def load_discriminator(
    path: str | Path,
    latent_channels: int | None = None,
    in_channels: int | None = None,
    pad_type: str | None = None,
    activation: str | None = None,
    norm: str | None = None,
) -> tuple[PatchDiscriminator, NetworkSpec]:
    """The discriminator in a checkpoint of ours or of the published project; as `load_generator`."""
    given = {
        "latent_channels": latent_channels,
        "in_channels": in_channels,
        "pad_type": pad_type,
        "activation": activation,
        "norm": norm,
    }
    state, spec = _inpaint_weights(path, DISCRIMINATOR, given)
    network = build_discriminator(spec)
    load_strictly(network, state, path)
    return network.eval(), spec


def build_generator(spec: NetworkSpec) -> InpaintGenerator:
    """The generator that a spec describes, with random weights."""
    assert spec.latent_channels and spec.pad_type and spec.activation and spec.norm
    return InpaintGenerator(
        spec.latent_channels, spec.in_channels, spec.out_channels, spec.pad_type, spec.activation, spec.norm
    )


def build_discriminator(spec: NetworkSpec) -> PatchDiscriminator:
    """The discriminator that a spec describes, with random weights."""
    assert spec.latent_channels and spec.pad_type and spec.activation and spec.norm
    return PatchDiscriminator(spec.latent_channels, spec.in_channels, spec.pad_type, spec.activation, spec.norm)


def start_from(network: nn.Module, path: str | Path) -> tuple[int, int]:
    """Copy into a network what fits by name and shape, to train on from there; the rest stays as it is.

    Args:
        network: a `DeepLabV3`, `InpaintGenerator` or `PatchDiscriminator`; changed in place.
        path: a checkpoint of ours, of the published project, of DeepLabV3Plus-Pytorch, or a torchvision classifier.

    Returns:
        How many entries of how many of the network were loaded.

    Raises:
        FileNotFoundError, ValueError: see `read_checkpoint`; also where nothing fits.
    """
    return _copy_matching(network, read_weights(path, read_checkpoint(path)), path)


def start_from_imagenet(network: DeepLabV3, backbone: str) -> tuple[int, int]:
    """Fetch torchvision's ImageNet weights for the encoder, or take them from torch's cache of earlier downloads.

    Returns:
        How many entries of how many of the network were loaded.

    Raises:
        OSError: they cannot be reached; the message says which file to fetch elsewhere.
    """
    weights = IMAGENET_WEIGHTS[backbone]
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise OSError(
            f"cannot fetch the ImageNet weights of {backbone} ({error}); download {weights.url} where the network "
            "allows it and name the file, or start from random weights"
        ) from error
    return _copy_matching(network, _own_names(dict(state)), weights.url)


def _copy_matching(network: nn.Module, state: State, source: str | Path) -> tuple[int, int]:
    wanted = network.state_dict()
    state = _widened(state, wanted)
    matching = {name: state[name] for name in wanted if name in state and state[name].shape == wanted[name].shape}
    if not matching:
        raise ValueError(
            f"'{source}' fits nothing of {type(network).__name__}: its entries are {_shorten(list(state))}"
        )
    network.load_state_dict(matching, strict=False)
    return len(matching), len(wanted)


def _widened(state: State, wanted: State) -> State:
    """Weights of two classes for a network of four: both bits of a class begin with what is known of the first."""
    names = [f"{LAST_LAYER}.{kind}" for kind in ("weight", "bias")]
    if any(name not in state or name not in wanted or len(wanted[name]) != 2 * len(state[name]) for name in names):
        return state
    return {**state, **{name: torch.cat([state[name]] * 2) for name in names}}


def load_strictly(network: nn.Module, state: State, path: str | Path) -> None:
    """Copy weights into a network; every name and shape must fit. Half-precision weights become float32.

    Raises:
        ValueError: it lists what is missing, unexpected or of another shape.
    """
    wanted = network.state_dict()
    problems = []
    if missing := [name for name in wanted if name not in state]:
        problems.append(f"missing {_shorten(missing)}")
    if unexpected := [name for name in state if name not in wanted]:
        problems.append(f"unexpected {_shorten(unexpected)}")
    if misshapen := [
        f"{name} {tuple(state[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]:
        problems.append(f"other shape: {_shorten(misshapen)}")
    if problems:
        raise ValueError(f"'{path}' does not fit {type(network).__name__}: {'; '.join(problems)}")
    network.load_state_dict(state)


def _shorten(names: list[str]) -> str:
    shown = ", ".join(names[:WEIGHTS_SHOWN])
    return f"{shown}, … ({len(names)} in all)" if len(names) > WEIGHTS_SHOWN else shown or "nothing"


def _own_spec(path: str | Path, content: Mapping[str, Any], expected: str) -> NetworkSpec | None:
    spec = read_spec(content)
    if spec is not None and spec.network != expected:
        raise ValueError(f"'{path}' holds the network {spec.network}, {expected} is needed here")
    return spec


def _settle(
    path: str | Path, given: Mapping[str, Any], stated: Mapping[str, Any], flags: Mapping[str, str]
) -> dict[str, Any]:
    """What the file states, completed by what was given and it does not tell."""
    known = {name: value for name, value in given.items() if value is not None}
    for name, value in known.items():
        if stated.get(name, value) != value:
            raise ValueError(
                f"{flags[name]} {value} contradicts '{path}', which was trained with {stated[name]}; leave the flag out"
            )
    return known | dict(stated)


def _segmenter_shape(path: str | Path, state: State) -> dict[str, Any]:
    """Backbone and channels of a segmentation net without a spec, read off its names and shapes."""
    if "decoder.conv4.weight" not in state:
        if any(name.startswith("aspp.") for name in state):
            raise ValueError(
                f"'{path}' has no decoder: it is a DeepLabV3Plus-Pytorch checkpoint, from which train.py can start, "
                "but which cannot predict here"
            )
        raise ValueError(f"'{path}' holds no segmentation net; its entries are {_shorten(list(state))}")
    if "backbone.features.0.0.weight" in state:
        backbone, first = "mobilenetv2", "backbone.features.0.0.weight"
    else:
        backbone = "resnet101" if "backbone.layer3.22.conv1.weight" in state else "resnet50"
        first = "backbone.conv1.weight"
    if first not in state:
        raise ValueError(f"'{path}' has none of the encoders {', '.join(BACKBONES)}")
    return {
        "backbone": backbone,
        "in_channels": state[first].shape[1],
        "out_channels": state["decoder.conv4.weight"].shape[0],
    }


def _inpaint_weights(path: str | Path, network: str, given: dict[str, Any]) -> tuple[State, NetworkSpec]:
    content = read_checkpoint(path)
    state = read_weights(path, content)
    spec = _own_spec(path, content, network)
    flags = {name: f"--{name}" for name in given}
    if spec is None:
        return state, inpaint_spec(network, **_settle(path, given, _inpaint_shape(path, state, network), flags))
    _settle(path, given, asdict(spec), flags)
    return state, spec


def _inpaint_shape(path: str | Path, state: State, network: str) -> dict[str, Any]:
    """What names and shapes show of an inpainting network without a spec.

    Instance norm and no norm look alike, and so do activations without weights and all paddings.
    """
    if network == GENERATOR:
        first, last, normed = "coarse.0.conv2d.weight", "coarse.15.conv2d.weight", "coarse.1.norm."
        activation = "coarse.0.activation.weight"
    else:
        first, last = (f"block{n}.conv2d.parametrizations.weight.original" for n in (1, 6))
        normed, activation = "block2.norm.", "block1.activation.weight"
    if first not in state or last not in state:
        raise ValueError(f"'{path}' does not hold the network {network}; its entries are {_shorten(list(state))}")
    shape: dict[str, Any] = {
        "latent_channels": state[first].shape[0],
        "in_channels": state[first].shape[1],
        "out_channels": state[last].shape[0],
    }
    if normed + "gamma" in state:
        shape["norm"] = "ln"
    elif normed + "running_mean" in state:
        shape["norm"] = "bn"
    if activation in state:
        shape["activation"] = "prelu"
    return shape
