"""Collator: examples to one training batch, for every model that transformers has a processor of.

::

    collate = Collator(processor, family, config)
    batch = collate(examples)
    batch["inputs"]                  # what the model takes, right-padded: input_ids [B, L], ...
    batch["logits_at"], batch["targets"]                      # see objectives.base for the fields
    batch["record_ids"], batch["skipped"]                     # one id an example; reasons, counted

Row r of ``inputs`` is sequence r; an example's rows stand together. A field that no example has
is absent. An example that cannot be shown (media missing, longer than ``max_tokens``) stops the
training or leaves the batch smaller by one, as the config says; it is never cut and never
replaced by another. Where all are left out, ``inputs`` is empty and ``rows`` is 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sized
from typing import Any

from unireward.engines.sequences import Encoder, Sequence, padded
from unireward.errors import InputError, MediaError
from unireward.families.family import Family
from unireward.files.lines import LineError
from unireward.policies.asking import Showing
from unireward.rewards.handles import with_handles
from unireward.training.data_config import Policy, RecordsConfig, SequencesConfig
from unireward.training.examples import Example, asks_of

IGNORED = -100


class _TooLongError(InputError):
    """A sequence of more tokens than the config allows."""


class Collator:
    """See the module docstring. ``end_token`` as of :class:`sequences.Encoder`."""

    def __init__(
        self,
        processor: Any,
        family: Family | Showing,
        config: SequencesConfig,
        *,
        end_token: int | None = None,
        name: str = "the model",
    ) -> None:
        self.family = family
        self.config = config
        self.encoder = Encoder(
            processor, end_token=end_token, fixed_weight=config.fixed_weight, name=name
        )
        tokenizer = processor.tokenizer
        pad = tokenizer.pad_token_id
        self.pad = tokenizer.eos_token_id if pad is None else pad

    def __call__(self, examples: Iterable[Example]) -> dict[str, Any]:
        """Raises :class:`InputError` naming the file and row (:class:`LineError`) where the
        config says ``stop``."""
        shown, skipped = self._shown(examples)
        return {**batch_of(shown, self.pad), "skipped": dict(skipped)}

    def parts(self, examples: Iterable[Example]) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """The same as several batches of at most ``part_tokens`` padded tokens each (one example
        at least), like lengths together; none where all examples are left out."""
        shown, skipped = self._shown(examples)
        limit = self.config.part_tokens
        if limit is not None:
            shown.sort(key=lambda item: -max(map(len, item[1])))
        parts: list[list[tuple[Example, list[Sequence]]]] = []
        for item in shown:
            if parts and limit is not None:
                own = [*parts[-1], item]
                rows = sum(len(sequences) for _, sequences in own)
                fits = rows * max(len(row) for _, sequences in own for row in sequences) <= limit
            else:
                fits = bool(parts)
            if not fits:
                parts.append([])
            parts[-1].append(item)
        return [batch_of(part, self.pad) for part in parts], dict(skipped)

    def _shown(
        self, examples: Iterable[Example]
    ) -> tuple[list[tuple[Example, list[Sequence]]], Counter[str]]:
        shown: list[tuple[Example, list[Sequence]]] = []
        skipped: Counter[str] = Counter()
        for example in examples:
            try:
                shown.append((example, self.sequences(example)))
            except InputError as error:
                policy, reason = self._refusal(error)
                refuse(example, error, policy, reason, skipped)
        return shown, skipped

    def sequences(self, example: Example) -> list[Sequence]:
        """The rows of one example. Raises :class:`InputError`."""
        held = Example(**{**vars(example), "record": with_handles(example.record)})
        rows = self.encoder(asks_of(held, self.family), example.replies)
        limit = self.config.max_tokens
        longest = max(map(len, rows))
        if limit is not None and longest > limit:
            raise _TooLongError(
                f"record {example.record.id}: a sequence has {longest:,} tokens, max_tokens is "
                f"{limit:,}; raise it, lower the family's max_pixels or frames, or set too_long "
                "to skip"
            )
        return rows

    def _refusal(self, error: InputError) -> tuple[Policy, str]:
        if isinstance(error, _TooLongError):
            return self.config.too_long, "longer than max_tokens"
        return refusal(self.config, error)


def refusal(config: RecordsConfig, error: InputError) -> tuple[Policy, str]:
    """What a config says of an example that cannot be shown, and what it is counted under."""
    if isinstance(error, MediaError):
        return config.media, "media missing or unreadable"
    return config.unusable, "cannot be shown"


def refuse(
    example: Example, error: InputError, policy: Policy, reason: str, skipped: Counter[str]
) -> None:
    """Count the example as left out, or raise :class:`InputError` naming its file and row."""
    if policy == "skip":
        skipped[reason] += 1
    elif example.place is not None:
        raise LineError(example.place, f"record {_said(example, error)}") from error
    else:
        raise InputError(f"record {_said(example, error)}") from error


def batch_of(shown: list[tuple[Example, list[Sequence]]], pad: int) -> dict[str, Any]:
    """One batch of examples and their sequences."""
    rows = [row for _, own in shown for row in own]
    batch: dict[str, Any] = {
        "inputs": padded(rows, pad) if rows else {},
        "record_ids": [example.record.id for example, _ in shown],
        "tasks": [example.record.task for example, _ in shown],
        "rows": len(rows),
        "tokens": sum(map(len, rows)),
    }
    if rows:
        width = max(map(len, rows))
        batch |= _positions(shown, width) | pair_fields(shown) | _scores(shown) | _groups(shown)
    return batch


def _said(example: Example, error: InputError) -> str:
    return f"{example.record.id}: {str(error).removeprefix(f'record {example.record.id}: ')}"


def _positions(shown: list[tuple[Example, list[Sequence]]], width: int) -> dict[str, Any]:
    """What is said or answered at which position: a token is supervised where the one before
    it stands."""
    import torch

    at: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    sequence: list[int] = []
    yes: list[float] = []
    yes_weights: list[float] = []

    def add(row: int, place: int, token: int, weight: float, share: float, own: float) -> None:
        at.append(row * width + place)
        targets.append(token)
        weights.append(weight)
        sequence.append(row)
        yes.append(share)
        yes_weights.append(own)

    row = 0
    for example, own in shown:
        for one in own:
            for k, (token, weight) in enumerate(zip(one.reply, one.weights)):
                add(row, one.prompt - 1 + k, token, weight * example.weight, math.nan, 0.0)
            if example.kind == "yes-no":
                add(row, one.prompt - 1, IGNORED, 0.0, example.yes, example.weight)
            row += 1
    if not at:
        return {}
    out = {
        "logits_at": torch.tensor(at),
        "sequence": torch.tensor(sequence),
        "targets": torch.tensor(targets),
        "target_weights": torch.tensor(weights),
    }
    if any(example.kind == "yes-no" for example, _ in shown):
        out |= {"yes_share": torch.tensor(yes), "yes_weights": torch.tensor(yes_weights)}
    return out


def pair_fields(shown: Iterable[tuple[Example, Sized]]) -> dict[str, Any]:
    """The fields of a batch that say which rows are pairs; an example's rows are as many as it
    is given with."""
    import torch

    found, rows = [], []
    row = 0
    for example, own in shown:
        if example.kind in ("pair", "dpo"):
            found.append(example)
            rows.append((row, row + 1))
        row += len(own)
    if not found:
        return {}
    of: Callable[[str], Any] = lambda name: torch.tensor([getattr(e, name) for e in found])  # noqa: E731
    return {
        "chosen": torch.tensor([first for first, _ in rows]),
        "rejected": torch.tensor([second for _, second in rows]),
        "margin": of("margin"),
        "strength": of("strength"),
        "share": of("share"),
        "tie": of("tie"),
        "pair_weights": of("weight"),
    }


def _scores(shown: list[tuple[Example, list[Sequence]]]) -> dict[str, Any]:
    """Scores of every row, NaN where a row has none; ``absolute`` likewise."""
    import torch

    wide = max((len(row) for example, _ in shown for row in example.scores), default=0)
    if not wide:
        return {}
    scores: list[tuple[float, ...]] = []
    absolute: list[float] = []
    weights: list[float] = []
    for example, own in shown:
        scores += example.scores or [(math.nan,) * wide] * len(own)
        absolute += example.absolute or [math.nan] * len(own)
        weights += [example.weight] * len(own)
    return {
        "scores": torch.tensor(scores, dtype=torch.float32),
        "score_weights": torch.tensor(weights, dtype=torch.float32),
        "absolute": torch.tensor(absolute, dtype=torch.float32),
    }


def _groups(shown: list[tuple[Example, list[Sequence]]]) -> dict[str, Any]:
    import torch

    rows: list[int] = []
    group: list[int] = []
    tier: list[int] = []
    row = 0
    for number, (example, own) in enumerate(shown):
        if example.kind == "group":
            rows += range(row, row + len(own))
            group += [number] * len(own)
            tier += example.tiers
        row += len(own)
    if not rows:
        return {}
    named = {"ranking": rows, "ranking_group": group, "ranking_tier": tier}
    return {name: torch.tensor(values) for name, values in named.items()}
