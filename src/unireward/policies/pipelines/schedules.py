"""Schedules: what a pipeline's scheduler says of noise and times, whatever solver it is.

::

    path_of(pipeline.scheduler)                         # FlowPath(shift=3.0, ...)
    flow_schedule(pipeline.scheduler, 4, {}, even=True)   # [5] sigmas, 1 to 0

The scheduler itself stays as it is: a copy is asked.
"""

# diffusers fills its own name space as it is asked, which pyright cannot follow.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.policies.noise import DiscretePath, FlowPath, NoisePath


def path_of(scheduler: Any) -> NoisePath:
    """The noise path that a diffusers scheduler was trained with, whatever its solver is."""
    config = scheduler.config
    if config.get("prediction_type") in ("epsilon", "v_prediction"):
        return DiscretePath.of_scheduler(ddim_of(scheduler))
    flow = "shift" in config or config.get("prediction_type") == "flow_prediction"
    if not flow:
        raise InputError(
            f"scheduler/scheduler_config.json: {type(scheduler).__name__} with prediction_type "
            f"{config.get('prediction_type')!r} is unknown; use a flow matching scheduler, or "
            "one of epsilon or v_prediction"
        )
    shift = 1.0 if config.get("use_dynamic_shifting") else config.get("shift")
    if shift is None:
        shift = config.get("flow_shift") or 1.0
    return FlowPath(shift=float(shift), steps=int(config.num_train_timesteps))


def ddim_of(scheduler: Any) -> Any:
    """The scheduler's chain and spacing as a ``DDIMScheduler``: what samples it here."""
    from diffusers import DDIMScheduler

    return DDIMScheduler.from_config(scheduler.config)


def flow_schedule(scheduler: Any, steps: int, shift: Mapping[str, Any], *, even: bool) -> Tensor:
    """[steps + 1] sigmas from noise to 0, by a copy of ``scheduler``, which stays as it is.

    ``even``: the scheduler is given 1, ..., 1 / steps to shift, else it spaces them itself.
    """
    scheduler = copy.deepcopy(scheduler)
    if even:
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps).tolist(), **shift)
    else:
        scheduler.set_timesteps(steps, **shift)
    return torch.as_tensor(scheduler.sigmas, dtype=torch.float32)


def chain_schedule(scheduler: Any, steps: int) -> Tensor:
    """[steps + 1] steps of the chain from noisy to clean, then -1, spaced as ``scheduler``."""
    chain = ddim_of(scheduler)
    chain.set_timesteps(steps)
    return torch.cat([chain.timesteps.float(), torch.tensor([-1.0])])


def resolution_shift(config: Mapping[str, Any], tokens: int) -> float:
    """``mu`` on the line through (base tokens, base shift) and (max tokens, max shift)."""
    low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    base, top = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    slope = (top - base) / (high - low)
    return tokens * slope + base - slope * low
