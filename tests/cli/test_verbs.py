import json

import pytest

from tests.cli.conftest import write_pairs
from unireward.engines import ScriptedEngine, ScriptedServer
from unireward.files import read_judgments
from unireward.judgment import Judgment

ACS = "Alignment Score (1-5): 3\nCoherence Score (1-5): 4\nStyle Score (1-5): 2"


def test_compare_answers_in_the_documented_format(unireward, table):
    ran = unireward("compare", "two red circles", "a.png", "b.png", "--json",
                    *table("Image 1 is better"))  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    assert Judgment.model_validate(ran.json).to_dict() == ran.json
    assert list(ran.json) == [
        "schema", "record", "judge", "family", "prompt", "task", "mode", "status", "reason",
        "scores", "dimensions", "winner", "preference", "ranking", "confidence", "agreement",
        "raw", "sigma", "spans", "notes", "asks", "rationale", "calls", "cached", "tokens",
        "seconds", "media",
    ]  # fmt: skip
    assert ran.json["winner"] == "tie"
    assert ran.json["preference"] == {"a": 0.5, "b": 0.5, "tie": 0.0}
    assert [ask["candidates"] for ask in ran.json["asks"]] == [["a", "b"], ["b", "a"]]
    assert ran.json["media"]["a"] == {"width": 12, "height": 10}


def test_compare_for_people(unireward, table):
    ran = unireward("compare", "two red circles", "a.png", "b.png", "--one-order",
                    *table("Image 2 is better"))  # fmt: skip
    assert ran.code == 0
    assert "▸ b  b.png     1.000" in ran.out
    assert "winner b, confidence 1.00 (uncalibrated)\n" in ran.out
    assert "1 call, 0 cached" in ran.out


def test_score_names_candidates_by_path(unireward, table):
    ran = unireward("score", "a cat", "a.png", "c.png", "--json", *table(ACS))
    assert ran.code == 0
    assert ran.json["scores"] == {"a.png": 0.5, "c.png": 0.5}
    assert ran.json["dimensions"]["coherence"] == {"a.png": 4.0, "c.png": 4.0}
    assert (ran.json["mode"], ran.json["winner"]) == ("score", "tie")
    shown = unireward("score", "a cat", "a.png", *table(ACS))
    (row,) = [line.split() for line in shown.out.splitlines() if "a.png" in line]
    assert row == ["a.png", "0.500", "3.00", "4.00", "2.00"]


def test_rank_for_machines_and_people(unireward, table):
    options = table("Image 1 is better")
    ran = unireward("rank", "a cat", "a.png", "b.png", "c.png", "--json", *options)
    assert ran.code == 0
    assert ran.json["ranking"] == [["a.png", "b.png", "c.png"]]
    assert (ran.json["agreement"], ran.json["calls"]) == (0.0, 6)
    shown = unireward("rank", "a cat", "a.png", "b.png", "c.png", *options)
    assert "3 comparisons, both orders agree on 0%" in shown.out
    assert "not settled: a.png, b.png, c.png" in shown.out
    every = unireward("rank", "a cat", "a.png", "b.png", "c.png", "--pairing", "all", *options)
    assert "1. a.png       0.500  [0.09, 0.91]" in every.out


def test_rank_says_what_it_spent_and_saved(unireward, table, pictures):
    names = [f"{k}.png" for k in "abcdefgh"]
    for name in names[2:]:
        (pictures / name).write_bytes((pictures / "a.png").read_bytes())
    options = table("Image 1 is better")
    ran = unireward("rank", "a cat", *names, "--budget", "10", *options)
    assert ran.code == 0
    assert "10 calls spent, 46 saved of all pairs in both orders" in ran.out
    assert "not settled: " in ran.out
    asked = unireward("rank", "a cat", *names, "--budget", "10", "--json", *options)
    assert asked.json["calls"] == 10
    [note] = asked.json["notes"]
    assert note.startswith("active pairing: 10 of 56 calls, the budget is spent, expected tau 0.")
    plan = unireward("rank", "a cat", *names, "--budget", "10", "--plan", *options)
    assert "calls        at most 10\n" in plan.out
    wrong = unireward("rank", "a cat", *names, "--pairing", "elo", *options)
    assert (wrong.code, wrong.out) == (2, "")
    assert "no pairing 'elo'; choose one of all, all-one-order" in wrong.err


def test_a_question_takes_answers_and_files_of_answers(unireward, table, pictures):
    (pictures / "long.txt").write_text("It shows a red square.")
    ran = unireward("compare", "What is it?", "a blue circle", "@long.txt", "--media", "a.png",
                    "--json", *table("Answer 2 is better"), "--one-order")  # fmt: skip
    assert (ran.code, ran.json["winner"], ran.json["task"]) == (0, "b", "image_understanding")
    shown = unireward("compare", "What is it?", "a blue circle", "@long.txt", "--media", "a.png",
                      "--show-prompt", *table("Answer 2 is better"))  # fmt: skip
    assert "Answer 2: It shows a red square." in shown.out


def test_an_edit_is_scored_on_both_aspects(unireward, table):
    rules = (
        {"contains": "overedit", "reply": '{"reasoning": "x", "score": [20, 10]}'},
        {"images": 2, "reply": '{"reasoning": "done", "score": [20, 10]}'},
        {"images": 1, "reply": '{"reasoning": "clean", "score": [25, 25]}'},
    )
    options = table(*rules, family="unifiedreward-edit")
    ran = unireward("score", "make it blue", "b.png", "--source", "a.png", "--json", *options)
    assert (ran.code, ran.json["task"], ran.json["calls"]) == (0, "image_editing", 2)
    assert ran.json["scores"]["b.png"] == pytest.approx((0.6 + 1.0) / 2)
    one = unireward("score", "make it blue", "b.png", "--source", "a.png", "--json",
                    "--aspect", "quality", *options)  # fmt: skip
    assert (one.json["scores"]["b.png"], one.json["calls"]) == (1.0, 1)


def test_plan_counts_and_judges_nothing(unireward, table, pictures):
    options = table("Image 1 is better")
    ran = unireward("rank", "x", "a.png", "b.png", "c.png", "--plan", "--json", *options)
    assert ran.code == 0
    assert {k: ran.json[k] for k in ("records", "comparisons", "calls", "images")} == {
        "records": 1, "comparisons": 3, "calls": 6, "images": 12,
    }  # fmt: skip
    shown = unireward("judge", write_pairs(pictures, 30), "--plan", *options)
    assert "calls        60" in shown.out
    assert "images       120" in shown.out
    assert not list(pictures.glob("*manifest*"))


def test_show_prompt_prints_what_is_sent(unireward, table):
    ran = unireward("compare", "two red circles", "a.png", "b.png", "--show-prompt",
                    *table("Image 1 is better"))  # fmt: skip
    assert ran.code == 0
    assert "<image 1: a, a.png, 12x10 px>" in ran.out
    assert ran.out.count("two red circles") == 2
    assert "== ask 2 of 2: rank of b, a" in ran.out


def test_judge_writes_rows_and_a_summary(unireward, table, pictures):
    options = table("Image 1 is better")
    records = write_pairs(pictures, 5)
    ran = unireward("judge", records, "--out", "out.jsonl", "--json", *options)
    assert ran.code == 0
    assert ran.json["statuses"] == {"ok": 5}
    assert "5 judgments in out.jsonl: ok 5" in ran.err
    assert [j.record for j in read_judgments("out.jsonl")] == [f"r{n}" for n in range(5)]
    again = unireward("judge", records, "--out", "out.jsonl", *options)
    assert (again.code, again.out) == (0, "")
    assert "(5 of an earlier run)" in again.err


def test_a_finished_judge_is_done_whatever_its_rows_states(unireward, table, pictures):
    options = table({"contains": "number 2.", "reply": "I cannot tell"}, "Image 1 is better")
    records = write_pairs(pictures, 4)
    ran = unireward("judge", records, "--out", "out.jsonl", *options)
    assert ran.code == 0
    assert "ok 3, unparsed 1" in ran.err
    assert "--retry unparsed" in ran.err
    table("Image 1 is better")
    refused = unireward("judge", records, "--out", "out.jsonl", "--retry", "unparsed", *options)
    assert refused.code == 2  # another table is another judge
    assert "begun with another model" in refused.line


def test_on_failure_stop_leaves_with_one_and_goes_on_later(unireward, table, pictures):
    options = table({"contains": "number 2.", "reply": "?"}, "Image 1 is better")
    records = write_pairs(pictures, 4)
    ran = unireward("judge", records, "--out", "o.jsonl", "--on-failure", "stop", *options)
    assert ran.code == 1
    assert "record r2 is unparsed" in ran.line
    assert len(list(read_judgments("o.jsonl"))) == 2
    assert unireward("judge", records, "--out", "o.jsonl", *options).code == 0
    assert len(list(read_judgments("o.jsonl"))) == 4


def test_judge_reads_ones_own_columns(unireward, table, pictures):
    (pictures / "mine.csv").write_text("caption,img1,img2\na cat,a.png,b.png\na dog,b.png,c.png\n")
    ran = unireward("judge", "mine.csv", "--map", "prompt=caption,a=img1,b=img2",
                    "--task", "image_generation", "--out", "o.jsonl", "--json",
                    *table("Image 2 is better"))  # fmt: skip
    assert (ran.code, ran.json["rows"]) == (0, 2)


def test_parse_reads_stdin(unireward):
    ran = unireward("parse", "unifiedreward-2", "--task", "image_generation", "--mode", "rank",
                    stdin="Image 2 is better")  # fmt: skip
    assert ran.code == 0
    assert ran.json["preference"] == {"1": 0.0, "2": 1.0, "tie": 0.0}
    assert (ran.json["winner"], ran.json["agreement"], ran.json["calls"]) == ("2", None, 0)
    assert Judgment.model_validate(ran.json)


@pytest.mark.parametrize(
    ("reply", "options", "status"),
    [
        ("no idea", (), "unparsed"),
        ("", (), "unparsed"),
        (b"\xff\xfe Image", (), "unparsed"),
        ("Image 1 is better", ("--finish-reason", "length"), "truncated"),
        ("Image 1 is better", ("--finish-reason", "content_filter"), "refused"),
    ],
)
def test_parse_is_done_whatever_the_status(unireward, reply, options, status):
    ran = unireward("parse", "unifiedreward-2", "--task", "image_generation", "--mode", "rank",
                    *options, stdin=reply)  # fmt: skip
    assert (ran.code, ran.json["status"]) == (0, status)
    assert ran.json["reason"]
    assert (ran.json["scores"], ran.json["winner"]) == ({}, None)


def test_families_list_and_show(unireward):
    listed = unireward("families", "list", "--json").json
    names = [row["family"] for row in listed]
    assert {"unifiedreward/qwen", "unifiedreward-think/qwen3", "unifiedreward-flex"} <= set(names)
    assert "unifiedreward-edit" in unireward("families", "list").out
    shown = unireward("families", "show", "unifiedreward-flex", "--json").json
    assert {form["mode"] for form in shown["forms"]} == {"rank"}
    text = unireward("families", "show", "unifiedreward-2", "--mode", "pair-score").out
    assert "== video_generation: pair-score" in text
    assert "{P}" in text
    assert "rank" not in [line.split()[2] for line in text.splitlines() if line.startswith("==")]


def test_families_import_of_a_folder_without_templates(unireward, tmp_path):
    (tmp_path / "empty").mkdir()
    ran = unireward("families", "import", tmp_path / "empty", "--out", tmp_path / "out")
    assert ran.code == 1
    assert "0 official templates found" in ran.out


def test_data_world_is_reproducible(unireward, tmp_path):
    for name in ("one", "two"):
        ran = unireward("data", "world", "--task", "image_generation", "--items", "4",
                        "--seed", "7", "--out", tmp_path / name, "--json")  # fmt: skip
        assert (ran.code, ran.json["records"]) == (0, 4)
    one, two = ((tmp_path / name / "records.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_server_and_this_process_give_the_same_judgments(unireward, pictures):
    def taste(ask):
        return "Image 1 is better" if "number 1." in ask.text else "Image 2 is better"

    records = write_pairs(pictures, 3)
    with ScriptedServer(ScriptedEngine(taste)) as server:
        ran = unireward("judge", records, "--out", "http.jsonl", "--judge", server.url,
                        "--family", "unifiedreward-2", "--no-cache")  # fmt: skip
    assert ran.code == 0
    from unireward.files import read_records
    from unireward.rewards.judge import Judge

    local = Judge(ScriptedEngine(taste), "unifiedreward-2")(list(read_records(records)))
    served = list(read_judgments("http.jsonl"))
    ours = {"seconds": 0.0, "notes": ()}  # the server says that it gives no log-probabilities
    assert [j.model_copy(update=ours) for j in served] == [j.model_copy(update=ours) for j in local]


def test_json_of_a_caption_in_any_script(unireward, table):
    ran = unireward("compare", "两个红色的圆 👩‍🚀", "a.png", "b.png", "--json",
                    *table("Image 1 is better"))  # fmt: skip
    assert ran.code == 0
    shown = unireward("compare", "دائرتان حمراوان", "a.png", "b.png", *table("Image 1 is better"))
    assert "دائرتان حمراوان" in shown.out


def test_doctor_names_versions_and_extras(unireward):
    ran = unireward("doctor", "--json")
    found = ran.json
    assert ran.code == (0 if found["tiny"] == "loads" else 1)
    assert found["packages"]["torch"]
    assert set(found["extras"]) == {"train", "generate", "serve", "ray", "world", "report"}
    assert found["cache"]["folder"].endswith("cache")


def test_json_holds_no_nan_anywhere(unireward, table):
    ran = unireward("compare", "x", "a.png", "b.png", "--json", *table("Image 1 is better"))
    json.loads(ran.out, parse_constant=pytest.fail)
