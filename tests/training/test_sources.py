"""Files and the world as sources: any example at hand, every fault with its row."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from unireward.engines.processor import load_processor
from unireward.errors import InputError
from unireward.families import get_family
from unireward.files import read_records, write_records
from unireward.files.lines import LineError
from unireward.record import Record
from unireward.training.data_config import DataConfig, SourceConfig
from unireward.training.maker import Maker
from unireward.training.row_files import JsonLines, Parquet, row_file
from unireward.training.share import Share
from unireward.training.sources import RecordsSource
from unireward.training.steps import StepDataset, objective_kind, steps_of
from unireward.training.world_source import WorldSource

TINY = Path(__file__).parents[2] / "src/unireward/assets/tiny"


def row(k: int, folder: Path, **more: Any) -> dict[str, Any]:
    """A pair whose pictures exist; the better one by the parity of ``k``."""
    for name in "ab":
        path = folder / f"{k}{name}.png"
        if not path.exists():
            PILImage.new("RGB", (8, 8), (k % 256, 0, ord(name))).save(path)
    best = [["a"], ["b"]] if k % 2 else [["b"], ["a"]]
    return {
        "schema": 1, "id": f"r{k}", "task": "image_generation",
        "prompt": [{"type": "text", "text": f"two red circles {'and one star ' * (k % 5)}"}],
        "candidates": [
            {"id": name, "content": [{"type": "image", "path": f"{k}{name}.png"}]} for name in "ab"
        ],
        "label": {"ranking": best}, "meta": {"split": "train" if k % 3 else "test"}, **more,
    }  # fmt: skip


def lines(folder: Path, rows: list[dict[str, Any]], name: str = "train.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    return path


def source(path: Path | str, objective: Any = "sft", **config: Any) -> RecordsSource:
    own = {key: config.pop(key) for key in list(config) if key in SourceConfig.model_fields}
    settings = DataConfig(sources=(SourceConfig(records=str(path), **own),), **config)
    maker = Maker(settings, get_family("tiny"), objective)
    return RecordsSource(settings.sources[0], settings, maker)


def every(one: RecordsSource, stratum: int = 0) -> list[tuple[str, str]]:
    size = one.strata[stratum].size
    assert size is not None
    found = [one.example(stratum, index, 0)[0] for index in range(size)]
    return [(e.record.id, "".join(e.order)) for e in found if e is not None]


# Rows at hand -----------------------------------------------------------------------------------


def test_lines_of_any_writer_by_offset(tmp_path: Path) -> None:
    rows = [row(k, tmp_path, meta={"note": "é" * k}) for k in range(5)]
    raw = [json.dumps(one, ensure_ascii=False).encode() for one in rows]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(
        b"\xef\xbb\xbf" + raw[0] + b"\r\n\r\n" + raw[1] + b"\n   \n" + raw[2] + b"\n" + raw[3]
        + b"\r\n" + raw[4]
    )  # fmt: skip
    file = JsonLines(path)
    places = [place.line for _, place, _ in file.rows()]
    assert places == [1, 3, 5, 6, 7]
    for k in (3, 0, 4, 1, 2, 3):
        assert file.row(k) == rows[k]
        assert file.place(k).line == places[k]
    again = pickle.loads(pickle.dumps(file))
    assert again.row(4) == rows[4]


def test_parquet_by_row_group_equals_the_lines(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = lines(tmp_path, [row(k, tmp_path) for k in range(23)])
    table_path = tmp_path / "train.parquet"
    write_records(table_path, read_records(path))
    pq.write_table(pq.read_table(table_path), table_path, row_group_size=4)
    file = row_file(table_path)
    assert isinstance(file, Parquet)
    assert len(list(file.rows())) == 23
    for k in (22, 0, 13, 4, 3, 19, 22):
        assert file.row(k)["id"] == f"r{k}"
        assert len(file._groups) <= 4
    one, other = source(path), source(table_path)
    assert every(one) == every(other)
    for index in range(46):
        first, second = one.example(0, index, 0)[0], other.example(0, index, 0)[0]
        assert first is not None
        assert second is not None
        assert first.record == second.record
        assert first.replies == second.replies
    assert second.place is not None  # pyright: ignore
    assert str(second.place) == f"{table_path}: row 23"  # pyright: ignore


def test_a_folder_or_a_pattern_of_files(tmp_path: Path) -> None:
    lines(tmp_path, [row(k, tmp_path) for k in range(2)], "x-0.jsonl")
    lines(tmp_path, [row(k, tmp_path) for k in range(2, 5)], "x-1.jsonl")
    wanted = [f"r{k}" for k in range(5)]
    for spec in (tmp_path, tmp_path / "x-*.jsonl"):
        assert [name for name, _ in every(source(spec, orders="given"))] == wanted
    own = lines(tmp_path, [row(7, tmp_path)], "z[x].jsonl")  # brackets, and no pattern
    assert [name for name, _ in every(source(own, orders="given"))] == ["r7"]
    with pytest.raises(InputError, match="no file fits the pattern"):
        source(tmp_path / "y-*.jsonl")
    with pytest.raises(InputError, match="unpack it"):
        source(tmp_path / "x.jsonl.gz")
    with pytest.raises(InputError, match="no such file"):
        source(tmp_path / "x.jsonl")


def test_a_file_that_changed_is_not_read_on(tmp_path: Path) -> None:
    path = lines(tmp_path, [row(k, tmp_path) for k in range(3)])
    one = source(path)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(InputError, match="is not the file it was when training began"):
        one.example(0, 0, 0)


# What is checked at the start -------------------------------------------------------------------


def refused(path: Path, match: str, **config: Any) -> None:
    with pytest.raises(LineError, match=match) as caught:
        source(path, **config)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


def test_a_missing_picture_names_file_row_and_path(tmp_path: Path) -> None:
    rows = [row(k % 4, tmp_path, id=f"r{k}") for k in range(300)]
    rows[200]["candidates"][1]["content"][0]["path"] = "gone/b.png"
    path = lines(tmp_path, rows)
    with pytest.raises(LineError) as caught:
        source(path, orders="given")
    assert str(caught.value) == (
        f"{path}:201: record r200: candidate 'b': {tmp_path}/gone/b.png: no such file; "
        "mend the path, or set media to skip"
    )
    lax = source(path, orders="given", media="skip")
    assert lax.left_out == {"media missing or unreadable": 1}
    assert lax.strata[0].size == 299
    assert "r200" not in {name for name, _ in every(lax)}


def test_what_makes_a_row_unusable(tmp_path: Path) -> None:
    good = row(0, tmp_path)
    path = lines(tmp_path, [good, row(1, tmp_path, label={"ranking": [["c"], ["a"]]})])
    refused(path, r"train\.jsonl:2: label names 'c', which is no candidate")
    same = row(1, tmp_path)
    same["candidates"][1]["content"] = same["candidates"][0]["content"]
    refused(lines(tmp_path, [good, same]), r":2: record r1: candidates 'a' and 'b' are the same")
    refused(
        lines(tmp_path, [good, row(1, tmp_path, id="r0")]),
        r":2: id 'r0' is given on line 1 already",
    )
    nothing = row(1, tmp_path)
    del nothing["label"]
    refused(
        lines(tmp_path, [good, nothing]), r":2: record r1: gives no example: .* add its ranking"
    )
    speech = row(1, tmp_path, task="audio")
    path = lines(tmp_path, [good, speech])
    refused(path, r":2: tiny has no rank mode for audio; .*; or name the tasks to train on")
    assert len(every(source(path, tasks=("image_generation",)))) == 2
    (tmp_path / "train.jsonl").write_text('{"id": \n')
    refused(tmp_path / "train.jsonl", ":1: is no JSON|:1: the last line")


def test_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    rows = [
        row(0, tmp_path),
        row(1, tmp_path, label={}),
        row(2, tmp_path, label={"ranking": [["a", "b"]]}),
    ]
    path = lines(tmp_path, rows)
    refused(path, "r1: gives no example", ties="skip")
    one = source(path, ties="skip", unusable="skip")
    lacks = "image_generation/rank/direct says a winner, which the label has not; add its ranking"
    assert one.left_out == {lacks: 2, "tie": 1}
    assert every(one) == [("r0", "ab"), ("r0", "ba")]
    ties = lines(tmp_path, rows[2:])
    with pytest.raises(InputError, match=r"gives no example \(tie: 1\)"):
        source(ties, ties="skip")


def test_filters_limits_and_quotas(tmp_path: Path) -> None:
    rows = [row(k, tmp_path) for k in range(9)]
    edit = [
        row(k, tmp_path, task="image_editing",
            prompt=[{"type": "image", "path": "0a.png", "role": "source"},
                    {"type": "text", "text": "make it red"}])
        for k in range(9, 12)
    ]  # fmt: skip
    path = lines(tmp_path, [*rows, *edit])
    given = {"orders": "given"}
    assert [n for n, _ in every(source(path, where={"meta.split": "test"}, **given))] == [
        "r0", "r3", "r6", "r9",
    ]  # fmt: skip
    some = source(path, where={"id": ["r1", "r5"]}, limit=1, **given)
    assert [n for n, _ in every(some)] == ["r1"]
    one = source(path, quotas={"image_editing": 3, "image_generation": 1}, weight=2.0, **given)
    assert [(s.size, s.weight) for s in one.strata] == [(3, 1.5), (9, 0.5)]
    assert [n for n, _ in every(one, 0)] == ["r9", "r10", "r11"]
    with pytest.raises(InputError, match="has no example of text, which has a quota; it has image"):
        source(path, quotas={"text": 1, "image_generation": 1})


def test_lengths_follow_the_records(tmp_path: Path) -> None:
    one = source(lines(tmp_path, [row(k, tmp_path) for k in range(5)]))
    lengths = one.strata[0].lengths
    assert lengths is not None
    assert len(lengths) == 10
    assert lengths.tolist() == sorted(lengths.tolist())
    assert lengths[0] == len("two red circles ") // 4 + 2 * 256


# The world --------------------------------------------------------------------------------------


def world(spec: str, objective: Any = "sft", seed: int = 0, **config: Any) -> WorldSource:
    own = {key: config.pop(key) for key in list(config) if key in SourceConfig.model_fields}
    settings = DataConfig(sources=(SourceConfig(world=spec, **own),), **config)
    return WorldSource(settings.sources[0], Maker(settings, get_family("tiny"), objective), seed)


def test_the_world_is_drawn_from_the_training_split() -> None:
    from unireward.world import sample_record

    one = world("image_generation/pair", orders="random")
    assert [(s.size, s.weight) for s in one.strata] == [(None, 1.0)]
    example, reason = one.example(0, 41, 7)
    assert reason == ""
    assert example is not None
    expected = sample_record("image_generation", 0, None, 2, "train", index=41).record
    assert example.record.text == expected.text
    assert example.record.label == expected.label
    other = world("image_generation/pair", seed=1).example(0, 41, 7)[0]
    assert other is not None
    assert other.record.text != expected.text


def test_all_tasks_of_the_world_with_quotas() -> None:
    one = world("all/pair", quotas={"video_generation": 1, "image_editing": 3}, items=11, weight=4)
    assert one.tasks == ["video_generation", "image_editing"]
    assert [(s.size, s.weight) for s in one.strata] == [(5, 1.0), (5, 3.0)]
    for stratum, task in enumerate(one.tasks):
        example, _ = one.example(stratum, 3, 1)
        assert example is not None
        assert example.record.task == task


def test_each_draw_of_the_world_takes_one_example_of_its_record() -> None:
    one = world("image_generation/pair", modes={"rank": 1, "score": 1, "pair-score": 1})
    found = [one.example(0, 5, turn)[0] for turn in range(6)]
    said = {("".join(e.order), e.form.mode) for e in found if e is not None and e.form is not None}
    assert said == {
        ("ab", "rank"), ("ba", "rank"), ("a", "score"), ("b", "score"), ("ab", "pair-score"),
        ("ba", "pair-score"),
    }  # fmt: skip


def test_ties_of_the_world_are_skipped_and_counted() -> None:
    one = world("image_generation/pair", ties="skip")
    reasons = Counter(one.example(0, index, 0)[1] for index in range(60))
    assert set(reasons) == {"", "tie"}
    assert 0 < reasons["tie"] < 30


def test_captions_of_drawn_candidates() -> None:
    one = world("image_generation/pair", caption={"ask": "image 1 : <1> describe :"})
    found = [one.example(0, 2, turn)[0] for turn in range(4)]
    captions = {
        e.order: "".join(e.replies[0] or ()) for e in found if e is not None and e.kind == "caption"
    }
    assert set(captions) == {("a",), ("b",)}
    assert captions["a",] != captions["b",]


def test_worlds_that_cannot_be() -> None:
    for spec, match in (
        ("image_generation", "is no TASK/pair"),
        ("music/pair", "'music' is not drawn"),
        ("image_generation/0", "is no TASK/pair"),
    ):
        with pytest.raises(InputError, match=match):
            world(spec)
    with pytest.raises(InputError, match="leave nothing of it"):
        world("image_generation/pair", tasks=("text",))


# Steps ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def processor():
    torch.set_num_threads(1)
    return load_processor(str(TINY))


def steps(processor: Any, folder: Path, share: Share, **config: Any) -> StepDataset:
    spec = {
        "sources": [
            {"records": str(folder / "train.jsonl"), "weight": 2},
            {"world": "image_generation/pair", "seed": 3},
        ],
        "orders": "random",
        **config,
    }
    return steps_of(spec, share, family="tiny", processor=processor, objective={"sft": {}})


def ids(item: dict[str, Any]) -> list[str]:
    return item["record_ids"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines(tmp_path, [row(k, tmp_path) for k in range(10)])
    return tmp_path


def test_the_global_batch_is_the_same_however_it_is_cut(processor: Any, folder: Path) -> None:
    whole = steps(processor, folder, Share(4, 6, 9))
    assert len(whole) == 4
    for world_size, accumulation in ((1, 3), (2, 1), (2, 3)):
        for step in range(2):
            found: list[str] = []
            said: list[int] = []
            for rank in range(world_size):
                own = steps(processor, folder, Share(4, 6, 9, rank, world_size, accumulation))
                for micro in range(accumulation):
                    item = own[step * accumulation + micro]
                    found += ids(item)
                    said += [t for part in item["parts"] for t in part["targets"].tolist()]
            (part,) = whole[step]["parts"]
            assert Counter(found) == Counter(ids(whole[step]))
            assert Counter(said) == Counter(part["targets"].tolist())


def test_workers_give_what_one_process_gives(processor: Any, folder: Path) -> None:
    own = steps(processor, folder, Share(6, 4, 1, accumulation=2))
    expected = [own[i] for i in range(len(own))]
    loader = torch.utils.data.DataLoader(
        own,
        batch_size=None,
        num_workers=2,
        multiprocessing_context=multiprocessing.get_context("fork"),
    )  # pyright: ignore
    for item, wanted in zip(loader, expected, strict=True):
        assert ids(item) == ids(wanted)
        for part, other in zip(item["parts"], wanted["parts"], strict=True):
            assert torch.equal(part["inputs"]["input_ids"], other["inputs"]["input_ids"])
            assert torch.equal(part["inputs"]["pixel_values"], other["inputs"]["pixel_values"])
            assert torch.equal(part["targets"], other["targets"])


def test_every_epoch_draws_its_orders_anew(processor: Any, folder: Path) -> None:
    own = steps(processor, folder, Share(20, 6, 0))
    turns = {own._turn(draw) for k in range(20) for draw in own.plan[k]}
    assert len(turns) == 120


def test_a_skipped_example_leaves_the_batch_smaller(processor: Any, folder: Path) -> None:
    """A picture that is there and torn: found when it is decoded."""
    (folder / "4b.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    strict = steps(processor, folder, Share(4, 6, 0))
    step = next(k for k in range(40) if any(d[:2] == (0, 4) for d in strict.plan[k]))
    with pytest.raises(LineError, match=r"train\.jsonl:5: record r4: .*4b\.png"):
        steps(processor, folder, Share(40, 6, 0))[step]
    lax = steps(processor, folder, Share(40, 6, 0), media="skip")
    item = lax[step]
    hit = sum(draw[:2] == (0, 4) for draw in lax.plan[step])
    assert item["skipped"] == {"media missing or unreadable": hit}
    assert lax.counts == {"media missing or unreadable": hit}
    assert len(ids(item)) == 6 - hit
    assert "r4" not in ids(item)


def test_a_micro_batch_of_nothing(processor: Any, folder: Path) -> None:
    own = steps(processor, folder, Share(1, 2, 0, accumulation=4))
    sizes = [len(ids(own[i])) for i in range(4)]
    assert sizes == [1, 1, 0, 0]
    assert own[3] == {"parts": [], "record_ids": [], "skipped": {}}
    with pytest.raises(IndexError):
        own[4]


def test_kinds_of_examples_by_the_losses() -> None:
    def kind(*names: str) -> str:
        return objective_kind(dict.fromkeys(names))

    assert kind("sft", "words", "caption") == "sft"
    assert kind("bradley-terry", "regression", "caption") == "pair"
    assert kind("plackett-luce") == "pair"
    assert kind("regression", "absolute") == "point"
    assert kind("yes-no", "sft") == "yes-no"
    assert kind("dpo") == "dpo"
    assert (
        objective_kind({"vq": {"kind": "bradley-terry"}, "mq": {"type": "bradley-terry"}}) == "pair"
    )
    with pytest.raises(InputError, match="needs dpo and pair examples at once"):
        kind("dpo", "bradley-terry")


def test_a_fault_of_the_config_names_its_field(processor: Any, folder: Path) -> None:
    with pytest.raises(InputError, match=r"^data\.sources\[0\]\.recordz: is no field"):
        steps_of(
            {"sources": [{"recordz": "x"}]}, Share(1, 1), family="tiny", processor=processor,
            objective={"sft": {}},
        )  # fmt: skip


def test_a_big_file_is_indexed_in_few_bytes(tmp_path: Path) -> None:
    one = source(lines(tmp_path, [row(k % 4, tmp_path, id=f"r{k}") for k in range(300)]))
    index = one._index
    arrays = (index.files, index.rows, index.counts, index.lengths, index.tasks)
    kept = sum(a.itemsize * len(a) for a in arrays) / 300
    assert kept == 24
    assert isinstance(one.example(0, 599, 0)[0].record, Record)  # pyright: ignore
    assert np.diff(one._rows[0].ends).tolist() == [2] * 299


# Shards -----------------------------------------------------------------------------------------


def test_tar_shards_give_what_the_lines_give(tmp_path: Path) -> None:
    from unireward.data.shards import write_shards

    rows = [row(k, tmp_path) for k in range(7)]
    frames = [{"type": "video", "frames": ["0a.png", "1a.png", "2a.png"], "fps": 4.0}]
    rows[3]["task"] = "video_generation"
    rows[3]["candidates"][0]["content"] = frames
    rows[3]["candidates"][1]["content"] = [{"type": "video", "frames": ["0b.png", "1b.png"]}]
    path = lines(tmp_path, rows)
    out = tmp_path / "shards"
    write_shards(read_records(path), out, size=2_500)
    assert len(list(out.glob("*.tar"))) > 1
    one, other = source(path), source(out)
    assert every(other) == every(one)
    for index in range(14):
        first, second = one.example(0, index, 0)[0], other.example(0, index, 0)[0]
        assert first is not None
        assert second is not None
        assert first.replies == second.replies
        for before, after in zip(first.record.candidates, second.record.candidates, strict=True):
            pairs = zip(before.content, after.content, strict=True)
            assert [a.load().digest == b.load().digest for a, b in pairs] == [True]
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    with pytest.raises(InputError, match="shards are not all written"):
        source(out)


def test_a_tar_that_lacks_a_picture(tmp_path: Path) -> None:
    import io
    import tarfile

    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for k in range(2):
            body = json.dumps(row(k, tmp_path)).encode()
            info = tarfile.TarInfo(f"{k}.json")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
            for name in "ab"[: 2 - k]:
                info = tarfile.TarInfo(f"{k}{name}.png")
                tar.addfile(info, io.BytesIO(b""))
    with pytest.raises(LineError, match=r"x\.tar: row 2: names '1b\.png', which is not in the"):
        source(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match="write the shards again"):
        source(path)
