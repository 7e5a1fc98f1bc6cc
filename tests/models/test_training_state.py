import resource
import signal

import pytest
import torch

from models.checkpoint import write
from models.training_state import Checkpoints, load_state, random_states, restore_random_states
from utils.spec import SEGMENTER, segmenter_spec


def test_failed_write_leaves_the_state_that_was_there(tmp_path):
    path = tmp_path / "state.pth"
    write(path, {"step": 1, "optimizers": {}, "layout": {}})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # like a full disk: files end at 20 kB
    try:
        with pytest.raises(OSError, match="cannot write"):
            write(path, {"step": 2, "weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert load_state(path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["state.pth"]


def test_random_numbers_go_on_where_they_were():
    torch.manual_seed(5)
    states = random_states()
    expected = torch.rand(3)
    torch.manual_seed(0)
    restore_random_states(states)
    assert torch.equal(torch.rand(3), expected)


def test_what_is_no_training_state_is_refused(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"?")
    torch.save({"step": 1}, tmp_path / "b.pth")
    for name, message in (
        ("a", "cannot be read, it is damaged or no training state; give"),
        ("b", "is not a training state"),
        ("c", "no such file"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            load_state(tmp_path / f"{name}.pth")


class OneLayer:
    """As little of a task as files are written of."""

    score_name = "iou"

    def __init__(self):
        self.networks = {SEGMENTER: torch.nn.Linear(2, 1)}
        self.specs = {SEGMENTER: segmenter_spec("mobilenetv2")}

    def results(self):
        return self.networks

    def samples(self):
        return {}

    def state(self):
        return {"networks": {}, "averages": {}, "optimizers": {}, "scaler": {}}


def files_of(folder, **changed):
    options = {"batches": 5, "epochs": 2, "batch": 4, "seed": 1, "writing": True, **changed}
    return Checkpoints(folder, folder / "samples", "deeplabv3", OneLayer(), {"lr": 1.0}, **options)


def test_best_weights_change_only_where_the_score_is_better(tmp_path):
    files = files_of(tmp_path)
    steps = []
    for step, iou in ((5, 0.5), (10, 0.4), (15, 0.6)):
        files.keep_best(step, {"iou": iou})
        steps.append(torch.load(tmp_path / "deeplabv3_best.pth", weights_only=True)["step"])
    assert steps == [5, 5, 15] and files.best == 0.6


def test_checkpoint_is_named_after_the_epoch_that_its_last_step_belongs_to(tmp_path):
    files = files_of(tmp_path)
    for step in (1, 5, 6, 10):
        files.save(step)
    names = {path.name for path in tmp_path.glob("deeplabv3_epoch*")}
    assert names == {"deeplabv3_epoch1_batchsize4.pth", "deeplabv3_epoch2_batchsize4.pth"}
    assert load_state(files.state_path)["step"] == 10 and files.own_state


def test_only_the_first_process_writes(tmp_path):
    files = files_of(tmp_path / "out", writing=False)
    files.save(5)
    files.keep_best(5, {"iou": 0.5})
    assert not (tmp_path / "out").exists() and files.best == 0.5
