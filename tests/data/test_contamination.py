"""Contamination: runs of words against a plain search, pictures by content, lists of prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from tests.data.samples import pair
from unireward.data.contamination import RUN, SHORTEST, Benchmark, Item
from unireward.data.prompts import read_prompts
from unireward.errors import InputError
from unireward.files import write_prompts, write_records
from unireward.prompt import Prompt
from unireward.record import Part

LONG = "a quiet harbour at dawn with seven small boats tied to an old wooden pier near a hill"
SHORT = "two red circles above a large blue square"  # 8 words


def bench(*texts, **options):
    return Benchmark([Item(f"b:{i}", text) for i, text in enumerate(texts, 1)], **options)


def kinds(benchmark, prompt):
    hits = benchmark.hits(pair(prompt=prompt))
    return [(hit.kind, hit.where, round(hit.share, 3)) for hit in hits]


def test_each_kind_by_hand():
    found = bench(LONG, SHORT, "a cat")
    again = LONG.replace("harbour at", "HARBOUR, at").capitalize() + "!"
    assert kinds(found, again) == [("exact", "b:1", 1.0)]
    words = LONG.split()
    assert len(words) == 18  # six runs of 13
    assert kinds(found, "look: " + " ".join(words[:13])) == [("overlap", "b:1", round(1 / 6, 3))]
    assert kinds(found, " ".join(words[3:]) + " today") == [("overlap", "b:1", 0.5)]
    assert kinds(found, " ".join(words[:12])) == []
    assert kinds(found, f"Draw {SHORT} on white") == [("contained", "b:2", 1.0)]
    assert kinds(found, "A cat.") == [("exact", "b:3", 1.0)]
    assert kinds(found, "a cat and a dog") == []
    assert found.report.to_dict() == {
        "read": 7, "items": 3, "contaminated": 5, "other_media": 0, "benchmark_hit": 3,
        "hits": {"exact": 2, "overlap": 2, "contained": 1, "media": 0, "candidate": 0},
    }  # fmt: skip


sentences = st.lists(st.sampled_from("abc"), min_size=1, max_size=24)


@settings(max_examples=150)
@given(st.lists(sentences, min_size=1, max_size=4), sentences)
def test_against_a_plain_search(benchmark, prompt):
    def holds(whole, piece):
        return any(whole[i : i + len(piece)] == piece for i in range(len(whole) - len(piece) + 1))

    expected = set()
    for number, words in enumerate(benchmark, 1):
        if words == prompt:
            expected.add(("exact", f"b:{number}"))
        elif len(words) >= RUN:
            if any(holds(prompt, words[i : i + RUN]) for i in range(len(words) - RUN + 1)):
                expected.add(("overlap", f"b:{number}"))
        elif len(words) >= SHORTEST and holds(prompt, words):
            expected.add(("contained", f"b:{number}"))
    found = bench(*(" ".join(words) for words in benchmark))
    assert {(kind, where) for kind, where, _ in kinds(found, " ".join(prompt))} == expected


@pytest.fixture
def pictures(tmp_path):
    for name, colour in (("a", "red"), ("copy", "red"), ("b", "blue"), ("c", "green")):
        PILImage.new("RGB", (4, 4), colour).save(tmp_path / f"{name}.png")
    return {n: Part.of_media(str(tmp_path / f"{n}.png")) for n in ("a", "copy", "b", "c")}


def about(media, text, **more):
    return pair(**more).model_copy(update={"prompt": (media, Part.of_text(text))})


def test_one_question_about_two_pictures_is_two(pictures):
    question = about(pictures["a"], "What is shown?")
    found = Benchmark([Item("b:1", question.text, question)])
    other = found.hits(about(pictures["b"], "What is shown?"))
    assert [(h.kind, h.other_media) for h in other] == [("exact", True)]
    same = found.hits(about(pictures["copy"], "What is shown?"))
    assert [(h.kind, h.other_media) for h in same] == [("exact", False)]
    picture = found.hits(about(pictures["copy"], "How many are there?"))
    assert [h.kind for h in picture] == ["media"]
    assert [h.other_media for h in found.hits(pair(prompt="What is shown?"))] == [False]
    assert (found.report.contaminated, found.report.other_media) == (3, 1)
    blind = Benchmark([Item("b:1", question.text, question)], media=False)
    assert [h.other_media for h in blind.hits(about(pictures["b"], "What is shown?"))] == [False]


def test_a_judged_picture_of_the_benchmark_is_a_hit(pictures):
    theirs = pair(prompt="a red square", a=pictures["a"], b=pictures["b"])
    found = Benchmark([Item("b:1", theirs.text, theirs)])
    mine = pair(prompt="something else", a=pictures["c"], b=pictures["copy"])
    assert [h.kind for h in found.hits(mine)] == ["candidate"]
    assert found.hits(pair(a=pictures["c"], b="words")) == []


def test_prompts_of_any_list(tmp_path):
    texts = ["a cat", "a dög"]
    (tmp_path / "p.txt").write_text("\ufeffa cat\n\n  a dög \n", encoding="utf-8")
    (tmp_path / "p.json").write_text(json.dumps(texts))
    (tmp_path / "o.json").write_text(json.dumps([{"caption": t, "id": 1} for t in texts]))
    nested = {"info": {}, "data": [{"prompt": t} for t in texts]}
    (tmp_path / "d.json").write_text(json.dumps(nested))
    (tmp_path / "k.json").write_text(json.dumps({"1": {"question": texts[0]}, "2": texts[1]}))
    (tmp_path / "p.jsonl").write_text("".join(json.dumps({"mine": t}) + "\n" for t in texts))
    (tmp_path / "p.csv").write_text("index,prompt_en\n1,a cat\n2,a dög\n", encoding="utf-8")
    write_records(tmp_path / "r.jsonl", [pair(id=str(i), prompt=t) for i, t in enumerate(texts)])
    write_records(tmp_path / "r.parquet", [pair(id=str(i), prompt=t) for i, t in enumerate(texts)])
    asked = [Prompt.of(pair(id=str(i), prompt=t)) for i, t in enumerate(texts)]
    for name in ("q.jsonl", "q.parquet"):
        write_prompts(tmp_path / name, asked)
        assert [item.asked for item in read_prompts(tmp_path / name)] == asked
    for name in ("p.txt", "p.json", "o.json", "d.json", "k.json", "p.csv", "r.jsonl", "r.parquet"):
        assert [item.text for item in read_prompts(tmp_path / name)] == texts, name
    assert [i.text for i in read_prompts(tmp_path / "p.jsonl", "mine")] == texts
    places = [Path(i.where).name for i in read_prompts(tmp_path / "p.txt")]
    assert places == ["p.txt:1", "p.txt:3"]
    assert all(i.asked is not None for i in read_prompts(tmp_path / "r.parquet"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.json", '["a", 3]', r"p\.json: row 2: is no prompt but 3; give texts or objects"),
        ("p.json", '"a"', r"p\.json: is no list of prompts"),
        ("p.json", "[", r"p\.json: is no JSON we can read"),
        ("p.jsonl", '{"mine": "a"}', r"p\.jsonl:1: has no prompt in prompt or caption .*--field"),
        ("p.csv", "x,y\n1,2\n", r"p\.csv:2: has no prompt in"),
        ("p.jsonl", '{"id": "a", "task": "text", "prompt": [{}]}', r"jsonl:1: prompt\[0\].type"),
        ("p.xyz", "a", "is no table we read"),
    ],
)
def test_bad_lists_name_file_and_row(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        list(read_prompts(tmp_path / name))
