"""Whole-sequence log-probabilities, against a toy language model counted out by brute force."""

from __future__ import annotations

import contextlib
import math
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.engines.logprobs import (
    NEGLIGIBLE,
    OtherWords,
    Tally,
    Token,
    Undetermined,
    choice_logprobs,
)

END = "<|end|>"
VERDICTS = ("Image 1 is better", "Image 2 is better", "Both images are equally good.")


class ToyModel:
    """A language model over arbitrary pieces whose texts are exactly ``choices``.

    ``shares`` gives each choice its probability; each place spreads the mass of the choices
    still possible over the pieces that lead to them, by a drawn weight per piece.
    """

    def __init__(self, choices: tuple[str, ...], pieces: set[str], seed: int) -> None:
        self.choices = choices
        self.pieces = sorted(pieces | {char for choice in choices for char in choice})
        self.seed = seed

    def places(self, text: str) -> dict[str, float]:
        weights = {
            piece: self._weight(text, piece)
            for piece in self.pieces
            if any(choice.startswith(text + piece) for choice in self.choices)
        }
        if text in self.choices:
            weights[END] = self._weight(text, END)
        total = math.fsum(weights.values())
        return {piece: weight / total for piece, weight in weights.items()}

    def _weight(self, text: str, piece: str) -> float:
        return Random(f"{self.seed}/{text}/{piece}").expovariate(1.0) ** 2 + 1e-6

    def exact(self) -> dict[str, float]:
        """Each choice's probability summed over every way to cut it into pieces."""

        @cache
        def reach(text: str) -> float:
            if not text:
                return 1.0
            return math.fsum(
                reach(text[: -len(piece)]) * self.places(text[: -len(piece)])[piece]
                for piece in self.pieces
                if text.endswith(piece)
            )

        return {choice: reach(choice) * self.places(choice)[END] for choice in self.choices}

    def path(self, draw: Random) -> list[Token]:
        text, tokens = "", []
        while True:
            places = self.places(text)
            piece = draw.choices(list(places), list(places.values()))[0]
            logprobs = {one: math.log(share) for one, share in places.items()}
            tokens.append(Token(piece, logprobs[piece], logprobs))
            if piece == END:
                return tokens
            text += piece


class OneCut(ToyModel):
    """As above with one way to cut each text (longest piece first), as a real tokenizer has."""

    def places(self, text: str) -> dict[str, float]:
        nexts = {self._next(choice, text) for choice in self.choices if self._passes(choice, text)}
        weights = {piece: self._weight(text, piece) for piece in nexts}
        total = math.fsum(weights.values())
        return {piece: weight / total for piece, weight in weights.items()}

    def cut(self, choice: str) -> list[str]:
        cuts, text = [], choice
        while text:
            cuts.append(max((p for p in self.pieces if text.startswith(p)), key=len))
            text = text[len(cuts[-1]) :]
        return cuts

    def _passes(self, choice: str, text: str) -> bool:
        so_far = ""
        for piece in [*self.cut(choice), END]:
            if so_far == text:
                return True
            so_far += piece
        return False

    def _next(self, choice: str, text: str) -> str:
        so_far = ""
        for piece in [*self.cut(choice), END]:
            if so_far == text:
                return piece
            so_far += piece
        raise AssertionError(text)

    def exact(self) -> dict[str, float]:
        found = {}
        for choice in self.choices:
            text, mass = "", 1.0
            for piece in [*self.cut(choice), END]:
                mass *= self.places(text)[piece]
                text += piece
            found[choice] = mass
        return found


def said(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens if token.text != END)


WORDS = st.text("abc", min_size=1, max_size=5)
CHOICES = st.lists(WORDS, min_size=2, max_size=5, unique=True).map(tuple)
PIECES = st.sets(st.text("abc", min_size=2, max_size=3), max_size=8)


@settings(max_examples=300, deadline=None)
@given(CHOICES, PIECES, st.integers(0, 10**6))
def test_one_way_to_cut_is_exact_or_open_beside_the_path(choices, pieces, seed) -> None:
    model = OneCut(choices, pieces, seed)
    tokens = model.path(Random(seed))
    found = choice_logprobs(tokens, choices, text=said(tokens))
    exact = model.exact()
    if found is None:
        assert _open_beside(tokens, choices) > 0.0
        return
    slack = NEGLIGIBLE * 1.0001
    for choice in choices:
        assert math.exp(found[choice]) == pytest.approx(exact[choice], abs=slack)
    if _open_beside(tokens, choices) == 0.0:
        for choice in choices:
            assert found[choice] == pytest.approx(math.log(exact[choice]), abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(CHOICES, PIECES, st.integers(0, 10**6))
def test_many_ways_to_cut_are_within_the_stated_bound_or_none(choices, pieces, seed) -> None:
    model = ToyModel(choices, pieces, seed)
    tokens = model.path(Random(seed))
    found = choice_logprobs(tokens, choices, text=said(tokens))
    if found is None:
        return
    for choice, share in model.exact().items():
        assert math.exp(found[choice]) == pytest.approx(share, abs=NEGLIGIBLE * 1.0001)


def _open_beside(tokens: list[Token], choices: tuple[str, ...]) -> float:
    """Mass of pieces off the path that two or more choices go on from, counted independently."""
    text, mass, total = "", 1.0, 0.0
    for token in tokens:
        for piece, logprob in token.alternatives.items():
            after = text + ("" if piece == END else piece)
            open_ = sum(choice.startswith(after) for choice in choices)
            if piece not in (token.text, END) and open_ > 1:
                total += mass * math.exp(logprob)
        mass *= math.exp(token.logprob)
        text += token.text
    return total


def test_the_answers_that_share_a_first_token_are_told_apart_by_the_one_that_differs() -> None:
    tokens = [
        ("Image", math.log(0.9), {"Image": math.log(0.9), "Both": math.log(0.1)}),
        (" 1", math.log(0.3), {" 2": math.log(0.7), " 1": math.log(0.3)}),
        (" is better", 0.0, {}),
        ("<|im_end|>", 0.0, {}),
    ]
    found = choice_logprobs(tokens, VERDICTS, text="Image 1 is better")
    assert found is not None
    assert {c: round(math.exp(v), 12) for c, v in found.items()} == {
        "Image 1 is better": 0.27,
        "Image 2 is better": 0.63,
        "Both images are equally good.": 0.1,
    }


def test_a_branch_beside_the_path_that_leaves_two_answers_open_is_not_guessed() -> None:
    def tie(share: float) -> dict[str, float] | None:
        rest = math.log(share), math.log1p(-share)
        tokens = [("Both", rest[1], {"Image": rest[0]}), (" images are equally good", 0.0, {})]
        return choice_logprobs(tokens, VERDICTS)

    assert tie(0.02) is None
    found = tie(0.005)
    assert found is not None
    assert math.exp(found[VERDICTS[2]]) == pytest.approx(0.995)
    assert math.exp(found[VERDICTS[0]]) == pytest.approx(0.005)


def test_an_answer_never_listed_gets_its_bound_only_where_that_is_negligible() -> None:
    def verdict(first: float, least: float) -> dict[str, float] | None:
        listed = {"Image": math.log(first), "The": math.log(least)}
        tokens = [
            ("Image", math.log(first), listed),
            (" 2", math.log(0.75), {" 1": math.log(0.25)}),
            (" is better.", 0.0, {}),
        ]
        return choice_logprobs(tokens, VERDICTS)

    found = verdict(0.98, 0.004)
    assert found is not None
    # 0.016 is not listed, but no single token left out is likelier than the least listed one.
    assert math.exp(found[VERDICTS[2]]) == pytest.approx(0.004)
    assert math.exp(found[VERDICTS[1]]) == pytest.approx(0.98 * 0.75)
    assert verdict(0.90, 0.02) is None


@pytest.mark.parametrize(
    "text",
    [
        "Sure. Image 1 is better",
        "Image 1 is better in colour, yet Image 2 is better overall",
        "Image 3 is better",
        "",
        "**Image 1 is better**",
    ],
)
def test_a_text_that_is_not_an_answer_gives_nothing(text: str) -> None:
    tokens = [(char, 0.0, {char: 0.0}) for char in text]
    assert choice_logprobs(tokens, VERDICTS) is None


def test_white_space_and_a_full_stop_change_nothing() -> None:
    tokens = [("\n", 0.0, {}), (" Image 2", math.log(0.5), {" Image 1": math.log(0.5)})]
    found = choice_logprobs([*tokens, (" is better", 0.0, {}), (".\n", 0.0, {})], VERDICTS[:2])
    assert found == pytest.approx(dict.fromkeys(VERDICTS[:2], math.log(0.5)))


def test_an_answer_that_another_goes_on_from_needs_the_end_to_be_seen() -> None:
    choices = ("yes", "yes and no")
    first = ("yes", math.log(0.8), {"no": math.log(0.2)})
    assert choice_logprobs([first], choices) is None
    end = {END: math.log(0.6), " and": math.log(0.3), "!": math.log(0.1)}
    found = choice_logprobs([first, (END, math.log(0.6), end)], choices, text="yes")
    assert found is not None
    assert math.exp(found["yes"]) == pytest.approx(0.8 * 0.7)
    assert math.exp(found["yes and no"]) == pytest.approx(0.8 * 0.3)


def test_a_server_without_alternatives_bounds_the_rest_by_the_mass_left() -> None:
    sure = choice_logprobs([("yes", math.log(0.995), {})], ("yes", "no"))
    assert sure is not None
    assert math.exp(sure["no"]) == pytest.approx(0.005)
    assert choice_logprobs([("yes", math.log(0.9), {})], ("yes", "no")) is None


def test_minus_infinity_and_rounding_stay_finite() -> None:
    tokens = [("yes", 1e-9, {"no": -9999.0, "maybe": -math.inf})]
    found = choice_logprobs(tokens, ("yes", "no", "maybe"))
    assert found is not None
    assert found["yes"] == 0.0
    assert found["no"] == found["maybe"] == pytest.approx(math.log(1e-12))


@pytest.mark.parametrize("choices", [(), ("yes",), ("yes", "yes "), ("yes", "")])
def test_choices_that_cannot_be_told_apart_give_nothing(choices: tuple[str, ...]) -> None:
    assert choice_logprobs([("yes", 0.0, {})], choices) is None


def test_a_text_left_open_waits_for_a_path_that_starts_there() -> None:
    tally = Tally(VERDICTS)
    rest = {"Image": math.log(0.2)}
    both = [Token("Both", math.log(0.8), rest), Token(" images are equally good", 0.0, {})]
    tally.hear_reply(both, text="Both images are equally good")
    with pytest.raises(Undetermined, match="two or more of them are left open"):
        tally.result()
    node = tally.next_node()
    assert node is not None
    assert (node.text, round(node.mass, 12), node.tokens) == ("Image", 0.2, 1)
    # A space and the digit that parts them.
    assert tally.reach(node) == 2
    listed = {"2": math.log(0.7), "1": math.log(0.3)}
    assert tally.hear([Token(" ", 0.0, {}), Token("2", math.log(0.7), listed)], node) == VERDICTS[1]
    assert tally.next_node() is None
    assert {c: round(math.exp(v), 12) for c, v in tally.result().items()} == {
        VERDICTS[0]: 0.06,
        VERDICTS[1]: 0.14,
        VERDICTS[2]: 0.8,
    }


@settings(max_examples=300, deadline=None)
@given(CHOICES, PIECES, st.integers(0, 10**6))
def test_with_every_open_text_continued_nothing_is_left_undetermined(choices, pieces, seed) -> None:
    model = OneCut(choices, pieces, seed)
    if len(choices) < 2:
        return
    tally = Tally(choices)
    tally.hear(model.path(Random(seed)))
    while (node := tally.next_node()) is not None:
        places = model.places(node.text)
        said = max(places, key=places.__getitem__)
        logprobs = {piece: math.log(share) for piece, share in places.items()}
        token = Token(said, logprobs[said], logprobs)
        with contextlib.suppress(OtherWords):
            tally.hear([token], node)
    try:
        found = tally.result()
    except Undetermined:
        pytest.fail("an answer was left open")
    for choice, share in model.exact().items():
        assert math.exp(found[choice]) == pytest.approx(share, abs=NEGLIGIBLE * 1.0001)


def test_a_number_at_its_place_in_a_longer_reply_is_read_where_it_parts() -> None:
    start = "Alignment: 4\nStyle: "
    labels = tuple(start + mark for mark in "12345")
    listed = {"3": math.log(0.6), "4": math.log(0.3), "2": math.log(0.1)}
    first = {"Alignment: 4": math.log(0.8), "Alignment: 5": math.log(0.2)}
    path = [("Alignment: 4", math.log(0.8), first), ("\nStyle: ", 0.0, {})]
    path.append(("3", listed["3"], listed))
    found = choice_logprobs([*path, ("\nOverall: 3.5", 0.0, {})], labels)
    assert found is not None
    assert {c[-1]: round(math.exp(v), 9) for c, v in found.items() if v > -20} == {
        "2": 0.08,
        "3": 0.48,
        "4": 0.24,
    }
    # The same reply is no verdict, and another number before it is another place.
    assert choice_logprobs(path[:1], ("Alignment: 4 is better", "Alignment: 5 is better")) is None
    other = [("Alignment: 5\nStyle: 3", 0.0, {})]
    assert choice_logprobs(other, labels) is None
