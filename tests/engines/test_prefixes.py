"""The plan of shared prefixes: every prompt whole and once, nothing shared that differs."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unireward.engines.prefixes import DEEP, Node, plan, tokens

PROMPT = st.lists(st.integers(-2, 2), min_size=1, max_size=12)


def lines(*prompts: list[int]) -> list[np.ndarray]:
    return [np.asarray(prompt) for prompt in prompts]


def said(forest: list[Node], codes: list[np.ndarray]) -> dict[int, list[int]]:
    """Each leaf's prompt, put together from the spans on the way to it."""
    found: dict[int, list[int]] = {}

    def walk(node: Node, before: list[int]) -> None:
        assert node.start == len(before)
        assert node.length > 0
        here = before + codes[node.line][node.start : node.stop].tolist()
        for child in node.children:
            walk(child, here)
        if not node.children:
            assert node.line not in found
            found[node.line] = here

    for node in forest:
        walk(node, [])
    return found


@given(st.lists(PROMPT, max_size=9), st.integers(0, 8), st.floats(0, 0.5))
def test_every_prompt_is_put_together_from_its_spans(prompts, worth, share) -> None:
    codes = lines(*prompts)
    forest = plan(codes, worth=worth, share=share)
    assert said(forest, codes) == dict(enumerate(prompts))
    assert tokens(forest) <= sum(map(len, prompts))


@given(st.lists(PROMPT, max_size=9), st.data())
def test_a_medium_is_never_cut(prompts, data) -> None:
    """Spans are drawn for each content, so that equal beginnings have equal media."""
    codes = lines(*prompts)
    size = data.draw(st.integers(1, 4))
    whole = [[(k, min(k + size, len(p))) for k in range(0, len(p), size)] for p in prompts]
    forest = plan(codes, whole, worth=0, share=0)
    assert said(forest, codes) == dict(enumerate(prompts))
    stack = list(forest)
    while stack:
        node = stack.pop()
        stack += node.children
        if node.children:
            assert all(not a < node.stop < b for a, b in whole[node.line])


@given(st.lists(PROMPT, max_size=9))
def test_where_all_is_worth_it_nothing_is_computed_twice(prompts) -> None:
    """A trie's edges are what must be computed, but for the last token, which is each prompt's
    own. All end in one token, as a chat template's prompts do."""
    codes = lines(*([*p, 9] for p in prompts))
    edges = {tuple(p[:k]) for p in prompts for k in range(1, len(p) + 1)}
    assert tokens(plan(codes, worth=0, share=0, deep=99)) == len(edges) + len(prompts)


def test_a_ranking_in_both_orders() -> None:
    """Eight pictures of 100 tokens, a preamble of 10 and 20 tokens behind: 56 prompts."""
    pictures = [list(range(1000 * k, 1000 * k + 100)) for k in range(1, 9)]
    before, behind = list(range(10)), list(range(10, 30))
    codes = lines(*(before + a + b + behind for a, b in itertools.permutations(pictures, 2)))
    whole = [((10, 110), (110, 210))] * 56
    forest = plan(codes, whole)
    # The preamble is not worth a pass of its own; each first picture is.
    assert len(forest) == 8
    assert all(node.stop == 110 and len(node.children) == 7 for node in forest)
    assert tokens(forest) == 8 * 110 + 56 * 120
    # Where the preamble is long, it is: three levels.
    rubric = list(range(10_000, 10_300))
    codes = lines(*(rubric + a + b + behind for a, b in itertools.permutations(pictures, 2)))
    (root,) = plan(codes, [((300, 400), (400, 500))] * 56)
    assert (root.length, len(root.children)) == (300, 8)
    assert tokens([root]) == 300 + 8 * 100 + 56 * 120


def test_pairs_seen_once_share_nothing() -> None:
    rng = np.random.default_rng(0)
    codes = [np.concatenate([np.arange(12), rng.integers(100, 10**6, 300)]) for _ in range(64)]
    forest = plan(codes)
    assert len(forest) == 64
    assert all(not node.children and node.start == 0 for node in forest)


def test_equal_prompts_share_all_but_their_last_token() -> None:
    """Votes on one question: sampled prompts that are the same throughout."""
    codes = lines(*[list(range(100))] * 5)
    (root,) = plan(codes)
    assert (root.stop, [child.length for child in root.children]) == (99, [1] * 5)


def test_prompts_that_begin_one_another_do_not_overflow_the_stack() -> None:
    codes = [np.arange(1, 2 + k) for k in range(3000)]
    forest = plan(codes, worth=0, share=0)
    assert sum(len(list(node.leaves())) for node in forest) == 3000
    depth = lambda node: 1 + max(map(depth, node.children), default=0)  # noqa: E731
    assert max(map(depth, forest)) == DEEP + 1
