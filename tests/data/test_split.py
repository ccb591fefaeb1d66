"""Split: no prompt on two sides, and nobody moves when data are added."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage

from tests.data.samples import of_user, pair
from unireward.data.split import Split, split_records
from unireward.errors import InputError, UsageError
from unireward.files import read_records
from unireward.record import Part


def many(count, prompts):
    return [pair(id=f"r{i}", prompt=f"prompt {i % prompts}", a=f"x{i}") for i in range(count)]


def test_parts_share_no_prompt_and_lose_no_record(tmp_path):
    records = many(3000, 1000)
    report = split_records(lambda: records, tmp_path, Split({"test": 0.1, "dev": 0.2}))
    parts = {n: list(read_records(tmp_path / f"{n}.jsonl")) for n in ("train", "dev", "test")}
    assert sorted(r.id for rows in parts.values() for r in rows) == sorted(r.id for r in records)
    prompts = {name: {r.text for r in rows} for name, rows in parts.items()}
    assert not prompts["train"] & prompts["test"]
    assert not prompts["train"] & prompts["dev"]
    assert not prompts["test"] & prompts["dev"]
    assert {n: len(p) for n, p in prompts.items()} == dict(report.prompts)
    assert {n: len(r) for n, r in parts.items()} == dict(report.records)
    assert (report.between, report.shared) == (0, 0)
    # A binomial of 1,000 prompts: four standard deviations.
    for name, share in (("test", 0.1), ("dev", 0.2), ("train", 0.7)):
        assert abs(len(prompts[name]) - 1000 * share) < 4 * math.sqrt(1000 * share * (1 - share))


@given(st.text(max_size=20), st.integers(0, 2**63))
def test_a_side_depends_on_the_normalised_prompt_and_the_seed_alone(prompt, seed):
    parts = Split({"test": 0.5}, seed=seed)
    side = parts.part_of(pair(prompt=prompt))
    assert side == parts.part_of(pair(id="z", prompt=f" {prompt} ", a="other", winner=None))
    assert side == Split({"test": 0.5}, seed=seed).part_of(pair(prompt=prompt))


def test_adding_data_and_raising_the_share_move_nobody_back():
    records = many(500, 500)
    small, large = Split({"test": 0.1}), Split({"test": 0.3})
    test = {r.id for r in records if small.part_of(r) == "test"}
    assert test < {r.id for r in records if large.part_of(r) == "test"}
    other = {r.id for r in records if Split({"test": 0.1}, seed=1).part_of(r) == "test"}
    assert len(test & other) < len(test) / 2


def test_by_user_keeps_users_apart_and_counts_shared_prompts(tmp_path):
    records = [of_user(f"u{i % 40}", id=f"r{i}", prompt=f"p {i % 7}") for i in range(400)]
    split = Split({"test": 0.3}, by=["user"])
    report = split_records(lambda: records, tmp_path, split)
    users = [{r.context.user.id for r in read_records(tmp_path / f"{n}.jsonl")}
             for n in ("train", "test")]  # fmt: skip
    assert users[0]
    assert users[1]
    assert not users[0] & users[1]
    assert report.shared == 7
    assert report.records.total() == 400


def test_by_two_keys_leaves_out_what_falls_between(tmp_path):
    records = [of_user(f"u{i % 30}", id=f"r{i}", prompt=f"p {i % 41}") for i in range(1230)]
    report = split_records(lambda: records, tmp_path, Split({"test": 0.4}, by=["prompt", "user"]))
    sides = [list(read_records(tmp_path / f"{n}.jsonl")) for n in ("train", "test")]
    for of in (lambda r: r.text, lambda r: r.context.user.id):
        assert not set(map(of, sides[0])) & set(map(of, sides[1]))
    assert report.between == 1230 - len(sides[0]) - len(sides[1]) > 0
    assert report.shared == 0


def test_by_media_goes_by_the_picture_not_its_name(tmp_path):
    for i in range(30):
        PILImage.new("RGB", (4, 4), (i * 8, 0, 0)).save(tmp_path / f"{i}.png")
        PILImage.new("RGB", (4, 4), (i * 8, 0, 0)).save(tmp_path / f"copy{i}.png")
    split = Split({"test": 0.5}, by=["media"])
    sides = []
    for i in range(30):
        names = (f"{i}.png", f"copy{i}.png")
        parts = [Part(type="image", path=str(tmp_path / n), role="source") for n in names]
        prompts = [(part, Part.of_text(f"edit {k}")) for k, part in enumerate(parts)]
        both = [split.part_of(pair().model_copy(update={"prompt": p})) for p in prompts]
        assert both[0] == both[1]
        sides.append(both[0])
    assert set(sides) == {"test", "train"}


def test_meta_keys_and_their_absence():
    split = Split({"test": 0.5}, by=["meta.scene.id"])
    one = pair(meta={"scene": {"id": 7}})
    assert split.part_of(one) == split.part_of(pair(prompt="else", meta={"scene": {"id": 7}}))
    with pytest.raises(InputError, match=r"^record r1: meta\.scene\.id is missing; add it"):
        split.part_of(pair())
    with pytest.raises(InputError, match=r"context\.user\.id is missing"):
        Split({"test": 0.5}, by=["user"]).part_of(pair())


@pytest.mark.parametrize(
    ("shares", "by", "message"),
    [
        ({"test": 0}, ["prompt"], "share of test is 0; give a number between 0 and 1"),
        ({"test": 0.6, "dev": 0.4}, ["prompt"], "leave something for train"),
        ({"train": 0.5}, ["prompt"], "'train' is no name for a part"),
        ({"../x": 0.5}, ["prompt"], "is no name for a part"),
        ({"test": 0.5}, ["colour"], "by 'colour' is no key to split by"),
        ({"test": 0.5}, ["meta."], "is no key to split by"),
        ({"test": 0.5}, [], "names no key"),
    ],
)
def test_wrong_use(shares, by, message):
    with pytest.raises(UsageError, match=message):
        Split(shares, by=by)


def test_a_bad_record_leaves_nothing_written(tmp_path):
    records = [of_user("u", id="r0"), pair(id="r1")]
    with pytest.raises(InputError, match="r1"):
        split_records(lambda: records, tmp_path / "out", Split({"test": 0.5}, by=["user"]))
    assert not (tmp_path / "out").exists()
