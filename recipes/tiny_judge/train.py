"""Train the tiny judge from nothing: ``python -m recipes.tiny_judge.train --out runs/tiny``.

Stages (the measured recipe): captions, then the mix of all tasks with side-branch replies, the
learning rate falling to nothing over the last half and the weights averaged. Checkpoints every few
minutes; the same command goes on from the last one. ``--minutes`` scales all stages together.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from recipes.tiny_judge.forward import losses
from recipes.tiny_judge.mix import STAGES, Stage, batch_of
from recipes.tiny_judge.model import (
    TOKENS_PER_IMAGE,
    make_model,
    make_tokenizer,
    save_processor_files,
)
from recipes.tiny_judge.tree import IGNORE, Batch, buckets
from unireward.world.words import VOCABULARY

TERM = {"reply": 1.0, "word": 1.0, "score": 1.0}
"""Weights of the replies and of the two auxiliary losses."""


class Stream(IterableDataset):
    """Endless batches of one stage; step k is the same in every run of the same seed."""

    def __init__(self, stage: Stage, seed: int, first: int) -> None:
        self.stage, self.seed, self.first = stage, seed, first

    def __iter__(self) -> Iterator[list[Batch]]:
        tokenizer = make_tokenizer(VOCABULARY)
        step = self.first
        while True:
            rng = np.random.default_rng([self.seed, step])
            trees = batch_of(tokenizer, self.stage, step, rng)
            yield buckets(trees, tokenizer.pad_token_id, TOKENS_PER_IMAGE)
            step += 1


@dataclass
class Optimisers:
    """Muon on the hidden matrices, AdamW on embeddings, output layer, norms and biases."""

    muon: torch.optim.Muon
    adam: torch.optim.AdamW

    @classmethod
    def of(cls, model: nn.Module, heads: nn.Module) -> Optimisers:
        matrices, rest = [], list(heads.parameters())
        for name, weight in model.named_parameters():
            hidden = weight.ndim == 2 and "embed" not in name and "lm_head" not in name
            (matrices if hidden else rest).append(weight)
        muon = torch.optim.Muon(matrices, lr=1.0, momentum=0.95, weight_decay=0.0,
                                adjust_lr_fn="match_rms_adamw")  # fmt: skip
        return cls(muon, torch.optim.AdamW(rest, lr=1.0, betas=(0.9, 0.98), weight_decay=0.0))

    def step(self, muon_lr: float, adam_lr: float) -> None:
        for optimiser, lr in ((self.muon, muon_lr), (self.adam, adam_lr)):
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)


def rate(stage: Stage, share: float) -> float:
    """Warm-up over the first 2 %, linear decay to zero over the stage's ``decay`` share."""
    if share < 0.02:
        return share / 0.02
    return min(1.0, (1 - share) / stage.decay) if stage.decay else 1.0


def train(out: Path, minutes: float, seed: int, init: Path | None, only: str) -> None:
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(VOCABULARY)
    model = make_model(tokenizer, seed)
    heads = nn.Linear(128, 4)
    if init is not None:
        restore(model, heads, tokenizer, init)
    labels = torch.tensor(tokenizer.convert_tokens_to_ids(["wrong", "right"]))
    out.mkdir(parents=True, exist_ok=True)
    log = (out / "log.jsonl").open("a")
    stages = [stage for stage in STAGES if not only or stage.name in only.split(",")]
    whole = sum(stage.share for stage in stages)
    total_seconds = 0.0
    for stage in stages:
        budget = minutes * 60 * stage.share / whole
        spent = run_stage(model, heads, labels, stage, budget, seed, log, out)
        total_seconds += spent
        save(out, model, tokenizer, heads, {"seed": seed, "stage": stage.name,
                                            "seconds": round(total_seconds)})  # fmt: skip


def restore(model: nn.Module, heads: nn.Module, tokenizer, init: Path) -> None:
    """Weights of an earlier run; rows of embedding and output layer go by word, not by number."""
    from transformers import AutoTokenizer

    weights = torch.load(init / "model.pt", weights_only=True)
    heads.load_state_dict(torch.load(init / "heads.pt", weights_only=True))
    old = AutoTokenizer.from_pretrained(init).get_vocab()
    both = [(row, old[word]) for word, row in tokenizer.get_vocab().items() if word in old]
    here, there = (torch.tensor(rows) for rows in zip(*both))
    for name in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
        fresh = model.state_dict()[name].clone()
        fresh[here] = weights[name][there]
        weights[name] = fresh
    model.load_state_dict(weights)


def backward(
    model: nn.Module, heads: nn.Module, batches: list[Batch], labels: torch.Tensor
) -> dict[str, float]:
    """Gradients of one step over its batches; returns the terms' means."""
    weight = {"reply": 0.0, "word": 0.0, "score": 0.0}
    for batch in batches:  # known before the forward, so that each batch is freed at once
        weight["reply"] += batch.weights.sum().item()
        weight["word"] += (batch.words != IGNORE).sum().item()
        weight["score"] += (~batch.scores.isnan()).sum().item()
    means = dict.fromkeys(weight, 0.0)
    for batch in batches:
        terms = losses(model, heads, batch, labels)
        sum(TERM[name] * total / weight[name] for name, (total, _) in terms.items()).backward()
        for name, (total, _) in terms.items():
            means[name] += total.item() / weight[name]
    return {name: value for name, value in means.items() if weight[name]}


def run_stage(
    model: nn.Module, heads: nn.Module, labels: torch.Tensor, stage: Stage, budget: float,
    seed: int, log, out: Path,
) -> float:  # fmt: skip
    optimisers = Optimisers.of(model, heads)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    loader = iter(DataLoader(Stream(stage, seed, 0), batch_size=None, num_workers=1,
                             prefetch_factor=8))  # fmt: skip
    start, step, kept = time.perf_counter(), 0, 0.98
    meters: dict[str, float] = {}
    while (share := (time.perf_counter() - start) / budget) < 1:
        terms = backward(model, heads, next(loader), labels)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scale = rate(stage, share)
        optimisers.step(stage.muon * scale, stage.adam * scale)
        with torch.no_grad():
            for name, value in model.state_dict().items():
                average[name].lerp_(value, 1 - kept)
        for name, term in terms.items():
            meters[name] = 0.98 * meters.get(name, term) + 0.02 * term
        step += 1
        if step % 50 == 0:
            row = {"stage": stage.name, "step": step, "share": round(share, 4),
                   "seconds": round(time.perf_counter() - start, 1),
                   **{k: round(v, 4) for k, v in meters.items()}}  # fmt: skip
            print(json.dumps(row), file=log, flush=True)
        if step % 500 == 0:
            torch.save(average, out / "average.pt")
            torch.save(model.state_dict(), out / "latest.pt")
    model.load_state_dict(average)
    return time.perf_counter() - start


def save(out: Path, model, tokenizer, heads: nn.Module, facts: dict) -> None:
    """A transformers checkpoint; ``model.pt`` and ``heads.pt`` are what training goes on from."""
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    save_processor_files(out)
    torch.save(model.state_dict(), out / "model.pt")
    torch.save(heads.state_dict(), out / "heads.pt")
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init", type=Path, default=None, help="go on from this run's weights")
    parser.add_argument("--only", default="", help="names of stages, comma-separated")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args.out, args.minutes, args.seed, args.init, args.only)


if __name__ == "__main__":
    main()
