"""What users get wrong before and beside a training: one line with the mend, nothing lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.full_disk import python_on_full_disk
from tests.training.runs import ROOT, body, command, config
from unireward.errors import InputError
from unireward.files.claim import differences
from unireward.files.lock import locked
from unireward.training.claim import taken
from unireward.training.config import load_config, parse_config
from unireward.training.preflight import preflight
from unireward.training.run import train
from unireward.training.storage import SaveError, finishing, is_complete, saving
from unireward.world import TASKS
from unireward.world.write import write_world

TINY = str(ROOT / "src/unireward/assets/tiny")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labelled pairs of pictures, in files."""
    out = tmp_path_factory.mktemp("world")
    write_world(["image_generation"], 3, 7, out)
    return out / "records.jsonl"


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def written(file: Path, records: list[dict[str, Any]]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in records), encoding="utf-8")
    return str(file)


def given(out: Path, records: Path | str, **more: Any) -> dict[str, Any]:
    """A training of the shipped weights on a file of records, one step unless told otherwise."""
    return {
        "output": str(out),
        "model": {"path": TINY, "family": "tiny"},
        "data": {"sources": [{"records": str(records)}]},
        "objective": {"sft": {}},
        "steps": 1,
        "batch": {"size": 2},
        "workers": 0,
        "threads": 1,
        "device": "cpu",
        "tensorboard": False,
        **more,
    }


HEAD = {"path": TINY, "family": "head", "head": {"kind": "linear"}}
SAVE = {"every": 1}


# Configs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"steps": "many"}, "steps: must be a whole number, not 'many'"),
        ({"stages": []}, "stages holds none"),
        ({"output": ""}, "output is no folder of its own"),
        ({"data": {"sources": []}}, "data.sources: must hold at least one"),
        (
            {"data": {"sources": [{"records": "x.jsonl", "wait": 1}]}},
            "data.sources[0].wait: is no field",
        ),
        (
            {"data": {"sources": [{"records": "x.jsonl"}], "modes": {}}},
            "data.modes: names no mode",
        ),
        ({"settings": ["small"]}, "settings: must be an object"),
    ],
)
def test_a_config_that_is_wrong_is_so_before_the_model_is_loaded(
    tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(given(tmp_path / "run", "x.jsonl", **more)))
    with pytest.raises(InputError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}: {said}")
    assert "more)" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("steps=[1", r"override 'steps=\[1': its value is no YAML"),
        ("setting=broken", "settings.broken: must be an object"),
    ],
)
def test_overrides_that_are_wrong(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_config(given(tmp_path, "x.jsonl", settings={"broken": 3}), [override])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"objective": {"sft": [1]}}, r"objective: sft: is \[1\]; write its options"),
        ({"objective": {"bradley-terry": {}}}, "bradley-terry trains a head; give the model one"),
        ({"model": HEAD}, "model.head: no loss trains it"),
        (
            {"model": {**HEAD, "head": {"kind": "ridge"}}, "objective": {"regression": {}}},
            "a ridge head is fitted in closed form",
        ),
        (
            {"model": HEAD, "objective": {"gaussian-pair": {}}},
            "gaussian-pair needs a sigma; set model.head.kind to gaussian",
        ),
        ({"trainer": {"max_steps": 9}}, "trainer.max_steps: is set by steps"),
        ({"model": {"path": TINY, "family": "mine"}}, "model.family: unknown family 'mine'"),
        ({"data": {"sources": [{"records": "gone.jsonl"}]}}, "gone.jsonl: no such file"),
        (
            {"evaluation": {"every": 1, "records": "gone.jsonl"}, "save": SAVE},
            "evaluation: gone.jsonl: no such file",
        ),
    ],
)
def test_what_would_stop_a_training_is_said_before_its_folder_is_made(
    tmp_path: Path, pairs: Path, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        train(parse_config(given(tmp_path / "run", pairs, **more)))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_later_stage_is_looked_at_before_the_first(tmp_path: Path, pairs: Path) -> None:
    body = given(tmp_path / "run", pairs, save=SAVE)
    body["stages"] = [
        {"name": "one"},
        {"name": "two", "evaluation": {"every": 1, "records": str(tmp_path / "gone.jsonl")}},
    ]
    with pytest.raises(InputError, match=r"stages.two.evaluation: .*gone.jsonl: no such file"):
        preflight(parse_config(body))


def _without_label(row: dict[str, Any]) -> None:
    del row["label"]


def _tied(row: dict[str, Any]) -> None:
    row["label"] = {"ranking": [["a", "b"]]}


def _gone(row: dict[str, Any]) -> None:
    row["candidates"][1]["content"][0]["path"] = "media/gone.png"


def _poetry(row: dict[str, Any]) -> None:
    row["task"] = "poetry"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_label, "no record has a label"),
        (_tied, "no accuracy can be measured"),
        (_gone, r"candidate 'b': .*gone.png: no such file"),
        (_poetry, "tiny knows no poetry"),
    ],
)
def test_held_out_records_that_measure_nothing(
    pairs: Path, tmp_path: Path, spoil: Any, said: str
) -> None:
    records = rows(pairs)
    for row in records:
        spoil(row)
    file = pairs.with_name(f"held_{spoil.__name__}.jsonl")
    judged = {"every": 1, "records": written(file, records)}
    with pytest.raises(InputError, match=said):
        preflight(parse_config(given(tmp_path, pairs, evaluation=judged, save=SAVE)))


def test_a_batch_that_leaves_a_process_without_work(
    tmp_path: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parse_config(given(tmp_path, pairs, batch={"size": 3, "accumulation": 2}))
    preflight(made)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"3 examples for 2 processes x 2 .* raise size to 4"):
        preflight(made)


def test_the_drawn_world_can_be_held_out(tmp_path: Path, pairs: Path) -> None:
    judged = {"every": 1, "world": dict.fromkeys(TASKS, 3)}
    preflight(parse_config(given(tmp_path, pairs, evaluation=judged, save=SAVE)))


def test_a_factory_that_cannot_be_called(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model.factory: os:sep is no function"):
        train(parse_config({**body(tmp_path), "model": {"factory": "os:sep", "family": "tiny"}}))


def test_a_pattern_of_adapters_that_is_none(tmp_path: Path, pairs: Path) -> None:
    model = {"path": TINY, "family": "tiny", "lora": {"targets": "(["}}
    with pytest.raises(InputError, match=r"model.lora.targets: unterminated"):
        train(parse_config(given(tmp_path, pairs, model=model)))


def test_attention_is_the_one_that_was_asked_for(tmp_path: Path, pairs: Path) -> None:
    from unireward.training.config import ModelConfig
    from unireward.training.parts import build

    asked = ModelConfig(path=TINY, family="tiny", attention="eager")
    assert build(asked, 0).model.config._attn_implementation == "eager"
    other = {"path": TINY, "family": "tiny", "attention": "none"}
    with pytest.raises(InputError, match="attn_implementation"):
        train(parse_config(given(tmp_path, pairs, model=other)))


# Folders ----------------------------------------------------------------------------------------


def test_a_mended_config_takes_over_a_folder_in_which_nothing_was_saved(
    tmp_path: Path, pairs: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(InputError, match="max_tokens is 5"):
        train(parse_config(given(out, pairs, data={
            "sources": [{"records": str(pairs)}], "max_tokens": 5})))  # fmt: skip
    mended = parse_config(given(out, pairs))
    train(mended)
    assert (out / "judge" / "judge.json").is_file()
    kept = yaml.safe_load((out / "config.yaml").read_text())
    assert "max_tokens" not in kept["stages"][0]["data"]
    with pytest.raises(InputError, match=r"\(stages\[0\].optimiser.lr differs\)"):
        train(parse_config(given(out, pairs, optimiser={"lr": 0.5})))
    assert taken(parse_config(given(out, pairs, workers=1, log_every=3))) is None
    # A file that was torn or edited into none is another's too: there are weights to lose.
    (out / "config.yaml").write_text("name: [")
    with pytest.raises(InputError, match="everything differs"):
        train(mended)


def test_differences_are_named_where_they_are() -> None:
    before = {"seed": 1, "stages": [{"steps": 1, "data": {"a": 1}}]}
    now = {"seed": 2, "stages": [{"steps": 1, "data": {"a": 2, "b": 3}}]}
    assert [*differences(before, now)] == [
        ("seed", 1, 2), ("stages[0].data.a", 1, 2), ("stages[0].data.b", None, 3),
    ]  # fmt: skip
    assert not [*differences(before, before)]
    assert [*differences(None, now)] == [("", None, now)]


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    out, file = tmp_path / "run", tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(body(out)))
    with locked(out, "training"):
        process = command(file)
        _, faults = process.communicate()
    assert process.returncode == 2
    assert (
        faults.strip()
        .splitlines()[-1]
        .endswith("another training is writing there; wait for it, or give another")
    )
    assert not (out / "config.yaml").exists()


@pytest.mark.parametrize("below", [".", "deeper"])
def test_an_output_that_is_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"^output: .*file"):
        train(config(tmp_path / "file" / below))
    assert (tmp_path / "file").read_text() == "mine"


# Disks ------------------------------------------------------------------------------------------


def test_what_torch_says_of_a_full_disk_is_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-4"
    folder.mkdir()
    said = "[enforce fail at inline_container.cc:672] . unexpected pos 4943552 vs 4943440"
    kept = pytest.raises(SaveError, match="none was saved before; free space")
    with kept, saving(folder, alone=True):
        raise RuntimeError(said)
    assert not folder.exists()
    with pytest.raises(SaveError), finishing(tmp_path / "final"):
        raise OSError(28, "No space left on device")
    with pytest.raises(RuntimeError, match="shapes"), finishing(tmp_path / "final"):
        raise RuntimeError("shapes do not fit")


def test_a_disk_that_fills_at_the_very_end_costs_the_export_alone(tmp_path: Path) -> None:
    """The trained weights fit, the whole model's file does not."""
    out, file = tmp_path / "run", tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(given(out, _drawn(tmp_path), model={
        "path": TINY, "family": "tiny", "lora": {"r": 2}})))  # fmt: skip
    done = python_on_full_disk(3_000_000, "-m", "unireward", "train", str(file))
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "judge: could not be saved" in line
    assert "the trained weights are kept; free space and start again" in line
    assert not (out / "judge").exists()
    said: list[str] = []
    train(load_config(file), said.append)
    assert said == ["stage train: done before"]
    assert (out / "judge" / "judge.json").is_file()


def _drawn(folder: Path) -> Path:
    write_world(["image_generation"], 2, 7, folder / "world")
    return folder / "world" / "records.jsonl"


def test_the_only_checkpoint_stays_until_the_next_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one kept, a run that ends between writing and marking the second has the first."""
    from unireward.training import storage

    real = storage._mark

    def dies(folder: Path) -> None:
        if folder.name == "checkpoint-4":
            raise KeyboardInterrupt
        real(folder)

    monkeypatch.setattr(storage, "_mark", dies)
    with pytest.raises(KeyboardInterrupt):
        train(config(tmp_path, save={"every": 2, "limit": 1}))
    assert is_complete(tmp_path / "stages/1-train/checkpoint-2")
    monkeypatch.undo()
    train(config(tmp_path, save={"every": 2, "limit": 1}))
    kept = sorted(path.name for path in (tmp_path / "stages/1-train").glob("checkpoint-*"))
    assert kept == ["checkpoint-4"]


# Data -------------------------------------------------------------------------------------------


def test_steps_that_are_left_out_whole(tmp_path: Path, pairs: Path) -> None:
    data = {"sources": [{"records": str(pairs)}], "max_tokens": 5, "too_long": "skip"}
    with pytest.raises(
        InputError, match=r"nothing was left to learn from .* \(longer than max_tokens: 4\)"
    ):
        train(parse_config(given(tmp_path, pairs, data=data, steps=2)))


def test_a_step_that_is_left_out_is_no_end(tmp_path: Path, pairs: Path) -> None:
    """One example a step, and every other picture cannot be read."""
    records = rows(pairs)
    folder = pairs.parent / "media"
    shutil.copyfile(pairs.parent / records[0]["candidates"][0]["content"][0]["path"],
                    folder / "cut.png")  # fmt: skip
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:60])
    records[0]["candidates"][0]["content"][0]["path"] = "media/cut.png"
    file = written(pairs.with_name("cut.jsonl"), records)
    data = {"sources": [{"records": file}], "media": "skip", "orders": "given"}
    out = train(parse_config(given(tmp_path, pairs, data=data, steps=6, batch={"size": 1},
                                   log_every=6)))  # fmt: skip
    assert out.metrics["skipped/media missing or unreadable"] == 2


def test_a_judge_that_says_one_score_is_never_the_best(tmp_path: Path, pairs: Path) -> None:
    """Rank correlation with a constant is nothing, and no number is made of it."""
    records = rows(pairs)
    for at, row in enumerate(records):
        # The same question three times, told three scores.
        row["prompt"], row["candidates"] = records[0]["prompt"], records[0]["candidates"][:1]
        row["label"] = {"scores": {"a": {"overall": at + 1.0}}, "scales": row["label"]["scales"]}
    file = written(pairs.with_name("alone.jsonl"), records)
    judged = {"every": 1, "records": file}
    out = train(parse_config(given(tmp_path, pairs, evaluation=judged, save=SAVE)))
    assert "eval_accuracy" not in out.metrics
    assert out.metrics["eval_unread"] == 0
