import io
import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.full_disk import python_on_full_disk
from tests.jobs.conftest import judge_of, plain, rows, write_pairs
from unireward.errors import EngineUnavailableError, InputError, UsageError
from unireward.files import read_judgments
from unireward.jobs.bulk import judge_file
from unireward.jobs.journal import Journal, JournalError, rows_of
from unireward.jobs.manifest import manifest_path
from unireward.jobs.progress import Plain
from unireward.rewards.policy import StoppedError


def test_each_record_once_in_input_order(pairs, tmp_path):
    out = tmp_path / "out" / "judgments.jsonl"
    result = judge_file(judge_of(), pairs, out)
    assert [row["record"] for row in rows(out)] == [f"r{n}" for n in range(12)]
    assert result.to_dict()["statuses"] == {"ok": 12}
    assert (result.judged, result.kept, result.calls) == (12, 0, 24)
    assert len(list(read_judgments(out))) == 12


def test_a_finished_job_is_not_done_again(pairs, tmp_path):
    out = tmp_path / "j.jsonl"
    judge_file(judge_of(), pairs, out)
    before = out.read_bytes()
    judge = judge_of()
    result = judge_file(judge, pairs, out)
    assert (judge.engine.calls, result.kept, result.judged) == (0, 12, 0)
    assert out.read_bytes() == before


@pytest.mark.parametrize("keep", [0, 1, 5, 11, 12])
@pytest.mark.parametrize("torn", [b"", b'{"schema": 1, "reco', b"\xf0\x9f"])
def test_resume_after_any_row_and_any_tear_equals_a_clean_run(pairs, tmp_path, keep, torn):
    clean, out = tmp_path / "clean.jsonl", tmp_path / "torn.jsonl"
    judge_file(judge_of(), pairs, clean)
    judge_file(judge_of(), pairs, out)
    manifest = json.loads(manifest_path(out).read_text())
    manifest_path(out).write_text(json.dumps({**manifest, "complete": False}))
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:keep]) + torn)
    judge = judge_of()
    result = judge_file(judge, pairs, out)
    assert plain(out) == plain(clean)
    assert (result.kept, result.judged, judge.engine.calls) == (keep, 12 - keep, 2 * (12 - keep))


WORKER = """
    import os, signal, sys
    from pathlib import Path
    from tests.jobs.conftest import judge_of
    from unireward.jobs.bulk import judge_file

    records, out, die_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answered = 0
    def reply(ask):
        global answered
        answered += 1
        if answered == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return "Image 1 is better"
    judge_file(judge_of(reply, window=2), records, out)
"""


def run_worker(pairs, out, die_at):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WORKER), str(pairs), str(out), str(die_at)],
        cwd=os.getcwd(),
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        check=False,
    ).returncode


def test_kill_nine_twice_and_a_third_run_equal_a_clean_run(pairs, tmp_path):
    clean, out = tmp_path / "clean.jsonl", tmp_path / "killed.jsonl"
    judge_file(judge_of(), pairs, clean)
    assert run_worker(pairs, out, die_at=11) == -signal.SIGKILL
    first = len(list(rows_of(out)))
    assert 0 < first < 12
    assert run_worker(pairs, out, die_at=7) == -signal.SIGKILL
    assert first <= len(list(rows_of(out))) < 12
    assert run_worker(pairs, out, die_at=-1) == 0
    assert plain(out) == plain(clean)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"name": "other"}, "another judge"),
        ({"identity": "scripted:other"}, "another model"),
    ],
)
def test_another_judge_is_refused_with_the_difference(pairs, tmp_path, change, difference):
    out = tmp_path / "j.jsonl"
    judge_file(judge_of(), pairs, out)
    with pytest.raises(UsageError, match=difference):
        judge_file(judge_of(**change), pairs, out)


def test_another_mode_family_order_or_input_is_refused(pairs, tmp_path):
    out = tmp_path / "j.jsonl"
    judge_file(judge_of(), pairs, out)
    before = out.read_bytes()
    with pytest.raises(UsageError, match='another mode: null then, "pair-score" now'):
        judge_file(judge_of(), pairs, out, mode="pair-score")
    judge = judge_of()
    judge.both_orders = False
    with pytest.raises(UsageError, match="another both_orders: true then, false now"):
        judge_file(judge, pairs, out)
    with pytest.raises(UsageError, match="another input file's content"):
        judge_file(judge_of(), write_pairs(tmp_path / "more", 13), out)
    assert out.read_bytes() == before


def test_a_file_of_unknown_making_is_not_touched(pairs, tmp_path):
    out = tmp_path / "j.jsonl"
    out.write_text("precious\n")
    with pytest.raises(UsageError, match="no manifest says what made it"):
        judge_file(judge_of(), pairs, out)
    assert out.read_text() == "precious\n"


def test_an_engine_that_is_down_leaves_nothing_behind(pairs, tmp_path):
    folder = tmp_path / "out"
    with pytest.raises(EngineUnavailableError):
        judge_file(judge_of(faults={0: "unavailable"}), pairs, folder / "j.jsonl")
    assert not folder.exists()


def test_a_bad_line_keeps_what_was_before_it_and_the_mended_file_is_another_input(pairs, tmp_path):
    lines = pairs.read_text().splitlines()
    pairs.write_text("\n".join([*lines[:5], '{"id": "broken"}', *lines[5:]]) + "\n")
    out = tmp_path / "j.jsonl"
    with pytest.raises(InputError, match=r"records\.jsonl:6"):
        judge_file(judge_of(), pairs, out)
    assert [row["record"] for row in rows(out)] == [f"r{n}" for n in range(5)]


def test_duplicate_ids_are_refused(pairs, tmp_path):
    with pairs.open("a") as stream:
        stream.write(pairs.read_text().splitlines()[3] + "\n")
    with pytest.raises(InputError, match=r"records\.jsonl:13.*r3"):
        judge_file(judge_of(), pairs, tmp_path / "j.jsonl")


def test_failures_are_rows_and_retry_judges_only_them_again(pairs, tmp_path):
    out, clean = tmp_path / "j.jsonl", tmp_path / "clean.jsonl"
    faults = {4: "error", 9: "truncated", 20: "refused"}
    result = judge_file(judge_of(faults=faults), pairs, out)
    assert result.to_dict()["statuses"] == {"ok": 9, "truncated": 1, "refused": 1, "error": 1}
    assert [rows(out)[n]["status"] for n in (2, 4, 10)] == ["error", "truncated", "refused"]
    judge = judge_of()
    again = judge_file(judge, pairs, out, retry=["error", "truncated"])
    assert judge.engine.calls == 4
    assert (again.judged, again.kept) == (2, 10)
    assert again.to_dict()["statuses"] == {"ok": 11, "refused": 1}
    judge_file(judge_of(), pairs, out, retry=["refused"])
    judge_file(judge_of(), pairs, clean)
    assert plain(out) == plain(clean)


def test_a_retry_that_stops_leaves_the_file_as_it_was(pairs, tmp_path):
    out = tmp_path / "j.jsonl"
    judge_file(judge_of(faults={4: "error", 8: "error"}), pairs, out)
    before = out.read_bytes()
    with pytest.raises(StoppedError):
        judge_file(judge_of(faults={2: "error"}, policy="stop"), pairs, out, retry=["error"])
    assert out.read_bytes() == before
    assert sorted(p.name for p in tmp_path.glob("*.jsonl*")) == [
        "j.jsonl",
        "j.jsonl.manifest.json",
    ]


def test_retry_finishes_an_unfinished_file_first(pairs, tmp_path):
    out = tmp_path / "j.jsonl"
    with pytest.raises(StoppedError):
        judge_file(judge_of(faults={8: "error"}, policy="stop"), pairs, out)
    assert len(rows(out)) == 4
    result = judge_file(judge_of(faults={3: "error"}), pairs, out, retry=["error"])
    assert [row["record"] for row in rows(out)] == [f"r{n}" for n in range(12)]
    assert result.to_dict()["statuses"] == {"ok": 12}


def test_retry_of_an_unknown_status(pairs, tmp_path):
    with pytest.raises(UsageError, match="retry names 'bad'; use unparsed"):
        judge_file(judge_of(), pairs, tmp_path / "j.jsonl", retry=["bad"])


def test_dropped_rows_stay_dropped_when_the_job_goes_on(pairs, tmp_path):
    out = tmp_path / "j.jsonl"
    judge_file(judge_of(faults={4: "error"}, policy="drop"), pairs, out)
    wanted = [f"r{n}" for n in range(12) if n != 2]
    assert [row["record"] for row in rows(out)] == wanted
    manifest = json.loads(manifest_path(out).read_text())
    manifest_path(out).write_text(json.dumps({**manifest, "complete": False}))
    out.write_bytes(b"".join(out.read_bytes().splitlines(keepends=True)[:6]))
    judge_file(judge_of(policy="drop"), pairs, out)
    assert [row["record"] for row in rows(out)] == wanted


def test_parquet_holds_the_same_judgments(pairs, tmp_path):
    jsonl, parquet = tmp_path / "j.jsonl", tmp_path / "j.parquet"
    judge_file(judge_of(), pairs, jsonl)
    judge_file(judge_of(), pairs, parquet)
    assert list(read_judgments(parquet)) == list(read_judgments(jsonl))
    assert sorted(p.name for p in tmp_path.glob("j.parquet*")) == [
        "j.parquet",
        "j.parquet.manifest.json",
    ]
    judge = judge_of()
    assert judge_file(judge, pairs, parquet).kept == 12
    assert judge.engine.calls == 0


def test_parquet_goes_on_from_its_journal_and_retries(pairs, tmp_path):
    out = tmp_path / "j.parquet"
    with pytest.raises(StoppedError):
        judge_file(judge_of(faults={8: "error"}, policy="stop"), pairs, out)
    assert not out.exists()
    judge_file(judge_of(faults={0: "error"}), pairs, out)
    assert [j.status for j in read_judgments(out)].count("error") == 1
    judge_file(judge_of(), pairs, out, retry=["error"])
    assert [j.status for j in read_judgments(out)] == ["ok"] * 12


def test_other_suffixes_are_refused(pairs, tmp_path):
    with pytest.raises(UsageError, match=r"ends in \.jsonl or \.parquet"):
        judge_file(judge_of(), pairs, tmp_path / "j.csv")


def test_a_missing_input(tmp_path):
    with pytest.raises(InputError, match=r"gone\.jsonl: no such file"):
        judge_file(judge_of(), tmp_path / "gone.jsonl", tmp_path / "j.jsonl")


def test_one_split_of_a_saved_data_set(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_pairs(tmp_path, 0)
    for split, words in (("train", "a hat"), ("test", "a cat")):
        table = pa.table({"caption": [words], "one": ["a.png"], "two": ["b.png"]})
        pq.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    columns = "prompt=caption,a=one,b=two"
    out = tmp_path / "j.jsonl"
    result = judge_file(judge_of(), tmp_path / "test", out, map=columns)
    assert result.statuses == {"ok": 1}
    with pytest.raises(UsageError, match="another input file's content"):
        judge_file(judge_of(), tmp_path / "train", out, map=columns)


def test_an_empty_input_gives_an_empty_file(tmp_path):
    source, out = tmp_path / "none.jsonl", tmp_path / "j.jsonl"
    source.write_text("")
    assert judge_file(judge_of(), source, out).judged == 0
    assert out.read_text() == ""


def test_a_full_disk_keeps_whole_rows_and_says_how_to_go_on(pairs, tmp_path):
    clean, out = tmp_path / "clean.jsonl", tmp_path / "j.jsonl"
    judge_file(judge_of(), pairs, clean)
    room = sum(len(line) for line in clean.read_bytes().splitlines(keepends=True)[:4]) + 100
    done = python_on_full_disk(room, "-c", textwrap.dedent(WORKER), str(pairs), str(out), "-1")
    assert done.returncode == 1
    assert "JournalError" in done.stderr
    assert "free some space and run the same command again" in done.stderr
    assert [row["record"] for row in rows(out)] == ["r0", "r1", "r2", "r3"]
    judge_file(judge_of(), pairs, out)
    assert plain(out) == plain(clean)


def test_two_writers_are_kept_apart(tmp_path):
    path = tmp_path / "j.jsonl"
    with (
        Journal(path) as journal,
        pytest.raises(UsageError, match="another run is writing"),
        Journal(path),
    ):
        pass
    assert journal.rows == 0


def test_a_failed_write_is_taken_back(tmp_path, monkeypatch):
    path = tmp_path / "j.jsonl"
    write = os.write
    with Journal(path) as journal:
        journal.append(b'{"record": "r0", "status": "ok"}')

        def half(file, data):
            monkeypatch.setattr(os, "write", full)
            return write(file, bytes(data)[:5])

        def full(file, data):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", half)
        with pytest.raises(JournalError, match="No space left on device"):
            journal.append(b'{"record": "r1", "status": "ok"}')
        monkeypatch.setattr(os, "write", write)
        journal.append(b'{"record": "r2", "status": "ok"}')
    assert [row["record"] for row in rows_of(path)] == ["r0", "r2"]


def test_a_journal_that_holds_something_else(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_text('{"record": "r0", "status": "ok"}\nhello\n')
    with pytest.raises(InputError, match=r"j\.jsonl:2: is no judgment"):
        list(rows_of(path))


def test_plain_progress_says_rate_and_time_left():
    now = [0.0]
    out = io.StringIO()
    progress = Plain(out, clock=lambda: now[0])
    progress.start(1000, 100)
    for number in range(200):
        now[0] = (number + 1) / 10
        progress.advance("ok" if number else "error")
    said = out.getvalue().splitlines()
    assert said[0] == "going on after 100 rows"
    assert said[-1] == "judged 300 of 1,000 (30 %), 10.0/s, 1 min 10 s left, 1 not ok"
    assert len(said) == 3
