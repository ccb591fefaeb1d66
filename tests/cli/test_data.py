"""The ``data`` verbs from end to end, on the drawn world and on a set in another format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as PILImage

from tests.data.samples import pair
from unireward.files import read_records, write_records


@pytest.fixture
def world(unireward, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = unireward("data", "world", "--task", "image_generation", "--items", 40, "--seed", 3,
                    "--out", "world")  # fmt: skip
    assert ran.code == 0
    return Path("world/records.jsonl")


@pytest.fixture
def llava(tmp_path, monkeypatch):
    """A LLaVA-style list of ten questions; the last picture is not there."""
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    rows = []
    for number in range(10):
        PILImage.new("RGB", (4, 4), (number, 0, 0)).save(f"images/{number}.png")
        talk = [{"from": "human", "value": f"<image>\nWhat is number {number}?"},
                {"from": "gpt", "value": "a square"}]  # fmt: skip
        rows.append({"id": f"q{number}", "image": f"{number}.png", "conversations": talk})
    Path("images/9.png").unlink()
    Path("in.json").write_text(json.dumps(rows))
    return "in.json"


def ids(path):
    return [record.id for record in read_records(path)]


def test_formats_lists_names_for_people_and_machines(unireward):
    shown = unireward("data", "formats")
    assert shown.code == 0
    assert "llava" in shown.out
    names = {row["name"]: row for row in unireward("data", "formats", "--json").json}
    assert names["llava"]["reads"] is True
    assert names["llava"]["writes"] is True


def test_convert_skips_and_says_why(unireward, llava):
    stopped = unireward("data", "convert", llava, "--from", "llava", "--media", "images",
                        "--out", "out.jsonl")  # fmt: skip
    assert stopped.code == 2
    assert "in.json: row 10: " in stopped.line
    assert "9.png: no such file" in stopped.line
    assert not Path("out.jsonl").exists()
    ran = unireward("data", "convert", llava, "--from", "llava", "--media", "images",
                    "--out", "out.jsonl", "--on-error", "skip", "--json")  # fmt: skip
    assert (ran.code, ran.json["records"], ran.json["skipped"]) == (0, 9, 1)
    (reason,) = ran.json["reasons"]
    assert "no such file" in reason
    assert "9" not in reason
    assert ids("out.jsonl") == [f"q{n}" for n in range(9)]
    all_of_them = unireward("data", "convert", llava, "--from", "llava", "--media", "images",
                            "--out", "out.jsonl", "--unchecked", "--json")  # fmt: skip
    assert all_of_them.json["records"] == 10


def test_convert_there_and_back(unireward, llava):
    unireward("data", "convert", llava, "--from", "llava", "--media", "images", "--out",
              "a.jsonl", "--on-error", "skip")  # fmt: skip
    back = unireward("data", "convert", "a.jsonl", "--to", "llava", "--out", "b.json")
    assert back.code == 0, back.err
    again = unireward("data", "convert", "b.json", "--from", "llava", "--out", "c.jsonl")
    assert again.code == 0, again.err
    first, second = list(read_records("a.jsonl")), list(read_records("c.jsonl"))
    assert [r.text for r in first] == [r.text for r in second]
    assert [r.candidates for r in first] == [r.candidates for r in second]


def test_card_on_a_terminal_and_in_files(unireward, world):
    ran = unireward("data", "card", world, "--out", "card.md")
    assert ran.code == 0
    assert ran.out.startswith("40 records of ")
    assert Path("card.md").read_text().startswith("# Data card\n\n40 records of ")
    found = unireward("data", "card", world, "--json", "--out", "card.json").json
    assert found["tasks"] == {"image_generation": 40}
    assert json.loads(Path("card.json").read_text()) == found
    assert (found["skipped"], found["missing_media"]) == (0, 0)


def test_swap_mix_and_split(unireward, world):
    swapped = unireward("data", "swap", world, "--out", "swapped.jsonl", "--json").json
    assert (swapped["records"], swapped["swapped"]) == (80, 40)
    mixed = unireward("data", "mix", f"{world}=random:50%", "swapped.jsonl=first:10",
                      "--out", "mixed.parquet", "--seed", 1, "--json").json  # fmt: skip
    assert [part["taken"] for part in mixed["parts"]] == [20, 10]
    names = ids("mixed.parquet")
    assert len(names) == len(set(names)) == 30
    done = unireward("data", "split", "swapped.jsonl", "--out", "parts", "--share", "0.2",
                     "--share", "dev=0.2", "--json").json  # fmt: skip
    parts = {name: list(read_records(f"parts/{name}.jsonl")) for name in ("train", "dev", "test")}
    assert {name: len(rows) for name, rows in parts.items()} == done["records"]
    texts = [{r.text for r in rows} for rows in parts.values()]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    assert done["shared"] == 0


def test_dedup_finds_copies_over_files(unireward, world):
    unireward("data", "swap", world, "--out", "swapped.jsonl")
    ran = unireward("data", "dedup", world, "swapped.jsonl", "--out", "one.jsonl", "--removed",
                    "gone.jsonl", "--json")  # fmt: skip
    assert (ran.json["read"], ran.json["kept"], ran.json["exact"]) == (120, 40, 80)
    assert ids("one.jsonl") == ids(world)
    gone = [json.loads(line) for line in Path("gone.jsonl").read_text().splitlines()]
    assert len(gone) == 80
    assert {row["kept"] for row in gone} == set(ids(world))


def test_check_fails_on_request_and_writes_the_clean(unireward, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_records("train.jsonl", [pair(id=f"r{n}", prompt=f"prompt number {n}") for n in range(5)])
    Path("bench.txt").write_text("Prompt number 3!\nsomething else\n")
    ran = unireward("data", "check", "train.jsonl", "--against", "bench.txt", "--out",
                    "clean.jsonl", "--pairs", "pairs.jsonl", "--json")  # fmt: skip
    assert (ran.code, ran.json["contaminated"], ran.json["benchmark_hit"]) == (0, 1, 1)
    assert ids("clean.jsonl") == ["r0", "r1", "r2", "r4"]
    (hit,) = [json.loads(line) for line in Path("pairs.jsonl").read_text().splitlines()]
    assert (hit["id"], hit["where"], hit["kind"]) == ("r3", "bench.txt:1", "exact")
    assert unireward("data", "check", "train.jsonl", "--against", "bench.txt", "--fail").code == 1
    assert unireward("data", "check", "clean.jsonl", "--against", "bench.txt", "--fail").code == 0


def test_shards_go_on_and_verify(unireward, world):
    ran = unireward("data", "shards", world, "--out", "s", "--size", "50kB", "--json")
    assert (ran.code, ran.json["records"], ran.json["complete"]) == (0, 40, True)
    assert len(ran.json["shards"]) > 2
    again = unireward("data", "shards", world, "--out", "s", "--size", "50kB")
    assert f"({len(ran.json['shards'])} of an earlier run)" in again.out
    assert "all as written" in unireward("data", "shards", "s", "--verify").out
    other = unireward("data", "shards", world, "--out", "s", "--size", "60kB")
    assert other.code == 2
    assert "begun with another size" in other.line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["convert", "gone.json", "--out", "x.jsonl"], "gone.json: no such file"),
        (["convert", "in.json", "--out", "x.txt"], "--out x.txt: name it .jsonl"),
        (["convert", "in.json", "--out", "x.jsonl", "--from", "nope"], "no data format 'nope'"),
        (["card", "gone.jsonl"], "gone.jsonl: no such file"),
        (["card", "one.jsonl", "--out", "card.pdf"], "name it .md or .json"),
        (["card", "one.jsonl", "--near", "--by-path"], "give one of them"),
        (["mix", "one.jsonl=lots", "--out", "x.jsonl"], "'lots' is no way to take a file"),
        (["mix", "one.jsonl=first:9", "--out", "x.jsonl"], "one holds 1 records, not 9"),
        (["split", "one.jsonl", "--out", "x", "--share", "half"], "'half' is no share"),
        (["split", "one.jsonl", "--out", "x", "--by", "colour"], "is no key to split by"),
        (["dedup", "one.jsonl", "--out", "x.jsonl", "--conflicts", "vote"], "use first, majority"),
        (["check", "one.jsonl", "--against", "gone.txt"], "gone.txt: no such file"),
        (["shards", "one.jsonl", "--out", "x", "--size", "big"], "size 'big' is no size"),
        (["shards", "one.jsonl"], "add --out FOLDER"),
        (["shards", "x", "--verify"], "manifest.json: no such file"),
        (["swap", "one.jsonl", "--out", "x.jsonl", "--on-error", "hide"], "use raise or skip"),
        (["convert", "in.json", "--out", "x.jsonl"], "in.json: holds no row, or rows that fit"),
        (["convert", "deep.json", "--out", "x.jsonl"], "row 1: is nested too deeply to be data"),
        (
            ["convert", "gone.json", "--from", "llava", "--out", "x.jsonl"],
            "gone.json: no such file; check the path",
        ),
        (["dedup", "one.jsonl", "--out", "x.jsonl", "--near-bits", "3"], "--near looks for"),
        (["card", "one.jsonl", "--near-text", "0.5"], "--near looks for; give it too"),
        (["split", "one.jsonl", "--out", "in.json"], "in.json: File exists; mend the path"),
    ],
)
def test_one_line_errors(unireward, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    write_records("one.jsonl", [pair()])
    Path("in.json").write_text("[]")
    Path("deep.json").write_text("[" * 100_000)
    ran = unireward("data", *words)
    assert (ran.code, ran.out) == (1 if "File exists" in said else 2, "")
    assert said in ran.line
