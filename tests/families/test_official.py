"""The import of official texts, on made-up checkouts whose fingerprints are put in."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from unireward.errors import InputError
from unireward.families import get_family
from unireward.families import official as official_module
from unireward.families.fingerprints import TEMPLATES, Home, Known
from unireward.families.harvest import MAX_FILE_BYTES, fingerprint, harvest
from unireward.families.official import (
    import_official,
    imported_specs,
    known_templates,
)

THINK = Home("unifiedreward-think", "qwen3", "image_generation", "rank")
FLEX = Home("unifiedreward-flex", "", "image_generation", "rank")
EDIT = Home("unifiedreward-edit", "qwen", "image_editing", "rank")
ANSWERS = Home("unifiedreward-think", "llava", "image_understanding", "rank")
VIDEO = Home("unifiedreward-think", "llava", "video_generation", "rank")

FILLER = "Look at every part of both pictures and say which of them is the better one. " * 6
RANK = "Judge 「{prompt}」 fairly.\n" + FILLER
OPEN = 'Weigh [{prompt}] and write {"winner": ...}\n' + FILLER
ESCAPED = OPEN.replace('{"winner": ...}', '{{"winner": ...}}')
CHANGE = FILLER + "Text instruction - {instruction}\n"
QUESTION = "<image>\nQuestion: [{Query}] first [{R1}] second [{R2}]" + FILLER
CLIP = "Clip of [{prompt}]. " + FILLER
FRAMES = "{'<image>\\n' * len(images)}" + CLIP


def known(text: str, *homes: Home, path: str = "ask.py", escaped: bool = False) -> Known:
    """A row of the table for ``text`` as Python evaluates it."""
    return Known(fingerprint(text), len(text), f"made up: {path}", (path,), escaped, homes)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    return folder


def as_fstring(text: str) -> str:
    """Source of an f-string that evaluates to ``text``, its ``{name}`` being expressions."""
    return "f" + repr(text)


def template(home: Home) -> str:
    spec = imported_specs()[home.family_id]
    (form,) = [f for f in spec.forms if (f.task, f.mode) == (home.task, home.mode)]
    assert form.origin == "official"
    return form.template


# Reading ------------------------------------------------------------------------------------


def test_nothing_is_ever_run(checkout: Path) -> None:
    mark = checkout / "ran"
    (checkout / "ask.py").write_text(
        f"open({str(mark)!r}, 'w').close()\nraise SystemExit(3)\n"
        f"problem = {as_fstring(RANK)}\nimport not_there\n"
    )
    report = import_official(checkout, known=[known(RANK, THINK)])
    assert [f.known.fingerprint for f in report.found] == [fingerprint(RANK)]
    assert not mark.exists()


def test_syntax_errors_are_reported_and_the_rest_is_read(checkout: Path) -> None:
    (checkout / "bad.py").write_text("a = 1\nquestion = 'open\n")
    (checkout / "nul.py").write_bytes(b"a = '\0'\n")
    (checkout / "coding.py").write_bytes(b"# -*- coding: no-such -*-\n")
    (checkout / "deep.py").write_text("a = " + "(" * 5000 + ")" * 5000)
    (checkout / "ask.py").write_text(f"p = {as_fstring(RANK)}\n")
    report = import_official(checkout, known=[known(RANK, THINK)])
    assert len(report.found) == 1
    assert report.files == 1
    assert [p.path for p in report.passed] == ["bad.py", "coding.py", "deep.py", "nul.py"]
    assert "line 2" in report.passed[0].reason
    assert all("\n" not in p.reason for p in report.passed)


def test_links_out_and_huge_files_are_not_read(checkout: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(f"p = {as_fstring(RANK)}\n")
    (checkout / "link.py").symlink_to(outside)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ask.py").write_text(f"p = {as_fstring(RANK)}\n")
    (checkout / "linked").symlink_to(tmp_path / "folder")
    (checkout / "huge.py").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    report = import_official(checkout, known=[known(RANK, THINK)])
    assert report.found == ()
    assert report.files == 0
    assert {p.path for p in report.passed} == {"link.py", "huge.py"}
    assert [k.fingerprint for k in report.missing] == [fingerprint(RANK)]
    assert imported_specs() == {}


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder; give the path of a checkout"):
        import_official(tmp_path / "nowhere")


def test_every_way_of_writing_a_string(checkout: Path) -> None:
    """f-string, implicit and explicit sums, a format constant: the same evaluated text."""
    half = len(RANK) // 2
    first, second = RANK[:half], RANK[half:]
    ways = {
        "plain": repr(RANK),
        "fstring": as_fstring(RANK),
        "implicit": f"({as_fstring(first)}\n  {second!r})",
        "sum": f"{as_fstring(first)} + {second!r}",
        "call": f"dict(text={as_fstring(RANK)}.strip())",
        "method": f"[{{'content': {as_fstring(RANK)}}}]",
    }
    for name, source in ways.items():
        (checkout / f"{name}.py").write_text(f"def ask(prompt):\n    return {source}\n")
    texts, passed, read = harvest(checkout)
    assert (passed, read) == ([], len(ways))
    same = {text.path for text in texts if text.value == RANK}
    assert same == {f"{name}.py" for name in ways}


def test_expressions_are_written_back_as_python_writes_them(checkout: Path) -> None:
    (checkout / "a.py").write_text(
        f"x = f'{FILLER} {{ a . b [ 0 ] }} {{c!r:>10}} {{{{}}}}' + str( 1+2 )\n"
    )
    texts, _, _ = harvest(checkout)
    assert max((t.value for t in texts), key=len) == (FILLER + " {a.b[0]} {c!r:>10} {}{str(1 + 2)}")


def test_long_sums_are_read_in_one_piece(checkout: Path) -> None:
    parts = " + ".join(repr(RANK[i : i + 1]) for i in range(len(RANK)))
    (checkout / "ask.py").write_text(f"p = {parts}\n")
    report = import_official(checkout, known=[known(RANK, THINK)])
    assert len(report.found) == 1


# Recognising --------------------------------------------------------------------------------


def test_identical_copies_count_once_and_the_chief_place_is_named(checkout: Path) -> None:
    row = known(RANK, THINK, path="chief/ask.py")
    for folder in ("a_first_by_name", "chief", "z"):
        (checkout / folder).mkdir()
        (checkout / folder / "ask.py").write_text(f"\n\np = {as_fstring(RANK)}\n")
    (found,) = import_official(checkout, known=[row]).found
    assert (found.path, found.line, found.copies) == ("chief/ask.py", 3, 3)


def test_an_edited_text_is_changed_and_never_imported(checkout: Path) -> None:
    row = known(RANK, THINK, path="chief/ask.py")
    (checkout / "chief").mkdir()
    edited = RANK.replace("fairly", "with the greatest fairness")
    (checkout / "chief" / "ask.py").write_text(f"p = {as_fstring(edited)}\n")
    report = import_official(checkout, known=[row])
    (changed,) = report.changed
    assert (changed.path, changed.line) == ("chief/ask.py", 1)
    assert (changed.chars, changed.fingerprint) == (len(edited), fingerprint(edited))
    assert (report.found, report.missing, report.written) == ((), (), ())
    assert imported_specs() == {}
    assert any("CHANGED" in line and str(len(RANK)) in line for line in report.lines())


def test_an_edited_text_in_a_moved_file_is_changed_if_its_twin(checkout: Path) -> None:
    row = known(RANK, THINK, path="chief/ask.py")
    other = known(CHANGE, EDIT, path="edit/ask.py")
    (checkout / "moved.py").write_text(f"p = {as_fstring(RANK.replace('fairly', 'justly'))}\n")
    report = import_official(checkout, known=[row, other])
    assert [c.known for c in report.changed] == [row]
    assert list(report.missing) == [other], "another placeholder: no twin"


def test_far_shorter_texts_of_the_same_file_are_not_called_changed(checkout: Path) -> None:
    row = known(RANK * 4, THINK, path="ask.py")
    (checkout / "ask.py").write_text(f"p = {as_fstring(RANK)}\n")
    report = import_official(checkout, known=[row])
    assert (report.changed, list(report.missing)) == ((), [row])


# Converting and finding again ---------------------------------------------------------------


def test_placeholders_and_image_tokens(checkout: Path) -> None:
    (checkout / "ask.py").write_text(
        f"a = {as_fstring(RANK)}\n"
        f"b = {as_fstring(QUESTION)}\n"
        f"c = '<image>\\n'*len(images) + {as_fstring(CLIP)}\n"
        f"d = {FILLER!r} + f'Text instruction - {{instruction}}\\n'\n"
    )
    rows = [
        known(RANK, THINK), known(QUESTION, ANSWERS), known(FRAMES, VIDEO), known(CHANGE, EDIT),
    ]  # fmt: skip
    report = import_official(checkout, known=rows)
    assert len(report.found) == 4
    assert template(THINK) == RANK.replace("{prompt}", "{P}")
    assert template(ANSWERS) == "Question: [{Q}] first [{A1}] second [{A2}]" + FILLER
    assert template(VIDEO) == CLIP.replace("{prompt}", "{P}")
    assert template(EDIT) == FILLER + "Text instruction - {I}\n"
    assert sorted(report.forms, key=str) == sorted([THINK, ANSWERS, VIDEO, EDIT], key=str)


def test_format_templates_and_fstrings_come_out_the_same(checkout: Path) -> None:
    (checkout / "ask.py").write_text(f"def t():\n    return {ESCAPED!r}\n")
    import_official(checkout, known=[known(ESCAPED, FLEX, escaped=True)])
    escaped = template(FLEX)
    (checkout / "ask.py").write_text(
        f"p = {as_fstring(ESCAPED)}\n"  # in an f-string, too, {{ is a brace
    )
    import_official(checkout, known=[known(OPEN, FLEX)])
    assert template(FLEX) == escaped == OPEN.replace("{prompt}", "{P}")


def test_an_unknown_expression_leaves_the_form_in_our_words(checkout: Path) -> None:
    odd = RANK.replace("{prompt}", "{row['caption_en']}")
    (checkout / "ask.py").write_text('p = f"""' + odd + '"""\n' + f"q = {as_fstring(CHANGE)}\n")
    report = import_official(checkout, known=[known(odd, THINK), known(CHANGE, EDIT)])
    (unknown,) = report.unconverted
    assert unknown.expression == "row['caption_en']"
    assert set(imported_specs()) == {EDIT.family_id}
    assert any("row['caption_en']" in line for line in report.lines())


def test_only_the_forms_found_are_replaced(checkout: Path) -> None:
    (checkout / "ask.py").write_text(f"a = {as_fstring(RANK)}\n")
    import_official(checkout, known=[known(RANK, THINK)])
    spec = imported_specs()["unifiedreward-think/qwen3"]
    own = get_family("unifiedreward-think/qwen3").spec
    assert [f.origin for f in spec.forms] == ["official", "own", "own", "own"]
    assert spec.forms[1:] == own.forms[1:]
    assert spec.forms[0].model_copy(
        update={"template": own.forms[0].template, "origin": "own"}
    ) == own.forms[0]  # fmt: skip


def test_a_second_import_adds_to_the_first(checkout: Path, tmp_path: Path) -> None:
    (checkout / "ask.py").write_text(f"a = {as_fstring(QUESTION)}\n")
    import_official(checkout, known=[known(QUESTION, ANSWERS)])
    other = tmp_path / "other"
    other.mkdir()
    (other / "ask.py").write_text(f"c = '<image>\\n'*len(images) + {as_fstring(CLIP)}\n")
    rows = [known(QUESTION, ANSWERS), known(FRAMES, VIDEO)]
    report = import_official(other, known=rows)
    assert [f.known for f in report.found] == [rows[1]]
    assert list(report.covered) == [rows[0]], "missing here, imported before"
    assert template(ANSWERS).startswith("Question: [{Q}]")
    assert "[{P}]" in template(VIDEO)


def test_out_goes_to_a_folder_of_ones_own(checkout: Path, tmp_path: Path) -> None:
    (checkout / "ask.py").write_text(f"a = {as_fstring(RANK)}\n")
    report = import_official(checkout, tmp_path / "mine", known=[known(RANK, THINK)])
    assert list(report.written) == [tmp_path / "mine" / "unifiedreward-think-qwen3" / "judge.json"]
    body = json.loads(report.written[0].read_text(encoding="utf-8"))
    assert body["family"] == "unifiedreward-think/qwen3"
    assert body["spec"]["forms"][0]["template"] == RANK.replace("{prompt}", "{P}")
    assert list(body["meta"]["official"].values()) == [fingerprint(RANK)]
    assert imported_specs() == {}


def test_the_report_is_json(checkout: Path) -> None:
    (checkout / "ask.py").write_text(f"a = {as_fstring(RANK)}\n")
    rows = [known(RANK, THINK), known(CHANGE, EDIT, path="x.py")]
    report = import_official(checkout, known=rows)
    body = json.loads(json.dumps(report.to_dict()))
    assert [f["fingerprint"] for f in body["found"]] == [fingerprint(RANK)]
    assert [m["covered"] for m in body["missing"]] == [False]
    assert body["forms"] == [str(THINK)]


def test_a_broken_file_of_an_earlier_import_is_named(checkout: Path) -> None:
    (checkout / "ask.py").write_text(f"a = {as_fstring(RANK)}\n")
    report = import_official(checkout, known=[known(RANK, THINK)])
    report.written[0].write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"judge\.json"):
        imported_specs()
    import_official(checkout, known=[known(RANK, THINK)])
    assert template(THINK) == RANK.replace("{prompt}", "{P}")


# The table ----------------------------------------------------------------------------------


def test_the_table_is_well_formed() -> None:
    digests = [one.fingerprint for one in TEMPLATES]
    assert len(digests) == len(set(digests)) == 47
    assert all(len(d) == 16 and int(d, 16) >= 0 for d in digests)
    assert all(one.chars > 500 and one.paths for one in TEMPLATES)


def test_every_form_of_a_published_family_knows_its_official_text() -> None:
    table = {one.fingerprint for one in TEMPLATES}
    homes = {home for one in known_templates() for home in one.homes}
    assert THINK in homes
    assert FLEX in homes
    assert EDIT in homes
    for name in ("unifiedreward-think", "unifiedreward-flex", "unifiedreward-edit"):
        for form in get_family(name).spec.forms:
            assert set(form.fingerprints) <= table
            assert form.fingerprints, (name, form.task, form.mode)


def test_the_import_uses_no_way_of_running_code() -> None:
    tree = ast.parse(Path(official_module.__file__).with_name("harvest.py").read_text("utf-8"))
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert not called & {"exec", "eval", "compile", "__import__", "import_module", "run_path"}
