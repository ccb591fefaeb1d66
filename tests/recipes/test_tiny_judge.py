"""The packed trees are the very prompts that the judge is asked with, to float error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recipes.tiny_judge.examples import Writer, answer_tree, drawn_tree
from recipes.tiny_judge.mix import WorldSteps
from recipes.tiny_judge.model import make_model, make_tokenizer, save_processor_files
from unireward.engines.transformers import TransformersEngine
from unireward.families import get_family
from unireward.training.config import load_config
from unireward.training.objectives import make_objective
from unireward.training.packing.qwen3_vl import packed_states, vision
from unireward.training.packing.tree import Tree, buckets, collate
from unireward.training.share import Share
from unireward.training.trainee import Trainee
from unireward.world.sample import sample_record
from unireward.world.words import VOCABULARY

TASKS = ("image_generation", "video_generation", "image_editing", "image_understanding",
         "video_understanding")  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> TransformersEngine:
    out: Path = tmp_path_factory.mktemp("random-tiny")
    tokenizer = make_tokenizer(VOCABULARY)
    make_model(tokenizer, seed=3).save_pretrained(out)
    tokenizer.save_pretrained(out)
    save_processor_files(out)
    return TransformersEngine(out, device="cpu")


def tree_for(writer: Writer, task: str, replies: str, number: int) -> tuple[Tree, object]:
    item = sample_record(task, 11, 2, number, "train", index=5)
    make = answer_tree if task.endswith("understanding") else drawn_tree
    return make(writer, item, replies), item.record


def branch_ids(tree: Tree, branch: int) -> tuple[list[int], list[int]]:
    """Token ids that a branch sees (the trunk up to its cut, then itself), and their places."""
    cut = next(c for c, b in zip(tree.cut, tree.branch) if b == branch)
    at = [i for i, b in enumerate(tree.branch) if (b == 0 and i < cut) or b == branch]
    return [tree.tokens[i] for i in at], at


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("replies", "mode", "number"), [("r", "rank", 2), ("s", "score", 1)])
def test_a_branch_is_the_family_s_prompt_token_by_token(
    engine: TransformersEngine, task: str, replies: str, mode: str, number: int
) -> None:
    tree, record = tree_for(Writer(engine.processor.tokenizer), task, replies, number)
    family = get_family("tiny")
    (form,) = family.forms_for(task, mode)
    order = tuple(c.id for c in record.candidates)  # type: ignore[attr-defined]
    ask = family.ask(form, record, order, engine_kind="transformers")  # type: ignore[arg-type]
    item = engine._prepare(0, ask)
    asked = engine._inputs([item])["input_ids"][0].tolist()
    seen, _ = branch_ids(tree, 1)
    assert seen[: len(asked)] == asked


@pytest.mark.parametrize("task", TASKS)
def test_a_branch_gives_the_probabilities_of_the_plain_prompt(
    engine: TransformersEngine, task: str
) -> None:
    tokenizer = engine.processor.tokenizer
    # Other branches around it: they must not be seen.
    tree, record = tree_for(Writer(tokenizer), task, "srtp", 2)
    rank = 1 + list("srtp").index("r")
    _, at = branch_ids(tree, rank)
    where = next(i for i in at if tree.branch[i] == rank and tree.targets.get(i, (0, 0))[1] > 1)
    with torch.inference_mode():
        inputs = collate([tree], tokenizer.pad_token_id, 16)["inputs"]
        (states,) = packed_states(engine.model, inputs)
        logs = engine.model.lm_head(states[0, where]).log_softmax(-1)
    family = get_family("tiny")
    (form,) = family.forms_for(task, "rank")
    order = tuple(c.id for c in record.candidates)  # type: ignore[attr-defined]
    ask = family.ask(form, record, order, engine_kind="transformers", choose=True)  # type: ignore[arg-type]
    found = engine.choose([ask])[0].choices
    assert found is not None
    tree_says = {c: logs[tokenizer.convert_tokens_to_ids(c)].item() for c in form.choices}
    assert found == pytest.approx(tree_says, abs=2e-4)


def test_batched_vision_equals_transformers(engine: TransformersEngine) -> None:
    pixels = torch.randn(5, 16, 3 * 2 * 16 * 16)
    grid = torch.tensor([[1, 4, 4]] * 5)
    with torch.inference_mode():
        mine = vision(engine.model, pixels)
        theirs = engine.model.model.visual(pixels.flatten(0, 1), grid).pooler_output
    assert (mine.flatten(0, 1) - theirs).abs().max() < 1e-4


def joint() -> dict:
    """The mix of all tasks, as the recipe's file says it."""
    return load_config(ROOT / "recipes" / "tiny_judge.yaml").stages[3].data["parts"]


def test_buckets_give_the_loss_of_one_batch(engine: TransformersEngine) -> None:
    """Every kind and form of the mix: parts of like length add up to the whole."""
    steps = WorldSteps(dict.fromkeys(joint(), 2), Share(steps=1, size=0))
    trees = steps.trees(0, list(enumerate(steps.order)))
    tokenizer = engine.processor.tokenizer
    objective = make_objective(
        {
            "sft": {},
            "words": {"wrong": "wrong", "right": "right"},
            "score": {"kind": "auxiliary", "field": "score"},
        },
        tokenizer.convert_tokens_to_ids,
    )
    trainee = Trainee(engine.model, auxiliary={"score": 4}, states=packed_states)
    whole, parts = collate(trees, 0, 16), buckets(trees, 0, 16)
    assert len(parts) > 1
    totals = objective.weights(whole)
    for name, total in totals.items():
        summed = sum(objective.weights(part)[name].item() for part in parts)
        assert summed == pytest.approx(total.item(), rel=1e-6)
    with torch.inference_mode():
        loss, metrics = objective(trainee(whole), whole, totals)
        each = [objective(trainee(part), part, totals) for part in parts]
    assert sum(found.item() for found, _ in each) == pytest.approx(loss.item(), rel=1e-4)
    for name, value in metrics.items():
        summed = sum(m[name].item() for _, m in each if name in m)
        assert summed == pytest.approx(value.item(), rel=1e-4)


def test_a_step_is_the_same_trees_however_it_is_shared_out() -> None:
    parts = dict.fromkeys(joint(), 2)
    whole = WorldSteps(parts, Share(steps=3, size=0, seed=4))
    ids = sorted(whole[1]["record_ids"])
    shares = [
        WorldSteps(parts, Share(steps=3, size=0, seed=4, rank=rank, world=2, accumulation=2))
        for rank in range(2)
    ]
    dealt = [shares[rank][2 + micro]["record_ids"] for rank in range(2) for micro in range(2)]
    assert sorted(name for row in dealt for name in row) == ids
    with pytest.raises(IndexError):
        whole[3]
