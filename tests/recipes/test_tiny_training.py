"""The recipe's training: a run that was cut goes on to the weights of one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recipes.tiny_judge import train as recipe
from recipes.tiny_judge.mix import Stage

SHORT = [
    Stage("first", 3, 3e-3, 2e-3, 0.0, {"image caption": 4}),
    Stage("second", 4, 3e-3, 2e-3, 0.5, {"image pair": 2, "question pair": 2}),
]


def test_a_cut_run_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    whole = recipe.Run(tmp_path / "whole", 0, 1.0, None)
    whole.go(SHORT)

    monkeypatch.setattr(recipe, "KEEP_EVERY", 2)
    cut = recipe.Run(tmp_path / "cut", 0, 1.0, None)
    steps = iter(range(100))

    def stop_in_the_second_stage(*args: object) -> dict[str, float]:
        if next(steps) == 6:
            raise KeyboardInterrupt
        return backward(*args)  # type: ignore[arg-type]

    backward = recipe.backward
    monkeypatch.setattr(recipe, "backward", stop_in_the_second_stage)
    with pytest.raises(KeyboardInterrupt):
        cut.go(SHORT)
    monkeypatch.setattr(recipe, "backward", backward)
    again = recipe.Run(tmp_path / "cut", 0, 1.0, None)
    again.go(SHORT)

    for name, value in whole.model.state_dict().items():
        assert torch.allclose(value, again.model.state_dict()[name], atol=1e-6), name


def test_rates_warm_up_and_fall_to_nothing() -> None:
    stage = Stage("any", 100, 1.0, 1.0, 0.5)
    assert recipe.rate(stage, 0.0) < 0.1
    assert recipe.rate(stage, 0.3) == 1.0
    assert recipe.rate(stage, 0.75) == pytest.approx(0.5)
    assert recipe.rate(stage, 0.999) < 0.01
