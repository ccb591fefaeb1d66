"""UnifiedReward by DPO: its captions, and the arms as configs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recipes.unifiedreward_dpo import arms
from recipes.unifiedreward_dpo.arms import NAMES, Arm
from recipes.unifiedreward_dpo.choose import line, plan_of
from recipes.unifiedreward_dpo.clips import CLIPS
from recipes.unifiedreward_dpo.found import Found
from recipes.unifiedreward_dpo.pictures import PICTURES
from recipes.unifiedreward_dpo.prompts import (
    SHARES,
    captions,
    file_of,
    is_never_trained,
    shared_out,
)
from recipes.unifiedreward_dpo.right import right_file
from recipes.unifiedreward_dpo.study import ONLINE, RATES, ROOT, VALIDATION, Plan
from unireward.alignment.config import AlignConfig, load_config
from unireward.alignment.world_truth import world_truth
from unireward.files import read_records

# Captions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", SHARES)
def test_no_caption_is_in_two_files(part: str) -> None:
    files = {use: file_of(part, use).read_text().splitlines() for use in shared_out(part)}
    assert files == shared_out(part)
    every = [text for texts in files.values() for text in texts]
    assert sorted(every) == sorted(captions(part))
    assert len({*every}) == len(every) == {"pictures": 192, "clips": 288}[part]
    never = [text for text in every if is_never_trained(text)]
    assert len(never) == {"pictures": 20, "clips": 30}[part]
    assert {*never} < {*files["held_out"]}
    # Those of a shrunk run are of both kinds too.
    assert 0 < sum(map(is_never_trained, files["held_out"][:12])) < 12


def test_right_pictures_are_right_and_of_what_is_learned_on(tmp_path: Path) -> None:
    settings = {"prompts": str(file_of("pictures")), "limit": 20, "task": "image_generation"}
    records = list(read_records(right_file(tmp_path, settings, 5, seed=1)))
    assert len({record.id for record in records}) == 5
    first = file_of("pictures").read_text().splitlines()[:20]
    assert {record.text for record in records} <= {*first}
    assert all(found["a"]["right"] for found in world_truth(records))
    other = list(read_records(right_file(tmp_path / "other", settings, 5, seed=2)))
    assert [r.text for r in other] != [r.text for r in records]


# Arms -------------------------------------------------------------------------------------------


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, AlignConfig]:
    """Every arm of pictures at full scale."""
    drawn: list[int] = []

    def drawn_file(folder: Path, settings: Mapping[str, Any], number: int, seed: int) -> Path:
        drawn.append(number)
        return folder / "right.parquet"

    monkeypatch.setattr(arms, "right_file", drawn_file)
    plan = Plan(PICTURES, tmp_path, "runs/t2i")
    made = {name: Arm(name, 2).config(plan) for name in NAMES}
    assert drawn == [2 * 12 * 96]
    return made


def test_arms_sample_and_learn_equally_much(configs: dict[str, AlignConfig]) -> None:
    online = configs[ONLINE].way.model_dump()
    pairs = online["rounds"] * online["prompts"]
    steps = online["rounds"] * configs[ONLINE].training.steps
    rows = 2 * configs[ONLINE].training.batch.size
    config = configs["offline"]
    assert config.limit is not None
    assert config.limit * config.candidates == pairs * configs[ONLINE].candidates
    assert isinstance(config.curation, tuple)
    assert config.curation[0] == "pair_rank"
    assert config.curation[1]["prompt_quota"]["n"] * config.limit == pairs
    curated = config.output / "rounds/001/curation/records.jsonl"
    assert configs["rejection"].method == {"sft": {"records": str(curated)}}
    for name in ("offline", "rejection", "supervised"):
        training = configs[name].training
        sides = 2 if name == "offline" else 1
        assert (training.steps, training.batch.size * sides) == (steps, rows), name
        assert training.schedule is not None
        assert (training.schedule.warmup, training.schedule.decay) == (0.0, online["decay"])
        assert training.optimiser.lr == getattr(RATES, name)
    assert configs["random"].curation == ("random_pairs",)
    assert configs["random"].method == configs[ONLINE].method
    assert configs["best-of-n"].method == {"best-of-n": {"n": configs[ONLINE].candidates}}
    losses = {name: [*(config.training.objective or {})] for name, config in configs.items()}
    single = [name for name, loss in losses.items() if loss == ["denoise"]]
    assert single == ["rejection", "supervised"]
    assert losses["offline"] == losses["random"] == ["diffusion-dpo"]


def test_arms_differ_in_nothing_else(configs: dict[str, AlignConfig]) -> None:
    own = {"output", "method", "candidates", "curation", "training"}
    same = [config.model_dump(exclude=own) for config in configs.values()]
    # What is looked at along the way is of no consequence.
    every = {name: one["evaluation"].pop("every") for name, one in zip(configs, same)}
    assert all(one == same[0] for one in same)
    assert {name: at for name, at in every.items() if at} == {ONLINE: 4}
    assert (same[0]["alarm"]["do"], same[0]["truth"]) == ("off", "world")
    assert (same[0]["seed"], same[0]["evaluation"]["seed"]) == (2, 2)
    assert same[0]["evaluation"]["prompts"] == file_of("pictures", "held_out")
    assert {config.output.name for config in configs.values()} == {*NAMES}


def test_online_is_the_recipe_that_a_user_runs(
    configs: dict[str, AlignConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    recipe = load_config("recipes/tiny_t2i_dpo.yaml")
    ours = configs[ONLINE]
    for name in ("training", "method", "curation", "candidates", "judge", "task"):
        assert getattr(ours, name) == getattr(recipe, name), name
    assert recipe.prompts is not None
    assert recipe.prompts.resolve() == ours.prompts
    assert recipe.evaluation.prompts.resolve() == ours.evaluation.prompts
    number = len(recipe.evaluation.prompts.read_text().splitlines())
    assert number * recipe.evaluation.samples == 576
    clips = load_config("recipes/tiny_t2v_dpo.yaml")
    assert Arm(ONLINE, 1).config(Plan(CLIPS, Path("o"), "b")).training == clips.training


def test_scale_shrinks_everything(tmp_path: Path) -> None:
    config = Arm("offline", 1).config(Plan(PICTURES, tmp_path, "runs/t2i", scale=0.25))
    told = Arm(ONLINE, 1).config(Plan(PICTURES, tmp_path, "runs/t2i", scale=0.25))
    assert told.method == {"online": {"rounds": 3, "prompts": 24, "decay": 0.5}}
    assert (told.limit, told.evaluation.limit, told.evaluation.samples) == (24, 18, 2)
    assert (config.candidates, config.training.steps) == (24, 24)


def test_what_is_tried_is_looked_at_on_captions_of_its_own(tmp_path: Path) -> None:
    words = ["method.online.rounds=10", "offline=5e-5", "curation=[pair_rank]"]
    plan = plan_of(PICTURES, tmp_path, "runs/t2i", words)
    assert plan.rates == replace(RATES, offline=5e-5)
    config = Arm(ONLINE, VALIDATION).config(plan)
    assert (config.curation, config.way.length) == (("pair_rank",), 10)
    assert config.evaluation.prompts == file_of("pictures", "validation")
    offline = Arm("offline", VALIDATION).config(plan)
    assert (offline.training.optimiser.lr, offline.training.steps) == (5e-5, 80)
    # No bracket, which a file's name is not to have.
    folder = "curation=_pair_rank_-method.online.rounds=10-offline=5e-5-scale=1"
    assert config.output == tmp_path / "pictures" / folder / f"seed-{VALIDATION}" / ONLINE
    long = [f"training.objective.diffusion-dpo.k{k}=1" for k in range(9)]
    names = [plan_of(PICTURES, tmp_path, "runs/t2i", of).out.name for of in (long, long[:8])]
    assert len({*names}) == 2
    assert all(len(name) < 140 for name in names)
    before, after = {"right": [0.0, 0.5]}, {"right": [0.5, 1.0]}
    found = Found(("one red circle", "one red cross"), before, after, 0.9, 1, 2.0)
    said = json.loads(line(Arm(ONLINE, 9), plan, found))
    assert said["right"] == {"before": 0.25, "after": 0.75, "gain": [0.5, 0.5, 0.5]}
