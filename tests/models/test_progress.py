import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from models.progress import Journal, Lately, NotFinite, PendingLosses, Stopper, cosine_factor, published_factor

CPU = torch.device("cpu")
REPOSITORY = Path(__file__).parents[2]


def test_newest_value_of_every_loss_is_shown():
    pending = PendingLosses()
    pending.add(1, {"loss_D": torch.tensor(1.0), "first_L1": torch.tensor(2.0)})
    pending.add(2, {"first_L1": torch.tensor(3.0)})
    assert pending.fetch() == {"loss_D": 1.0, "first_L1": 3.0}
    assert pending.fetch() == {}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_first_step_that_is_not_finite_is_named_with_all_its_losses(value):
    pending = PendingLosses()
    for step, number in ((6, 1.0), (7, value), (8, math.nan)):
        pending.add(step, {"loss_D": torch.tensor(0.5), "first_L1": torch.tensor(number)})
    with pytest.raises(NotFinite, match=rf"step 7: a loss is not finite: loss_D = 0.5, first_L1 = {value}"):
        pending.fetch()


def test_published_rate_falls_after_every_so_many_batches_of_an_epoch():
    factors = [published_factor(epoch, batch, 5, 2, 0.5) for epoch in (0, 1) for batch in range(5)]
    assert factors == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.0625]


def test_cosine_begins_at_one_and_ends_at_zero():
    assert cosine_factor(0, 10) == 1 and cosine_factor(5, 10) == pytest.approx(0.5) and cosine_factor(12, 10) == 0


def test_resumed_journal_forgets_what_comes_after_the_saved_step(tmp_path):
    path = tmp_path / "log.jsonl"
    journal = Journal(path, None)
    for step in (1, 2, 3):
        journal.write("train", step, loss=float(step))
    with path.open("a") as file:
        file.write('{"event": "tr')  # killed in the middle of a line
    Journal(path, 2).write("train", 3, loss=9.0)
    assert [json.loads(line)["loss"] for line in path.read_text().splitlines()] == [1.0, 2.0, 9.0]
    Journal(path, None)
    assert path.read_text() == ""


def test_a_file_name_that_is_no_unicode_is_no_obstacle(tmp_path):
    text = "skipped: 'page\udce9 页.jpg'"
    Journal(tmp_path / "log.jsonl", None).write("skipped", 1, text=text)
    assert json.loads((tmp_path / "log.jsonl").read_text(encoding="utf-8"))["text"] == text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_two_trainings_cannot_write_the_same_log(tmp_path):
    path = tmp_path / "net_log.jsonl"
    journal = Journal(path, None)
    journal.write("train", 1, loss=1.0)
    code = f"from pathlib import Path; from models.progress import Journal; Journal(Path({str(path)!r}), None)"
    second = [sys.executable, "-c", code]
    done = subprocess.run(second, cwd=REPOSITORY, capture_output=True, text=True)
    assert "another training is writing" in done.stderr and "--save_path" in done.stderr
    assert path.read_text().count("\n") == 1
    journal.close()
    assert subprocess.run(second, cwd=REPOSITORY).returncode == 0 and path.read_text() == ""


def test_condition_is_told_once_after_it_has_lasted():
    lately = Lately(patience=3)
    looks = [{"won": "x"}, {"won": "x"}, {}, {"won": "x"}, {"won": "x"}, {"won": "x"}, {"won": "x"}]
    assert [lately.persistent(found) for found in looks] == [[], [], [], [], [], ["won: x"], []]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_asks_for_an_orderly_end(number):
    before = signal.getsignal(number)
    stopper = Stopper(CPU, None)
    try:
        assert not stopper.asked()
        os.kill(os.getpid(), number)
        assert stopper.asked() and stopper.exit_status == 128 + number
    finally:
        stopper.restore()
    assert signal.getsignal(number) is before


def test_time_limit_ends_with_status_zero():
    stopper = Stopper(CPU, 1e-9)
    stopper.restore()
    assert stopper.asked() and stopper.exit_status == 0


def test_numbers_go_to_tensorboard_where_it_is_installed(tmp_path, monkeypatch):
    written: list[tuple] = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            written.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=SummaryWriter))
    Journal(tmp_path / "net_log.jsonl", None).write("train", 5, loss=0.25, text="no number")
    assert written == [(str(tmp_path / "net_log"), None), ("train/loss", 0.25, 5)]


def test_tensorboard_reads_back_what_was_written_and_what_a_resumed_run_writes_anew(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    path = tmp_path / "net_log.jsonl"
    journal = Journal(path, None)
    for step in (1, 2, 3):
        journal.write("train", step, loss=step / 4, epoch=1, text="no number")
    journal.close()
    resumed = Journal(path, 2)
    resumed.write("train", 3, loss=8.0)
    resumed.write("validation", 3, iou=0.5)
    resumed.close()
    events = reader.EventAccumulator(str(tmp_path / "net_log"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train/loss", "train/epoch", "validation/iou"}
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(1, 0.25), (2, 0.5), (3, 8.0)]
