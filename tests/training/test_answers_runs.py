"""Trainings of a model that answers: on the best answers, then by preference; no judge at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.runs import ROOT
from unireward.engines.sequences import Encoder
from unireward.errors import InputError
from unireward.policies.asking import Showing, plain_ask
from unireward.record import Record
from unireward.training.config import TrainConfig, parse_config
from unireward.training.run import train
from unireward.training.share import Share
from unireward.training.subjects import subject_of
from unireward.world.write import write_world

TINY = ROOT / "src" / "unireward" / "assets" / "tiny"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers")
    write_world("image_understanding", 8, 3, folder)
    return folder / "records.jsonl"


def config(out: Path, records: Path, **more: Any) -> TrainConfig:
    return parse_config({
        "output": str(out),
        "model": {"path": str(TINY), "answers": True},
        "data": {"sources": [{"records": str(records)}]},
        "objective": {"sft": {}},
        "steps": 2, "batch": {"size": 4}, "optimiser": {"lr": 1e-3}, "save": {"every": 2},
        "log_every": 1, "workers": 0, "threads": 1, "device": "cpu", "tensorboard": False, **more,
    })  # fmt: skip


def test_answers_are_learned_and_then_preferred(answers: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    stages = [{"name": "learn"}, {"name": "prefer", "objective": {"dpo": {"beta": 0.2}}}]
    result = train(config(tmp_path, answers, stages=stages))
    assert (result.what, result.folder) == ("policy", tmp_path / "policy")
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    first = next(row for row in log if (row["stage"], row["step"]) == ("prefer", 1))
    assert first["dpo/loss"] == pytest.approx(math.log(2), rel=1e-4)
    files = {file.name for file in result.folder.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "training.json"} <= files
    assert "judge.json" not in files
    told = json.loads((result.folder / "training.json").read_text())
    assert [stage["name"] for stage in told["stages"]] == ["learn", "prefer"]
    model = AutoModelForImageTextToText.from_pretrained(result.folder)
    kept = load_file(tmp_path / "stages/2-prefer/final/trained.safetensors")
    own = dict(model.named_parameters())
    assert all(torch.equal(weight, own[name.removeprefix("model.")])
               for name, weight in kept.items() if name.removeprefix("model.") in own)  # fmt: skip
    assert len(own) > 20


def test_the_best_answer_is_the_reply_to_the_prompt_as_it_stands(
    answers: Path, tmp_path: Path
) -> None:
    shown = {"system": "answer", "max_pixels": 64 * 64}
    made = config(tmp_path, answers, model={"path": str(TINY), "answers": shown})
    subject = subject_of(made)
    made.output.mkdir(exist_ok=True)
    subject.build(first=True)
    stage = made.stages[0]
    (part,) = subject.data(stage, Share(steps=1, size=8, seed=1))[0]["parts"]
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    by_id = {row["id"]: row for row in rows}
    encoder = Encoder(subject.processor)  # type: ignore[attr-defined]
    ids, width = part["inputs"]["input_ids"], part["inputs"]["input_ids"].shape[1]
    decided = [row for row in rows if len(row["label"]["ranking"][0]) == 1]
    assert len(decided) > 3
    for place, name in enumerate(part["record_ids"]):
        row = by_id[name]
        for part_of in row["prompt"]:
            if part_of.get("path"):
                part_of["path"] = str(answers.parent / part_of["path"].split("/world/")[-1])
        record = Record.model_validate(row)
        tier = row["label"]["ranking"][0]
        texts = {record.candidate(best).text for best in tier}
        ask = plain_ask(record.prompt, Showing.model_validate(shown))
        expected = [encoder([ask], [("", text)])[0].tokens["input_ids"] for text in texts]
        real = part["inputs"]["attention_mask"][place].bool()
        assert ids[place][real].tolist() in expected
        # The first supervised position is the last of the prompt.
        at = int(part["logits_at"][part["sequence"] == place][0])
        prompt = len(encoder([ask], [None])[0].tokens["input_ids"])
        assert at == place * width + prompt - 1


def test_it_answers_as_it_is_trained(answers: Path, tmp_path: Path) -> None:
    from unireward.files.prompts import read_prompts

    made = config(tmp_path, answers)
    subject = subject_of(made)
    made.output.mkdir(exist_ok=True)
    subject.build(first=True)
    policy = subject.policy(temperature=0.7, max_tokens=4)
    prompts = list(read_prompts(answers))[:2]
    for sampled in policy.sample(prompts, 2, seed=0):
        assert len(sampled.candidates) + len(sampled.left_out) == 2
        assert sampled.policy == "mine"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"objective": {"bradley-terry": {}}}, "bradley-terry is nothing that a policy learns by"),
        ({"objective": {"denoise": {}}}, "use one of dpo, sft"),
        (
            {"evaluation": {"every": 2, "world": {"image_understanding": 2}}},
            "a policy has no evaluation of its own",
        ),
    ],
)
def test_what_a_model_that_answers_does_not_learn(
    more: dict[str, Any], said: str, answers: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        train(config(tmp_path / "run", answers, **more))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"path": "x"}, "model: says neither; give one of family"),
        ({"path": "x", "family": "tiny", "answers": True}, "model: says family and answers"),
        ({"generator": True}, "model: give path .* or factory"),
        ({"path": "x", "answers": {"frames": "some"}}, "model.answers.frames: frame rule 'some'"),
        ({"path": "x", "generator": {"frames": "all"}}, "takes no fixed number of frames"),
        ({"path": "x", "generator": {"logit_normal": [0, 0]}}, "has the deviation 0; give one"),
        ({"path": "x", "generator": {"export": "beside"}}, "there are no adapters; add lora"),
        ({"path": "x", "generator": True, "head": {}}, "model.head: is no field"),
        ("x", "model: must be an object"),
    ],
)
def test_a_model_is_told_by_what_it_says(model: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        config(tmp_path, tmp_path / "x.jsonl", model=model)
    assert "more)" not in str(caught.value)


def test_data_belong_to_what_is_trained(tmp_path: Path) -> None:
    data = {"sources": [{"records": "x.jsonl"}], "modes": {"rank": 1}}
    with pytest.raises(InputError, match=r"^data.modes: is no field"):
        config(tmp_path, tmp_path / "x.jsonl", data=data)
    evaluation = {"every": 2, "world": {"image_understanding": 2}, "metric": "x"}
    with pytest.raises(InputError, match="options and metric belong to an evaluator"):
        config(tmp_path, tmp_path / "x.jsonl", evaluation=evaluation)
