from dataclasses import replace

import pytest

from models.loop import Plan
from models.progress import cosine_factor, published_factor

PLAN = Plan(
    epochs=3, lr_schedule="published", lr_decrease_step=2, lr_decrease_factor=0.5, total_steps=None, log_every=1,
    save_every=None, max_hours=None,
)  # fmt: skip


def test_published_rate_goes_on_over_the_epochs():
    factors = [PLAN.rate_factor(step, batches=5) for step in range(10)]
    assert factors == [published_factor(epoch, batch, 5, 2, 0.5) for epoch in (0, 1) for batch in range(5)]


@pytest.mark.parametrize(("total", "length"), [(None, 15), (40, 40)])
def test_cosine_ends_with_the_training_unless_another_length_is_given(total, length):
    plan = replace(PLAN, lr_schedule="cosine", total_steps=total)
    assert plan.rate_factor(6, batches=5) == cosine_factor(6, length)
