"""Training in several processes: PyTorch's own engine, started by torchrun or by `train.py --multi_gpu True`."""

import os
import sys
import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

TIMEOUT = timedelta(minutes=30)  # of one collective; torchrun ends the others at once when a process dies


def relaunch(script: str, arguments: Sequence[str], gpu_ids: str, on_gpu: bool) -> None:
    """Replace this process by torchrun with one process a listed GPU (or, on the CPU, as many processes).

    Args:
        script: the file to run.
        arguments: its command line, without the flag that led here.
        gpu_ids: such as `0,1`.
        on_gpu: False runs on the CPU.

    Raises:
        ValueError: `gpu_ids` is not a list of numbers, or names a GPU that is not there.
    """
    try:
        ids = [int(number) for number in gpu_ids.split(",")]
    except ValueError:
        raise ValueError(f"--gpu_ids {gpu_ids!r}: must be numbers separated by commas, such as 0,1") from None
    if on_gpu:
        there = torch.cuda.device_count()
        if not set(ids) <= set(range(there)) or len(set(ids)) < len(ids):
            raise ValueError(f"--gpu_ids {gpu_ids}: must name each GPU once; this machine has 0 to {there - 1}")
    environment = dict(os.environ)
    if on_gpu:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, ids))
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // len(ids))))
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={len(ids)}"]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *torchrun, script, *arguments], environment)


def launched_by_torchrun() -> bool:
    """Whether this process is one of several, or the only one, that torchrun started."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "LOCAL_RANK" in os.environ


def join(device: torch.device) -> torch.device:
    """Join the other processes of this run, by NCCL on GPUs and gloo on CPUs; returns this process's own device."""
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    return device


def leave() -> None:
    """Part from the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, 0 where there is only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def mean_over_processes(values: Tensor) -> Tensor:
    """Mean of a tensor of any shape over all processes."""
    if not dist.is_initialized():
        return values
    values = values.clone()
    dist.all_reduce(values)
    return values / dist.get_world_size()


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in any process; they must all ask."""
    if not dist.is_initialized():
        return flag
    raised = torch.tensor(int(flag), device=device)
    dist.all_reduce(raised, op=dist.ReduceOp.MAX)
    return bool(raised)


def gathered(values: dict[str, list[float]]) -> dict[str, list[float]]:
    """Lists of all processes joined, in the order of the processes."""
    if not dist.is_initialized():
        return values
    gathered_values: list[dict[str, list[float]]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(gathered_values, values)
    return {name: [value for rank_values in gathered_values for value in rank_values[name]] for name in values}


def distribute(network: nn.Module, device: torch.device) -> nn.Module:
    """Wrap a network so that gradients are averaged over all processes; alone, it stays as it is.

    Batch norm is synchronised. Buffers are not broadcast: they are equal already, since batch norm sees the same
    statistics and spectral norm the same weights everywhere, and a broadcast between the discriminator's two passes
    would change what the first one's gradient needs.
    """
    if not dist.is_initialized():
        return network
    ids = None
    if device.type == "cuda":
        network, ids = nn.SyncBatchNorm.convert_sync_batchnorm(network), [device.index]
    else:
        network = _synchronise_batch_norm(network)
    with warnings.catch_warnings():
        # The newest PyTorch has a new name for the argument, which older ones do not know.
        warnings.simplefilter("ignore", FutureWarning)
        return DistributedDataParallel(network, device_ids=ids, broadcast_buffers=False)


class WholeBatchDropout(nn.Dropout):
    """Dropout that drops the same of each sample however many processes share the batch.

    Process r of n holds samples r, r + n, … of the whole batch. Each process draws the masks of all of them, from
    random states that are equal everywhere, and takes those of its own.
    """

    def forward(self, features: Tensor) -> Tensor:
        """`(N, …)` float, the N samples of this process → the same shape."""
        if not self.training:
            return features
        whole = len(features) * world_size(), *features.shape[1:]
        kept = torch.empty(whole, dtype=torch.bool, device=features.device).bernoulli_(1 - self.p)
        return features * kept[rank() :: world_size()] / (1 - self.p)


class _SumOverProcesses(torch.autograd.Function):
    """Sum over all processes; so is its gradient."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        values = values.clone()
        dist.all_reduce(values)
        return values

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient


class _CpuSyncBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes on CPUs, where PyTorch's own exists for GPUs only."""

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return super().forward(features)
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        processes = dist.get_world_size()
        # Two sums, because the mean of the squares less the square of the mean would lose half of the digits.
        mean = _SumOverProcesses.apply(features.mean((0, 2, 3))) / processes
        centred = features - mean[:, None, None]
        variance = _SumOverProcesses.apply(centred.square().mean((0, 2, 3))) / processes
        with torch.no_grad():
            count = features.numel() / features.shape[1] * processes
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]


def _synchronise_batch_norm(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = _CpuSyncBatchNorm  # same parameters and buffers, another forward pass
    return network
