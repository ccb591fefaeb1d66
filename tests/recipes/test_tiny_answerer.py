"""The tiny answerer: its training data, how it is measured, what is compared with what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recipes.tiny_answerer.arms import BEST_OF_N, CHOSEN, NAMES, ROWS, TRAINED, Arm
from recipes.tiny_answerer.careless import wrong_answer
from recipes.tiny_answerer.examples import asked_of, picture_tree
from recipes.tiny_answerer.measure import HELD_OUT, LEVELS, TASK, answered, prompts_of
from recipes.tiny_answerer.pairs import QUOTA, SURE, make_pairs, right_answer
from recipes.tiny_answerer.reproduce import BASE, Plan, Result, begin, collect, reduction, run_arm
from recipes.tiny_answerer.steps import PicturesConfig, PictureSteps, picture_steps
from recipes.tiny_judge.examples import Writer
from recipes.tiny_judge.model import build
from unireward.ask import Sampling
from unireward.engines.processor import load_processor
from unireward.engines.transformers import TransformersEngine
from unireward.errors import InputError
from unireward.files import read_records
from unireward.policies.answers import AnswerPolicy
from unireward.policies.asking import Showing, plain_ask
from unireward.policies.load import shipped_folder
from unireward.prompt import Prompt
from unireward.record import Candidate, Part, Record
from unireward.sampled import Sampled
from unireward.training.config import load_config, parse_config
from unireward.training.packing.qwen3_vl import packed_states
from unireward.training.packing.tree import collate
from unireward.training.run import train
from unireward.training.share import Share
from unireward.world.answer_truth import ANOTHER, truth_of
from unireward.world.item import media_part
from unireward.world.redraw import Redraw
from unireward.world.render import render
from unireward.world.sample import SIZE
from unireward.world.scene import sample_spec, scene_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> TransformersEngine:
    folder = tmp_path_factory.mktemp("untrained")
    parts = build(0)
    parts.save_processor(folder)
    model = parts.model.eval()
    return TransformersEngine.of(model, load_processor(str(folder)), name="untrained")


# What it is trained on --------------------------------------------------------------------------


def pictured(seed: int, level: int) -> list[Record]:
    """The questions of a tree's picture, each as a record with its right answer."""
    rng = np.random.default_rng(seed)
    scene = scene_of(sample_spec(rng, level, "train"), rng)
    picture = media_part(render(scene, SIZE))
    return [
        Record(
            id=f"r{k}",
            task=TASK,
            prompt=(picture, Part.of_text(question.text)),
            candidates=(Candidate(id="a", content=(Part.of_text(answer),)),),
        )
        for k, (question, answer) in enumerate(asked_of(scene, rng, "train"))
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_a_branch_is_asked_and_answered_as_the_policy_is(
    engine: TransformersEngine, level: int
) -> None:
    """Token by token, and in log-probabilities: the packed tree against the policy's own."""
    tokenizer = engine.processor.tokenizer
    tree = picture_tree(Writer(tokenizer), np.random.default_rng(3), level)
    records = pictured(3, level)
    assert tree.branches == len(records) > 5
    with torch.inference_mode():
        inputs = collate([tree], tokenizer.pad_token_id, 16)["inputs"]
        (states,) = packed_states(engine.model, inputs)
        logs = engine.model.lm_head(states[0]).log_softmax(-1)
    read = AnswerPolicy(engine).logprob(records, per_token=True)
    trunk = [i for i, branch in enumerate(tree.branch) if branch == 0]
    for number, (record, found) in enumerate(zip(records, read), start=1):
        own = [i for i, branch in enumerate(tree.branch) if branch == number]
        said = [i for i in own if i in tree.targets]
        ask = plain_ask(record.prompt, Showing(), Sampling())
        asked = engine._inputs([engine._prepare(0, ask)])["input_ids"][0].tolist()
        assert [tree.tokens[i] for i in [*trunk, *own]][: len(asked)] == asked
        mine = [logs[i, tree.targets[i][0]].item() for i in said]
        assert found["a"].each == pytest.approx(mine, abs=2e-4)
        assert (
            tokenizer.decode([tree.targets[i][0] for i in said[:-1]]) == record.candidates[0].text
        )


def test_what_is_taught_is_right() -> None:
    yes, same = 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scene = scene_of(sample_spec(rng, 1 + seed % 2, "train"), rng)
        for question, answer in asked_of(scene, rng, "train"):
            assert truth_of(question, answer, scene).is_right
            if question.kind == "describe":
                assert len(answer.split()) >= 5  # everything that can be seen
            yes += answer == "yes"
            wrong = wrong_answer(question, answer, scene, rng, "train")
            assert truth_of(question, wrong, scene).is_right == (wrong == answer)
            same += wrong == answer
    assert 15 < yes < 45
    assert same < 3


def test_a_share_of_what_careless_people_teach_is_wrong(engine: TransformersEngine) -> None:
    writer = Writer(engine.processor.tokenizer)

    def told(careless: float) -> list[list[int]]:
        """The words of each answer of 40 pictures."""
        trees = [
            picture_tree(writer, np.random.default_rng(k), 1, careless=careless) for k in range(40)
        ]
        return [
            [tree.targets[i][0] for i in sorted(tree.targets) if tree.branch[i] == branch]
            for tree in trees
            for branch in range(1, 5)
        ]  # fmt: skip

    right, careless = told(0.0), told(0.3)
    assert told(0.3) == careless
    # Later questions of a picture hang on what was drawn before, so only first ones are compared.
    changed = np.mean([a != b for a, b in zip(right[::4], careless[::4])])
    assert 0.1 < changed < 0.5


def test_a_step_is_the_same_pictures_however_it_is_shared_out() -> None:
    config = PicturesConfig(pictures=8)
    whole = PictureSteps(config, Share(steps=3, size=0, seed=4))
    shares = [
        PictureSteps(config, Share(steps=3, size=0, seed=4, rank=rank, world=2, accumulation=2))
        for rank in range(2)
    ]
    dealt = [shares[rank][2 + micro]["record_ids"] for rank in range(2) for micro in range(2)]
    assert sorted(name for row in dealt for name in row) == sorted(whole[1]["record_ids"])
    tokens = [part["inputs"]["ids"].ne(0).sum().item() for part in whole[1]["parts"]]
    apart = [
        part["inputs"]["ids"].ne(0).sum().item()
        for rank in range(2)
        for micro in range(2)
        for part in shares[rank][2 + micro]["parts"]
    ]
    assert sum(tokens) == sum(apart)
    with pytest.raises(InputError, match=r"data\.levels: must hold at least one"):
        picture_steps({"levels": []}, Share(steps=1, size=0))


# How it is measured -----------------------------------------------------------------------------


class Says:
    """A policy that gives each question what ``answer`` says."""

    name = identity = "says"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]:
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt: Prompt) -> Sampled:
        text = self.answer(prompt)  # type: ignore[operator]
        if text is None:
            return Sampled(prompt, self.name, (), left_out={"a": "truncated"})
        return Sampled(prompt, self.name, (Candidate(id="a", content=(Part.of_text(text),)),))


def test_right_answers_are_no_errors_and_everything_else_is_one() -> None:
    found = answered(Says(lambda p: right_answer(HELD_OUT.asked(p.id))), HELD_OUT, 60, 0)
    assert sum(found.wrong) == 0
    assert found.states == {"ok": 60}
    assert {"describe", "yes-no", "colour"} <= set(found.by_kind())
    yes = answered(Says(lambda p: "yes"), HELD_OUT, 60, 0)
    asked = [HELD_OUT.asked(prompt.id) for prompt in prompts_of(HELD_OUT, 60)]
    kinds = [one.question.kind for one in asked]
    describes = kinds.count("describe")
    assert yes.states == {"unparsed": describes, ANOTHER: 60 - describes - kinds.count(
        "yes-no"), "ok": kinds.count("yes-no")}  # fmt: skip
    rights = [one.question.kind == "yes-no" and right_answer(one) == "yes" for one in asked]
    assert yes.wrong == tuple(int(not right) for right in rights)
    cut = answered(Says(lambda p: None), HELD_OUT, 10, 0)
    assert (cut.wrong, cut.states) == ((1,) * 10, {"truncated": 10})
    assert cut.error.low < 1 == cut.error.value


def test_held_out_questions_are_of_both_levels_and_no_training_s() -> None:
    items = list(HELD_OUT.items(TASK, 6))
    assert [item.level for item in items] == [1, 2] * 3
    assert {item.record.meta["split"] for item in items} == {"eval"}


# What is compared -------------------------------------------------------------------------------


def test_reduction_is_one_less_the_ratio_of_the_rates() -> None:
    rng = np.random.default_rng(0)
    before = rng.random((3, 500)) < 0.4
    after = before & (rng.random((3, 500)) < 0.6)
    found = reduction(after, before)
    assert found.value == pytest.approx(1 - after.mean() / before.mean())
    assert 0.3 < found.low < found.value < found.high < 0.5
    none = reduction(before, before)
    assert (none.value, none.low, none.high) == (0, 0, 0)
    with pytest.raises(InputError, match="nothing was wrong before"):
        reduction(before, np.zeros((3, 500)))


def made_up(tmp_path: Path, rates: dict[str, float]) -> Result:
    """The result of arms that were wrong at these rates."""
    rng = np.random.default_rng(1)
    for seed in (1, 2):
        base = rng.random(400) < 0.4
        for name in (BASE, *NAMES):
            wrong = base & (rng.random(400) < rates.get(name, 1.0))
            ways = ("sampled",) if name == BEST_OF_N else ("sampled", "greedy")
            row = {way: wrong.astype(int).tolist() for way in ways}
            body = {"wrong": row, "seconds": 1.0, "pairs": {}}
            folder = tmp_path / f"seed-{seed}" / (name if name != BASE else "")
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / ("answered.json" if name != BASE else f"{BASE}.json")
            file.write_text(json.dumps(body))
    return collect(Plan(tmp_path, "none", 1.0), seeds=2)


def test_the_endpoint_is_reached_or_it_is_not(tmp_path: Path) -> None:
    good = made_up(tmp_path / "good", {"dpo": 0.6, "rejection": 0.9})
    assert good.reached
    assert good.reduction["dpo"]["value"] == pytest.approx(0.4, abs=0.06)
    assert good.against["random"]["high"] < 0
    assert good.lines()[-1] == "a reduction of 25 % by dpo: reached"
    assert json.loads(json.dumps(good.to_dict()))["reached"] is True
    (best,) = (line for line in good.lines() if line.startswith("best-of-n") and "(" in line)
    assert best.split()[-1] == "-"  # nothing to pick among where all answers are the same
    small = made_up(tmp_path / "small", {"dpo": 0.9})
    assert small.reduction["dpo"]["low"] > 0  # better, and not by a quarter
    assert not small.reached
    assert small.lines()[-1].endswith("not reached")


def test_arms_differ_in_data_and_objective_and_in_nothing_else() -> None:
    files = SimpleNamespace(judged=Path("j"), random=Path("r"), right=Path("w"))
    configs = {name: Arm(name, 1).config(Path("o"), "b", files) for name in TRAINED}  # type: ignore[arg-type]
    seen = {n: (c["data"]["sources"][0]["records"], *c["objective"]) for n, c in configs.items()}
    assert seen == {
        "dpo": ("j", "dpo"), "random": ("r", "dpo"), "rejection": ("j", "sft"),
        "supervised": ("w", "sft"),
    }  # fmt: skip
    for name, config in configs.items():
        parsed = parse_config(config)
        rows = parsed.stages[0].batch.size * (2 if "dpo" in config["objective"] else 1)
        assert (rows, parsed.stages[0].steps, config["seed"]) == (ROWS, CHOSEN.steps, 1), name


# The whole of it, small -------------------------------------------------------------------------


def test_the_recipe_trains_and_what_it_gives_is_aligned(tmp_path: Path) -> None:
    """From nothing to a policy, a step a stage; its pairs by the judge, and an arm on them."""
    recipe = ROOT / "recipes" / "tiny_answerer.yaml"
    short = [f"stages.{k}.steps=1" for k in range(len(load_config(recipe).stages))]
    few = ["data.pictures=4", "stages.4.data.pictures=4", "workers=0"]
    config = load_config(recipe, [*short, *few, f"output={tmp_path / 'base'}"])
    shares = [stage.data.get("careless", 0.0) for stage in config.stages]
    assert shares == [0.0, 0.0, 0.0, 0.0, 0.3]
    base = train(config)
    assert (base.what, base.folder.name) == ("policy", "policy")
    drawn = Redraw(seed=5, levels=LEVELS)
    shipped = str(shipped_folder("tiny-answerer"))
    plan = Plan(tmp_path, shipped, 0.015, held_out=drawn, questions=8)
    found = begin(plan, 1)
    assert found["pairs"]["random"]["pairs"] >= found["pairs"]["judged"]["pairs"] > 0
    pairs = make_pairs(tmp_path / "seed-1" / "data", shipped, 1, plan.prompts)
    made = list(read_records(pairs.judged))
    asked = [record.meta["curation"]["prompt"] for record in made]
    assert max(map(asked.count, asked)) <= QUOTA
    assert min(record.meta["curation"]["confidence"] for record in made) >= SURE
    assert all(len({c.text for c in record.candidates}) == 2 for record in made)
    told = run_arm(Arm("dpo", 1), plan)
    assert len(told["wrong"]["sampled"]) == 8
    assert run_arm(Arm("dpo", 1), plan) == told  # from its file
    picked = run_arm(Arm(BEST_OF_N, 1), plan)["wrong"]
    assert {way: len(rows) for way, rows in picked.items()} == {"sampled": 8}
