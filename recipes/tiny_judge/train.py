"""Train the tiny judge from nothing: ``python -m recipes.tiny_judge.train --out runs/tiny``.

Stages: captions, pairs of pictures, captions of clips, then the mix of all tasks with side-branch
replies, the learning rates falling to nothing over the last half and the weights averaged. The
whole takes some 75 minutes on two cores. Every 250 steps the run is saved whole; the same command
goes on from there. ``--scale`` shortens or lengthens all stages together.
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

    def state(self) -> dict:
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load(self, state: dict) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])

    def step(self, muon_lr: float, adam_lr: float) -> None:
        for optimiser, lr in ((self.muon, muon_lr), (self.adam, adam_lr)):
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)


def rate(stage: Stage, share: float) -> float:
    """Warm-up over the first 2 %, linear decay to zero over the stage's ``decay`` share."""
    if share < 0.02:
        return (share + 1e-3) / 0.021
    return min(1.0, (1 - share) / stage.decay) if stage.decay else 1.0


KEEP_EVERY = 250
KEPT = 0.98
"""Decay of the weights' running average, which is what each stage ends with."""


class Run:
    """One training: model, optimisers and place, saved whole and taken up again."""

    def __init__(self, out: Path, seed: int, scale: float, init: Path | None) -> None:
        self.out, self.seed, self.scale = out, seed, scale
        self.tokenizer = make_tokenizer(VOCABULARY)
        self.model = make_model(self.tokenizer, seed)
        torch.manual_seed(seed)
        self.heads = nn.Linear(128, 4)
        self.seconds = 0.0
        if init is not None:
            restore(self.model, self.heads, self.tokenizer, init)
            self.seconds = json.loads((init / "training.json").read_text())["seconds"]
        self.labels = torch.tensor(self.tokenizer.convert_tokens_to_ids(["wrong", "right"]))
        out.mkdir(parents=True, exist_ok=True)
        self.log = (out / "log.jsonl").open("a")
        self.state = out / "state.pt"

    def go(self, stages: list[Stage]) -> None:
        done, saved = 0, None
        if self.state.exists():
            saved = torch.load(self.state, weights_only=True)
            done = saved["stage"]
            self.model.load_state_dict(saved["model"])
            self.heads.load_state_dict(saved["heads"])
            self.seconds = saved["seconds"]
        for number, stage in enumerate(stages):
            if number >= done:
                self.stage(number, stage, saved if saved and number == done else None)
        self.save({"stages": [stage.name for stage in stages]})

    def stage(self, number: int, stage: Stage, saved: dict | None) -> None:
        optimisers = Optimisers.of(self.model, self.heads)
        average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        first, steps = 0, max(1, round(stage.steps * self.scale))
        if saved is not None:
            first, average = saved["step"], saved["average"]
            if first:
                optimisers.load(saved["optimisers"])
        stream = Stream(stage, self.seed, first)
        loader = iter(DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=8))
        meters: dict[str, float] = {}
        start = time.perf_counter()
        for step in range(first, steps):
            terms = backward(self.model, self.heads, next(loader), self.labels)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            scale = rate(stage, step / steps)
            optimisers.step(stage.muon * scale, stage.adam * scale)
            with torch.no_grad():
                for name, value in self.model.state_dict().items():
                    average[name].lerp_(value, 1 - KEPT)
            for name, term in terms.items():
                meters[name] = 0.98 * meters.get(name, term) + 0.02 * term
            if (step + 1) % 50 == 0:
                self.note(stage, step + 1, start, meters)
            if (step + 1) % KEEP_EVERY == 0:
                self.keep(number, step + 1, average, optimisers, start)
        self.model.load_state_dict(average)
        self.seconds += time.perf_counter() - start
        self.keep(number + 1, 0, average, optimisers, time.perf_counter())

    def note(self, stage: Stage, step: int, start: float, meters: dict[str, float]) -> None:
        row = {"stage": stage.name, "step": step}
        row["seconds"] = round(self.seconds + time.perf_counter() - start, 1)
        row.update({name: round(value, 4) for name, value in meters.items()})
        print(json.dumps(row), file=self.log, flush=True)

    def keep(
        self, number: int, step: int, average: dict, optimisers: Optimisers, start: float
    ) -> None:
        """The whole state, in one file that is replaced at once."""
        draft = self.state.with_suffix(".draft")
        torch.save(
            {
                "stage": number, "step": step, "average": average,
                "model": self.model.state_dict(), "heads": self.heads.state_dict(),
                "optimisers": optimisers.state(),
                "seconds": self.seconds + time.perf_counter() - start,
            },
            draft,
        )  # fmt: skip
        draft.replace(self.state)

    def save(self, facts: dict) -> None:
        """A transformers checkpoint; ``model.pt`` and ``heads.pt`` are what ``--init`` takes."""
        self.model.save_pretrained(self.out)
        self.tokenizer.save_pretrained(self.out)
        save_processor_files(self.out)
        torch.save(self.model.state_dict(), self.out / "model.pt")
        torch.save(self.heads.state_dict(), self.out / "heads.pt")
        told = {"seed": self.seed, "seconds": round(self.seconds), "scale": self.scale, **facts}
        (self.out / "training.json").write_text(json.dumps(told, indent=1) + "\n")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="times the steps of every stage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init", type=Path, help="begin with the weights of another run")
    parser.add_argument("--only", default="", help="names of stages, comma-separated")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    names = args.only.split(",") if args.only else [stage.name for stage in STAGES]
    run = Run(args.out, args.seed, args.scale, args.init)
    run.go([stage for stage in STAGES if stage.name in names])


if __name__ == "__main__":
    main()
