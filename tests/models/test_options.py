import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.chosen import inpainting, segmentation
from utils.spec import DISCRIMINATOR, GENERATOR, SEGMENTER

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("changed", "names"),
    [({}, [GENERATOR, DISCRIMINATOR]), ({"lambda_gan": 0.0}, [GENERATOR]), ({"overfit": 4}, [GENERATOR])],
)
def test_discriminator_takes_part_only_where_the_training_is_adversarial(changed, names):
    specs = inpainting(**changed).specs()
    assert list(specs) == names and specs[GENERATOR].input_height == 32 and specs[GENERATOR].out_channels == 3


def test_spec_of_the_segmenter_states_the_size_that_it_is_trained_at():
    weights = [1.0, 3.0, 1.0, 2.0]
    options = segmentation(backbone="resnet50", out_c=4, class_weights=weights, seg_height=320, seg_width=240)
    (spec,) = options.specs().values()
    assert (spec.network, spec.backbone, spec.out_channels) == (SEGMENTER, "resnet50", 4)
    assert (spec.input_height, spec.input_width, spec.mean, spec.std) == (320, 240, 0.6, 0.2)


@pytest.mark.parametrize("name", ["lr_g", "lr_d", "lambda_l1", "hole_weight"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_what_must_be_above_zero_is(name, value):
    with pytest.raises(ValueError, match=f"--{name} {value}: must be above 0"):
        inpainting(**{name: value})


def test_a_part_of_the_input_must_fit_into_it():
    assert segmentation(seg_crop=[320, 240]).seg_crop == [320, 240]
    for crop in ([656, 240], [320, 250]):
        with pytest.raises(ValueError, match=f"--seg_crop {crop[crop[0] == 320]}: must be a multiple of 16 and at"):
            segmentation(seg_crop=crop)


def test_single_samples_are_refused_only_where_batch_norm_learns_from_them():
    with pytest.raises(ValueError, match="--batch_size2 1: batch norm needs 2"):
        segmentation(batch_size2=1).check_start()
    segmentation(batch_size2=1, freeze_bn=True).check_start()
    inpainting(batch_size1=1).check_start()


def test_weights_to_start_from_must_be_there_and_imagenet_is_no_file():
    segmentation(deeplabv3_pretrain="imagenet").check_start()
    with pytest.raises(FileNotFoundError, match="--deepfillv2_discriminator_pretrain imagenet: no such file"):
        inpainting(deepfillv2_discriminator_pretrain="imagenet").check_start()


@pytest.mark.slow
def test_wrong_numbers_are_refused_without_pytorch():
    code = "import sys; sys.modules['torch'] = None; import train; sys.exit(train.main(['--lr_s', '0']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "train.py: --lr_s 0.0: must be above 0\n"
