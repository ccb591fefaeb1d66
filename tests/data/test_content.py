"""Keys: what is the same thing, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from unireward.data.content import Content, digest, normalised
from unireward.errors import InputError
from unireward.record import Candidate, Part, Record


def ask(*parts, id="r", task="image_generation"):
    found = tuple(Part.of_text(p) if isinstance(p, str) else p for p in parts)
    return Record(id=id, task=task, prompt=found, candidates=[Candidate(id="a", content=found)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two  RED\ncircles.", "two red circles"),
        ("ﬁve “cats”, please!", "five cats please"),
        ("Straße", "strasse"),
        ("x+1=2", "x + 1 = 2"),
        ("赤い円 and 2", "赤 い 円 and 2"),
        ("???", "???"),
        ("हिन्दी में", "हिन्दी में"),
        ("", ""),
    ],
)
def test_words_by_hand(text, expected):
    assert normalised(text) == expected


@given(st.text(max_size=40))
def test_normalising_again_changes_nothing(text):
    once = normalised(text)
    assert normalised(once) == once


@given(
    st.lists(st.text("ab\0", max_size=3), max_size=4),
    st.lists(st.text("ab\0", max_size=3), max_size=4),
)
def test_a_key_tells_lists_of_fields_apart(left, right):  # fmt: skip
    assert (digest("k", *left) == digest("k", *right)) == (left == right)
    assert digest("k", *left) != digest("other", *left)


def test_a_prompt_is_its_words_roles_and_media(tmp_path):
    for name, colour in (("a", "red"), ("copy", "red"), ("b", "blue")):
        PILImage.new("RGB", (4, 4), colour).save(tmp_path / f"{name}.png")
    image = {n: Part.of_media(str(tmp_path / f"{n}.png")) for n in ("a", "copy", "b")}
    key = Content().prompt
    assert key(ask("Two red circles.")) == key(ask("two  red circles"))
    assert key(ask("two red circles")) != key(ask("two red circle"))
    assert key(ask(image["a"], "what?")) == key(ask("what?", image["copy"]))
    assert key(ask(image["a"], "what?")) != key(ask(image["b"], "what?"))
    assert key(ask(image["a"], "what?")) != key(ask("what?"))
    assert key(ask(image["a"], image["b"], "x")) != key(ask(image["b"], image["a"], "x"))
    source = Part(type="image", path=str(tmp_path / "a.png"), role="source")
    assert key(ask(source, "x")) != key(ask(image["a"], "x"))
    by_path = Content(by_path=True).prompt
    assert by_path(ask(image["a"], "x")) != by_path(ask(image["copy"], "x"))


def test_exactly_is_as_written_but_for_line_ends_and_composition():
    key = Content().prompt_as_written
    assert key(ask("cafe\u0301\r\n")) == key(ask("caf\u00e9"))
    assert key(ask("Two")) != key(ask("two"))
    assert key(ask("x-1")) != key(ask("x+1"))


def test_missing_media_name_the_record(tmp_path):
    gone = Part(type="image", path=str(tmp_path / "gone.png"))
    with pytest.raises(InputError, match=r"^record r7: .*gone\.png: no such file"):
        Content().prompt(ask(gone, id="r7"))
    assert Content(by_path=True).prompt(ask(gone))
    web = Part(type="image", path="https://example.org/a.png")
    other = Part(type="image", path="https://example.org/b.png")
    assert Content().prompt(ask(web)) != Content().prompt(ask(other))
