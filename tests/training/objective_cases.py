"""Random batches with every field, the outputs that go with them, and every kind of term."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unireward.training.objectives import Batch, Outputs

VOCABULARY, DIMENSIONS, AUX = 7, 3, "width"
NAMES = ("vq", "mq", "ta")

CONFIGS: dict[str, dict[str, Any]] = {
    "sft": {},
    "sft smoothed": {"kind": "sft", "label_smoothing": 0.2},
    "caption": {},
    "yes-no": {"yes": [1, 4], "no": [2]},
    "words": {"wrong": 3, "right": 5},
    "auxiliary": {"field": AUX},
    "bradley-terry": {"dimensions": NAMES, "combine": "sum"},
    "bt each": {"kind": "bradley-terry", "dimensions": NAMES, "dimension_weights": [1, 0, 2.5],
                "pair_margins": True, "label_smoothing": 0.1, "ties": "half"},
    "bt scaled": {"kind": "bradley-terry", "dimensions": NAMES, "strength": "scale",
                  "ties": "symmetric", "margin": 0.3, "centring": 0.05, "tie_weight": 0.4},
    "bt strength margin": {"kind": "bradley-terry", "dimensions": NAMES, "strength": "margin",
                           "strength_scale": 3.0, "ties": "squared"},
    "bt rao-kupper": {"kind": "bradley-terry", "dimensions": NAMES, "ties": "rao-kupper",
                      "learn_tie_width": True},
    "bt davidson": {"kind": "bradley-terry", "dimensions": NAMES, "ties": "davidson",
                    "tie_width": 0.3, "learn_tie_width": True},
    "plackett-luce": {"column": 1},
    "pl choices": {"kind": "plackett-luce", "per": "choice"},
    "gaussian-pair": {"dimensions": NAMES, "ties": "half"},
    "gaussian logistic": {"kind": "gaussian-pair", "dimensions": NAMES, "link": "logistic",
                          "combine": "sum", "dimension_weights": [1, 2, 0.5]},
    "fidelity": {"dimensions": NAMES, "ties": "half"},
    "regression": {},
    "huber": {"kind": "regression", "loss": "huber", "delta": 0.7},
    "nll": {"kind": "regression", "loss": "nll", "dimension_weights": [1, 2, 0.5]},
    "absolute": {"label_smoothing": 0.1, "column": 2},
    "dpo": {"rpo_alpha": 0.7, "label_smoothing": 0.1, "ties": "half"},
    "dpo ipo": {"kind": "dpo", "loss": "ipo", "beta": 0.5},
    "dpo hinge": {"kind": "dpo", "loss": "hinge", "beta": 0.9},
    "dpo robust": {"kind": "dpo", "loss": "robust", "label_smoothing": 0.2, "average": True},
    "mm-dpo": {"kind": "dpo", "margin_weight": 0.5},
    "denoise": {},
    "denoise min-snr": {"kind": "denoise", "weighting": "min-snr", "gamma": 2.0},
    "diffusion-dpo": {"beta": 3.0, "label_smoothing": 0.1, "ties": "half", "sft_weight": 0.2},
    "diffusion ipo": {"kind": "diffusion-dpo", "loss": "ipo", "beta": 0.5, "weighting": "noise"},
    "diffusion weighed": {"kind": "diffusion-dpo", "beta": 2.0, "weighting": "clean",
                          "margin_weight": 0.5, "score_power": 1.5, "score_reference": 0.7},
}  # fmt: skip


def random_case(
    seed: int, rows: int = 6, dtype: torch.dtype = torch.float64
) -> tuple[Outputs, Batch]:
    """Outputs (leaves that ask for a gradient) and a batch with every field of the contract,
    unknown numbers, ignored positions, ties and soft labels among them."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=dtype)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draw, dtype=dtype)

    def integers(high: int, n: int) -> Tensor:
        return torch.randint(high, (n,), generator=draw)

    def unknown(values: Tensor, share: float = 0.25) -> Tensor:
        return values.masked_fill(uniform(*values.shape) < share, float("nan"))

    sequence = torch.arange(rows).repeat_interleave(integers(3, rows) + 1)
    m, pairs, ranked = len(sequence), 5, 7
    targets = integers(VOCABULARY, m).masked_fill(uniform(m) < 0.2, -100)
    words = integers(2, m).masked_fill(uniform(m) < 0.4, -100)
    chosen = integers(rows, pairs)
    batch: dict[str, Any] = {
        "targets": targets, "target_weights": uniform(m), "sequence": sequence, "words": words,
        "yes_share": unknown((uniform(m) * 3).round() / 3), "yes_weights": uniform(m),
        "chosen": chosen, "rejected": (chosen + 1 + integers(rows - 1, pairs)) % rows,
        "margin": unknown(normal(pairs)), "strength": unknown((uniform(pairs) * 3).round()),
        "share": unknown(uniform(pairs)), "tie": uniform(pairs) < 0.3,
        "pair_weights": uniform(pairs),
        "scores": unknown(normal(rows, DIMENSIONS)), "score_weights": uniform(rows),
        "absolute": unknown((uniform(rows) * 2).round() / 2),
        "reference_logps": -5 * uniform(rows),
        "error_weights": uniform(rows), "reference_errors": uniform(rows),
        "pair_score": unknown(uniform(pairs) + 0.1),
        "ranking": integers(rows, ranked), "ranking_group": integers(2, ranked),
        "ranking_tier": integers(3, ranked),
        f"aux_{AUX}": unknown(normal(4, 2)),
    }  # fmt: skip
    outputs = Outputs(
        logits=normal(m, VOCABULARY),
        rewards=normal(rows, DIMENSIONS),
        sigma=uniform(rows, DIMENSIONS) + 0.3,
        errors=uniform(rows),
        snr=3 * uniform(rows),
        gain=uniform(rows),
        aux={AUX: normal(4, 2)},
    )
    for leaf in outputs.tensors():
        leaf.requires_grad_()
    return outputs, batch


def joined(cases: list[tuple[Outputs, Batch]]) -> tuple[Outputs, Batch]:
    """Several batches as the one they were cut from: rows and groups counted on."""
    rows_before = groups_before = 0
    fields: dict[str, list[Tensor]] = {}
    for _, batch in cases:
        for name, values in batch.items():
            if name in ("sequence", "chosen", "rejected", "ranking"):
                values = values + rows_before
            elif name == "ranking_group":
                values = values + groups_before
            fields.setdefault(name, []).append(values)
        rows_before += len(batch["scores"])
        groups_before += 10
    outputs = Outputs(
        logits=torch.cat([o.logits for o, _ in cases if o.logits is not None]),
        rewards=torch.cat([o.rewards for o, _ in cases if o.rewards is not None]),
        sigma=torch.cat([o.sigma for o, _ in cases if o.sigma is not None]),
        errors=torch.cat([o.errors for o, _ in cases if o.errors is not None]),
        snr=torch.cat([o.snr for o, _ in cases if o.snr is not None]),
        gain=torch.cat([o.gain for o, _ in cases if o.gain is not None]),
        aux={AUX: torch.cat([o.aux[AUX] for o, _ in cases])},
    )
    return outputs, {name: torch.cat(values) for name, values in fields.items()}
