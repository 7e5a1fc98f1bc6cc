import resource
import signal

import pytest
import torch

from models.checkpoint import write
from models.training_state import load_state, random_states, restore_random_states


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
