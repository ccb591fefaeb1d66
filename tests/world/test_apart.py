"""The two candidates of a pair are never the same thing twice."""

from __future__ import annotations

import numpy as np
import pytest

from unireward.world.sample import TASKS, iter_items


@pytest.mark.parametrize("task", TASKS)
def test_no_pair_shows_the_same_twice(task: str) -> None:
    for item in iter_items(task, 120, 5):
        a, b = item.made.values()
        if task.endswith("understanding"):
            assert a.text != b.text
        else:
            assert not np.array_equal(a.pixels, b.pixels)
