"""Trainee: what the optimiser sees, one forward for all the losses of a batch.

Around the model come a reward head, where one is trained, and training-only linear layers
(``auxiliary``) that are dropped at export. Output-layer rows are computed only at the positions
that some loss asks for, within the forward, so that sharded weights are whole when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from unireward.rewards.reward_model import hidden_size_of, hidden_states
from unireward.training.objectives.base import Objective, Outputs
from unireward.training.objectives.logps import sequence_logps
from unireward.training.parts import States

if TYPE_CHECKING:
    from unireward.rewards.reward_model import RewardModel


class Trainee(nn.Module):
    """``forward(batch) -> Outputs``. ``batch["inputs"]`` is what ``states`` takes (for
    transformers' own forward, where it is None: input_ids, attention_mask, pixel_values, ...).
    ``objective`` is held for what its terms learn themselves."""

    def __init__(
        self,
        model: Any,
        *,
        reward: RewardModel | None = None,
        auxiliary: Mapping[str, int] | None = None,
        states: States | None = None,
        objective: Objective | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.head = reward.head if reward is not None else None
        self.objective = objective
        width = hidden_size_of(model.config)
        self.auxiliary = nn.ModuleDict(
            {name: nn.Linear(width, rows) for name, rows in (auxiliary or {}).items()}
        )
        self._states = states

    @property
    def language_model(self) -> Any:
        """The transformers model itself, adapters in place."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    @property
    def _no_split_modules(self) -> Any:
        """For FSDP's automatic wrapping."""
        return getattr(self.language_model, "_no_split_modules", None)

    def forward(self, batch: Mapping[str, Any]) -> Outputs:
        inputs = batch["inputs"]
        if self._states is not None:
            states = self._states(self.model, inputs)
        else:
            layers = (*self.head.layers, -1) if self.head is not None else (-1,)
            states = hidden_states(self.model, inputs, layers if set(layers) != {-1} else (-1,))
        flat = states[-1].flatten(0, 1)
        out = Outputs()
        if "logits_at" in batch:
            out.logits = self.language_model.lm_head(flat[batch["logits_at"]]).float()
        for name, layer in self.auxiliary.items():
            at = batch.get(f"aux_{name}_at")
            if at is not None:
                out.aux[name] = layer(flat[at]).float()
        if self.head is not None:
            wanted = states[: len(self.head.layers)]
            places = self.head.places(inputs["input_ids"])
            found = self.head(wanted, inputs["attention_mask"], places)
            out.rewards, out.sigma = found.scores, found.sigma
        return out

    # Compared ---------------------------------------------------------------------------------

    def prepared(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """The batch with what no gradient goes through: nothing here."""
        return batch

    @property
    def has_adapters(self) -> bool:
        return hasattr(self.model, "disable_adapter")

    def without_adapters(self) -> AbstractContextManager[Any]:
        return self.model.disable_adapter()

    def reference_fields(self, outputs: Outputs, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """What the outputs of a reference add to a batch, each row's summed log-probability."""
        if "sequence" not in batch:
            return {}
        assert outputs.logits is not None
        rows = len(batch["inputs"]["attention_mask"])
        logps, _ = sequence_logps(outputs.logits, batch["targets"], batch["sequence"], rows)
        return {"reference_logps": logps}


def trained_state(trainee: nn.Module) -> dict[str, Tensor]:
    """The weights that learn, by name: what a checkpoint must hold. The rest is in the base."""
    return {name: weight for name, weight in trainee.named_parameters() if weight.requires_grad}


@torch.no_grad()
def load_trained(trainee: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Put a checkpoint's weights back. InputError where they are another model's."""
    from unireward.errors import InputError

    own = trained_state(trainee)
    missing, extra = own.keys() - state.keys(), state.keys() - own.keys()
    if missing or extra:
        name = sorted(missing or extra)[0]
        what = "lacks" if missing else "has, and this model has not,"
        raise InputError(f"{where}: {what} {name}; it is of another model or config")
    for name, weight in own.items():
        if weight.shape != state[name].shape:
            raise InputError(
                f"{where}: {name} is {list(state[name].shape)}, this model's is "
                f"{list(weight.shape)}; it is of another model or config"
            )
    for name, weight in own.items():
        weight.copy_(state[name])
