"""A new reward model: a head, and the special tokens it reads, on a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from unireward.engines.checkpoint import best_device
from unireward.errors import InputError
from unireward.rewards.heads import Head, make_head
from unireward.rewards.reward_files import fetch, load_backbone, quiet

if TYPE_CHECKING:
    from unireward.rewards.reward_model import RewardModel


def start(
    cls: type[RewardModel],
    path: str | Path,
    head: Mapping[str, Any] | Head,
    *,
    device: str | None,
    dtype: str,
    seed: int,
) -> RewardModel:
    """See :meth:`RewardModel.start`."""
    from unireward.rewards.reward_model import hidden_size_of

    folder = fetch(path)
    backbone = load_backbone(folder, dtype, {})
    tokenizer = None
    if not isinstance(head, Head):
        section = dict(head)
        if section.get("marks"):
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(folder)
            section["marks"] = add_marks(tokenizer, backbone, section["marks"], seed=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = make_head(section, hidden_size_of(backbone.config))
    model = cls(backbone, head, tokenizer=tokenizer, source=folder)
    return model.to(device or best_device())


def add_marks(
    tokenizer: Any, backbone: Any, marks: Mapping[str, int | None], *, seed: int = 0
) -> dict[str, int]:
    """The id of each mark, which becomes a special token where the tokenizer lacks it.

    The embedding table grows only where it has no row to spare; a new token's row is the mean of
    all rows plus a little noise of ``seed``. Raises InputError where a given id is another
    token's.
    """
    new = [token for token in marks if token not in tokenizer.get_vocab()]
    if new:
        tokenizer.add_special_tokens(
            {"additional_special_tokens": new}, replace_extra_special_tokens=False
        )
    found = {token: int(tokenizer.convert_tokens_to_ids(token)) for token in marks}
    for token, told in marks.items():
        if told is not None and told != found[token]:
            raise InputError(
                f"head: marks say {token} is {told}, the tokenizer has {found[token]}; mend it"
            )
    table = backbone.get_input_embeddings()
    if len(tokenizer) > table.weight.shape[0]:
        with quiet():
            table = backbone.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        mean = table.weight[: len(tokenizer) - len(new)].float().mean(0)
        spread = torch.Generator().manual_seed(seed)
        for token in new:
            noise = torch.randn(mean.shape, generator=spread).to(mean.device)
            table.weight[found[token]] = (mean + 0.01 * mean.std() * noise).to(table.weight.dtype)
    return found
