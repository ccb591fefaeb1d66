"""Pooling: from the states of a sequence to one vector, whichever side the padding is on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from unireward.errors import InputError

POOLS = ("last", "mean", "mark")


def last_real(state: Tensor, mask: Tensor) -> Tensor:
    """[R, D] float32: ``state`` [R, L, D] at the last position where ``mask`` [R, L] is not 0."""
    places = torch.arange(mask.shape[1], device=mask.device)
    last = (places * (mask != 0)).argmax(1)
    return at_places(state, last[:, None])[:, 0]


def mean_real(state: Tensor, mask: Tensor) -> Tensor:
    """[R, D] float32: the mean of ``state`` [R, L, D] over the positions of ``mask`` [R, L]."""
    real = (mask != 0).to(state.device)[..., None]
    # Padding may hold anything, NaN included: it is left out, not multiplied by zero.
    total = state.float().masked_fill(~real, 0.0).sum(1)
    return total / real.sum(1).clamp(min=1)


def at_places(state: Tensor, places: Tensor) -> Tensor:
    """[R, M, D] float32: ``state`` [R, L, D] at the positions ``places`` [R, M]."""
    places = places.to(state.device)
    rows = torch.arange(state.shape[0], device=state.device)[:, None]
    return state[rows, places].float()


def places_of(input_ids: Tensor, marks: Mapping[str, int]) -> Tensor:
    """[R, M]: where each mark stands last in ``input_ids`` [R, L].

    The last, since a prompt that quotes a mark stands before the one that its template wrote.
    """
    found = []
    order = torch.arange(1, input_ids.shape[1] + 1, device=input_ids.device)
    for token, number in marks.items():
        place = (order * (input_ids == number)).max(1).values - 1
        if (place < 0).any():
            row = int((place < 0).nonzero()[0])
            raise InputError(
                f"sequence {row}: has no {token} (token {number}), which the head reads; "
                "end the family's template with it"
            )
        found.append(place)
    return torch.stack(found, 1)
