"""What comes out of a training: heads by every loading path, merged adapters, the best weights."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import unireward as ur
from tests.training.runs import ROOT
from unireward.errors import InputError
from unireward.training.config import parse_config
from unireward.training.run import train
from unireward.world.write import write_world

TINY = ROOT / "src" / "unireward" / "assets" / "tiny"


def given(out: Path, records: Path, **more: Any) -> dict[str, Any]:
    return {
        "output": str(out),
        "model": {"path": str(TINY), "family": "tiny"},
        "data": {"sources": [{"records": str(records)}]},
        "steps": 2,
        "batch": {"size": 4},
        "optimiser": {"lr": 1e-3},
        "save": {"every": 2},
        "log_every": 1,
        "workers": 0,
        "threads": 1,
        "device": "cpu",
        "tensorboard": False,
        **more,
    }


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    write_world("image_generation", 8, 3, folder)
    return folder / "records.jsonl"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers")
    write_world("image_understanding", 8, 3, folder)
    return folder / "records.jsonl"


def test_a_trained_head_gives_the_same_scores_by_every_path(pairs: Path, tmp_path: Path) -> None:
    from unireward.rewards.reward_model import RewardModel

    model = {"path": str(TINY), "family": "head", "head": {"kind": "linear"}}
    result = train(
        parse_config(given(tmp_path, pairs, model=model, objective={"bradley-terry": {}}))
    )
    records = list(ur.read_records(pairs))[:3]
    judge = ur.load(result.judge, cache=False)
    judgments = judge(records, "score")
    assert all(judgment.ok for judgment in judgments)
    served = [judgment.raw for judgment in judgments]

    ours = RewardModel.load(result.judge)
    config = json.loads((result.judge / "config.json").read_text())
    assert config["architectures"] == ["Qwen3VLForSequenceClassification"]
    tensors = load_file(result.judge / "model.safetensors")
    weight = tensors["score.weight"]
    assert weight.shape == (1, 128)

    from transformers import Qwen3VLModel

    base = Qwen3VLModel.from_pretrained(result.judge).eval()
    for record, raw in zip(records, served, strict=True):
        for candidate in record.candidates:
            inputs = _inputs(judge, record, candidate.id)
            with torch.inference_mode():
                by_class = ours(inputs).scores.item()
                states = base(**inputs).last_hidden_state[0, -1]
                by_hand = (weight @ states).item()
            assert by_class == pytest.approx(raw[candidate.id], abs=1e-5)
            assert by_hand == pytest.approx(raw[candidate.id], abs=1e-5)


def _inputs(judge: Any, record: ur.Record, candidate: str) -> dict[str, torch.Tensor]:
    """The tensors of one candidate, as the engine makes them."""
    (form,) = judge.family.forms_for(record.task, "score")
    ask = judge.family.ask(form, record, (candidate,), engine_kind="transformers")
    item = judge.engine._prepare(0, ask)
    return dict(judge.engine._inputs([item]))


def test_adapters_are_merged_by_their_formula(pairs: Path, tmp_path: Path) -> None:
    model = {"path": str(TINY), "family": "tiny", "lora": {"r": 2, "alpha": 6.0}}
    result = train(parse_config(given(tmp_path, pairs, model=model, objective={"sft": {}})))
    trained = load_file(tmp_path / "stages" / "1-train" / "final" / "trained.safetensors")
    assert all("lora_" in name for name in trained)
    name = "model.language_model.layers.1.mlp.up_proj"
    a = next(w for n, w in trained.items() if name in n and "lora_A" in n).double().numpy()
    b = next(w for n, w in trained.items() if name in n and "lora_B" in n).double().numpy()
    before = load_file(TINY / "model.safetensors")[f"{name}.weight"].double().numpy()
    after = load_file(result.judge / "model.safetensors")[f"{name}.weight"].numpy()
    assert np.abs(b).max() > 0
    np.testing.assert_allclose(after, before + (6.0 / 2) * b @ a, atol=1e-6)
    assert ur.load(result.judge, cache=False).family.id == "tiny"


def test_dpo_begins_at_its_reference(answers: Path, tmp_path: Path) -> None:
    """Before the first step the policy is the reference: the loss is log 2 to rounding."""
    for name, lora in {"adapters": {"r": 2}, "copy": None}.items():
        model = {"path": str(TINY), "family": "tiny", "lora": lora}
        out = tmp_path / name
        train(parse_config(given(out, answers, model=model, objective={"dpo": {"beta": 0.5}},
                                 data={"sources": [{"records": str(answers)}], "ties": "skip",
                                       "unusable": "skip"})))  # fmt: skip
        rows = [row for row in log(out) if "dpo/loss" in row]
        assert rows[0]["dpo/loss"] == pytest.approx(math.log(2), abs=1e-4)
        assert rows[1]["dpo/loss"] != pytest.approx(math.log(2), abs=1e-4)


def test_what_a_loss_learns_is_trained_and_kept(pairs: Path, tmp_path: Path) -> None:
    """The width of a tie moves, and a run that is done before is taken up with it."""
    model = {"path": str(TINY), "family": "head", "head": {"kind": "linear"}}
    terms = {"bradley-terry": {"ties": "davidson", "learn_tie_width": True}}
    stages = [{"name": "one"}, {"name": "two", "objective": {"bradley-terry": {}}}]
    body = given(tmp_path, pairs, model=model, objective=terms, stages=stages,
                 optimiser={"lr": 0.05})  # fmt: skip
    result = train(parse_config(body))
    learned = load_file(tmp_path / "stages" / "1-one" / "final" / "trained.safetensors")
    (name,) = [name for name in learned if name.startswith("objective.")]
    start = parse_config(body).stages[0].objective
    from unireward.training.objectives import make_objective

    (first,) = make_objective(start).parameters()
    assert not torch.equal(first.detach(), learned[name])
    before = load_file(result.judge / "model.safetensors")
    said: list[str] = []
    train(parse_config(body), said.append)
    assert said == ["stage one: done before", "stage two: done before"]
    after = load_file(result.judge / "model.safetensors")
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_frozen_parts_do_not_move(pairs: Path, tmp_path: Path) -> None:
    model = {"path": str(TINY), "family": "tiny", "freeze": ["vision", "projector"]}
    result = train(parse_config(given(tmp_path, pairs, model=model, objective={"sft": {}})))
    before, after = load_file(TINY / "model.safetensors"), load_file(
        result.judge / "model.safetensors")  # fmt: skip
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert not any("visual" in name for name in moved)


def test_the_best_weights_are_kept(pairs: Path, tmp_path: Path) -> None:
    """A rate that ruins the judge: the stage ends with the weights before it was ruined."""
    result = train(
        parse_config(
            given(
                tmp_path,
                pairs,
                objective={"sft": {}},
                steps=3,
                save={"every": 1},
                optimiser={"lr": 0.5, "max_grad_norm": None},
                schedule={"warmup": 1.0, "decay": 0},
                evaluation={"every": 1, "world": {"image_generation": 12}},
                average=None,
            )
        )
    )
    judged = {row["step"]: row["eval_accuracy"] for row in log(tmp_path) if "eval_accuracy" in row}
    assert set(judged) == {1, 2, 3}
    best = max(judged, key=lambda step: (judged[step], -step))
    stage = tmp_path / "stages" / "1-train"
    kept = load_file(stage / f"checkpoint-{best}" / "trained.safetensors")
    final = load_file(stage / "final" / "trained.safetensors")
    assert all(torch.equal(kept[name], final[name]) for name in kept)
    assert (result.judge / "judge.json").is_file()


def spoilt(pairs: Path, folder: Path) -> Path:
    """The records with one picture of row 5 gone."""
    rows = [json.loads(line) for line in pairs.read_text().splitlines()]
    for row in rows:
        for candidate in row["candidates"]:
            for part in candidate["content"]:
                part["path"] = str(pairs.parent / part["path"])
    rows[4]["candidates"][1]["content"][0]["path"] = str(folder / "gone.png")
    file = folder / "records.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_a_missing_picture_stops_with_its_row(pairs: Path, tmp_path: Path) -> None:
    file = spoilt(pairs, tmp_path)
    with pytest.raises(InputError, match=r"records.jsonl:5: .*gone\.png"):
        train(parse_config(given(tmp_path / "run", file, objective={"sft": {}})))


def test_or_is_left_out_and_counted_where_the_config_says_so(pairs: Path, tmp_path: Path) -> None:
    file = spoilt(pairs, tmp_path)
    out = tmp_path / "run"
    data = {"sources": [{"records": str(file)}], "media": "skip"}
    said: list[str] = []
    train(parse_config(given(out, file, objective={"sft": {}}, data=data)), said.append)
    (told,) = [row for row in log(out) if row["step"] == 0]
    counts = {key: value for key, value in told.items() if key.startswith("skipped/")}
    assert list(counts.values()) == [1]
    assert any("skipped/" in line for line in said)


def test_another_architecture_is_no_start(tmp_path: Path, pairs: Path) -> None:
    folder = tmp_path / "bert"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    model = {"path": str(folder), "family": "tiny"}
    with pytest.raises(InputError, match="bert"):
        train(parse_config(given(tmp_path / "run", pairs, model=model, objective={"sft": {}})))
