"""The card: every number counted by hand on a small set, quantiles against NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from tests.data.samples import pair, scored
from unireward.data.card import QUANTILES, CardMaker, Lengths
from unireward.data.content import Content
from unireward.data.near import NearContent
from unireward.record import Label, Part
from unireward.stats import wilson


def card_of(records, content=None):
    maker = CardMaker(content)
    for record in records:
        maker.add(record)
    return maker.finish()


def records():
    third = pair(id="r3", prompt="three cats", a="short", b="a longer one", winner="b",
                 meta={"source": "X"})  # fmt: skip
    tie = pair(id="r4", prompt="four cats", winner="tie")
    return [
        pair(id="r1", meta={"source": "X"}),
        pair(id="r2", winner="b", meta={"source": "Y"}),
        third,
        tie.model_copy(update={"label": Label(ranking=[["a", "b"]], tie="bad", strength=0.5)}),
        pair(id="r5", prompt="four cats", winner="tie"),
        pair(id="r6", prompt="Four cats!", a="x", winner=None),
        scored(id="r7", prompt="q", alignment=3.0, style=1.0),
        scored(id="r8", prompt="q", alignment=4.0),
        scored(id="r9", prompt="q", answer="else", alignment=5.0),
    ]


def test_every_count_by_hand():
    card = card_of(records())
    found = card.to_dict()
    assert found["records"] == 9
    assert found["prompts"] == 4
    assert found["tasks"] == {"text": 9}
    assert found["sources"] == {"(none)": 6, "X": 2, "Y": 1}
    assert found["modes"] == {"pairwise": 6, "pointwise": 3}
    assert found["candidates"] == {"1": 3, "2": 6}
    assert found["labels"] == {"ranking": 5, "scores": 3, "strength": 1, "none": 1}
    assert found["winners"] == {"second": 2, "tie": 2, "first": 1, "unknown": 1}
    assert found["ties"] == {"bad": 1, "unmarked": 1}
    assert found["first_wins"] == wilson(1, 3).to_dict()
    assert found["longer_wins"] == wilson(1, 1).to_dict()
    assert found["scores"]["alignment"] == {"n": 3, "min": 3, "max": 5, "mean": 4, "scales": []}
    assert found["duplicates"] == {
        "exact": 3, "near": None, "conflicts": 2, "opposite": 1, "disagreeing_scores": 1,
    }  # fmt: skip
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_positions_votes_and_scales():
    votes = pair(winner=None).model_copy(update={"label": Label(preference={"a": 0.2, "b": 0.8})})
    scale = scored(id="s").model_copy(
        update={"label": Label(scores={"a": {"x": 2.0}}, scales={"x": (1, 5)})}
    )
    card = card_of([votes, scale])
    assert card.winners == {"second": 1}
    assert card.labels == {"preference": 1, "scores": 1}
    assert card.scores["x"]["scales"] == [[1, 5]]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=60))
def test_quantiles_are_nearest_rank(lengths):
    found = Lengths()
    for length in lengths:
        found.add("x" * length)
    given = found.to_dict()
    assert given["mean"] == pytest.approx(np.mean(lengths), abs=0.006)
    for quantile in QUANTILES:
        expected = np.quantile(lengths, quantile, method="inverted_cdf")
        assert given[f"p{quantile * 100:.0f}"] == expected
    assert (given["min"], given["max"], given["n"]) == (min(lengths), max(lengths), len(lengths))


def test_media_and_what_is_missing(tmp_path):
    for name in ("a", "b"):
        PILImage.new("RGB", (4, 4), "red").save(tmp_path / f"{name}.png")
    image = {n: Part(type="image", path=str(tmp_path / f"{n}.png")) for n in ("a", "b", "gone")}
    edit = pair(a=image["a"], b=image["gone"]).model_copy(
        update={"prompt": (image["a"].model_copy(update={"role": "source"}), Part.of_text("x"))}
    )
    same = (image["b"].model_copy(update={"role": "source"}), Part.of_text("x"))
    copy = edit.model_copy(update={"id": "r2", "prompt": same})
    clip = pair(id="r3", a=Part(type="video", frames=(str(tmp_path / "a.png"),)))
    for content, exact in ((None, 1), (Content(by_path=True, lenient=True), 0)):
        card = card_of([edit, copy, clip], content)
        assert card.media == {"source image": 2, "candidate image": 4, "candidate frames": 1}
        assert card.missing_media == 1
        assert card.duplicates.exact == exact
    near = card_of([edit, copy, clip], NearContent(lenient=True))
    assert (near.duplicates.exact, near.missing_media) == (1, 1)


def test_near_copies_are_counted_when_asked():
    long = "a photograph of two red circles that stand on the left of a large blue square"
    card = card_of([pair(id="1", prompt=long), pair(id="2", prompt=long + "!")], NearContent())
    assert card.to_dict()["duplicates"]["near"] == 1
    assert "0 exact, 1 near" in card.text()


def test_text_and_page():
    card = card_of(records())
    lines = card.text().splitlines()
    assert lines[0] == "9 records of 4 prompts"
    assert "sources        (none) 6 (66.7 %), X 2 (22.2 %), Y 1 (11.1 %)" in lines
    shares = "second 2 (33.3 %), tie 2 (33.3 %), first 1 (16.7 %), unknown 1 (16.7 %)"
    assert f"best stands    {shares}" in lines
    assert "duplicates     3 exact" in lines
    page = card.markdown("Mine")
    assert page.startswith("# Mine\n\n9 records of 4 prompts.\n")
    assert "| X | 2 | 22.2 % |" in page
    for block in page.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.replace("\\|", "").count("|") for row in rows}) <= 1
    evil = card_of([pair(meta={"source": "a|b\nc"})]).markdown("x")
    assert "| a\\|b c | 1 |" in evil


def test_nothing_is_a_card_too():
    card = card_of([])
    assert card.text() == "0 records of 0 prompts"
    assert card.to_dict()["first_wins"] is None
    assert "Faults" in card.markdown("x")


def test_names_without_end_are_counted_together():
    card = card_of([pair(id=str(i), a=str(i), meta={"source": f"s{i}"}) for i in range(300)])
    assert len(card.sources) == 201
    assert card.sources["(others)"] == 100
