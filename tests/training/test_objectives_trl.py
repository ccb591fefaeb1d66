"""The same batch through TRL's trainers and through the terms.

``RECORDED`` are the numbers that TRL 1.16.0 (transformers 5.23.0, torch 2.13.0, CPU) gave for the
model and batches below; where TRL is installed, its trainers are run again and compared too. The
models' weights are written by a formula, so that they are the same everywhere.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2ForSequenceClassification

from unireward.training.objectives import (
    Batch,
    BradleyTerry,
    BradleyTerryOptions,
    Dpo,
    DpoOptions,
    Objective,
    Outputs,
    Sft,
    SftOptions,
    sequence_logps,
)

VOCABULARY, PAD = 23, 0
PAIRS = [
    {"prompt_ids": [1, 5, 9], "chosen_ids": [4, 2, 7, 3], "rejected_ids": [6, 3]},
    {"prompt_ids": [8, 11], "chosen_ids": [21, 19, 3], "rejected_ids": [10, 13, 14, 2, 3]},
    {"prompt_ids": [15, 16, 17, 18], "chosen_ids": [19, 3], "rejected_ids": [20, 21, 3]},
]
MARGINS = [0.5, 0.0, 2.0]
DPO = {
    "sigmoid": {"loss": "sigmoid"},
    "ipo": {"loss": "ipo"},
    "hinge": {"loss": "hinge"},
    "robust": {"loss": "robust", "label_smoothing": 0.1},
    "sigmoid_norm": {"loss": "sigmoid", "average": True},
}
"""TRL's loss types and our options."""
BETA = 0.3

RECORDED: dict[str, dict[str, float]] = {
    "dpo/sigmoid": {
        "loss": 0.70785409,
        "gradient": 1.8023482,
        "accuracy": 0.33333334,
        "margin": -0.024528449,
        "chosen": -0.25008556,
        "chosen_logp": -9.9401369,
        "rejected_logp": -13.588493,
    },
    "dpo/ipo": {
        "loss": 2.7090142,
        "gradient": 12.974907,
        "chosen_logp": -9.9401369,
        "rejected_logp": -13.588493,
    },
    "dpo/hinge": {
        "loss": 1.0245285,
        "gradient": 3.6183248,
        "accuracy": 0.33333334,
        "margin": -0.024528449,
        "chosen": -0.25008556,
        "chosen_logp": -9.9401369,
        "rejected_logp": -13.588493,
    },
    "dpo/robust": {
        "loss": 0.71092016,
        "gradient": 2.2539208,
        "accuracy": 0.33333334,
        "margin": -0.024528449,
        "chosen": -0.25008556,
        "chosen_logp": -9.9401369,
        "rejected_logp": -13.588493,
    },
    "dpo/sigmoid_norm": {
        "loss": 0.6886,
        "gradient": 0.61044878,
        "chosen_logp": -9.9401369,
        "rejected_logp": -13.588493,
    },
    "dpo/sigmoid+sft": {
        "loss": 2.3645437,
        "gradient": 2.76153,
        "accuracy": 0.33333334,
        "margin": -0.024528449,
        "chosen": -0.25008556,
        "chosen_logp": -9.9401369,
        "rejected_logp": -13.588493,
    },
    "sft/nll": {
        "loss": 3.3133795,
        "gradient": 2.6889257,
        "accuracy": 0.11111111,
    },
    "sft/smoothed": {
        "loss": 3.3492215,
        "gradient": 2.4081172,
        "accuracy": 0.11111111,
    },
    "reward/plain": {
        "loss": 0.65185624,
        "gradient": 1.6318778,
        "accuracy": 0.66666669,
        "margin": 0.11234958,
    },
    "reward/margins": {
        "loss": 1.2301614,
        "gradient": 1.9482922,
        "accuracy": 0.66666669,
        "margin": 0.11234958,
    },
}


def config(**more: Any) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64, pad_token_id=PAD,
        bos_token_id=1, eos_token_id=3, tie_word_embeddings=False, attn_implementation="eager",
        **more,
    )  # fmt: skip


def written(model: Any, phase: float) -> Any:
    """The model with weights that need no random numbers."""
    with torch.no_grad():
        for k, weight in enumerate(model.parameters()):
            at = torch.arange(weight.numel(), dtype=torch.float64)
            wave = torch.cos(at * at * 0.37 + k + phase).view(weight.shape)
            weight.copy_(1 + 0.1 * wave if weight.dim() == 1 else 0.35 * wave)
    return model.eval()


def policy() -> Qwen2ForCausalLM:
    return written(Qwen2ForCausalLM(config()), 0.0)


def reference() -> Qwen2ForCausalLM:
    return written(Qwen2ForCausalLM(config()), 0.25)


def scorer() -> Qwen2ForSequenceClassification:
    return written(Qwen2ForSequenceClassification(config(num_labels=1)), 0.3)


# Ours -----------------------------------------------------------------------------------------


def supervised(model: Any, rows: list[tuple[list[int], list[int]]]) -> tuple[Outputs, Batch]:
    """Each (prompt, reply) run by itself: outputs and fields of its supervised positions."""
    logits, targets, sequence = [], [], []
    for row, (prompt, reply) in enumerate(rows):
        out = model(input_ids=torch.tensor([prompt + reply])).logits[0]
        logits.append(out[len(prompt) - 1 : -1])
        targets += reply
        sequence += [row] * len(reply)
    batch = {"targets": torch.tensor(targets), "sequence": torch.tensor(sequence)}
    return Outputs(logits=torch.cat(logits)), batch


def pair_rows() -> tuple[list[tuple[list[int], list[int]]], dict[str, Tensor]]:
    rows = [(pair["prompt_ids"], pair["chosen_ids"]) for pair in PAIRS]
    rows += [(pair["prompt_ids"], pair["rejected_ids"]) for pair in PAIRS]
    n = len(PAIRS)
    return rows, {"chosen": torch.arange(n), "rejected": torch.arange(n) + n}


def our_dpo(options: dict[str, Any], sft: float = 0.0) -> dict[str, float]:
    rows, pairs = pair_rows()
    model = policy()
    outputs, batch = supervised(model, rows)
    with torch.no_grad():
        told, fields = supervised(reference(), rows)
        assert told.logits is not None
        logps, _ = sequence_logps(told.logits, fields["targets"], fields["sequence"], len(rows))
    of_chosen = (batch["sequence"] < len(PAIRS)).float()
    batch = {**batch, **pairs, "reference_logps": logps, "target_weights": of_chosen}
    objective = Objective([Dpo(DpoOptions(beta=BETA, **options)), Sft(coefficient=sft)])
    loss, metrics = objective(outputs, batch, objective.weights(batch))
    found = {
        "loss": loss.item(),
        "gradient": gradient_norm(loss, model),
        "chosen_logp": metrics["dpo/chosen_logp"].item(),
        "rejected_logp": metrics["dpo/rejected_logp"].item(),
    }
    if options["loss"] == "ipo" or options.get("average"):
        return found  # TRL's metrics are of sums there, ours of the means that the loss compares
    return {
        **found,
        "accuracy": metrics["dpo/accuracy"].item(),
        "margin": metrics["dpo/margin"].item(),
        "chosen": metrics["dpo/chosen"].item(),
    }


def our_sft(options: dict[str, Any]) -> dict[str, float]:
    model = policy()
    outputs, batch = supervised(model, [(p["prompt_ids"], p["chosen_ids"]) for p in PAIRS])
    objective = Objective([Sft(SftOptions(**options))])
    loss, metrics = objective(outputs, batch, objective.weights(batch))
    return {"loss": loss.item(), "gradient": gradient_norm(loss, model),
            "accuracy": metrics["sft/accuracy"].item()}  # fmt: skip


def our_reward(margins: bool) -> dict[str, float]:
    rows, pairs = pair_rows()
    model = scorer()
    rewards = torch.cat([model(input_ids=torch.tensor([a + b])).logits for a, b in rows])
    batch = {**pairs, "margin": torch.tensor(MARGINS)}
    objective = Objective([BradleyTerry(BradleyTerryOptions(pair_margins=margins, centring=0.01))])
    loss, metrics = objective(Outputs(rewards=rewards), batch, objective.weights(batch))
    return {
        "loss": loss.item(),
        "gradient": gradient_norm(loss, model),
        "accuracy": metrics["bradley-terry/accuracy"].item(),
        "margin": metrics["bradley-terry/margin"].item(),
    }


def gradient_norm(loss: Tensor, model: torch.nn.Module) -> float:
    """Of all weights together."""
    found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    return math.sqrt(sum(float(g.square().sum()) for g in found if g is not None))


OURS: dict[str, Any] = {
    **{f"dpo/{kind}": partial(our_dpo, options) for kind, options in DPO.items()},
    "dpo/sigmoid+sft": partial(our_dpo, DPO["sigmoid"], sft=0.5),
    "sft/nll": partial(our_sft, {}),
    "sft/smoothed": partial(our_sft, {"label_smoothing": 0.1}),
    "reward/plain": partial(our_reward, False),
    "reward/margins": partial(our_reward, True),
}


@pytest.mark.parametrize("case", OURS)
def test_the_terms_give_the_numbers_that_trl_gave(case: str) -> None:
    assert OURS[case]() == pytest.approx(RECORDED[case], rel=2e-5, abs=2e-6)


# TRL's ----------------------------------------------------------------------------------------


def tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = {f"w{i}": i for i in range(VOCABULARY)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="w0")),
        pad_token="w0", eos_token="w3", bos_token="w1",
    )  # fmt: skip


def settings(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder), "per_device_train_batch_size": len(PAIRS), "report_to": [],
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "disable_tqdm": True,
        "max_length": None, "shuffle_dataset": False,
    }  # fmt: skip


def accepted(made: Any, wished: dict[str, Any]) -> Any:
    """A config of the settings that this class has."""
    from dataclasses import fields

    names = {field.name for field in fields(made)}
    return made(**{key: value for key, value in wished.items() if key in names})


def last(trainer: Any, name: str) -> float:
    return float(trainer._metrics["train"][name][-1])


def run(trainer: Any, batch: dict[str, Any]) -> tuple[float, float]:
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, dict(batch))
    return loss.item(), gradient_norm(loss, trainer.model)


def trl_dpo(kinds: list[str], folder: Path) -> dict[str, float]:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    wished = {
        **settings(folder), "loss_type": kinds, "loss_weights": [1.0, 0.5][: len(kinds)],
        "beta": BETA, "label_smoothing": DPO[kinds[0]].get("label_smoothing", 0.0),
    }  # fmt: skip
    said = [{"prompt": "w1", "chosen": "w2", "rejected": "w4"}]
    trainer = DPOTrainer(
        model=policy(), ref_model=reference(), args=accepted(DPOConfig, wished),
        train_dataset=Dataset.from_list(said), processing_class=tokenizer(),
    )  # fmt: skip
    loss, gradient = run(trainer, trainer.data_collator(PAIRS))
    return {
        "loss": loss,
        "gradient": gradient,
        "accuracy": last(trainer, "rewards/accuracies"),
        "margin": last(trainer, "rewards/margins"),
        "chosen": last(trainer, "rewards/chosen"),
        "chosen_logp": last(trainer, "logps/chosen"),
        "rejected_logp": last(trainer, "logps/rejected"),
    }


def trl_sft(smoothing: float, folder: Path) -> dict[str, float]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    wished = {**settings(folder), "label_smoothing_factor": smoothing, "completion_only_loss": True}
    trainer = SFTTrainer(
        model=policy(), args=accepted(SFTConfig, wished), processing_class=tokenizer(),
        train_dataset=Dataset.from_list([{"prompt": "w1", "completion": "w2"}]),
    )  # fmt: skip
    rows = [
        {
            "input_ids": pair["prompt_ids"] + pair["chosen_ids"],
            "labels": [-100] * len(pair["prompt_ids"]) + pair["chosen_ids"],
        }
        for pair in PAIRS
    ]
    loss, gradient = run(trainer, trainer.data_collator(rows))
    return {"loss": loss, "gradient": gradient, "accuracy": last(trainer, "mean_token_accuracy")}


def trl_reward(margins: bool, folder: Path) -> dict[str, float]:
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    wished = {**settings(folder), "center_rewards_coefficient": 0.01}
    trainer = RewardTrainer(
        model=scorer(), args=accepted(RewardConfig, wished), processing_class=tokenizer(),
        train_dataset=Dataset.from_list([{"chosen": "w1 w2", "rejected": "w1 w4"}]),
    )  # fmt: skip
    rows = [
        {
            "chosen_ids": pair["prompt_ids"] + pair["chosen_ids"],
            "rejected_ids": pair["prompt_ids"] + pair["rejected_ids"],
            **({"margin": margin} if margins else {}),
        }
        for pair, margin in zip(PAIRS, MARGINS)
    ]
    loss, gradient = run(trainer, trainer.data_collator(rows))
    return {"loss": loss, "gradient": gradient, "accuracy": last(trainer, "accuracy"),
            "margin": last(trainer, "margin")}  # fmt: skip


def trl_case(case: str, folder: Path) -> dict[str, float]:
    room, kind = case.split("/")
    if room == "dpo":
        return trl_dpo(kind.split("+"), folder)
    if room == "sft":
        return trl_sft(0.1 if kind == "smoothed" else 0.0, folder)
    return trl_reward(kind == "margins", folder)


@pytest.mark.parametrize("case", OURS)
def test_the_terms_give_the_numbers_that_trl_gives(case: str, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    ours, theirs = OURS[case](), trl_case(case, tmp_path)
    assert ours == pytest.approx({key: theirs[key] for key in ours}, rel=2e-5, abs=2e-6)
