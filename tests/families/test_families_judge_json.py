"""judge.json: what is written is what is read, and every fault names its file and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unireward.errors import InputError
from unireward.families import Family, get_family, list_families
from unireward.families.judge_json import load_judge_json, save_judge_json


@pytest.mark.parametrize("family", list_families(), ids=repr)
def test_round_trip(family: Family, tmp_path: Path) -> None:
    path = save_judge_json(
        tmp_path, family, judge="x@1", calibration={"temperature": 1.5}, meta={"seed": 3}
    )
    assert path == tmp_path / "judge.json"
    loaded = load_judge_json(tmp_path)
    again = loaded.to_family()
    assert again.spec == family.spec
    assert (again.id, again.prompt_id) == (family.id, family.prompt_id)
    assert (loaded.judge, loaded.calibration, loaded.meta) == (
        "x@1", {"temperature": 1.5}, {"seed": 3},
    )  # fmt: skip
    assert [entry.name for entry in tmp_path.iterdir()] == ["judge.json"]


def test_the_head_of_the_weights_beside_it(tmp_path: Path) -> None:
    """Kept as it is; a file without one does not speak of heads, so that older versions read it."""
    family = get_family("unifiedreward-2")
    head = {"kind": "linear", "names": ["score"], "file": "score.weight"}
    path = save_judge_json(tmp_path, family, head=head)
    assert load_judge_json(path).head == head
    save_judge_json(tmp_path, family)
    assert "head" not in json.loads(path.read_text("utf-8"))
    assert load_judge_json(path).head is None
    path.write_text('{"schema": 1, "family": "unifiedreward-2", "head": "linear"}', "utf-8")
    with pytest.raises(InputError, match=r"judge.json: head: "):
        load_judge_json(path)


def edited(tmp_path: Path, change) -> Path:
    path = save_judge_json(tmp_path, get_family("unifiedreward-2"))
    body = json.loads(path.read_text("utf-8"))
    result = change(body)
    path.write_text(json.dumps(body if result is None else result), "utf-8")
    return path


def test_edited_texts_and_frames_override_while_readers_stay(tmp_path: Path) -> None:
    def change(body: dict) -> None:
        body["spec"]["forms"][0]["template"] = "Mine: {P}"
        body["spec"]["frames"] = "uniform:4"

    family = load_judge_json(edited(tmp_path, change)).to_family()
    (form,) = family.forms_for("image_generation", "rank")
    assert form.template == "Mine: {P}"
    assert str(family.frame_rule(form)) == "uniform:4"
    assert family.read(form, "Image 2 is better").preference["2"] == 1.0
    assert family.prompt_id != get_family("unifiedreward-2").prompt_id


def test_without_a_spec_the_built_in_one_is_used(tmp_path: Path) -> None:
    (tmp_path / "judge.json").write_text('{"schema": 1, "family": "unifiedreward/llava"}')
    assert load_judge_json(tmp_path).to_family().spec == get_family("unifiedreward/llava").spec


def form(body: dict, **changes) -> None:
    body["spec"]["forms"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(schema=2), r"schema: is 2, this version reads up to 1; upgrade"),
        (lambda b: b.__delitem__("schema"), r'schema: is missing; add "schema": 1'),
        (lambda b: b.update(family="nope"), r"family: is 'nope' but spec is of"),
        (lambda b: b.update(family="unifiedreward-2/llava"), r"family: is 'unifiedreward-2/llava'"),
        (lambda b: b.update(spec=None, family="nope"), r"unknown family 'nope'"),
        (lambda b: b.update(colour=1), r"colour: is no field of the format"),
        (lambda b: form(b, mode="grade"), r"spec\.forms\[0\]\.mode: is 'grade'; use"),
        (lambda b: form(b, reader="rank_all"), r"names reader 'rank_all'; use one of pair_image"),
        (lambda b: form(b, template=3), r"spec\.forms\[0\]\.template: must be a string, not 3"),
        (lambda b: form(b, frames="some:8"), r"spec\.forms\[0\]\.frames: .*'some' is unknown"),
        (lambda b: form(b, media=["3"]), r"spec\.forms\[0\]\.media: '3' is no media name"),
        (lambda b: form(b, scales={"x": {"low": 5, "high": 1}}),
         r"spec\.forms\[0\]\.scales\.x: low \(5\) must be below high \(1\)"),
        (lambda b: b["spec"]["forms"].append(b["spec"]["forms"][0]), r"is given twice; keep one"),
        (lambda b: form(b, name="mine") or b["spec"]["forms"].append(
            dict(b["spec"]["forms"][0], name="other")), r"two default forms"),
        (lambda b: [1], r"holds no object"),
    ],
)  # fmt: skip
def test_faults_name_file_and_field(tmp_path: Path, change, message: str) -> None:
    path = edited(tmp_path, change)
    with pytest.raises(InputError, match=message) as caught:
        load_judge_json(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"schema": 1,\n "family": }', r"judge\.json:2: Expecting value; mend the JSON"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
        (b'{"schema": NaN}', "NaN is no number of JSON"),
        (b"[" * 200_000, "judge.json"),
        (b" " * 9_000_000, "more than 8,000,000 bytes"),
    ],
)
def test_files_that_are_no_json(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "judge.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_judge_json(tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"judge\.json: No such file"):
        load_judge_json(tmp_path)
