"""Configs: what a stage takes from the top, overrides by dotted name, one-line faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.runs import ROOT, body
from unireward.errors import InputError
from unireward.training.config import TrainConfig, load_config, parse_config


def staged(tmp_path: Path, *overrides: str) -> TrainConfig:
    given = body(tmp_path)
    given["stages"] = [
        {"name": "one", "steps": 7, "optimiser": {"lr": 0.5}},
        {"name": "two", "objective": {"caption": {}}, "schedule": {"decay": 0.25}},
    ]
    given["settings"] = {"small": {"stages.0.steps": 3, "seed": 9}}
    return parse_config(given, overrides)


def test_a_stage_takes_from_the_top_what_it_does_not_say(tmp_path: Path) -> None:
    one, two = staged(tmp_path).stages
    assert (one.steps, two.steps) == (7, 4)
    assert (one.optimiser.lr, one.optimiser.adam_lr, one.optimiser.name) == (0.5, 2e-3, "muon")
    assert (two.optimiser.lr, two.schedule.decay) == (3e-3, 0.25)
    assert one.data == two.data
    # Half of another stage's losses is never what was meant.
    assert set(one.objective) == {"sft", "words", "score"}
    assert set(two.objective) == {"caption"}


def test_overrides_reach_any_depth_and_keep_their_order(tmp_path: Path) -> None:
    found = staged(tmp_path, "setting=small", "stages.1.optimiser.lr=1e-5", "stages.0.steps=5",
                   "model.freeze=[vision]", "average=null")  # fmt: skip
    assert (found.seed, found.stages[0].steps) == (9, 5)
    assert found.stages[1].optimiser.lr == 1e-5
    assert found.model.freeze == ("vision",)
    assert found.stages[0].average is None


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("steps", "no key=value"),
        ("setting=huge", "setting 'huge' is not in the file; it has small"),
        ("stages.2.steps=1", "'2' is no place of a list of 2"),
        ("steps.more=1", "there is nothing below 'more'"),
        ("optimizer.lr=1", "optimizer: is no field"),
        ("stages.0.steps=0", r"stages\[0\].steps"),
        ("optimiser.lr=fast", r"stages\[1\].optimiser.lr: must be a number"),
        ("stages.1.name=one", "two stages are called 'one'"),
        ("objective=null", "objective"),
        ("model.path=somewhere", "model: .*one of them"),
        ("stages.0.name=a/b", r"stages\[0\].name"),
        (
            "evaluation={every: 3, world: {image_generation: 4}}",
            r"save.every \(2\) must be a multiple of evaluation.every \(3\)",
        ),
    ],
)
def test_faults_name_field_and_mend(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        staged(tmp_path, override)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [", "is no YAML"), ("- 1", "holds no mapping"), ("output: x", "model: is missing")],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        load_config(file)
    assert str(caught.value).startswith(str(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a YAML config"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("setting", [[], ["setting=small"]])
def test_the_recipe_of_the_shipped_judge_is_a_config(setting: list[str]) -> None:
    found = load_config(ROOT / "recipes" / "tiny_judge.yaml", setting)
    names = [stage.name for stage in found.stages]
    assert names == ["captions", "images", "clips", "joint", "photographs"]
    kinds = {name.split()[0] for name in found.stages[3].data["parts"]}
    assert kinds == {"image", "photograph", "clip", "edit", "question", "clip_question"}


def test_what_a_config_names_must_exist(tmp_path: Path) -> None:
    from unireward.training.run import train

    for name, said in {
        "recipes.tiny_judge.model": "write package.module:name",
        "recipes.nothing:build": "there is no module recipes.nothing",
        "recipes.tiny_judge.model:none": "has no 'none'",
    }.items():
        given = body(tmp_path / name)
        given["model"]["factory"] = name
        with pytest.raises(InputError, match=said):
            train(parse_config(given))
