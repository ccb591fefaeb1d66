"""Memory: what a training holds on one device, in bytes, by what it is held for.

Exact, from the weights' shapes: weights, gradients, what the optimiser keeps, the average, the
reference. An estimate: activations and logits, counted tensor by tensor as autograd keeps them,
after Korthikanti et al. 2022 (arXiv 2205.05198), section 4, for layers with RMS norms, gated MLPs
and attention that stores no matrix (SDPA). Not counted: the process's own memory (about 1 GiB on
CUDA), fragments between tensors, and kernels' working space.

How many bytes a weight has under DeepSpeed's ZeRO is that of Rajbhandari et al. 2020 (arXiv
1910.02054); FSDP's masters are those that accelerate makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from unireward.training.blank import Block, Weight

STRATEGIES = ("ddp", "zero2", "zero3", "fsdp")
KINDS = (
    "weights", "masters", "gradients", "optimiser", "average", "reference", "buffers",
    "activations", "logits",
)  # fmt: skip
LIVE = 1_000_000_000
"""Weights that DeepSpeed's third stage keeps gathered at most (stage3_max_live_parameters)."""


@dataclass(frozen=True)
class Load:
    """What the largest micro-batch brings: ``tokens`` of the language model, padding included, in
    rows of ``length``; ``patches`` of the vision part; ``positions`` whose logits are computed."""

    tokens: int
    length: int
    padded: bool
    patches: int = 0
    positions: int = 0


@dataclass(frozen=True)
class Setting:
    """What of the config decides about memory. ``half``: the products are computed in bfloat16 by
    autocast (precision bfloat16)."""

    half: bool = False
    muon: bool = False
    average: bool = False
    reference: bool = False
    checkpointing: bool = False
    rank: int = 0
    dropout: bool = False
    vocabulary: int = 0


@dataclass(frozen=True)
class Memory:
    """Bytes on one of ``devices``, by kind; a kind that could not be estimated is absent."""

    strategy: str
    devices: int
    held: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.held.values())


def memory(
    weights: Sequence[Weight],
    blocks: Sequence[Block],
    setting: Setting,
    load: Load | None,
    strategy: str,
    devices: int,
) -> Memory:
    """What each device holds at the height of a step. ``strategy`` is one of ``STRATEGIES``."""
    held = _sharded(weights, setting, strategy, devices)
    trained = [weight for weight in weights if weight.trained]
    share = 1 if strategy == "ddp" else devices
    if setting.average:
        held["average"] = _over(_bytes(trained), share)
    if setting.reference:
        # Whole weights are put in place of those that learn, shares are beside a whole copy.
        held["reference"] = _bytes(trained if strategy == "ddp" else weights)
    if load is not None:
        kept = activations(weights, blocks, setting, load, cast=strategy != "ddp")
        if kept is not None:
            held["activations"] = kept
        if load.positions:
            held["logits"] = logits(load.positions, setting)
    return Memory(strategy, devices, {kind: held[kind] for kind in KINDS if held.get(kind)})


def optimiser_bytes(weights: Sequence[Weight], muon: bool) -> int:
    """AdamW keeps two moments of the weights' own type and a float32 count for each tensor, Muon
    one momentum for each matrix."""
    return sum(
        weight.count * weight.width
        if muon and weight.matrix
        else 2 * weight.count * weight.width + 4
        for weight in weights
        if weight.trained
    )


def logits(positions: int, setting: Setting) -> int:
    """The output layer's own, in float32, their log-softmax and its gradient."""
    return positions * setting.vocabulary * (12 + (2 if setting.half else 0))


# Weights and what belongs to them --------------------------------------------------------------


def _sharded(
    weights: Sequence[Weight], setting: Setting, strategy: str, devices: int
) -> dict[str, int]:
    trained = [weight for weight in weights if weight.trained]
    if strategy == "ddp":
        return {
            "weights": _bytes(weights),
            "gradients": _bytes(trained),
            "optimiser": optimiser_bytes(weights, setting.muon),
            # DDP reduces in buckets that hold every gradient a second time.
            "buffers": (_bytes(trained) if devices > 1 else 0) + _copies(weights, setting),
        }
    if strategy == "fsdp":
        return _fsdp(weights, setting, devices)
    return _zero(weights, setting, 2 if strategy == "zero2" else 3, devices)


def _fsdp(weights: Sequence[Weight], setting: Setting, devices: int) -> dict[str, int]:
    """Every weight is a share; the products' layer and the next are whole, as is what lies in no
    layer. Under mixed precision accelerate makes those that learn float32."""
    widths = {w.name: 4 if setting.half and w.trained else w.width for w in weights}
    own = sum(w.count * widths[w.name] for w in weights)
    learnt = sum(w.count * widths[w.name] for w in weights if w.trained)
    states = sum(
        w.count * widths[w.name] * (1 if setting.muon and w.matrix else 2)
        for w in weights
        if w.trained
    )
    sizes: dict[int, int] = {}
    for w in weights:
        width = 2 if setting.half else widths[w.name]
        sizes[w.block] = sizes.get(w.block, 0) + w.count * width
    outside = sizes.pop(-1, 0)
    return {
        "weights": _over(own, devices),
        "gradients": _over(learnt, devices),
        "optimiser": _over(states, devices),
        "buffers": outside + 2 * max(sizes.values(), default=0),
    }


def _zero(weights: Sequence[Weight], setting: Setting, stage: int, devices: int) -> dict[str, int]:
    """The model in its computing type, float32 masters and moments in shares."""
    widths = [2 if setting.half else w.width for w in weights]
    own = sum(w.count * width for w, width in zip(weights, widths))
    learnt = sum(w.count for w in weights if w.trained)
    gradients = sum(w.count * width for w, width in zip(weights, widths) if w.trained)
    held = {
        "weights": own if stage == 2 else _over(own, devices),
        "masters": _over(4 * learnt, devices),
        "gradients": _over(gradients, devices),
        "optimiser": _over(8 * learnt, devices),
    }
    if stage == 3:
        every = sum(w.count for w in weights)
        held["buffers"] = own * min(LIVE, every) // every
    return held


def _bytes(weights: Sequence[Weight]) -> int:
    return sum(weight.count * weight.width for weight in weights)


def _over(amount: int, devices: int) -> int:
    return -(-amount // devices)


def _copies(weights: Sequence[Weight], setting: Setting) -> int:
    """Autocast keeps a bfloat16 copy of every float32 weight of a product until the backward
    pass; with checkpointing, of those that learn only."""
    if not setting.half:
        return 0
    return sum(
        2 * weight.count
        for weight in weights
        if weight.product and weight.width == 4 and (weight.trained or not setting.checkpointing)
    )


# Activations -----------------------------------------------------------------------------------


def activations(
    weights: Sequence[Weight],
    blocks: Sequence[Block],
    setting: Setting,
    load: Load,
    *,
    cast: bool = False,
) -> int | None:
    """Bytes that autograd keeps of a forward pass; None where a part's layers are of no known
    kind. A part keeps nothing while neither it nor anything before it learns. ``cast``: the model
    itself computes in bfloat16 where ``half``, not autocast alone (DeepSpeed, FSDP)."""
    learns = {_part(w) for w in weights if w.trained and w.row not in ("head", "auxiliary")}
    parts = {
        "vision": (load.patches, "vision" in learns),
        "language": (load.tokens, bool(learns)),
    }
    total = 0
    for part, (tokens, kept) in parts.items():
        own = [block for block in blocks if block.part == part]
        if not tokens or not kept:
            continue
        if not own:
            return None
        for block in own:
            one = tokens * per_token(block, weights, setting, load, cast=cast)
            if setting.checkpointing:
                # Each layer's input, and the whole of the one that is computed again.
                total += tokens * block.width * _stream(weights, setting, cast) * block.layers + one
            else:
                total += one * block.layers
    return total


def per_token(
    block: Block, weights: Sequence[Weight], setting: Setting, load: Load, *, cast: bool = False
) -> int:
    """Bytes that one token leaves in one layer.

    Adapters (LoRA) keep their inputs: shared where nothing is done to them first, else one for
    each, with a mask of a byte where some are dropped, and the narrow states between their two
    matrices.
    """
    home = [w for w in weights if w.block >= 0 and _part(w) == block.part]
    learns = any(w.trained and "lora_" not in w.name for w in home)
    adapters = [w for w in home if "lora_A" in w.name and w.block == home[0].block]
    stream = _stream(weights, setting, cast)
    compute = 2 if setting.half or stream == 2 else 4
    autocast = setting.half and not cast
    kept = 0
    # Norms: their input in float32, and what the norm's weight is multiplied with.
    kept += 2 * 4 * block.width
    if learns and block.root:
        kept += 2 * stream * block.width
    # Attention: query, key and value as they are multiplied, the result, a sum for each head.
    text = block.part == "language"
    key = block.query if load.padded and text else block.key
    kept += compute * (2 * block.query + 2 * key)
    if load.padded and text:
        kept += compute * load.length
    # MLP: what its nonlinearity reads and gives and, where gated, what both multiply.
    kept += compute * block.inner * (3 if block.gated else 1)
    shared = 2 * block.width + block.inner
    if learns:
        # Autocast makes a copy of a float32 input for each layer that reads it.
        apart = autocast and stream == 4
        kept += compute * (sum(block.inputs) * block.width + block.inner if apart else shared)
    elif adapters:
        width = 2 if autocast else 4
        entered = sum(w.count for w in adapters) // setting.rank
        apart = setting.dropout or autocast or stream == 2
        kept += (width + setting.dropout) * entered if apart else width * min(shared, entered)
        kept += width * setting.rank * len(adapters)
    return kept


def _stream(weights: Sequence[Weight], setting: Setting, cast: bool) -> int:
    """Bytes of the states between layers: those of the embeddings."""
    own = max((w.width for w in weights if w.row == "language"), default=4)
    return 2 if cast and setting.half else own


def _part(weight: Weight) -> str:
    from unireward.training.parts import part_of

    return part_of(weight.name)
