"""Sampled: the first examples of a stage, read and collated as training would have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from unireward.errors import InputError
from unireward.training.memory import Load
from unireward.training.share import Share

EXAMPLES = 32
"""So many are read, to the end of their micro-batch."""


@dataclass(frozen=True)
class Spread:
    """Mean and largest of a count."""

    mean: float
    max: int

    @classmethod
    def of(cls, values: list[int]) -> Spread:
        return cls(round(sum(values) / max(1, len(values)), 1), max(values, default=0))


@dataclass(frozen=True)
class Sampled:
    """What was measured on ``examples`` examples (``sequences`` of them through the model).

    ``tokens`` and ``media`` (tokens that stand for pixels) are a sequence's, ``micro_batch`` are
    tokens with their padding, ``step`` is all processes', by the mean of the
    micro-batches read.
    ``available`` is how many examples the data hold, None for those that are drawn without end.
    """

    examples: int
    sequences: int
    tokens: Spread
    media: Spread
    replies: Spread
    micro_batch: Spread
    step: int
    available: int | None
    skipped: dict[str, int] = field(default_factory=dict)
    load: Load | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def told(self) -> list[tuple[str, str]]:
        """Labels and texts for people."""
        return [
            (
                "tokens",
                f"a sequence {self.tokens.mean:,g} (most {self.tokens.max:,}), of media "
                f"{self.media.mean:,g} (most {self.media.max:,}); a micro-batch "
                f"{self.micro_batch.mean:,g} with its padding (most {self.micro_batch.max:,}); a "
                f"step about {self.step:,}; measured on the first {self.examples:,} examples, "
                f"{self.sequences:,} sequences",
            )
        ]


def sampled(dataset: Any, share: Share, model: Any) -> Sampled:
    """The first examples of ``dataset``. ``model`` says which tokens are media and how its
    patches are cut. Raises what reading them raises, an InputError where all are skipped."""
    names = set(_media_ids(model))
    tokens: list[int] = []
    media: list[int] = []
    replies: list[int] = []
    batches: list[int] = []
    loads: list[Load] = []
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for item in _items(dataset, share):
        skipped.update(item.get("skipped", {}))
        micro = 0
        for part in item["parts"]:
            lengths, shown, width = _rows(part, names)
            tokens += lengths
            media += shown
            micro += len(lengths) * width
            positions = len(part.get("logits_at", ()))
            if len(part.get("sequence", ())):
                replies += Counter(part["sequence"].tolist()).values()
            patches = _patches(part["inputs"], model)
            loads.append(Load(len(lengths) * width, width, len(lengths) > 1, patches, positions))
        batches.append(micro)
        counts["examples"] += len(item.get("record_ids", ()))
        if counts["examples"] >= EXAMPLES:
            break
    if not tokens:
        why = ", ".join(f"{reason}: {n:,}" for reason, n in skipped.most_common(3))
        raise InputError(f"data: the first examples are all left out ({why or 'none is there'})")
    processes = share.world * share.accumulation
    return Sampled(
        counts["examples"],
        len(tokens),
        Spread.of(tokens),
        Spread.of(media),
        Spread.of(replies),
        Spread.of(batches),
        round(sum(tokens) / len(batches) * processes),
        available_of(dataset),
        dict(skipped),
        Load(
            max(load.tokens for load in loads),
            max(load.length for load in loads),
            any(load.padded for load in loads),
            max(load.patches for load in loads),
            max(load.positions for load in loads),
        ),
    )


def available_of(dataset: Any) -> int | None:
    """How many examples a data set holds, None where they are drawn without end."""
    strata = [stratum.size for stratum in dataset.plan.strata] if hasattr(dataset, "plan") else []
    known = bool(strata) and all(size is not None for size in strata)
    return sum(strata) if known else None


def _items(dataset: Any, share: Share) -> Iterator[Mapping[str, Any]]:
    for number in range(min(len(share), EXAMPLES)):
        yield dataset[number]


def _rows(part: Mapping[str, Any], names: set[int]) -> tuple[list[int], list[int], int]:
    """Each row's tokens and media tokens, and the width they are padded to. A data set of its own
    form (``ids``, no mask) counts padding with the rest."""
    inputs = part["inputs"]
    ids = inputs.get("input_ids", inputs.get("ids"))
    if ids is None:
        raise InputError("the batches have no input_ids, by which tokens are counted")
    mask = inputs.get("attention_mask")
    real = mask if mask is not None and mask.shape == ids.shape else ids == ids
    shown = [
        sum(one in names for one, there in zip(row, kept) if there)
        for row, kept in zip(ids.tolist(), real.tolist())
    ]
    return real.sum(-1).tolist(), shown, ids.shape[1]


def _media_ids(model: Any) -> list[int]:
    config = model.config
    found = [
        getattr(config, name, None)
        for name in ("image_token_id", "video_token_id", "image_token_index", "video_token_index")
    ]
    return [one for one in found if isinstance(one, int)]


def _patches(inputs: Mapping[str, Any], model: Any) -> int:
    """Rows of the vision part: patches that are packed one after another ([n, d]) or by picture
    ([N, n, d]), or pictures ([..., C, H, W]) cut by the model's patch size."""
    vision = getattr(model.config, "vision_config", None)
    side = getattr(vision, "patch_size", None)
    total = 0
    for name in ("pixel_values", "pixel_values_videos", "pixels"):
        found = inputs.get(name)
        if found is None:
            continue
        if found.ndim >= 4 and isinstance(side, int):
            pictures = found.numel() // (found.shape[-3] * found.shape[-2] * found.shape[-1])
            total += pictures * (found.shape[-2] // side) * (found.shape[-1] // side)
        else:
            total += found.numel() // found.shape[-1]
    return total
