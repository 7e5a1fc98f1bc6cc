from typing import Any

import pytest
import torch

from models.checkpoint import build_discriminator, build_generator
from models.tasks import InpaintingTask
from models.training import choose_precision
from utils.spec import DISCRIMINATOR, GENERATOR, inpaint_spec


@pytest.fixture
def task():
    torch.manual_seed(0)
    size: dict[str, Any] = {"latent_channels": 4, "imgsize": 32, "imgresize": 1}
    specs = {GENERATOR: inpaint_spec(GENERATOR, **size), DISCRIMINATOR: inpaint_spec(DISCRIMINATOR, **size)}
    return InpaintingTask(
        {},
        g_steps_per_d=1,
        warmup_l1=0,
        networks={
            GENERATOR: build_generator(specs[GENERATOR]),
            DISCRIMINATOR: build_discriminator(specs[DISCRIMINATOR]),
        },
        specs=specs,
        rates={GENERATOR: 1e-4, DISCRIMINATOR: 4e-4},
        betas=(0.5, 0.999),
        weight_decay=0.0,
        precision=choose_precision(torch.device("cpu"), autocast=False),
        device=torch.device("cpu"),
        ema=0.9,
        compiled=False,
    )


def test_flat_output_and_a_discriminator_that_has_won_are_named_with_advice(task):
    images = torch.rand(2, 3, 32, 32)
    flat = torch.full_like(images, 0.3)
    task.last = images, images[:, :1], images, images
    assert task.warnings({"loss_D": 0.8}) == {}
    task.last = images, images[:, :1], images, flat
    found = task.warnings({"loss_D": 0.001})
    assert "--warmup_l1" in found["collapsed generator"] and "--g_steps_per_d 3" in found["discriminator has won"]


def test_checkpoints_hold_the_average_of_the_generator_and_the_discriminator_itself(task):
    results = task.results()
    assert results[GENERATOR] is task.averages[GENERATOR] and results[DISCRIMINATOR] is task.networks[DISCRIMINATOR]
    before = results[GENERATOR].state_dict()["coarse.2.conv2d.weight"].clone()
    task.train_mode()
    task.step(torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32), 0)
    task.average(0)
    assert not torch.equal(results[GENERATOR].state_dict()["coarse.2.conv2d.weight"], before)


def test_rate_factor_multiplies_the_base_rates(task):
    task.set_rate_factor(0.5)
    assert [task.optimizers[n].param_groups[0]["lr"] for n in (GENERATOR, DISCRIMINATOR)] == [5e-5, 2e-4]
