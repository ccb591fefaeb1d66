"""Chosen and rejected: answers, images, videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.foreign import again, read_one, touch, written
from unireward.data import convert
from unireward.errors import InputError
from unireward.files import LineError
from unireward.record import Candidate, Label, Part, Record

FIRST = Label(ranking=(("a",), ("b",)))


def answers(*texts: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(id=n, content=(Part.of_text(t),)) for n, t in zip("abc", texts))


def test_rlaif_v(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {
        "ds_name": "RLAIF-V", "image": {"bytes": b"\x89PNG\r\n\x1a\n", "path": "x.png"},
        "question": "What?", "chosen": "A cat.", "rejected": "A dog.", "origin_dataset": "COCO",
        "origin_split": "{}", "idx": "12", "image_path": "x.png",
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "r.parquet")
    (record,) = convert(tmp_path / "r.parquet", "dpo")
    assert record == Record(
        id="12",
        task="image_understanding",
        prompt=(Part(type="image", bytes=b"\x89PNG\r\n\x1a\n"), Part.of_text("What?")),
        candidates=answers("A cat.", "A dog."),
        label=FIRST,
        meta={
            "source": "dpo", "ds_name": "RLAIF-V", "origin_dataset": "COCO",
            "origin_split": "{}", "image_path": "x.png",
        },
    )  # fmt: skip


def test_rlhf_v_packs_the_texts_into_one_field(tmp_path: Path) -> None:
    packed = {"question": "What?", "chosen": "A cat.", "rejected": "A dog."}
    for text in (packed, json.dumps(packed)):
        record = read_one(tmp_path, {"text": text, "idx": 3}, "dpo")
        assert (record.id, record.text, record.task) == ("3", "What?", "text")
        assert record.candidates == answers("A cat.", "A dog.")


def test_unifiedrewards_understanding_rows(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(8)]
    frames = touch(tmp_path, *names)
    row: dict[str, Any] = {
        "id": 3, "image": names, "prompt": "<image>\nWho?", "chosen": "me", "rejected": "you",
        "chosen_score": "5", "rejected_score": 2,
    }  # fmt: skip
    record = read_one(tmp_path, row, "dpo")
    assert record.prompt == (Part(type="video", frames=tuple(frames)), Part.of_text("Who?"))
    assert record.task == "video_understanding"
    assert record.label == Label(
        ranking=(("a",), ("b",)), scores={"a": {"overall": 5}, "b": {"overall": 2}}
    )
    with pytest.raises(LineError, match="chosen_score is below rejected_score; swap"):
        read_one(tmp_path, {**row, "chosen_score": 1}, "dpo")
    with pytest.raises(LineError, match="chosen_score is 'high'; give a finite number"):
        read_one(tmp_path, {**row, "chosen_score": "high"}, "dpo")


def test_povids_two_talks(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "i.png")

    def talk(answer: str, question: str = "<image>\nWho?") -> list[dict[str, str]]:
        return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]

    row = {"image": "i.png", "conversations": talk("me"), "rejected_conversations": talk("you")}
    record = read_one(tmp_path, row, "dpo")
    assert record.prompt == (Part(type="image", path=path), Part.of_text("Who?"))
    assert record.candidates == answers("me", "you")
    assert record.label == FIRST
    row["rejected_conversations"] = talk("you", "<image>\nWhat?")
    with pytest.raises(LineError, match="conversations and rejected_conversations differ before"):
        read_one(tmp_path, row, "dpo")


WORDS = st.text(min_size=1).filter(lambda t: t.strip() == t and "<" not in t)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS, WORDS, WORDS, st.sampled_from(["text", "image", "video", "frames"]))
def test_dpo_round_trip(tmp_path: Path, q: str, one: str, two: str, kind: str) -> None:
    if one == two:
        return
    shown = {
        "text": [],
        "image": [Part(type="image", path=touch(tmp_path, "i.png")[0])],
        "video": [Part(type="video", path=touch(tmp_path, "v.mp4")[0])],
        "frames": [Part(type="video", frames=tuple(touch(tmp_path, "0.png", "1.png", "2.png")))],
    }[kind]
    task = {"text": "text", "image": "image_understanding"}.get(kind, "video_understanding")
    record = Record(
        id="r",
        task=task,
        prompt=(*shown, Part.of_text(q)),
        candidates=answers(one, two),
        label=FIRST,
    )
    assert again(tmp_path, record, "dpo") == record


def test_dpo_refuses_what_it_has_no_place_for(tmp_path: Path) -> None:
    paths = touch(tmp_path, "1.png", "2.png", "3.png")
    shown = tuple(Part(type="image", path=p) for p in paths)
    record = Record(
        id="r",
        task="x",
        prompt=(*shown, Part.of_text("q")),
        candidates=answers("x", "y"),
        label=FIRST,
    )
    with pytest.raises(InputError, match="record r: shows more than two images"):
        written(tmp_path, [record], "dpo")
    pictures = tuple(Candidate(id=n, content=(p,)) for n, p in zip("ab", shown))
    made = record.model_copy(update={"candidates": pictures, "prompt": (Part.of_text("q"),)})
    with pytest.raises(InputError, match="candidate a holds media, this format only text"):
        written(tmp_path, [made], "dpo")


# Images -------------------------------------------------------------------------------------


def made(kind: str, one: str, two: str, label: Label | None = FIRST) -> Record:
    parts: list[Any] = [{"type": kind, "path": path} for path in (one, two)]
    return Record(
        id="r",
        task=f"{kind}_generation",
        prompt=(Part.of_text("a cat"),),
        candidates=tuple(Candidate(id=n, content=(Part(**p),)) for n, p in zip("ab", parts)),
        label=label,
    )


@pytest.mark.parametrize(
    ("label_0", "ranking"),
    [(1, (("a",), ("b",))), (0, (("b",), ("a",))), (0.5, (("a", "b"),)), ("1", (("a",), ("b",)))],
)
def test_label_0_says_whether_jpg_0_is_better(
    tmp_path: Path, label_0: Any, ranking: tuple[tuple[str, ...], ...]
) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    row = {"id": "r", "caption": "a cat", "jpg_0": "1.png", "jpg_1": "2.png", "label_0": label_0}
    record = read_one(tmp_path, row, "diffusion-dpo")
    expected = made("image", one, two, Label(ranking=ranking))
    assert record == expected.model_copy(update={"meta": {"source": "diffusion-dpo"}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_0": 2}, "label_0 is 2; use 1 (jpg_0 is better), 0 (jpg_1) or 0.5"),
        ({"label_0": "x"}, "label_0 is 'x'; give a finite number"),
        ({"label_0": True}, "label_0 is True; give a finite number"),
        ({"label_1": 1}, "label_0 and label_1 do not add up to 1"),
        ({"jpg_1": "1.png"}, "candidates a and b are the same"),
        ({"jpg_1": None}, "jpg_1 is null"),
        ({"caption": ""}, "caption is empty"),
    ],
)
def test_diffusion_refusals(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    touch(tmp_path, "1.png", "2.png")
    row = {"caption": "c", "jpg_0": "1.png", "jpg_1": "2.png", "label_0": 1, **change}
    with pytest.raises(LineError) as caught:
        read_one(tmp_path, row, "diffusion-dpo")
    assert message in str(caught.value)


def test_diffusion_writes_the_better_image_first(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    record = made("image", one, two)
    assert again(tmp_path, record, "diffusion-dpo") == record
    other = made("image", one, two, Label(ranking=(("b",), ("a",))))
    assert written(tmp_path, [other], "diffusion-dpo") == [
        {"id": "r", "caption": "a cat", "jpg_0": "2.png", "jpg_1": "1.png", "label_0": 1}
    ]
    with pytest.raises(InputError, match="record r: is a tie"):
        written(tmp_path, [made("image", one, two, Label(ranking=(("a", "b"),)))], "diffusion-dpo")


def test_diffusion_keeps_bytes_in_parquet(tmp_path: Path) -> None:
    from unireward.data import export

    one, two = touch(tmp_path, "1.png", "2.png")
    Path(one).write_bytes(b"\x89PNG\r\n\x1a\n1")
    Path(two).write_bytes(b"\x89PNG\r\n\x1a\n2")
    export(tmp_path / "d.parquet", [made("image", one, two)], "diffusion-dpo", media="bytes")
    (back,) = convert(tmp_path / "d.parquet", "diffusion-dpo")
    assert [c.content[0].bytes for c in back.candidates] == [
        b"\x89PNG\r\n\x1a\n1",
        b"\x89PNG\r\n\x1a\n2",
    ]


# Videos -------------------------------------------------------------------------------------


def test_video_dpo(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "v/1.mp4", "v/2.mp4")
    row = {
        "id": "r", "caption": ["a cat"], "chosen": "v/1.mp4", "rejected": "v/2.mp4",
        "chosen_score": "10", "rejected_score": "9",
    }  # fmt: skip
    # As text "10" would come before "9".
    label = Label(
        ranking=(("a",), ("b",)),
        scores={"a": {"overall": 10}, "b": {"overall": 9}},
        scales={"overall": (1, 10)},
    )
    record = read_one(tmp_path, row, "video-dpo")
    expected = made("video", one, two, label)
    assert record == expected.model_copy(update={"meta": {"source": "video-dpo"}})
    assert again(tmp_path, expected, "video-dpo") == expected
    with pytest.raises(LineError, match="chosen_score is 11; it must lie in 1 to 10"):
        read_one(tmp_path, {**row, "chosen_score": 11}, "video-dpo")
    with pytest.raises(LineError, match="chosen_score is below rejected_score"):
        read_one(tmp_path, {**row, "chosen_score": "8"}, "video-dpo")


def test_video_dpo_refuses_what_it_has_no_place_for(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    with pytest.raises(InputError, match="candidate a is not one video"):
        written(tmp_path, [made("image", one, two)], "video-dpo")
    clip = Part(type="video", frames=(one, two))
    record = made("video", "x.mp4", "y.mp4")
    framed = record.model_copy(
        update={"candidates": (Candidate(id="a", content=(clip,)), record.candidates[1])}
    )
    with pytest.raises(InputError, match="a video of frames or bytes has no place here"):
        written(tmp_path, [framed], "video-dpo")
