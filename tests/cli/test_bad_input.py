"""Each kind of bad input: one line on stderr with the mend, and the right exit code."""

import json

import pytest

from tests.cli.conftest import write_pairs
from unireward.engines import ScriptedEngine, ScriptedServer
from unireward.files import read_judgments


def compare(unireward, options, prompt="x", pair=("a.png", "b.png")):
    return unireward("compare", prompt, *pair, "--json", *options)


@pytest.fixture
def first(table):
    return table("Image 1 is better")


def test_missing_media(unireward, first):
    ran = compare(unireward, first, pair=("a.png", "gone.png"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.line == "unireward: gone.png: no such file; check the path"


@pytest.mark.parametrize("content", [b"", b"just text", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"])
def test_unreadable_media(unireward, first, pictures, content):
    (pictures / "bad.png").write_bytes(content)
    ran = compare(unireward, first, pair=("a.png", "bad.png"))
    assert ran.code == 2
    assert "bad.png" in ran.line


@pytest.mark.parametrize("prompt", ["", " \n\t"])
def test_an_empty_prompt(unireward, first, prompt):
    ran = compare(unireward, first, prompt=prompt)
    assert ran.code == 2
    assert "prompt is empty; give the text" in ran.line


def test_a_prompt_of_a_hundred_thousand_characters(unireward, first):
    ran = compare(unireward, first, prompt="x" * 100_000)
    assert ran.code == 2
    assert "100,000 characters, the limit is 50,000" in ran.line


def test_one_candidate_in_compare(unireward, first):
    ran = compare(unireward, first, pair=("a.png",))
    assert ran.code == 2
    assert "compare needs two candidates and got 1; use score for one" in ran.line


def test_one_candidate_in_rank(unireward, first):
    ran = unireward("rank", "x", "a.png", *first)
    assert ran.code == 2
    assert "rank needs two candidates" in ran.line


def test_two_hundred_in_rank(unireward, first):
    ran = unireward("rank", "x", *["a.png"] * 200, "--pairing", "all", *first)
    assert ran.code == 2
    assert "19,900 comparisons (39,800 calls in both orders), over the limit of 5,000" in ran.line


def test_duplicate_ids(unireward, first, pictures):
    path = write_pairs(pictures, 3)
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    ran = unireward("judge", path, "--out", "o.jsonl", *first)
    assert ran.code == 2
    assert "records.jsonl:4" in ran.line
    assert "r1" in ran.line
    assert len(list(read_judgments("o.jsonl"))) == 3


def test_duplicate_candidate_ids(unireward, first, pictures):
    path = write_pairs(pictures, 1)
    path.write_text(path.read_text().replace('"id": "b"', '"id": "a"'))
    ran = unireward("judge", path, "--out", "o.jsonl", *first)
    assert ran.code == 2
    assert "candidate id 'a' is given twice" in ran.line


def test_a_family_that_cannot_do_the_mode(unireward, table):
    options = table("Image 1 is better", family="unifiedreward-think")
    ran = unireward("score", "x", "a.png", *options)
    assert ran.code == 2
    assert "unifiedreward-think/qwen3 has no score mode for image_generation" in ran.line
    assert "unifiedreward-2" in ran.line


def test_a_family_that_cannot_do_the_task(unireward, table):
    options = table("Image 1 is better", family="unifiedreward-flex")
    ran = unireward("compare", "x", "yes", "no", "--media", "a.png", *options)
    assert ran.code == 2
    assert "has no rank mode for image_understanding" in ran.line


def test_an_unknown_family_form_or_aspect(unireward, table):
    assert (
        "unknown family 'nobody'; use one of"
        in compare(unireward, table("x", family="nobody")).line
    )
    ran = unireward("score", "x", "a.png", "--form", "nosuch", *table("x"))
    assert ran.code == 2
    assert "no form 'nosuch'" in ran.line


def test_a_checkpoint_without_judge_json_and_family(unireward, pictures):
    (pictures / "model").mkdir()
    (pictures / "model" / "config.json").write_text("{}")
    ran = compare(unireward, ["--judge", "model"])
    assert ran.code == 2
    assert "no judge.json and no family is known for it; add family= (--family)" in ran.line


def test_a_folder_that_is_no_checkpoint(unireward, pictures):
    (pictures / "model").mkdir()
    ran = compare(unireward, ["--judge", "model", "--family", "unifiedreward-2"])
    assert ran.code == 2
    assert "model: no config.json; give the folder of a transformers checkpoint" in ran.line


@pytest.mark.parametrize("what", ["nobody", "./gone/model", "a/b/c", "scripted"])
def test_a_judge_that_is_none(unireward, pictures, what):
    ran = compare(unireward, ["--judge", what])
    assert ran.code == 2
    assert f"{what!r} is no judge; give tiny, a checkpoint's folder" in ran.line


def test_a_damaged_judge_json(unireward, pictures):
    (pictures / "model").mkdir()
    (pictures / "model" / "judge.json").write_text('{"schema": 99, "family": "tiny"}')
    ran = compare(unireward, ["--judge", "model"])
    assert ran.code == 2
    assert "judge.json: schema: is 99" in ran.line


def test_scripted_without_family_or_table(unireward, first, pictures):
    ran = compare(unireward, first[:2])
    assert (ran.code, "needs a family" in ran.line) == (2, True)
    ran = compare(unireward, ["--judge", "scripted:gone.jsonl", "--family", "unifiedreward-2"])
    assert ran.code == 2
    assert "gone.jsonl" in ran.line


def test_model_without_a_server(unireward, first):
    ran = compare(unireward, [*first, "--model", "m"])
    assert (ran.code, "no server's URL; leave model out" in ran.line) == (2, True)


def served(url, *more):
    return ["--judge", url, "--model", "scripted", "--family", "unifiedreward-2", "--no-cache",
            *more]  # fmt: skip


def test_a_server_that_is_down(unireward, pictures):
    with ScriptedServer(ScriptedEngine("x")) as server:
        url = server.url  # free again when it is left
    records = write_pairs(pictures, 3)
    for ran in (
        compare(unireward, served(url)),
        unireward("judge", records, "--out", "o.jsonl", *served(url)),
    ):
        assert (ran.code, ran.out) == (1, "")
        assert "cannot reach" in ran.err
        assert "start the server" in ran.err
    assert not list(pictures.glob("o.jsonl*"))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_refuses_us(unireward, pictures, status):
    plan = dict.fromkeys(range(9), status)
    with ScriptedServer(ScriptedEngine("x"), faults=plan, models=None) as server:
        ran = unireward("judge", write_pairs(pictures, 3), "--out", "o.jsonl", *served(server.url))
    assert ran.code == 1
    assert str(status) in ran.err
    assert not list(pictures.glob("o.jsonl*"))


def test_a_server_that_lies(unireward, pictures):
    """200 with HTML is that row's error; the rows around it are judged."""
    with ScriptedServer(ScriptedEngine("Image 1 is better"), faults={2: "html"}) as server:
        ran = unireward("judge", write_pairs(pictures, 4), "--out", "o.jsonl", "--json",
                        "--concurrency", "1", *served(server.url))  # fmt: skip
    assert ran.code == 0
    assert ran.json["statuses"] == {"ok": 3, "error": 1}
    row = list(read_judgments("o.jsonl"))[1]
    assert (row.status, row.scores) == ("error", {})
    assert "text/html" in row.reason


def test_a_server_that_errs_on_one_alone_in_compare(unireward, pictures):
    with ScriptedServer(ScriptedEngine("Image 1 is better"), faults={1: 400}) as server:
        ran = compare(unireward, served(server.url))
    assert ran.code == 1
    assert (ran.json["status"], ran.json["winner"], ran.json["scores"]) == ("error", None, {})
    assert "error: " in ran.err


def test_an_unreadable_reply_fails_compare(unireward, table):
    ran = compare(unireward, table("who knows"))
    assert ran.code == 1
    assert (ran.json["status"], ran.json["winner"], ran.json["preference"]) == (
        "unparsed", None, {},
    )  # fmt: skip
    shown = unireward("compare", "x", "a.png", "b.png", *table("who knows"))
    assert shown.code == 1
    assert "unparsed: " in shown.out


def test_missing_media_in_bulk_is_a_row(unireward, first, pictures):
    path = write_pairs(pictures, 3)
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace("b.png", "gone.png")
    path.write_text("\n".join(lines) + "\n")
    ran = unireward("judge", path, "--out", "o.jsonl", "--json", *first)
    assert (ran.code, ran.json["statuses"]) == (0, {"ok": 2, "error": 1})
    assert "gone.png" in list(read_judgments("o.jsonl"))[1].reason


def test_a_broken_line_keeps_the_rows_before_it(unireward, first, pictures):
    path = write_pairs(pictures, 3)
    path.write_text(path.read_text() + "{oops\n")
    ran = unireward("judge", path, "--out", "o.jsonl", *first)
    assert ran.code == 2
    assert "records.jsonl:4" in ran.line
    assert len(list(read_judgments("o.jsonl"))) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["judge", "gone.jsonl", "--out", "o.jsonl"], "gone.jsonl: no such file"),
        (["judge", "records.jsonl"], "add --out judgments.jsonl"),
        (["judge", "records.jsonl", "--out", "o.txt"], "ends in .jsonl or .parquet"),
        (["judge", "records.jsonl", "--out", "o.jsonl", "--mode", "best"], "use score, rank"),
        (["judge", "records.jsonl", "--out", "o.jsonl", "--retry", "bad"], "retry names 'bad'"),
        (["judge", "records.jsonl", "--out", "o.jsonl", "--on-failure", "x"], "keep, drop, half"),
        (["compare", "x", "a.png", "b.png", "--mode", "best"], "mode is 'best'"),
        (["compare", "x", "@gone.txt", "y", "--task", "text"], "gone.txt"),
        (["compare", "x", "a.png", "b.png", "--media", "c.png", "--source", "c.png"], "both given"),
    ],
)
def test_wrong_use(unireward, first, pictures, words, said):
    write_pairs(pictures, 2)
    ran = unireward(*words, *first)
    assert ran.code == 2
    assert said in ran.line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["compare"], "Missing argument"),
        (["rank", "x", "a.png", "b.png", "--max-comparisons", "many"], "--max-comparisons"),
        (["score", "x", "a.png", "--nonsense"], "--nonsense"),
        (["parse", "nobody", "--task", "t", "--mode", "rank"], "unknown family 'nobody'"),
        (["parse", "tiny", "--task", "t", "--mode", "best"], "mode is 'best'"),
        (["data", "world", "--task", "nonsense", "--out", "w"], "nonsense"),
        (["data", "world", "--items", "0", "--out", "w"], "--items"),
        (["families", "show", "nobody"], "unknown family 'nobody'"),
        (["families", "import", "gone"], "gone"),
    ],
)
def test_wrong_use_without_a_judge(unireward, pictures, words, said):
    ran = unireward(*words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.line


def test_an_unexpected_resume_names_the_difference(unireward, first, pictures):
    path = write_pairs(pictures, 3)
    assert unireward("judge", path, "--out", "o.jsonl", *first).code == 0
    ran = unireward("judge", path, "--out", "o.jsonl", "--mode", "pair-score", *first)
    assert ran.code == 2
    assert 'another mode: null then, "pair-score" now' in ran.line
    write_pairs(pictures, 4)
    ran = unireward("judge", path, "--out", "o.jsonl", *first)
    assert (ran.code, "another input file's content" in ran.line) == (2, True)


def test_a_key_is_in_no_output(unireward, pictures, monkeypatch):
    monkeypatch.setenv("UNIREWARD_API_KEY", "sk-very-secret")
    with ScriptedServer(ScriptedEngine("Image 1 is better"), key="sk-very-secret") as server:
        ran = unireward("judge", write_pairs(pictures, 2), "--out", "o.jsonl",
                        *served(server.url)[:-1])  # fmt: skip
    assert ran.code == 0
    written = [file for file in pictures.rglob("*") if file.is_file()]
    assert all(b"sk-very-secret" not in file.read_bytes() for file in written)
    assert "secret" not in ran.out + ran.err
    assert json.loads((pictures / "o.jsonl.manifest.json").read_text())["complete"] is True


def test_half_a_character_in_a_prompt_is_an_error_of_its_row(unireward, pictures):
    """JSON can hold half a surrogate pair; no tokenizer takes one."""
    path = write_pairs(pictures, 2)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["prompt"][0]["text"] = "a circle \ud83d"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = unireward("judge", path, "--out", "o.jsonl", "--judge", "tiny")
    first, second = read_judgments("o.jsonl")
    assert (first.status, second.status) == ("error", "ok")
    assert "half a surrogate pair" in str(first.reason)
    assert "Traceback" not in ran.err


def test_bench_into_a_file(unireward, pictures):
    ran = unireward("bench", "world", "--items", 1, "--tasks", "image_generation", "--out", "a.png")
    assert (ran.code, ran.line) == (2, "unireward: a.png: is a file; give a folder")
