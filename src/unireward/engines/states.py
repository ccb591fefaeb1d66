"""States: a whole batch through the model's official forward, up to its output layer.

Training, reward heads and the log-probabilities of given replies all come through here, so that
the same rows have the same numbers in each. Rows are padded on either side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

MEDIA = ("pixel_values", "pixel_values_videos")


def hidden_states(
    backbone: Any, inputs: Mapping[str, Tensor], layers: tuple[int, ...] = (-1,)
) -> tuple[Tensor, ...]:
    """One [R, L, D] for each of ``layers``, of the model without its output layer."""
    base = inner(backbone)
    every = layers != (-1,)
    out = base(
        **inputs,
        **positions(base, inputs),
        use_cache=False,
        output_hidden_states=every,
        return_dict=True,
    )
    if not every:
        return (out.last_hidden_state,)
    count = len(out.hidden_states)
    for layer in layers:
        if not -count <= layer < count:
            raise InputError(
                f"head: layer {layer} is asked for, the backbone has {count - 1} layers "
                f"(0 to {count - 1}, 0 the embeddings); mend the head's layers"
            )
    # The last of all is the one after the final norm, also where a model lists it without.
    return tuple(
        out.last_hidden_state if layer in (-1, count - 1) else out.hidden_states[layer]
        for layer in layers
    )


def inner(backbone: Any) -> Any:
    """The model without its output layer, adapters in place."""
    whole = backbone.get_base_model() if hasattr(backbone, "get_base_model") else backbone
    return whole.model if has_output_layer(whole) else whole


def has_output_layer(whole: Any) -> bool:
    """Is it a whole model, which holds the one without an output layer as ``.model``?"""
    return getattr(whole, "base_model_prefix", "") == "model" and "model" in whole._modules


def positions(base: Any, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Position ids that padding does not shift, where the model does not place tokens itself:
    models with multimodal rope place those of rows with media, and no others."""
    mask = inputs.get("attention_mask")
    if mask is None or "position_ids" in inputs:
        return {}
    places = (mask.long().cumsum(-1) - 1).clamp(min=0)
    if not hasattr(base, "rope_deltas"):
        return {"position_ids": places}
    if any(inputs.get(name) is not None for name in MEDIA):
        return {}
    return {"position_ids": places.expand(3, -1, -1)}
