import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from datasets.mixture import BadSamples, Mixture, ResumableSampler, collate


class Numbers(Dataset):
    """Sample `index` is the number `start + index`; those in `broken` cannot be read."""

    def __init__(self, start, count, broken=()):
        self.start, self.count, self.broken, self.epoch = start, count, set(broken), None

    def __len__(self):
        return self.count

    def set_epoch(self, epoch):
        self.epoch = epoch

    def describe(self, index):
        return f"file {self.start + index}"

    def __getitem__(self, index):
        if index in self.broken:
            raise ValueError("the file is\ntruncated")
        return torch.tensor(self.start + index), torch.tensor(0)


def values(mixture):
    return [int(mixture[i][0]) for i in range(len(mixture))]


def test_without_weights_an_epoch_holds_every_sample_once():
    data_sets = Numbers(0, 5), Numbers(100, 3)
    mixture = Mixture(data_sets)
    mixture.set_epoch(2)
    assert values(mixture) == [0, 1, 2, 3, 4, 100, 101, 102]
    assert [part.epoch for part in data_sets] == [2, 2]


def test_weights_set_the_shares_and_every_sample_comes_equally_often():
    mixture = Mixture([Numbers(0, 10), Numbers(100, 4)], weights=[1, 3], samples=40)
    found = values(mixture)
    assert sum(v < 100 for v in found) == 10 and sum(v >= 100 for v in found) == 30
    counts = [found.count(v) for v in range(100, 104)]
    assert min(counts) >= 7 and max(counts) <= 8


def test_shortened_epochs_take_other_samples_each_time_but_the_same_for_the_same_seed():
    first, again, other = (Mixture([Numbers(0, 1000)], samples=20, seed=seed) for seed in (0, 0, 1))
    assert values(first) == values(again) != values(other)
    before = values(first)
    first.set_epoch(1)
    assert values(first) != before and len(set(values(first))) == 20


def test_bad_sample_is_replaced_and_named_once_over_several_epochs():
    mixture = Mixture([Numbers(0, 200, broken=[3])])
    loader = DataLoader(mixture, batch_size=4, collate_fn=collate)
    bad = BadSamples(len(mixture))
    told = []
    for _ in range(2):
        for images, _, problems in loader:
            assert len(images) == 4
            told += bad.report(problems)
    assert told == ["file 3: the file is truncated"]


def test_more_than_one_bad_sample_in_a_hundred_stops_the_run():
    bad = BadSamples(200)
    bad.report(["a", "b"])
    with pytest.raises(ValueError, match=r"3 bad samples are more than 1% of the data:\na\nb\nc"):
        bad.report(["c"])


def test_nothing_but_bad_samples_is_an_error_not_an_endless_search():
    with pytest.raises(ValueError, match="too many bad samples in a row"):
        Mixture([Numbers(0, 50, broken=range(50))])[0]


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])  # a worker takes 5 s to end
def test_a_loader_process_hands_on_what_is_bad_without_its_traceback(workers):
    mixture = Mixture([Numbers(0, 50, broken=range(50))])
    with pytest.raises(ValueError, match=r"\Atoo many bad samples in a row:\n(file \d: the file is truncated\n?){8}\Z"):
        next(iter(DataLoader(mixture, num_workers=workers, collate_fn=collate)))


def test_skipping_sampler_continues_the_same_epoch():
    sampler = ResumableSampler(Numbers(0, 20), num_replicas=1, rank=0, seed=3)
    sampler.set_epoch(5)
    whole = list(sampler)
    sampler.skip = 12
    assert list(sampler) == whole[12:] and len(sampler) == 8


def test_processes_share_the_batches_of_one():
    alone = list(ResumableSampler(Numbers(0, 16), num_replicas=1, rank=0, seed=1))
    shares = [list(ResumableSampler(Numbers(0, 16), num_replicas=2, rank=rank, seed=1)) for rank in (0, 1)]
    for batch in range(4):
        together = shares[0][2 * batch : 2 * batch + 2] + shares[1][2 * batch : 2 * batch + 2]
        assert sorted(together) == sorted(alone[4 * batch : 4 * batch + 4])
