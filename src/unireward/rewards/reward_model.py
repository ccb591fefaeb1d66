"""RewardModel: a backbone and a head, from the processor's tensors to scores.

>>> model = RewardModel.start("path/or/repository", {"kind": "linear"})
>>> out = model(inputs)                                   # out.scores [R, K]
>>> model.save("my-reward", family="head")
>>> model = RewardModel.load("my-reward")                 # the same scores

The backbone is any image-text-to-text model of transformers, whole or without its output layer;
the output layer is never computed. Scores do not depend on padding or on what shares the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from unireward.engines.states import hidden_states
from unireward.errors import InputError
from unireward.rewards.heads import Head, HeadOutput, freeze, make_head

if TYPE_CHECKING:
    from unireward.families.family import Family


class RewardModel(nn.Module):
    """``backbone``: a transformers model, with LoRA adapters or not. Tokenizer and processor files
    of a saved folder are those of ``source``, the folder or repository that the backbone came from;
    ``tokenizer``, where given, is written in place of its own."""

    def __init__(
        self, backbone: Any, head: Head, *, tokenizer: Any = None, source: str | Path | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.tokenizer = tokenizer
        self.source = str(source) if source is not None else None
        self.frozen: tuple[str, ...] = ()
        width = hidden_size_of(backbone.config)
        if width != head.hidden_size:
            raise InputError(
                f"head: is made for a hidden size of {head.hidden_size}, the backbone has {width}; "
                "make it for this backbone"
            )

    @classmethod
    def start(
        cls,
        path: str | Path,
        head: Mapping[str, Any] | Head,
        *,
        device: str | None = None,
        dtype: str = "auto",
        seed: int = 0,
    ) -> RewardModel:
        """A new head, drawn by ``seed``, on the checkpoint at ``path`` (a folder or repository).

        Marks that the tokenizer does not know (``"marks": {"<|Reward|>": null}``) become special
        tokens of it, with embedding rows of their own.
        """
        from unireward.rewards.reward_start import start

        return start(cls, path, head, device=device, dtype=dtype, seed=seed)

    @classmethod
    def load(
        cls, folder: str | Path, device: str | None = None, dtype: str = "auto"
    ) -> RewardModel:
        """The model that :meth:`save` wrote, or a reward model of others: a
        ``*ForSequenceClassification`` checkpoint, or a base with TRL's ``v_head``.

        Ready to score (``eval``). Raises InputError naming the file and tensor where they do not
        fit: another architecture or hidden size, a missing or extra head tensor, NaN weights.
        """
        from unireward.rewards.reward_files import load

        return load(cls, folder, device=device, dtype=dtype)

    def save(
        self,
        folder: str | Path,
        *,
        family: Family | str,
        judge: str | None = None,
        meta: Mapping[str, Any] | None = None,
        state: Mapping[str, Tensor] | None = None,
    ) -> Path:
        """Write a checkpoint, whole or not at all: what ``folder`` held stays until the new one
        is complete, and files of others in it stay for good.

        ``state`` is this module's whole state dict where its weights are sharded. Raises
        InputError for weights that are not finite, adapters that are not merged, a full disk.
        """
        from unireward.rewards.reward_files import save

        return save(self, Path(folder), family=family, judge=judge, meta=meta, state=state)

    def freeze(self, parts: Iterable[str] | None = None) -> dict[str, int]:
        """Stop the gradient of ``vision``, ``projector`` or ``language`` (None: of those that the
        head's recipe freezes); how many weights each has. Saved with the model."""
        chosen = tuple(self.head.frozen if parts is None else parts)
        counts = freeze(self.backbone, chosen)
        self.frozen = tuple(sorted({*self.frozen, *chosen}))
        return counts

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def forward(self, inputs: Mapping[str, Tensor]) -> HeadOutput:
        """``inputs``: what the processor gives, ``input_ids`` and ``attention_mask`` [R, L] at
        least, padded on either side."""
        return self.head(*self._read(inputs))

    def pooled(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """[R, D] float32: the features that the head reads."""
        return self.head.pool(*self._read(inputs))

    def _read(self, inputs: Mapping[str, Tensor]) -> tuple[tuple[Tensor, ...], Tensor, Any]:
        mask = inputs.get("attention_mask")
        if mask is None:
            mask = torch.ones_like(inputs["input_ids"])
        states = hidden_states(self.backbone, inputs, self.head.layers)
        return states, mask, self.head.places(inputs["input_ids"])


def hidden_size_of(config: Any) -> int:
    """Width of the language model's hidden states."""
    return config.get_text_config().hidden_size


@torch.inference_mode()
def features(model: RewardModel, batches: Iterable[Mapping[str, Tensor]]) -> Iterator[Tensor]:
    """[R, D] float32 on the CPU for each batch: what the head reads, in one pass and without
    gradients. For heads in closed form, and for training a head on a frozen backbone."""
    learning = model.training
    model.eval()
    try:
        for batch in batches:
            moved = {
                k: v.to(model.device) if isinstance(v, Tensor) else v for k, v in batch.items()
            }
            yield model.pooled(moved).cpu()
    finally:
        model.train(learning)


__all__ = ["RewardModel", "features", "hidden_states", "make_head"]
