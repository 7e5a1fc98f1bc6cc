import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from datasets.loading import TrainingData
from datasets.mixture import Mixture

REPOSITORY = Path(__file__).parents[2]


class Numbers:
    """Samples that are their own number; those listed as bad cannot be read."""

    def __init__(self, count, bad=()):
        self.count, self.bad = count, bad

    def __len__(self):
        return self.count

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __getitem__(self, index):
        if index in self.bad:
            raise ValueError("unreadable")
        return torch.tensor([float(index)]), torch.tensor([float(index)])


def training_data(count, held_out=0, bad=(), **changed):
    options = {"batch_size": 2, "rank": 0, "world": 1, "workers": 0, "seed": 3, "pin_memory": False}
    judged = Mixture([Numbers(held_out, bad)]) if held_out else None
    return TrainingData(Mixture([Numbers(count)]), judged, **{**options, "skip_single": False, **changed})


def order(data, epoch, skip=0):
    return [number for images, _, _ in data.epoch(epoch, skip) for number in images[:, 0].tolist()]


def test_an_epoch_can_go_on_in_its_middle_and_is_another_one_each_time():
    data = training_data(7)
    whole = order(data, 1)
    assert data.batches == 4 and sorted(whole) == list(range(7)) and whole != order(data, 0)
    assert order(data, 1, skip=2) == whole[4:]


def test_processes_share_an_epoch():
    halves = [order(training_data(8, rank=rank, world=2), 0) for rank in (0, 1)]
    assert sorted(halves[0] + halves[1]) == list(range(8))


def test_last_batch_of_one_sample_is_left_out_where_batch_norm_needs_two():
    assert [training_data(5, skip_single=skip).batches for skip in (False, True)] == [3, 2]
    assert training_data(1, skip_single=True).batches == 1  # whoever has no other sample is told so elsewhere


def test_bad_held_out_sample_is_named_once(monkeypatch):
    monkeypatch.setattr("datasets.mixture.MAX_BAD_SHARE", 0.5)
    data = training_data(4, held_out=3, bad=(1,))
    problems = [problem for _ in range(2) for _, _, named in data.held_out_batches() for problem in named]
    assert problems == ["sample 1 of data set 0: unreadable"] and data.bad_count == 1
    assert data.held_out_rows(2)[0][:, 0].tolist() == [0.0, 2.0]


@pytest.mark.slow
def test_loaders_outlive_sigterm_for_a_while_and_then_end():
    code = "from datasets import loading; import sys, time; loading.WORKER_GRACE_S = 1; loading.start_worker(0); "
    code += "print('ready', flush=True); [time.sleep(0.05) for _ in range(1000)]"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=REPOSITORY) as loader:
        assert loader.stdout is not None and loader.stdout.readline() == b"ready\n"
        loader.send_signal(signal.SIGINT)
        loader.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            loader.wait(0.3)
        assert loader.wait(20) == -signal.SIGALRM
