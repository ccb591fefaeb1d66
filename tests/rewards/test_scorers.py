"""Which kind of judge a checkpoint and a family make, through ``load`` and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import unireward
from tests.engines.architectures import save_checkpoint
from tests.rewards.conftest import record
from tests.rewards.tower_checkpoints import save_towers
from unireward.cli import run
from unireward.engines import ScriptedEngine, ScriptedServer
from unireward.errors import InputError, UsageError
from unireward.families import get_family
from unireward.families.judge_json import JudgeFile, save_judge_json
from unireward.rewards import load as module
from unireward.rewards.checklist import Checklist, ChecklistReward
from unireward.rewards.scorer import ScorerReward
from unireward.rewards.scorers import kind_of, kind_of_config
from unireward.rewards.two_tower import TwoTowerReward
from unireward.rewards.yes_no import YesNoReward


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))


def table(tmp_path: Path, *rules: dict[str, Any]) -> str:
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    return f"scripted:{path}"


@pytest.mark.parametrize(
    ("family", "head", "kind"),
    [
        ("head", None, "head"),
        ("head", {"kind": "linear"}, "head"),
        ("unifiedreward-2", {"kind": "gaussian"}, "head"),
        ("unifiedreward-2", None, None),
        ("two-tower", None, "two-tower"),
        ("two-tower", {"kind": "two-tower", "convention": "cosine"}, "two-tower"),
        ("yes-no", None, None),
        ("checklist", {"kind": "checklist"}, None),
    ],
)
def test_the_kind_is_told_by_head_and_family(family, head, kind):
    said = JudgeFile(family=family, head=head)
    assert kind_of(said, get_family(family)) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"architectures": ["CLIPModel"]}', "two-tower"),
        ('{"architectures": ["SiglipModel"]}', "two-tower"),
        ('{"architectures": ["Qwen2_5_VLForSequenceClassification"]}', "head"),
        ('{"architectures": ["Qwen2_5_VLForConditionalGeneration"]}', None),
        ('{"architectures": null}', None),
        ("{}", None),
    ],
)
def test_the_kind_is_told_by_the_class(tmp_path, body, kind):
    (tmp_path / "config.json").write_text(body)
    assert kind_of_config(tmp_path / "config.json") == kind


def test_a_repository_without_a_judge_json_is_told_by_its_class(tmp_path, monkeypatch):
    """The hub's answers by name; what is loaded then are the files of a folder."""
    folder = save_towers("siglip", tmp_path / "towers")
    asked = []

    def file_of(repository, name):
        asked.append((repository, name))
        return folder / name if (folder / name).is_file() else None

    monkeypatch.setattr(module, "_hub_file", file_of)
    found = module._found("owner/towers", "owner/towers", None)
    assert (found.kind, found.where, found.family) == ("two-tower", "owner/towers", None)
    assert asked == [("owner/towers", "judge.json"), ("owner/towers", "config.json")]


@pytest.mark.parametrize("body", ["{", "[]"])
def test_a_config_that_is_none_is_named(tmp_path, body):
    (tmp_path / "config.json").write_text(body)
    with pytest.raises(InputError, match=r"config\.json: is no config"):
        unireward.load(tmp_path)


def test_what_is_no_scorer_needs_a_family(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["LlavaForConditionalGeneration"]}')
    with pytest.raises(UsageError, match="no family is known for it; add family="):
        unireward.load(tmp_path)


def test_scripted_scorers(tmp_path, pictures):
    numbers = table(tmp_path, {"contains": "", "reply": '{"score": 2}'})
    assert type(unireward.load(numbers, family="head")) is ScorerReward
    answers = table(tmp_path, {"contains": "", "choices": {"yes": -0.2, "no": -1.8}})
    reward = unireward.load(answers, family="yes-no")
    assert isinstance(reward, YesNoReward)
    assert reward.score("x", pictures[0]).raw == {str(pictures[0]): pytest.approx(1.6)}
    assert isinstance(unireward.load(answers, family="checklist"), ChecklistReward)


def test_a_judge_json_for_the_family_brings_scale_and_weights(tmp_path, pictures):
    weights = {"image_generation": {"sharp": 2.0, "shapes": 1.0}}
    head = Checklist(weights=weights, answers="hard").model_dump(mode="json")
    mine = save_judge_json(
        tmp_path / "mine.json", get_family("checklist"), head=head,
        calibration={"scoring": {"squash": "sigmoid", "temperature": 2.0}},
    )  # fmt: skip
    what = table(
        tmp_path,
        {"contains": "sharp", "choices": {"yes": -2.0, "no": -0.1}},
        {"contains": "", "choices": {"yes": -0.1, "no": -2.0}},
    )
    reward = unireward.load(what, family=mine)
    out = reward.score("x", pictures[0])
    assert out.raw == {str(pictures[0]): pytest.approx(-2.0 + 1.0)}
    assert isinstance(reward, ChecklistReward)
    assert (reward.scoring.temperature, reward.checklist.weights) == (2.0, weights)


def test_a_server_asked_yes_or_no(pictures):
    masses = {"yes": -1.0, "Yes": -3.0, "no": -2.0, "No": -3.0}
    with ScriptedServer(ScriptedEngine(lambda ask: masses)) as server:
        with unireward.load(server.url, family="yes-no", cache=False) as reward:
            assert isinstance(reward, YesNoReward)
            assert reward.score("x", pictures[0]).status == "ok"
        with pytest.raises(UsageError, match="gives no numbers of a head"):
            unireward.load(server.url, family="head", cache=False)


def test_a_vlm_folder_asked_by_a_checklist_beside_it(tmp_path, pictures):
    torch.set_num_threads(1)
    folder = save_checkpoint("qwen2_5_vl", tmp_path / "vlm")
    Checklist(weights={"image_generation": {"sharp": 1.0}}).save(folder)
    reward = unireward.load(folder, family="checklist", device="cpu", cache=False)
    assert isinstance(reward, ChecklistReward)
    out = reward.compare("two red circles", *pictures[:2])
    assert (out.status, out.calls) == ("ok", 16)
    for name in "ab":
        assert out.raw[name] == pytest.approx(2 * out.dimensions["sharp"][name] - 1)


def test_towers_by_their_class_alone_on_the_command_line(tmp_path, pictures, capsys):
    """A folder without a judge.json under every verb."""
    folder = save_towers("clip", tmp_path / "towers")
    one, two = map(str, pictures[:2])

    def said(*words: str) -> str:
        capsys.readouterr()
        assert run([*words, "--judge", str(folder), "--device", "cpu"]) == 0
        return capsys.readouterr().out

    pair = json.loads(said("compare", "two red circles", one, two, "--json"))
    assert (pair["status"], pair["winner"] in "ab") == ("ok", True)
    reward = unireward.load(folder, device="cpu", cache=False)
    assert isinstance(reward, TwoTowerReward)
    again = reward.compare("two red circles", one, two)
    assert pair["raw"] == pytest.approx(again.raw, abs=1e-5)
    assert "cosine" in said("score", "two red circles", one)
    assert "calls        2" in said("compare", "two red circles", one, two, "--plan")
    assert "two-tower" in said("rank", "two red circles", *map(str, pictures[:3]))
    unireward.write_records(tmp_path / "r.jsonl", [record(pictures[:3], "two red circles")])
    said("judge", str(tmp_path / "r.jsonl"), "--out", str(tmp_path / "j.jsonl"))
    (row,) = unireward.read_judgments(tmp_path / "j.jsonl")
    assert row.ranking is not None
    assert len(row.ranking) == 3
