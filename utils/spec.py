"""What a set of weights was trained with, stored inside the checkpoint and inside the graph's metadata."""

import json
from dataclasses import asdict, dataclass, fields

SHOWN_LETTERS = 200  # of what is no spec, in a message
METADATA_KEY = "network_spec"  # where a checkpoint (a dict entry) and an ONNX graph (a metadata property) keep the spec

SEGMENTER = "deeplabv3"
GENERATOR = "deepfillv2_G"
DISCRIMINATOR = "deepfillv2_D"

PUBLISHED_HEIGHT, PUBLISHED_WIDTH = 640, 480  # of what the segmentation net sees, in pixels
PUBLISHED_MEAN, PUBLISHED_STD = 0.6, 0.2  # of its normalisation
PUBLISHED_CROP = 1536  # side of the square that the generator sees, in pixels of the photo
PUBLISHED_RATIO = 6  # how many times it is reduced before

# What the architecture fields of a spec can be; `models` implements each of them.
PAGE_CLASSES = 4  # of a segmentation net that knows the page, see `utils.classes`
CLASS_COUNTS = (2, PAGE_CLASSES)  # of any
BACKBONES = ("mobilenetv2", "resnet50", "resnet101")
PAD_TYPES = ("zero", "reflect", "replicate")
ACTIVATIONS = ("relu", "lrelu", "prelu", "selu", "tanh", "sigmoid", "none")
NORMS = ("bn", "in", "ln", "none")
INIT_TYPES = ("normal", "xavier", "kaiming", "orthogonal")
CROPS = ("published", "hole")  # of the generator: of a fixed size, or as `utils.crops` finds it from the hole
GENERATOR_CHANNELS = (4, 8)  # picture and mask; also `utils.page.guidance`


@dataclass(frozen=True)
class NetworkSpec:
    """All that is needed to build a network again and to feed it what it was trained on.

    Attributes:
        network: `SEGMENTER`, `GENERATOR` or `DISCRIMINATOR`.
        in_channels: channels of the input; the mask of the inpainting networks counts.
        out_channels: channels of the output; the segmentation net has one logit per class.
        input_height, input_width: size of the network's input in training, in pixels.
        mean, std: the picture is scaled to [0, 1], then `(x - mean) / std` per channel.
        backbone: encoder of the segmentation net, else None.
        latent_channels, pad_type, activation, norm: of the inpainting networks, else None.
        imgsize, imgresize: side of the inpainting crop in pixels of the photo, and how many times it is reduced
            before the generator sees it; else None.
        crops: one of `CROPS`, of the generator, else None. With `hole`, `imgsize` and `imgresize` tell no more than
            the size of the input.
    """

    network: str
    in_channels: int
    out_channels: int
    input_height: int
    input_width: int
    mean: float = 0.0
    std: float = 1.0
    backbone: str | None = None
    latent_channels: int | None = None
    pad_type: str | None = None
    activation: str | None = None
    norm: str | None = None
    imgsize: int | None = None
    imgresize: int | None = None
    crops: str | None = None

    @property
    def follows_hole(self) -> bool:
        """Whether crop and ratio follow from the hole."""
        return self.crops == "hole"

    @property
    def guided(self) -> bool:
        """Whether the network also reads what the page's structure says, see `utils.page.guidance`."""
        return self.in_channels == GENERATOR_CHANNELS[1]

    def to_json(self) -> str:
        """The spec as one line of JSON, keys in the order of the fields."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "NetworkSpec":
        """The spec that `to_json` wrote.

        Unknown keys are ignored, so that a newer file still loads.

        Raises:
            ValueError: `text` is not a JSON object or lacks a field that has no default.
        """
        try:
            values = json.loads(text)
            return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not a network spec: {text[:SHOWN_LETTERS]!r} ({error})") from error


def segmenter_spec(backbone: str, in_channels: int = 3, out_channels: int = 2) -> NetworkSpec:
    """The published segmentation set-up: 480 wide × 640 high, (x - 0.6) / 0.2."""
    size, look = (PUBLISHED_HEIGHT, PUBLISHED_WIDTH), (PUBLISHED_MEAN, PUBLISHED_STD)
    return NetworkSpec(SEGMENTER, in_channels, out_channels, *size, *look, backbone=backbone)


def inpaint_spec(
    network: str,
    latent_channels: int = 64,
    imgsize: int = PUBLISHED_CROP,
    imgresize: int = PUBLISHED_RATIO,
    in_channels: int = 4,
    out_channels: int = 3,
    pad_type: str = "zero",
    activation: str = "lrelu",
    norm: str = "in",
    crops: str = "published",
) -> NetworkSpec:
    """The published inpainting set-up: a crop of `imgsize` pixels reduced `imgresize` times.

    Args:
        network: `GENERATOR` or `DISCRIMINATOR`.
        crops: one of `CROPS`.

    Raises:
        ValueError: `imgsize` is not a positive multiple of `imgresize`, or their quotient not one of 4 (the generator
            halves its input twice).
    """
    check_crop(imgsize, imgresize)
    side = imgsize // imgresize
    return NetworkSpec(
        network,
        in_channels,
        out_channels,
        side,
        side,
        latent_channels=latent_channels,
        pad_type=pad_type,
        activation=activation,
        norm=norm,
        imgsize=imgsize,
        imgresize=imgresize,
        crops=crops,
    )


def check_crop(imgsize: int, imgresize: int) -> None:
    """Refuse a crop size and ratio that do not give a whole input of the generator.

    Raises:
        ValueError: it says which flag is wrong and proposes a value.
    """
    if imgresize < 1:
        raise ValueError(f"--imgresize {imgresize}: must be 1 or more, for example 6")
    step = 4 * imgresize
    if imgsize < step or imgsize % step:
        nearest = max(step, round(imgsize / step) * step)
        raise ValueError(
            f"--imgsize {imgsize}: must be a multiple of 4 times --imgresize {imgresize}, for example {nearest}"
        )
