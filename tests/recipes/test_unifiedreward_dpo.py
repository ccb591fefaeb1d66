"""UnifiedReward by DPO: what is counted, and the whole of it small."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.unifiedreward_dpo import reproduce
from recipes.unifiedreward_dpo.arms import Arm
from recipes.unifiedreward_dpo.clips import CLIPS
from recipes.unifiedreward_dpo.found import Found, run_arm, shares
from recipes.unifiedreward_dpo.guided import guided, seeds_of
from recipes.unifiedreward_dpo.pictures import PICTURES
from recipes.unifiedreward_dpo.prompts import file_of
from recipes.unifiedreward_dpo.result import Result, collect
from recipes.unifiedreward_dpo.run import in_turn
from recipes.unifiedreward_dpo.study import BASE, ONLINE, Plan
from tests.policies.pipelines import stirred
from unireward.alignment.rows import PromptRow, SampleRow
from unireward.cli import run as command
from unireward.errors import InputError, UsageError

SKETCH = "tests.recipes.sketches:sketch"
FEW = ("training.batch.size=2",)


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of random weights, of one layer, on pictures that the checker reads."""
    from unireward.policies.pipelines.tiny import TinyPipeline

    small = {"width": 24, "layers": 1, "heads": 1, "steps": 2, "guidance_scale": 1.0}
    made = {
        "pictures": TinyPipeline.build("image", 0, **small),
        "clips": TinyPipeline.build("video", 0, max_words=5, **small),
    }
    found = {part: tmp_path_factory.mktemp(part) for part in made}
    for part, pipeline in made.items():
        stirred(pipeline).save_pretrained(found[part])
    return {part: str(folder) for part, folder in found.items()}


# What is counted --------------------------------------------------------------------------------


def sampled(*rights: bool | None, motion: float = 1.0) -> dict[str, SampleRow]:
    return {f"s{k}": SampleRow(right=r, facts={"motion": motion}) for k, r in enumerate(rights)}


def test_what_could_not_be_made_is_not_right() -> None:
    rows = [
        PromptRow(record="1", text="one red circle", samples=sampled(True, False)),
        PromptRow(record="2", text="one red heart", samples=sampled(True), left_out={"b": "black"}),
        PromptRow(record="3", text="one red cross", left_out={"a": "flat", "b": "flat"}),
    ]
    assert shares(rows, "right") == [0.5, 0.5, 0.0]
    assert shares(rows, "motion") == [1.0, 0.5, 0.0]
    unknown = [PromptRow(record="1", text="one red circle", samples=sampled(None))]
    with pytest.raises(InputError, match="one red circle: the world's checker has nothing to say"):
        shares(unknown, "right")


def made_up(rates: Mapping[str, float], seeds: int = 3) -> Result:
    """The result of arms that mend these shares of what is wrong, half of all."""
    study = replace(PICTURES, arms=(ONLINE, *(name for name in rates if name != ONLINE)))
    texts = tuple(file_of("pictures", "held_out").read_text().splitlines())
    found = {}
    for seed in range(1, seeds + 1):
        rng = np.random.default_rng(seed)
        base = rng.binomial(8, 0.5, len(texts)) / 8
        for name, rate in rates.items():
            after = base + (1 - base) * rng.binomial(8, rate, len(texts)) / 8
            found[Arm(name, seed)] = Found(
                texts, {"right": base.tolist()}, {"right": after.tolist()}, 0.9, 0, 60.0,
                "alarm" if name == "random" and seed == 1 else None,
                {0: 0.5, 24: 0.5 + seed / 100, **({8: 0.1} if seed == 1 else {})},
            )  # fmt: skip
    return collect(study, found, seeds, 1.0)


def test_the_endpoint_is_reached_or_it_is_not() -> None:
    good = made_up({ONLINE: 0.5, "random": 0.0, "supervised": 0.2})
    assert good.reached
    gains = good.gain["right"]
    assert gains["all"][ONLINE]["value"] == pytest.approx(0.25, abs=0.03)
    assert gains["all"]["random"]["value"] == 0.0
    assert good.captions == {"all": 72, "trained": 52, "never trained": 20}
    # Of each part by its number of captions.
    apart = 52 * gains["trained"][ONLINE]["value"] + 20 * gains["never trained"][ONLINE]["value"]
    assert gains["all"][ONLINE]["value"] == pytest.approx(apart / 72)
    less = good.against["supervised"]
    assert less["value"] == pytest.approx(
        gains["all"][ONLINE]["value"] - gains["all"]["supervised"]["value"]
    )
    assert less["low"] > 0
    said = good.lines()
    assert said[-1] == "exactly right pictures, +10 points by online: reached"
    assert "seed-1/random stopped: alarm" in said
    curve = said[said.index("online after so many rounds, captions of all groups") + 1 :][:2]
    assert [line.split() for line in curve] == [
        ["0", "50.0", "(50.0-50.0)"], ["24", "52.0", "(51.0-53.0)"]
    ]  # fmt: skip
    assert json.loads(json.dumps(good.to_dict()))["reached"] is True
    small = made_up({ONLINE: 0.1})
    assert small.gain["right"]["all"][ONLINE]["low"] > 0  # better, and not by ten points
    assert not small.reached
    assert small.lines()[-1].endswith("not reached")
    assert good.share["right"]["all"][BASE] == [
        pytest.approx(value, abs=0.1) for value in (0.5, 0.5, 0.5)
    ]


# The whole of it, small -------------------------------------------------------------------------


def test_the_judge_picks_right_pictures_among_sketches(tmp_path: Path) -> None:
    words = (f"policy={{path: '{SKETCH}'}}", "evaluation.samples=38")
    plan = Plan(PICTURES, tmp_path, SKETCH, 0.08, overrides=words)
    found = run_arm(Arm("best-of-n", 1), plan)
    assert len(found.captions) == 6
    before, after = (float(np.mean(of["right"])) for of in (found.before, found.after))
    assert 0.2 < before < 0.5
    assert after > 0.75
    assert found.stopped is None


def test_an_arm_is_taken_as_it_was_left(tmp_path: Path, generators: dict[str, str]) -> None:
    plan = Plan(PICTURES, tmp_path, generators["pictures"], 0.05, overrides=FEW)
    found = run_arm(Arm("random", 1), plan)
    assert [len(found.before["right"]), len(found.captions)] == [4, 4]
    assert found.stopped is None
    result = tmp_path / "seed-1/random/result.json"
    before = result.stat().st_mtime_ns
    assert run_arm(Arm("random", 1), plan) == found
    assert result.stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="was begun with another"):
        run_arm(Arm("random", 1), replace(plan, overrides=(*FEW, "training.steps=3")))


def test_what_was_learned_is_looked_at_with_another_guidance(
    tmp_path: Path, generators: dict[str, str]
) -> None:
    words = (*FEW, "curation=[random_pairs]")
    plan = Plan(PICTURES, tmp_path, generators["pictures"], 0.05, overrides=words)
    found = run_arm(Arm(ONLINE, 1), plan)
    assert seeds_of(tmp_path) == [1]
    same = guided(plan, 1, plan.recipe["policy"]["guidance_scale"])
    assert (same[BASE], same[ONLINE]) == (found.before["right"], found.after["right"])
    more = guided(plan, 1, 5.0)
    pictures = [
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.png")}
        for folder in (tmp_path / f"guidance-{g}/seed-1/evaluations/online" for g in ("1.5", "5"))
    ]
    assert pictures[0].keys() == pictures[1].keys()
    assert pictures[0] != pictures[1]
    rows = tmp_path / "guidance-5/seed-1/evaluations/online.jsonl"
    before = rows.stat().st_mtime_ns
    assert guided(plan, 1, 5.0) == more
    assert rows.stat().st_mtime_ns == before
    with pytest.raises(InputError, match="holds no finished arm online"):
        seeds_of(tmp_path / "guidance-5")


def test_an_arm_learns_the_world_s_right_pictures(
    tmp_path: Path, generators: dict[str, str]
) -> None:
    plan = Plan(PICTURES, tmp_path, generators["pictures"], 0.05, overrides=FEW)
    found = run_arm(Arm("supervised", 1), plan)
    assert found.stopped is None
    told = json.loads((tmp_path / "seed-1/supervised/result.json").read_text())
    assert [done["skipped"] for done in told["rounds"]] == [None]


def test_an_arm_that_learns_from_another_s_pairs_comes_after_it(
    tmp_path: Path, generators: dict[str, str]
) -> None:
    plan = Plan(PICTURES, tmp_path, generators["pictures"], 0.05, overrides=FEW)
    offline, rejection = Arm("offline", 1), Arm("rejection", 1)
    before, after = in_turn(PICTURES, 2)
    assert offline in before
    assert after == [rejection, Arm("rejection", 2)]
    arms = [*before, *after]
    assert sorted((a.seed, a.name) for a in arms) == sorted(
        (seed, name) for seed in (1, 2) for name in PICTURES.arms
    )
    first, found = run_arm(offline, plan), run_arm(rejection, plan)
    assert first.before == found.before
    done = [
        json.loads((tmp_path / f"seed-1/{name}/rounds/001/done.json").read_text())
        for name in ("offline", "rejection")
    ]
    assert done[0]["counts"]["candidates"]["made"] > 0
    assert done[1]["metrics"]
    assert run_arm(rejection, plan) == found  # by itself too


def test_clips_are_looked_at_for_their_motion(tmp_path: Path, generators: dict[str, str]) -> None:
    words = (*FEW, "curation=[random_pairs]")
    plan = Plan(CLIPS, tmp_path, generators["clips"], 0.05, overrides=words)
    found = run_arm(Arm(ONLINE, 1), plan)
    assert [*found.before] == [*found.after] == ["motion", "right"]
    assert found.stopped is None
    assert found.curve == {
        0: np.mean(found.before["motion"]), 1: np.mean(found.after["motion"])
    }  # fmt: skip
    alone = replace(CLIPS, arms=(ONLINE,))
    result = collect(alone, {Arm(ONLINE, s): found for s in (1, 2)}, 2, 0.05)
    assert result.against == {}
    assert result.lines()[-1] == "clips of the right motion, a gain by online: not reached"


class PartResult:
    """A part's result that says whether it was reached."""

    def __init__(self, reached: bool) -> None:
        self.reached = reached

    def lines(self) -> list[str]:
        return ["found"]

    def to_dict(self) -> dict[str, Any]:
        return {"reached": self.reached}


def test_all_parts_are_run_in_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[tuple[str, dict[str, str]]] = []

    def part(name: str) -> Any:
        def run(out: Path, *given: Any) -> PartResult:
            say, bases = given[-2:]
            met.append((out.name, dict(bases)))
            say("done")
            return PartResult(name != "clips")

        return run

    monkeypatch.setattr(reproduce, "PARTS", {name: part(name) for name in reproduce.PARTS})
    said: list[str] = []
    bases = {"pictures": "runs/t2i", "clips": "runs/t2v"}
    result = reproduce.reproduce(tmp_path, 2, 1.0, 1, said.append, bases)
    assert met == [
        ("pairs", {}), ("pictures", {"pictures": "runs/t2i"}), ("answers", {}),
        ("clips", {"clips": "runs/t2v"}),
    ]  # fmt: skip
    assert said[0] == "pairs: done"
    assert not result.reached
    assert result.lines()[-1] == "all parts: not reached"
    assert json.loads((tmp_path / "result.json").read_text())["parts"]["pairs"]["reached"] is True


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["unifiedreward-dpo-pictures", "--base", "runs/t2i"], "is no PART=FOLDER"),
        (["unifiedreward-dpo-pairs", "--base", "pictures=x"], "leave it out"),
        (["unifiedreward-dpo", "--base", "sounds=x"], "use pictures, answers, clips"),
        (["unifiedreward-joint", "--base", "pictures=x"], "begins with no policy"),
        (["unifiedreward-dpo-sounds"], "is no claim; use unifiedreward-joint"),
    ],
)
def test_the_command_says_which_bases_there_are(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["reproduce", *words, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
