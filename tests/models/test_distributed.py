import copy
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from models import distributed
from models.checkpoint import build_discriminator, build_generator
from models.deeplabv3 import DeepLabV3
from models.progress import PendingLosses
from models.training import bare, choose_precision, inpainting_step, segmentation_step
from utils.spec import DISCRIMINATOR, GENERATOR, inpaint_spec

CPU = torch.device("cpu")
FLOAT32 = choose_precision(CPU, autocast=False)
STEPS = 3


def inpainting_losses(rank: int, world: int) -> list[dict[str, float]]:
    """Losses of three steps on this process's share of a batch of 4."""
    torch.manual_seed(0)
    size: dict[str, Any] = {"latent_channels": 4, "imgsize": 64, "imgresize": 1}
    generator = build_generator(inpaint_spec(GENERATOR, **size))
    discriminator = build_discriminator(inpaint_spec(DISCRIMINATOR, out_channels=1, **size))
    images, masks = torch.rand(4, 3, 64, 64), (torch.rand(4, 1, 64, 64) > 0.7).float()
    networks = [distributed.distribute(network, CPU) for network in (generator, discriminator)]
    # plain gradient descent: Adam would magnify the rounding of sums that are added up in another order
    optimizers = [torch.optim.SGD(network.parameters(), 1e-5) for network in networks]
    mine = slice(rank, None, world)
    return [
        fetched(
            inpainting_step(networks[0], optimizers[0], images[mine], masks[mine], FLOAT32, networks[1], optimizers[1])[
                0
            ]
        )
        for _ in range(STEPS)
    ]


def segmentation_losses(rank: int, world: int) -> list[dict[str, float]]:
    """Losses of three steps on this process's share of a batch of 6, dropout included."""
    torch.manual_seed(0)
    # In float64: batch norm of few samples in random layers magnifies float32's rounding beyond what is to be shown.
    network: nn.Module = DeepLabV3("mobilenetv2").train().double()
    images, labels = torch.rand(6, 3, 64, 48).double(), (torch.rand(6, 64, 48) > 0.8).long()
    labels[::2] = 0  # processes with unequal shares of the occluder: their losses must not just be averaged
    network = distributed.distribute(network, CPU)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3)
    mine, weights = slice(rank, None, world), torch.tensor([1.0, 10.0])
    return [
        fetched(segmentation_step(network, optimizer, images[mine], labels[mine], weights, FLOAT32))
        for _ in range(STEPS)
    ]


def fetched(losses: dict[str, torch.Tensor]) -> dict[str, float]:
    pending = PendingLosses()
    pending.add(0, losses)
    return pending.fetch()


def run(rank: int, task, port: int, path: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    losses = task(rank, 2)
    gathered = distributed.gathered({"ranks": [float(rank)]})
    if rank == 0:
        torch.save({"losses": losses, "gathered": gathered}, path)
    distributed.leave()


@pytest.mark.slow
@pytest.mark.parametrize("task", [inpainting_losses, segmentation_losses])
def test_two_processes_have_the_losses_of_one_on_the_same_batch(task, tmp_path):
    listener = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port = listener.port
    del listener
    mp.spawn(run, (task, port, str(tmp_path / "two.pth")), nprocs=2)
    two = torch.load(tmp_path / "two.pth")
    one = task(0, 1)
    for alone, together in zip(one, two["losses"], strict=True):
        assert together == pytest.approx(alone, rel=1e-4)
    assert one[-1] != pytest.approx(one[0], rel=1e-3)  # something was learnt in between
    assert two["gathered"] == {"ranks": [0.0, 1.0]}


def test_dropout_keeps_its_share_and_the_mean():
    torch.manual_seed(0)
    dropout, ones = distributed.WholeBatchDropout(0.25), torch.ones(4, 8, 50, 50)
    dropped = dropout(ones)
    assert (dropped == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean() == pytest.approx(1, abs=0.01)
    assert not torch.equal(dropped, dropout(ones))
    assert dropout.eval()(ones) is ones


def test_alone_nothing_is_wrapped_or_exchanged():
    network = nn.Linear(2, 2)
    assert distributed.distribute(network, CPU) is network
    assert distributed.any_process(True, CPU) and not distributed.any_process(False, CPU)
    assert distributed.gathered({"a": [1.0]}) == {"a": [1.0]}
    assert (distributed.rank(), distributed.world_size()) == (0, 1)


def test_synchronised_batch_norm_is_batch_norm_in_one_process(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4)))
        synced = distributed.distribute(copy.deepcopy(network), CPU)
        images = torch.rand(3, 3, 9, 7)
        for module in (network, synced):
            module(images).square().sum().backward()
        for one, other in zip(bare(synced).parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-4)
        for buffer in ("1.0.running_mean", "1.0.running_var"):
            torch.testing.assert_close(bare(synced).state_dict()[buffer], network.state_dict()[buffer])
        assert synced.state_dict().keys() == {f"module.{name}" for name in network.state_dict()}
    finally:
        distributed.leave()


@pytest.mark.parametrize("ids", ["0,one", "", "0;1"])
def test_gpu_ids_must_be_numbers(ids):
    with pytest.raises(ValueError, match=r"--gpu_ids .*separated by commas"):
        distributed.relaunch("train.py", [], ids, on_gpu=False)
