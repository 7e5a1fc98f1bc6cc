from types import SimpleNamespace

import pytest
import torch

from models import setup
from models.options import MachineOptions
from models.training import choose_precision
from tests.models.chosen import inpainting
from utils.spec import DISCRIMINATOR, GENERATOR

ALONE = MachineOptions(
    device="cpu", multi_gpu=False, gpu_ids="0", autocast=False, amp_dtype="auto", cudnn_benchmark=True, seed=5
)  # fmt: skip


def test_one_process_on_the_cpu_has_the_whole_batch():
    machine = setup.start(ALONE, 6, ["train.py"])
    first = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(first, torch.rand(1))
    assert (machine.rank, machine.world, machine.batch_size, machine.global_batch) == (0, 1, 6, 6)
    assert str(machine) == "1 × cpu, float32"


@pytest.mark.parametrize(("name", "message"), [("abacus", "must be auto, cpu"), ("cuda:99", "--device cuda:99")])
def test_device_that_is_not_there_is_named(name, message):
    with pytest.raises(ValueError, match=message):
        setup.choose_device(name)


def test_task_trains_what_the_specs_describe_at_the_given_rates():
    options = inpainting(lr_g=1e-3, lr_d=2e-3)
    machine = SimpleNamespace(precision=choose_precision(torch.device("cpu"), False), device=torch.device("cpu"))
    task = setup.build_task(options, machine, print)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in task.optimizers.items()}
    assert rates == {GENERATOR: 1e-3, DISCRIMINATOR: 2e-3}
    assert task.specs == options.specs() and task.predictor == GENERATOR and task.averages == {}
