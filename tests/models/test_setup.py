from types import SimpleNamespace

import pytest
import torch

from models import setup
from models.training import choose_precision
from utils.spec import DISCRIMINATOR, GENERATOR, SEGMENTER

ALONE = {"multi_gpu": False, "gpu_ids": "0", "autocast": False, "amp_dtype": "auto", "cudnn_benchmark": True}
SMALL = {"pad_type": "zero", "activation": "lrelu", "norm": "none"}


def test_one_process_on_the_cpu_has_the_whole_batch():
    machine = setup.start("cpu", 6, ["train.py"], seed=5, **ALONE)
    first = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(first, torch.rand(1))
    assert (machine.rank, machine.world, machine.batch_size, machine.global_batch) == (0, 1, 6, 6)
    assert str(machine) == "1 × cpu, float32"


@pytest.mark.parametrize(("name", "message"), [("abacus", "must be auto, cpu"), ("cuda:99", "--device cuda:99")])
def test_device_that_is_not_there_is_named(name, message):
    with pytest.raises(ValueError, match=message):
        setup.choose_device(name)


def test_discriminator_takes_part_only_where_the_training_is_adversarial():
    for adversarial, names in ((True, [GENERATOR, DISCRIMINATOR]), (False, [GENERATOR])):
        specs = setup.inpainting_specs(4, 64, 2, 4, 3, adversarial=adversarial, **SMALL)
        assert list(specs) == names and specs[GENERATOR].input_height == 32
    assert specs[GENERATOR].out_channels == 3


def test_spec_of_the_segmenter_states_the_size_that_it_is_trained_at():
    (spec,) = setup.segmentation_specs("resnet50", 3, 4, 320, 240).values()
    assert (spec.network, spec.backbone, spec.out_channels) == (SEGMENTER, "resnet50", 4)
    assert (spec.input_height, spec.input_width, spec.mean, spec.std) == (320, 240, 0.6, 0.2)


def test_task_trains_what_the_specs_describe_at_the_given_rates():
    specs = setup.inpainting_specs(4, 64, 2, 4, 3, adversarial=True, **SMALL)
    machine = SimpleNamespace(precision=choose_precision(torch.device("cpu"), False), device=torch.device("cpu"))
    rates = {GENERATOR: 1e-3, DISCRIMINATOR: 2e-3}
    task = setup.inpainting_task(
        specs, machine, print, pretrained={GENERATOR: "", DISCRIMINATOR: ""}, init_type="xavier", init_gain=0.02,
        rates=rates, betas=(0.5, 0.999), weight_decay=0.0, losses={}, g_steps_per_d=1, warmup_l1=0, ema=0.0,
        compiled=False,
    )  # fmt: skip
    assert {name: optimizer.param_groups[0]["lr"] for name, optimizer in task.optimizers.items()} == rates
    assert task.predictor == GENERATOR and task.averages == {}
