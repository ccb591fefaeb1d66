"""What holds for every term: sums that add up, gradients, nothing to learn from, bad configs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.objective_cases import AUX, CONFIGS, joined, random_case
from unireward.errors import InputError
from unireward.training.objectives import KINDS, Objective, Outputs, Sft, make_objective, make_term


def objective_of(name: str) -> Objective:
    return make_objective({name.replace(" ", "_"): {"kind": name, **CONFIGS[name]}})


def everything() -> Objective:
    return make_objective(
        {name.replace(" ", "_"): {"kind": name, "coefficient": 0.5, **config}
         for name, config in CONFIGS.items()}
    )  # fmt: skip


def test_every_kind_has_a_case() -> None:
    assert {config.get("kind", name) for name, config in CONFIGS.items()} == set(KINDS)


@pytest.mark.parametrize("name", CONFIGS)
def test_micro_batches_give_the_gradient_of_the_one_batch(name: str) -> None:
    cases = [random_case(seed, rows) for seed, rows in ((1, 6), (2, 3), (3, 9))]
    whole_outputs, whole_batch = joined(cases)
    objective = objective_of(name)
    totals = objective.weights(whole_batch)
    loss, metrics = objective(whole_outputs, whole_batch, totals)
    leaves = [leaf for outputs, _ in cases for leaf in outputs.tensors()]
    learned = list(objective.parameters())
    expected = torch.autograd.grad(loss, leaves + learned)

    # The totals are what a trainer adds up: term by term, over parts.
    parts = [objective.weights(batch) for _, batch in cases]
    summed = {key: sum((part[key] for part in parts), torch.zeros(())) for key in parts[0]}
    assert {k: v.item() for k, v in summed.items()} == pytest.approx(
        {k: v.item() for k, v in totals.items()}
    )
    found = [objective(outputs, batch, summed) for outputs, batch in cases]
    assert sum(loss.item() for loss, _ in found) == pytest.approx(loss.item(), rel=1e-6)
    for key, value in metrics.items():
        mean = sum(own[key].item() for _, own in found)
        assert mean == pytest.approx(value.item(), rel=1e-6, abs=1e-12), key
    gradients = torch.autograd.grad(sum(loss for loss, _ in found), leaves + learned)  # type: ignore[arg-type]
    for one, other in zip(expected, gradients):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-12)
    assert any(gradient.abs().sum() > 0 for gradient in expected)


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    outputs, batch = random_case(5, 4)
    objective = objective_of(name).double()
    totals = objective.weights(batch)
    leaves = [*outputs.tensors(), *objective.parameters()]
    aux = list(outputs.aux)

    def loss(*tensors: Tensor) -> Tensor:
        n = 4 + len(aux)
        made = Outputs(*tensors[:3], errors=tensors[3], aux=dict(zip(aux, tensors[4:n])),
                       snr=outputs.snr, gain=outputs.gain)  # fmt: skip
        values = dict(zip((name for name, _ in objective.named_parameters()), tensors[n:]))
        found = torch.func.functional_call(objective, values, (made, batch, totals))
        return found[0]

    assert torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_batch_without_the_fields_weighs_and_adds_nothing(name: str) -> None:
    objective = objective_of(name)
    leaf = torch.full((3, 2), torch.inf, requires_grad=True)
    outputs = Outputs(rewards=leaf, aux={AUX: torch.zeros(2, requires_grad=True)})
    totals = objective.weights({"sequence": torch.zeros(0, dtype=torch.long)})
    assert all(total.item() == 0 for total in totals.values())
    loss, metrics = objective(outputs, {}, totals)
    assert loss.item() == 0
    loss.backward()
    assert leaf.grad is not None
    assert (leaf.grad == 0).all()
    assert all(value.item() == 0 for value in metrics.values())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_batch_whose_labels_are_all_ignored_gives_zero(name: str) -> None:
    outputs, batch = random_case(7)
    nothing = {
        "targets": -100, "words": -100, "yes_share": torch.nan, "pair_weights": 0.0,
        "scores": torch.nan, "absolute": torch.nan, "ranking_tier": 0, f"aux_{AUX}": torch.nan,
        "error_weights": 0.0,
    }  # fmt: skip
    ignored = {
        key: torch.full_like(value, nothing[key]) if key in nothing else value
        for key, value in batch.items()
    }
    objective = objective_of(name)
    totals = objective.weights(ignored)
    assert all(total.item() == 0 for total in totals.values())
    loss, metrics = objective(outputs, ignored, totals)
    gradients = torch.autograd.grad(loss, outputs.tensors())
    assert loss.item() == 0
    assert all((gradient == 0).all() for gradient in gradients)
    assert all(value.item() == 0 for value in metrics.values())


def test_metrics_and_weights_have_the_same_names_whatever_the_batch() -> None:
    objective = everything()
    outputs, batch = random_case(11)
    full = objective.weights(batch)
    _, metrics = objective(outputs, batch, full)
    empty = objective.weights({})
    _, none = objective(Outputs(), {}, empty)
    assert set(full) == set(empty)
    assert set(metrics) == set(none)
    assert set(full) <= {key.split("/")[0] for key in metrics} | set(metrics)


def test_an_objective_is_the_weighted_sum_of_its_terms() -> None:
    outputs, batch = random_case(13)
    objective = everything()
    totals = objective.weights(batch)
    loss, metrics = objective(outputs, batch, totals)
    parts = [metrics[f"{term.name}/loss"].item() for term in objective.terms]
    assert loss.item() == pytest.approx(0.5 * sum(parts))
    assert min(abs(part) for part in parts) > 1e-3


def test_half_precision_is_widened_before_any_arithmetic() -> None:
    outputs, batch = random_case(17)
    for dtype in (torch.float16, torch.bfloat16):
        # The same numbers, once in half precision and once not: the same float32 loss.
        named = {name: value.detach().to(dtype) for name, value in vars(outputs).items()
                 if isinstance(value, Tensor)}  # fmt: skip
        half = Outputs(**named, aux={AUX: outputs.aux[AUX].detach().to(dtype)})
        full = Outputs(
            **{name: value.float() for name, value in named.items()},
            aux={AUX: half.aux[AUX].float()},
        )
        objective = everything()
        totals = objective.weights(batch)
        one, _ = objective(half, batch, totals)
        other, _ = objective(full, batch, totals)
        assert one.dtype in (torch.float32, torch.float64)
        assert one.item() == pytest.approx(other.item(), rel=1e-6)


def test_as_function_gives_the_sum_and_its_weight() -> None:
    outputs, batch = random_case(19)
    term = make_term("sft")
    loss, weight, metrics = Objective([term]).as_function()(lambda _: outputs, batch)
    expected, _ = term(outputs, batch)
    assert loss.item() == pytest.approx(expected.item())
    assert weight.item() == pytest.approx(batch["target_weights"][batch["targets"] >= 0].sum())
    assert metrics["sft/loss"] == pytest.approx(expected.item() / weight.item())
    with pytest.raises(InputError, match="give a single term"):
        everything().as_function()


def test_learned_widths_are_the_objectives_parameters() -> None:
    objective = everything()
    assert sorted(name for name, _ in objective.named_parameters()) == [
        "learned.term_bt_davidson.log_width",
        "learned.term_bt_rao-kupper.log_width",
    ]
    other = everything()
    with torch.no_grad():
        for weight in objective.parameters():
            weight.add_(0.7)
    other.load_state_dict(objective.state_dict())
    assert [w.item() for w in other.parameters()] == [w.item() for w in objective.parameters()]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sft": {"label_smoothing": 1.0}}, "sft: label_smoothing is 1; it must be at least 0 and below 1"),  # noqa: E501
        ({"sft": {"smoothing": 1.0}}, "sft: 'smoothing' is no option of sft; use one of coefficient, kind, label_smoothing"),  # noqa: E501
        ({"sft": {"coefficient": -1}}, "sft: coefficient is -1; set it to 0 or more"),
        ({"sft": {"coefficient": "1"}}, "sft: coefficient is '1'; set it to a number"),
        ({"sfft": {}}, "sfft: kind 'sfft'"),
        ({"words": {"wrong": 1, "right": 1}}, "words: wrong and right are both token 1; give two"),
        ({"words": {"wrong": 1.5, "right": 1}}, "words: wrong: must be a whole number, not 1.5"),
        ({"yes-no": {"yes": [1], "no": [1, 2]}}, "token 1 is in yes and in no; leave it in one"),
        ({"yes-no": {"yes": ["Yes"], "no": [2]}}, "yes is the text 'Yes'; give a token id"),
        ({"x": {"kind": "bradley-terry", "ties": "win"}}, "x: ties is 'win'; use one of ignore, half"),  # noqa: E501
        ({"x": {"kind": "bradley-terry", "ties": "davidson", "margin": 1}}, "a margin would spoil"),
        ({"x": {"kind": "bradley-terry", "learn_tie_width": True}}, "learn_tie_width needs ties"),
        ({"x": {"kind": "bradley-terry", "dimension_weights": [1, 2]}}, "2 numbers for 1 dimension"),  # noqa: E501
        ({"x": {"kind": "bradley-terry", "margin": float("nan")}}, "margin"),
        ({"dpo": {"loss": "ipo", "label_smoothing": 0.1}}, "has no meaning for 'ipo'"),
        ({"dpo": {"beta": 0}}, "dpo: beta is 0; it must be above 0"),
        ({"dpo": {"label_smoothing": 0.5}}, "it must be at least 0 and below 0.5"),
        ({"regression": {"loss": "l1"}}, "loss is 'l1'; use one of mse, huber, nll"),
        ({"denoise": {"weighting": "snr"}}, "weighting is 'snr'; use one of none, clean, noise"),
        ({"diffusion-dpo": {"loss": "hinge", "label_smoothing": 0.1}}, "has no meaning for"),
        ({"diffusion-dpo": {"sft_weight": -1}}, "sft_weight is -1; it must be at least 0"),
        ({}, "an objective needs a term"),
    ],
)  # fmt: skip
def test_a_bad_config_is_told_in_one_line(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_objective(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words_in_place_of_token_ids_are_looked_up() -> None:
    ids = {"Yes": 4, "yes": 5, "No": 6, "wrong": 7}
    term = make_term("yes-no", {"yes": ["Yes", "yes", 9], "no": ["No"]}, ids.__getitem__)
    assert (term.options.yes, term.options.no) == ((4, 5, 9), (6,))
    assert make_term("words", {"wrong": "wrong", "right": 2}, ids.__getitem__).options.wrong == 7


def test_two_terms_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two terms are named 'sft'"):
        Objective([Sft(), Sft()])
    assert len(Objective([Sft(), Sft(name="other")]).terms) == 2


@pytest.mark.parametrize(
    ("name", "lacks", "message"),
    [
        ("sft", "logits", "the model gave no logits; fill the batch's logits_at"),
        ("bradley-terry", "rewards", "the model gave no rewards; give the model a head"),
        ("gaussian-pair", "sigma", "the model gave no sigma; give the model a gaussian head"),
        ("dpo", "reference_logps", "the batch has no reference_logps"),
        ("dpo", "sequence", "the batch has pairs and no sequence; fill it"),
        ("mm-dpo", "margin", "margin_weight is 0.5 and the batch has no margin"),
        ("denoise", "errors", "the model gave no errors; train a generator"),
        ("denoise min-snr", "snr", "the model gave no snr; train a generator, or set weighting"),
        ("diffusion-dpo", "reference_errors", "the batch has no reference_errors"),
        ("diffusion weighed", "pair_score", "score_power is 1.5 and the batch has no pair_score"),
        ("auxiliary", AUX, "the model has no layer 'width', it has none"),
    ],
)
def test_what_a_term_needs_and_lacks_is_named(name: str, lacks: str, message: str) -> None:
    outputs, batch = random_case(23)
    batch = {key: value for key, value in batch.items() if key != lacks}
    if hasattr(outputs, lacks):
        setattr(outputs, lacks, None)
    outputs.aux.pop(lacks, None)
    objective = objective_of(name)
    with pytest.raises(InputError, match=message):
        objective(outputs, batch, objective.weights(batch))


def test_a_head_of_other_dimensions_is_refused() -> None:
    outputs, batch = random_case(29)
    for config in ({}, {"dimensions": ["a", "b"]}):
        objective = make_objective({"bradley-terry": config})
        with pytest.raises(InputError, match="set dimensions to the head's names"):
            objective(outputs, batch, objective.weights(batch))
    wide = {**batch, "share": torch.rand(5, 2)}
    with pytest.raises(InputError, match="share has 2 dimensions and the loss 3"):
        objective_of("bt each").weights(wide)
