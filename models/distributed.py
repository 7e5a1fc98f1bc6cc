"""Training in several processes: PyTorch's own engine, started by torchrun or by `train.py --multi_gpu True`."""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
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
    parts: list[dict[str, list[float]]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, values)
    return {name: [value for part in parts for value in part[name]] for name in values}


def distribute(network: nn.Module, device: torch.device) -> nn.Module:
    """Wrap a network so that gradients are averaged over all processes; alone, it stays as it is.

    Batch norm is synchronised. Buffers are not broadcast: they are equal already, since batch norm sees the same
    statistics and spectral norm the same weights everywhere.
    """
    if not dist.is_initialized():
        return network
    if device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return DistributedDataParallel(network, device_ids=[device.index], broadcast_buffers=False)
    return DistributedDataParallel(_synchronise_batch_norm(network), broadcast_buffers=False)


class _CpuSyncBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes on CPUs, where PyTorch's own exists for GPUs only."""

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return super().forward(features)
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        features = features.float()  # a variance needs more digits than half precision has
        moments = torch.stack([features.mean((0, 2, 3)), features.square().mean((0, 2, 3))])
        mean, square = dist_nn.all_reduce(moments) / dist.get_world_size()
        variance = square - mean * mean
        with torch.no_grad():
            count = features.numel() / features.shape[1] * dist.get_world_size()
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return features * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


def _synchronise_batch_norm(network: nn.Module) -> nn.Module:
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            synced = _CpuSyncBatchNorm(child.num_features, child.eps, child.momentum)
            synced.weight, synced.bias = child.weight, child.bias
            synced.load_state_dict(child.state_dict())
            synced.train(child.training)
            setattr(network, name, synced)
        else:
            _synchronise_batch_norm(child)
    return network
