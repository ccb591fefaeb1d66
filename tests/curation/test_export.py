"""Curated records in the formats of those who train on them, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.curation.conftest import grey
from unireward.curation import Case, Pair
from unireward.curation.kept import kept_record
from unireward.curation.store import Store
from unireward.data import convert, export
from unireward.files import read_records, write_records
from unireward.media import Video
from unireward.media.mp4 import mp4
from unireward.prompt import Prompt
from unireward.record import Candidate, Part, Record


def clip(level: int) -> Video:
    frames = np.full((8, 16, 16, 3), level, dtype=np.uint8)
    frames[:, :4] = (np.arange(8) * 30)[:, None, None, None]
    return Video(frames, fps=8)


def curated(folder, task: str) -> list[Record]:
    """Pairs as ``curate`` writes them, read back from their file."""
    about = {
        "image_understanding": [Part(type="image", path=str(folder / "q.png"))],
        "video_understanding": [Part(type="video", path=str(folder / "q.mp4"))],
    }.get(task, [])
    records = []
    store = Store(folder)
    for number in range(5):
        contents = {
            "image_generation": [Part(type="image", media=grey(20 * number + k)) for k in (0, 9)],
            "video_generation": [Part(type="video", media=clip(20 * number + k)) for k in (0, 90)],
        }.get(task) or [Part.of_text(f"it is {word}, {number}") for word in ("grey", "green")]
        made = tuple(
            store.kept(f"r{number}", Candidate(id=name, content=(part,)))
            for name, part in zip("ch", contents)
        )
        asked = (*about, Part.of_text(f"what is it, {number}?"))
        prompt = Prompt(id=f"r{number}", task=task, prompt=asked, meta={"source": "mine"})
        pair = Pair(between=("c", "h"), winner="c", step="pair_rank", margin=0.8)
        case = Case(prompt=prompt, candidates=made, pairs=(pair,))
        records.append(kept_record(case, pair, case.id, ["pair_rank"], 0))
    write_records(folder / "records.jsonl", records)
    return list(read_records(folder / "records.jsonl"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "q.png").write_bytes(grey(128).png())
    frames = np.stack([np.asarray(f.load()) for f in clip(50).images])
    (tmp_path / "q.mp4").write_bytes(mp4(frames, 8))
    return tmp_path


def sides(record: Record) -> list[tuple]:
    """What the better and the worse candidate hold, and the prompt: comparable across formats."""
    assert record.label is not None
    ((winner,), (loser,)) = record.label.ranking

    def held(parts):
        return [
            part.text if part.text is not None else (part.type, part.load().digest)
            for part in parts
        ]

    return [held(record.candidate(name).content) for name in (winner, loser)] + [
        held(record.prompt)
    ]


ANSWERS = ("text", "image_understanding", "video_understanding")
DRAWN = ("image_generation", "video_generation")


@pytest.mark.parametrize(
    ("format", "name", "tasks"),
    [
        ("trl", "t.jsonl", ("text", "image_understanding")),
        ("ms-swift", "s.jsonl", (*ANSWERS, *DRAWN)),
        ("llama-factory", "l.json", ANSWERS),
        ("dpo", "d.json", ("image_understanding", "video_understanding")),
        ("diffusion-dpo", "i.json", ("image_generation",)),
        ("video-dpo", "v.json", ("video_generation",)),
    ],
)
def test_curated_pairs_go_out_and_come_back(folder, format, name, tasks):
    for task in tasks:
        records = curated(folder, task)
        assert len({r.candidates[0].id == r.label.ranking[0][0] for r in records}) == 2
        path = folder / f"{task}-{name}"
        assert export(path, records, format) == 5
        back = list(convert(path, format, task=task))
        assert [sides(record) for record in back] == [sides(record) for record in records]


def test_llava_talks_are_of_the_winner(folder):
    """LLaVA's own format holds one answer, so it takes the winner of each pair."""
    records = curated(folder, "image_understanding")
    with pytest.raises(ValueError, match="has 2 candidates, a talk one answer; write dpo"):
        export(folder / "talks.json", records, "llava")
    best = [
        r.model_copy(update={"candidates": (r.candidate(r.label.winner()),), "label": None})
        for r in records
    ]
    assert export(folder / "talks.json", best, "llava") == 5
    rows = json.loads((folder / "talks.json").read_text())
    assert rows[0]["conversations"][1] == {"from": "gpt", "value": "it is grey, 0"}


def test_the_columns_that_trl_takes(folder):
    """TRL's "preference" type, conversational, with ``images`` for a vision model."""
    export(folder / "t.jsonl", curated(folder, "image_understanding"), "trl", "absolute")
    rows = [json.loads(line) for line in (folder / "t.jsonl").read_text().splitlines()]
    for number, row in enumerate(rows):
        assert set(row) == {"id", "prompt", "chosen", "rejected", "images"}
        assert row["prompt"][0]["role"] == "user"
        kinds = [item["type"] for item in row["prompt"][0]["content"]]
        assert kinds == ["image", "text"]
        assert row["chosen"] == [{"role": "assistant", "content": f"it is grey, {number}"}]
        assert row["rejected"] == [{"role": "assistant", "content": f"it is green, {number}"}]
        assert row["images"] == [str(folder / "q.png")]


def test_the_winner_is_jpg_0_whatever_its_place(folder):
    export(folder / "i.json", curated(folder, "image_generation"), "diffusion-dpo")
    for number, row in enumerate(json.loads((folder / "i.json").read_text())):
        assert (row["jpg_0"], row["label_0"]) == (f"media/r{number}/c.png", 1)
        assert row["caption"] == f"what is it, {number}?"
