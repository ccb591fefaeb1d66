"""The packed trees are the very prompts that the judge is asked with, to float error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recipes.tiny_judge.examples import Writer, answer_tree, drawn_tree
from recipes.tiny_judge.forward import hidden, losses, vision
from recipes.tiny_judge.mix import KINDS, STAGES, tree_of
from recipes.tiny_judge.model import make_model, make_tokenizer, save_processor_files
from recipes.tiny_judge.tree import Tree, buckets, collate
from unireward.engines.transformers import TransformersEngine
from unireward.families import get_family
from unireward.world.sample import sample_record
from unireward.world.words import VOCABULARY


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


@pytest.mark.parametrize("task", list(KINDS.values()))
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


@pytest.mark.parametrize("task", list(KINDS.values()))
def test_a_branch_gives_the_probabilities_of_the_plain_prompt(
    engine: TransformersEngine, task: str
) -> None:
    tokenizer = engine.processor.tokenizer
    # Other branches around it: they must not be seen.
    tree, record = tree_for(Writer(tokenizer), task, "srtp", 2)
    rank = 1 + list("srtp").index("r")
    _, at = branch_ids(tree, rank)
    where = next(i for i in at if tree.branch[i] == rank and tree.weights[i] > 1)
    with torch.inference_mode():
        states = hidden(engine.model, collate([tree], tokenizer.pad_token_id, 16))
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


def test_buckets_give_the_loss_of_one_batch(engine: TransformersEngine) -> None:
    tokenizer = engine.processor.tokenizer
    writer, rng = Writer(tokenizer), np.random.default_rng(0)
    kinds = [kind for kind in STAGES[-1].parts for _ in range(2)]
    trees = [tree_of(writer, kind, k, rng) for k, kind in enumerate(kinds)]
    heads, labels = torch.nn.Linear(128, 4), torch.tensor([8, 9])
    with torch.inference_mode():
        whole = losses(engine.model, heads, collate(trees, 0, 16), labels)
        parts = [losses(engine.model, heads, b, labels) for b in buckets(trees, 0, 16)]
    assert len(parts) > 1
    for name, (total, weight) in whole.items():
        assert sum(p[name][0].item() for p in parts if name in p) == pytest.approx(
            total.item(), rel=1e-4
        )
        assert sum(p[name][1] for p in parts if name in p) == pytest.approx(weight, rel=1e-6)
