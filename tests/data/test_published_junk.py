"""A field of any published row given any value: a record, or one line that says what is wrong."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data import (
    test_edit_reward,
    test_genai_bench,
    test_helpsteer2,
    test_hpdv3,
    test_image_reward_db,
    test_llava_critic,
    test_mm_rlhf,
    test_pick_a_pic,
    test_prm_steps,
    test_videofeedback,
    test_videogen_rewardbench,
    test_vl_rewardbench,
)
from unireward.data import get_format
from unireward.data.converter import RowError, Source, check_record
from unireward.files.lines import dumps
from unireward.record import Record

SAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("edit-reward", test_edit_reward.ROW),
    ("edit-reward", test_edit_reward.VOTED),
    ("genai-bench", test_genai_bench.IMAGE),
    ("genai-bench", test_genai_bench.VIDEO),
    ("genai-bench", test_genai_bench.EDIT),
    ("helpsteer2", test_helpsteer2.RATED),
    ("helpsteer2", test_helpsteer2.PAIR),
    ("helpsteer3", test_helpsteer2.THIRD),
    ("hpdv3", test_hpdv3.ROW),
    ("hpdv3", {"prompt": "p", "image_path": ["a.jpg", "b.jpg"], "rank": [1, 2]}),
    ("image-reward-db", test_image_reward_db.GROUP),
    ("image-reward-db", test_image_reward_db.alone("u", 1)),
    ("llava-critic", test_llava_critic.row(test_llava_critic.ARENA, "[[A>B]]")),
    ("mm-rlhf", test_mm_rlhf.PAIR),
    ("mm-rlhf", test_mm_rlhf.GROUP),
    ("pick-a-pic", test_pick_a_pic.ROW),
    ("prm-steps", test_prm_steps.TREE),
    ("prm-steps", test_prm_steps.SOFT),
    ("prm-steps", {"question": "q", "process": "a<prm>b<prm>", "labels": [0.5, 1]}),
    ("prm-steps", {"question": "q", "response": {"steps": ["a"], "process_correctness": [1]}}),
    ("prm-steps", {"input": test_prm_steps.SHEPHERD, "label": test_prm_steps.SHEPHERD}),
    ("videofeedback", test_videofeedback.ROW),
    ("videofeedback", test_videofeedback.CHAT),
    ("videogen-rewardbench", test_videogen_rewardbench.ROW),
    ("vl-rewardbench", test_vl_rewardbench.ROW),
]

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([math.nan, math.inf, 10**400, "", " ", "x", "\ud800", "tie", "nan", "a\nb"]),
    st.sampled_from(
        [b"", b"x", [], {}, [None], [[]], [{}], {"bytes": None, "path": None}, [math.nan]]
    ),
    st.sampled_from([{"text": math.nan}, {"steps": [1]}, {"value": []}, ["a", "a"], [[], {}, 1]]),
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a row."""
    inside: list[tuple[Any, ...]] = []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in entries:
        inside.append((*at, key))
        if isinstance(item, dict | list):
            inside += _places(item, (*at, key))
    return inside


@pytest.mark.parametrize(("name", "row"), SAMPLES)
@settings(max_examples=30)
@given(data=st.data())
def test_it_is_read_or_refused_in_one_line(name: str, row: dict[str, Any], data: st.DataObject):
    row = copy.deepcopy(row)
    for place in data.draw(st.lists(st.sampled_from(_places(row)), min_size=1, max_size=2)):
        try:
            holder: Any = row
            for key in place[:-1]:
                holder = holder[key]
            if data.draw(st.booleans()):
                holder[place[-1]] = copy.deepcopy(data.draw(JUNK))
            else:
                del holder[place[-1]]
        except (KeyError, IndexError, TypeError):
            pass  # what held it was replaced before
    read = get_format(name).read
    assert read is not None
    try:
        made = read(row, Source(Path("rows.json"), Path("/nowhere")))
        for record in [made] if isinstance(made, Record) else made:
            check_record(record, check_media=False)
            dumps(record.meta)  # no NaN, no bytes
    except RowError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) < 600  # noqa: PT017


@pytest.mark.parametrize(("name", "row"), SAMPLES)
@settings(max_examples=30)
@given(data=st.data())
def test_recognising_a_file_never_fails(name: str, row: dict[str, Any], data: st.DataObject):
    fits = get_format(name).fits
    assert fits is not None
    row = copy.deepcopy(row)
    row[data.draw(st.sampled_from(list(row)))] = data.draw(JUNK)
    assert fits(row) in (True, False)
