"""Who trains: the trainer, a bare PyTorch loop of the same steps, and TRL's trainer.

    python perf/_contenders.py NAME WORKLOAD FOLDER BLOCK TURNS

is one of them as a process of :mod:`_turns`. ``FOLDER`` holds the model and the records of the
workload; what is trained is left there as ``NAME.safetensors``, so that the same work is seen to
have been done.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from _turns import ROOT, Turns

BATCH = 4
WORKLOADS = ("tiny judge, joint mix", "Qwen3-VL, pairs of pictures")
RATE = 1e-4


def body(workload: str, folder: Path, out: Path, steps: int) -> dict[str, Any]:
    """The training's config as its YAML file would have it, of one stage."""
    import yaml

    if workload == WORKLOADS[0]:
        found = yaml.safe_load((ROOT / "recipes/tiny_judge.yaml").read_text())
        stages = [{**_joint(found), "steps": steps}]
        return {**found, "output": str(out), "stages": stages, "save": {"every": steps},
                "log_every": 10}  # fmt: skip
    return {
        "output": str(out),
        "model": {"path": str(folder / "model"), "family": "unifiedreward-2"},
        "data": {"sources": [{"records": str(folder / "pairs/records.jsonl")}], "orders": "given"},
        "objective": {"sft": {}},
        "optimiser": {"name": "adamw", "lr": RATE},
        "schedule": {"warmup": 0, "decay": 0},
        "steps": steps,
        "batch": {"size": BATCH},
        "save": {"every": steps},
        "device": "cpu",
        "threads": 1,
    }


def samples_a_step(workload: str) -> int:
    import yaml

    if workload != WORKLOADS[0]:
        return BATCH
    found = yaml.safe_load((ROOT / "recipes/tiny_judge.yaml").read_text())
    return sum(_joint(found)["data"]["parts"].values())


def _joint(recipe: Mapping[str, Any]) -> dict[str, Any]:
    (stage,) = [stage for stage in recipe["stages"] if stage["name"] == "joint"]
    return stage


def opened(
    name: str, workload: str, folder: Path, steps: int, kind: Any = None
) -> tuple[Any, Any, Path]:
    """A run, its one stage, and the folder to train it in."""
    from unireward.training.config import parse_config
    from unireward.training.run import Run

    out = folder / "runs" / f"{WORKLOADS.index(workload)} {name}"
    config = parse_config(body(workload, folder, out, steps), ["batch.accumulation=1"])
    return (kind or Run)(config, lambda line: None), config.stages[0], out


def ours(workload: str, folder: Path, turns: Turns, steps: int) -> dict[str, Any]:
    """The trainer as ``unireward train`` makes it, logging and all."""
    from unireward.training.run import Run

    callback = _callback(turns)
    made: list[Any] = []

    class Watched(Run):
        def _trainer(self, *given: Any) -> Any:
            trainer, metrics = super()._trainer(*given)
            trainer.add_callback(callback)
            made.append(trainer)
            turns.begin()
            return trainer, metrics

    run, stage, _ = opened("ours", workload, folder, steps, Watched)
    run.stage(1, stage)
    average = made[0].average
    return _kept(callback.live, average.state() if average else {})


def bare(workload: str, folder: Path, turns: Turns, steps: int) -> dict[str, Any]:
    """What is left of it in plain PyTorch: no metrics, no log, no checks."""
    import torch
    from torch.utils.data import DataLoader

    from unireward.training.optimiser import make_optimiser, make_schedule
    from unireward.training.share import Share
    from unireward.training.trainee import trained_state

    run, stage, _ = opened("bare", workload, folder, steps)
    share = Share(steps, stage.batch.size, seed=run.config.seed * 1000 + 1)
    data = run._data(stage, share)
    loader = DataLoader(
        data, batch_size=1, collate_fn=lambda items: items[0], num_workers=run.config.workers,
        prefetch_factor=4, persistent_workers=True,
    )  # fmt: skip
    model = run.trainee.train()
    live = list(trained_state(model).values())
    optimiser = make_optimiser(model, stage.optimiser)
    schedule = make_schedule(optimiser, stage.schedule, steps)
    mean = [weight.detach().clone() for weight in live] if stage.average else []
    asked = ("wrong", "right") if "words" in stage.objective else ()
    words = [run.subject.token_id(word) for word in asked]
    turns.begin()
    for batch in loader:
        totals = _totals(batch["parts"])
        for part in batch["parts"]:
            _loss(model(part), part, totals, words).backward()
        torch.nn.utils.clip_grad_norm_(live, stage.optimiser.max_grad_norm)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if mean:
            torch._foreach_lerp_(mean, [w.detach() for w in live], 1 - stage.average)
        turns.step_done()
    return _kept(trained_state(model), dict(zip(trained_state(model), mean)))


def _totals(parts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What each loss of a step is divided by, summed over its parts."""
    totals: dict[str, Any] = {"sft": 0, "words": 0, "score": 0}
    for part in parts:
        if "targets" in part:
            totals["sft"] += part["target_weights"][part["targets"] != -100].sum()
        if "words" in part:
            totals["words"] += (part["words"] != -100).sum()
        if "aux_score" in part:
            totals["score"] += (~part["aux_score"].isnan()).sum()
    return totals


def _loss(outputs: Any, part: Mapping[str, Any], totals: dict[str, Any], words: list[int]) -> Any:
    """The losses of both workloads, written out."""
    import torch.nn.functional as F

    each = F.cross_entropy(outputs.logits, part["targets"], reduction="none", ignore_index=-100)
    loss = (each * part["target_weights"]).sum() / totals["sft"]
    if words and "words" in part and totals["words"]:
        at = part["words"] != -100
        two = outputs.logits[at][:, words]
        loss = loss + F.cross_entropy(two, part["words"][at], reduction="sum") / totals["words"]
    if "score" in outputs.aux and "aux_score" in part and totals["score"]:
        known = ~part["aux_score"].isnan()
        off = outputs.aux["score"][known] - part["aux_score"][known]
        loss = loss + off.square().sum() / totals["score"]
    return loss


def trl(workload: str, folder: Path, turns: Turns, steps: int) -> dict[str, Any]:
    """TRL's SFTTrainer with the same prompts, pictures, replies, order and rates."""
    from datasets import Dataset, Image, List
    from trl import SFTConfig, SFTTrainer  # pyright: ignore[reportMissingImports]

    run, stage, out = opened("trl", workload, folder, steps)
    rows = list(_rows(run, stage, steps))
    data = Dataset.from_list(rows).cast_column("images", List(Image()))
    settings = SFTConfig(
        output_dir=str(out / "trl"), max_steps=steps, per_device_train_batch_size=BATCH,
        train_sampling_strategy="sequential", dataloader_num_workers=1,
        dataloader_prefetch_factor=4, dataloader_persistent_workers=True, learning_rate=RATE,
        lr_scheduler_type="constant", optim="adamw_torch", max_grad_norm=1.0, weight_decay=0.0,
        completion_only_loss=True, max_length=None, gradient_checkpointing=False, bf16=False,
        use_cpu=True, save_strategy="no", logging_steps=10, report_to=[], disable_tqdm=True,
        log_level="error",
    )  # fmt: skip
    subject = run.subject
    trainer = SFTTrainer(
        subject.parts.model, settings, train_dataset=data, processing_class=subject.processor
    )
    trainer.add_callback(_callback(turns))
    turns.begin()
    trainer.train()
    return dict(_trained(run.trainee))


def _rows(run: Any, stage: Any, steps: int) -> Iterator[dict[str, Any]]:
    """Every sample of every step, in order, as TRL has it: prompt, completion, paths."""
    from unireward.ask import TextContent
    from unireward.training.examples import asks_of
    from unireward.training.share import Share

    share = Share(steps, stage.batch.size, seed=run.config.seed * 1000 + 1)
    data = run._data(stage, share)
    for step in range(steps):
        for draw in data.plan[step]:
            source, stratum = data._homes[draw.stratum]
            example, _ = source.example(stratum, draw.index, data._turn(draw))
            (ask,) = asks_of(example, data.collator.family)
            content = [
                {"type": "text", "text": part.text}
                if isinstance(part, TextContent)
                else {"type": "image", "text": None}
                for part in ask.messages[-1].content
            ]
            said = [{"type": "text", "text": "".join(example.replies[0])}]
            named = {one.id: one.content[0].path for one in example.record.candidates}
            yield {
                "prompt": [{"role": "user", "content": content}],
                "completion": [{"role": "assistant", "content": said}],
                "images": [named[name] for name in example.order],
            }


def _callback(turns: Turns) -> Any:
    from transformers import TrainerCallback

    class Counting(TrainerCallback):
        live: Mapping[str, Any]

        def on_step_end(self, *_: Any, **__: Any) -> None:
            turns.step_done()

        def on_train_end(self, *_: Any, model: Any = None, **__: Any) -> None:
            self.live = {name: weight.detach().clone() for name, weight in _trained(model)}

    return Counting()


def _trained(model: Any) -> Any:
    from unireward.training.trainee import trained_state

    return trained_state(model).items()


def _kept(live: Mapping[str, Any], mean: Mapping[str, Any]) -> dict[str, Any]:
    return {**live, **{f"mean {name}": weight for name, weight in mean.items()}}


def main(name: str, workload: str, folder: Path, block: int, number: int) -> None:
    from safetensors.torch import save_file

    train = {"ours": ours, "bare": bare, "trl": trl}[name]
    kept = train(workload, folder, Turns(block), block * number)
    save_file({key: w.detach().clone().contiguous() for key, w in kept.items()},
              folder / f"{name}.safetensors")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
