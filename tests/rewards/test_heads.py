"""Heads on small tensors: pooling by hand, each kind against its formula, configs both ways."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from unireward.errors import InputError
from unireward.rewards.heads import Head, make_head
from unireward.rewards.heads.pooling import last_real, mean_real, places_of

NAN = float("nan")
STATE = torch.tensor(
    [
        [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [NAN, NAN]],
        [[NAN, NAN], [NAN, NAN], [7.0, 8.0], [9.0, 11.0]],
        [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [6.0, 2.0]],
    ]
)
MASK = torch.tensor([[1, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1]])

CONFIGS: list[dict[str, Any]] = [
    {"kind": "linear"},
    {"kind": "linear", "names": ["a", "b"], "bias": True},
    {"kind": "linear", "pool": "mark", "marks": {"<|R|>": 3}},
    {"kind": "mlp", "depth": 1},
    {"kind": "mlp", "depth": 5, "activation": "tanh", "width": 6, "bias": False},
    {"kind": "mlp", "depth": 3, "activation": "none", "width": [6, 4], "dropout": 0.1,
     "pool": "mean", "layers": [2]},
    {"kind": "mean-pool", "names": ["a"]},
    {"kind": "gaussian", "depth": 3, "width": [6, 4], "activation": "relu"},
    {"kind": "gaussian", "names": ["a", "b"]},
    {"kind": "multi-output", "names": ["a", "b"], "mean": [0.1, -2.0], "std": [0.7, 3.0],
     "weights": [1.0, 0.5], "bias": True},
    {"kind": "multi-output", "names": ["a", "b"], "pool": "mark", "marks": {"x": 3, "y": 4}},
    {"kind": "gated", "aspects": {"x": ["a", "b"], "y": ["c"]}, "gate_width": 4,
     "temperature": 2.0, "marks": {"<|im_end|>": 3}},
    {"kind": "attention-pool", "layers": [0, 1, -1], "heads": 2},
    {"kind": "attention-pool", "layers": [0, -1], "heads": 4, "style": "hierarchical"},
    {"kind": "ridge", "alpha": 10.0, "names": ["a", "b"]},
]  # fmt: skip


def made(hidden: int = 8, **config: Any) -> Head:
    torch.manual_seed(0)
    return make_head(config, hidden).eval()


def numbers(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


# Pooling ------------------------------------------------------------------------------------


def test_the_last_real_token_by_hand():
    assert last_real(STATE, MASK).tolist() == [[5.0, 6.0], [9.0, 11.0], [6.0, 2.0]]


def test_the_mean_of_real_tokens_by_hand():
    assert mean_real(STATE, MASK).tolist() == [[3.0, 4.0], [8.0, 9.5], [3.0, 2.0]]


def test_a_mark_counts_where_it_stands_last():
    ids = torch.tensor([[7, 5, 7, 0], [0, 9, 7, 9]])
    assert places_of(ids, {"a": 7}).tolist() == [[2], [2]]
    with pytest.raises(InputError, match=r"sequence 0: has no b \(token 9\)"):
        places_of(ids, {"a": 7, "b": 9})


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    left=st.lists(st.booleans(), min_size=4, max_size=4),
    extra=st.integers(0, 3),
    index=st.integers(0, len(CONFIGS) - 1),
)
def test_padding_of_any_length_on_any_side_changes_nothing(
    lengths: list[int], left: list[bool], extra: int, index: int
):
    config = CONFIGS[index]
    head = made(**config)
    generator = torch.Generator().manual_seed(sum(lengths))
    width = max(lengths) + extra
    many = [torch.full((len(lengths), width, 8), NAN) for _ in head.layers]
    mask = torch.zeros(len(lengths), width, dtype=torch.long)
    places = torch.zeros(len(lengths), len(head.marks), dtype=torch.long)
    alone = []
    for row, length in enumerate(lengths):
        start = width - length if left[row] else 0
        states = [torch.randn(1, length, 8, generator=generator) for _ in head.layers]
        mask[row, start : start + length] = 1
        places[row] = start + length // 2
        for whole, state in zip(many, states):
            whole[row, start : start + length] = state[0]
        at = torch.full((1, len(head.marks)), length // 2)
        alone.append(head(states, torch.ones(1, length), at if head.marks else None).scores)
    together = head(many, mask, places if head.marks else None)
    torch.testing.assert_close(together.scores, torch.cat(alone), atol=1e-5, rtol=1e-5)


def test_states_of_any_dtype_give_float32():
    head = made(hidden=2, kind="mean-pool")
    half = head([STATE.to(torch.bfloat16)], MASK)
    assert half.scores.dtype == torch.float32
    torch.testing.assert_close(half.scores, head([STATE], MASK).scores)


# Kinds against their formulas ---------------------------------------------------------------


@pytest.mark.parametrize("activation", ["silu", "tanh", "relu", "none"])
def test_mlp_of_three_layers(activation: str):
    head: Any = made(kind="mlp", depth=3, activation=activation, width=[6, 4])
    x = np.random.default_rng(0).normal(size=(5, 8))
    act = {"silu": lambda v: v / (1 + np.exp(-v)), "tanh": np.tanh,
           "relu": lambda v: np.maximum(v, 0), "none": lambda v: v}[activation]  # fmt: skip
    y = x
    layers = [m for m in head.net if isinstance(m, torch.nn.Linear)]
    assert [tuple(m.weight.shape) for m in layers] == [(6, 8), (4, 6), (1, 4)]
    for k, layer in enumerate(layers):
        y = y @ numbers(layer.weight).T + numbers(layer.bias)
        y = act(y) if k < 2 else y
    found = head.read(torch.tensor(x, dtype=torch.float32)).scores
    np.testing.assert_allclose(numbers(found), y, rtol=1e-4, atol=1e-5)


def test_gaussian_is_a_mean_and_the_exponent_of_its_second_half():
    head: Any = made(kind="gaussian", names=["a", "b"])
    x = torch.randn(5, 8)
    out = head.read(x)
    raw = numbers(x) @ numbers(head.net[0].weight).T + numbers(head.net[0].bias)
    np.testing.assert_allclose(numbers(out.scores), raw[:, :2], rtol=1e-4, atol=1e-5)
    assert out.sigma is not None
    np.testing.assert_allclose(numbers(out.sigma), np.exp(raw[:, 2:]), rtol=1e-4)
    far = head.read(1e6 * x).sigma
    assert far.min() > 0
    assert torch.isfinite(far).all()


def test_multi_output_is_normalised_and_summed():
    head: Any = made(kind="multi-output", names=["vq", "mq", "ta"], mean=[1, 2, 3],
                     std=[2, 4, 5], weights=[1, 1, 0.5])  # fmt: skip
    assert head.names == ("vq", "mq", "ta", "overall")
    x = torch.randn(5, 8)
    each = (numbers(x) @ numbers(head.net[0].weight).T - [1, 2, 3]) / [2, 4, 5]
    expected = np.column_stack([each, each @ [1, 1, 0.5]])
    out = head.read(x).scores
    np.testing.assert_allclose(numbers(out), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(numbers(head.overall(out)), expected[:, 3], rtol=1e-4, atol=1e-5)


def test_normalise_gives_mean_0_and_spread_1_on_its_rows():
    head: Any = made(kind="multi-output", names=["a", "b"])
    x = 5 + 3 * torch.randn(50, 8)
    head.normalise(x)
    found = numbers(head.read(x).scores)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-4)
    again = make_head(json.loads(json.dumps(head.config())), 8)
    again.load_state_dict(head.state_dict())
    assert torch.equal(again.read(x).scores, head.read(x).scores)


def test_each_name_reads_its_own_mark():
    head: Any = made(kind="multi-output", names=["a", "b"], pool="mark", marks={"x": 1, "y": 2})
    state = torch.randn(3, 6, 8)
    places = torch.tensor([[0, 5], [2, 3], [4, 1]])
    weight = numbers(head.net[0].weight)
    expected = [[numbers(state[r, p]) @ weight[k] for k, p in enumerate(row)]
                for r, row in enumerate(places.tolist())]  # fmt: skip
    found = head([state], torch.ones(3, 6), places).scores
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-4, atol=1e-5)


def test_gated_is_softmax_within_aspects_and_among_them():
    head: Any = made(kind="gated", aspects={"x": ["a", "b"], "y": ["c"], "z": ["d", "e"]},
                     gate_width=6, gate_depth=2, temperature=2.0, marks={"end": 9})  # fmt: skip
    with torch.no_grad():
        head.aspect_scale.fill_(1.5)
        head.criterion_scale.fill_(0.5)
    state, places = torch.randn(4, 5, 8), torch.tensor([[0], [1], [2], [3]])
    out = head([state], torch.ones(4, 5), places)
    prompt, last = numbers(state[range(4), range(4)]), numbers(state[:, -1])

    def gate(net: Any) -> np.ndarray:
        hidden = np.maximum(prompt @ numbers(net[0].weight).T + numbers(net[0].bias), 0)
        return (hidden @ numbers(net[2].weight).T + numbers(net[2].bias)) / 2.0

    criteria = last @ numbers(head.score.weight).T
    logits, among = gate(head.criterion_gate), softmax(gate(head.aspect_gate), 1)
    inside = np.column_stack([softmax(logits[:, :2], 1), softmax(logits[:, 2:3], 1),
                              softmax(logits[:, 3:], 1)])  # fmt: skip
    weighed = 0.5 * criteria * inside
    aspects = np.column_stack([weighed[:, :2].sum(1), weighed[:, 2], weighed[:, 3:].sum(1)])
    overall = 1.5 * (aspects * among).sum(1)
    expected = np.column_stack([criteria, aspects, overall])
    np.testing.assert_allclose(numbers(out.scores), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(numbers(out.gate), np.column_stack([among, inside]), rtol=1e-4)
    assert head.names == ("a", "b", "c", "d", "e", "x", "y", "z", "overall")
    assert head.gate_names == ("x", "y", "z", "a", "b", "c", "d", "e")


def attend(looker: Any, query: np.ndarray, state: np.ndarray, heads: int) -> np.ndarray:
    """Multi-head attention of one query [D] to [L, D], as in Vaswani et al. 2017."""
    inside, out = looker.attention, looker.attention.out_proj
    w, b = numbers(inside.in_proj_weight), numbers(inside.in_proj_bias)
    width = len(query)
    q, k, v = (x @ w[n * width : (n + 1) * width].T + b[n * width : (n + 1) * width]
               for n, x in enumerate((query, state, state)))  # fmt: skip
    found, size = [], width // heads
    for h in range(heads):
        cut = slice(h * size, (h + 1) * size)
        found.append(softmax(k[:, cut] @ q[cut] / np.sqrt(size)) @ v[:, cut])
    return np.concatenate(found) @ numbers(out.weight).T + numbers(out.bias)


def test_progressive_queries_read_layer_after_layer():
    head: Any = made(kind="attention-pool", layers=[0, 1, -1], heads=2)
    states = [torch.randn(1, 5, 8) for _ in range(3)]
    mask = torch.tensor([[0, 1, 1, 1, 0]])
    a, b, c = (numbers(s[0, 1:4]) for s in states)
    first, second = head.early
    assert second.query is None
    found = attend(second, attend(first, numbers(first.query), a, 2), b, 2)
    expected = found + attend(head.final, numbers(head.final.query), c, 2)
    np.testing.assert_allclose(numbers(head.pool(states, mask, None))[0], expected, rtol=1e-4,
                               atol=1e-5)  # fmt: skip


def test_hierarchical_queries_are_read_by_one_more():
    head: Any = made(kind="attention-pool", layers=[0, 1, -1], heads=2, style="hierarchical")
    states = [torch.randn(1, 4, 8) for _ in range(3)]
    a, b, c = (numbers(s[0]) for s in states)
    each = np.stack(
        [attend(look, numbers(look.query), s, 2) for look, s in zip(head.early, (a, b))]
    )
    expected = attend(head.reduce, numbers(head.reduce.query), each, 2)
    expected = expected + attend(head.final, numbers(head.final.query), c, 2)
    found = head.pool(states, torch.ones(1, 4), None)
    np.testing.assert_allclose(numbers(found)[0], expected, rtol=1e-4, atol=1e-5)


def test_what_ranks():
    scores = torch.tensor([[1.0, 3.0]])
    assert made(kind="linear", names=["a", "b"]).overall(scores).tolist() == [2.0]
    assert made(kind="linear", names=["a", "overall"]).overall(scores).tolist() == [3.0]


# Configs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c['kind']}-{len(c)}")
def test_a_config_builds_its_head_again(config: dict[str, Any]):
    head = made(**config)
    said = json.loads(json.dumps(head.config(), allow_nan=False))
    again = make_head(said, 8).eval()
    assert again.config() == head.config()
    assert again.names == head.names
    again.load_state_dict(head.state_dict())
    states = [torch.randn(2, 4, 8) for _ in head.layers]
    places = torch.ones(2, len(head.marks), dtype=torch.long) if head.marks else None
    one, two = (h(states, torch.ones(2, 4), places).scores for h in (head, again))
    assert torch.equal(one, two)
    assert one.shape == (2, len(head.names))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "kind is None; use one of attention-pool, gated, gaussian, linear"),
        ({"kind": "linaer"}, "kind is 'linaer'"),
        ({"kind": "linear", "depth": 2}, "depth is no option of kind linear; use bias, layers"),
        ({"kind": "mlp", "depth": 6}, "depth is 6; use 1 to 5"),
        ({"kind": "mlp", "depth": 2, "width": [1, 2]}, "width is [1, 2]; give 1 whole"),
        ({"kind": "mlp", "activation": "gelu"}, "activation is 'gelu'; use silu, tanh"),
        ({"kind": "linear", "names": []}, "names are []"),
        ({"kind": "linear", "names": ["a", "a"]}, "names are ['a', 'a']; give one text for each"),
        ({"kind": "linear", "layers": [True]}, "layers are [True]; give whole numbers"),
        ({"kind": "linear", "pool": "max"}, "pool is 'max'; use last, mean, mark"),
        ({"kind": "linear", "pool": "mark"}, "marks are empty"),
        ({"kind": "linear", "pool": "mark", "names": ["a", "b", "c"], "marks": {"x": 1, "y": 2}},
         "has 2 marks for 3 names"),
        ({"kind": "mean-pool", "pool": "last"}, "pool is 'last'; use mean"),
        ({"kind": "multi-output", "names": ["a"], "mean": [1, 2]}, "mean has 2 numbers for 1"),
        ({"kind": "multi-output", "names": ["a"], "std": [0]}, "std has a number that is not abo"),
        ({"kind": "multi-output", "names": ["a"], "weights": [NAN]}, "weights has a number that"),
        ({"kind": "multi-output"}, "missing 1 required keyword-only argument: 'names'"),
        ({"kind": "gated", "aspects": {}}, "aspects are missing"),
        ({"kind": "gated", "aspects": {"x": "abc"}}, "aspect x has no list of criteria"),
        ({"kind": "gated", "aspects": {"x": ["x"]}}, "none twice"),
        ({"kind": "gated", "aspects": {"x": ["a"]}, "temperature": 0}, "temperature is 0"),
        ({"kind": "attention-pool", "heads": 3}, "3 heads do not divide a hidden size of 8"),
        ({"kind": "attention-pool", "heads": 2, "style": "deep"}, "style is 'deep'"),
        ({"kind": "gaussian", "marks": {"x": 1, "y": 2}}, "one mark; give one"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(config: dict[str, Any], said: str):
    with pytest.raises(InputError) as raised:
        make_head(config, 8)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_kind_of_ones_own():
    class Longest(Head):
        kind = "longest"

        def forward(self, states: Any, mask: Any, places: Any = None) -> Any:
            from unireward.rewards.heads import HeadOutput

            return HeadOutput(scores=mask.sum(1, keepdim=True).float())

    try:
        head = make_head({"kind": "longest"}, 2)
        assert head([STATE], MASK).scores.tolist() == [[3.0], [2.0], [4.0]]
    finally:
        del Head._kinds["longest"]
