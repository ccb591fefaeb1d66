"""The tiny generators' recipes: what is counted of them, and the card that says it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recipes.tiny_generators.measure import facts_held, measured, specs
from recipes.tiny_generators.model import clip, picture
from recipes.tiny_generators.ship import ship
from unireward.policies import load_policy
from unireward.world.clips import make_clip
from unireward.world.motion import moving_scene
from unireward.world.pairs import CLEAN
from unireward.world.render import render
from unireward.world.scene import scene_of

BUILD = {"image_generation": picture, "video_generation": clip}
FACTS = {
    "image_generation": ["count", "colour", "shape", "exact"],
    "video_generation": ["count", "colour", "shape", "motion", "exact"],
}


def pixels_of(task: str, spec, k: int) -> np.ndarray:
    rng = np.random.default_rng(k)
    if task == "image_generation":
        return render(scene_of(spec, rng), 32)
    return make_clip(moving_scene(spec, rng), spec, CLEAN, 32).pixels


@pytest.mark.parametrize("task", BUILD)
def test_what_is_drawn_right_holds_and_what_is_not_drawn_does_not(task: str) -> None:
    asked = specs(task, 40, seed=1)
    assert asked[:5] == specs(task, 5, seed=1)
    held = [facts_held(pixels_of(task, spec, k), spec) for k, spec in enumerate(asked)]
    assert [*held[0]] == FACTS[task]
    assert np.mean([row["exact"] for row in held]) > 0.9
    wrong = facts_held(pixels_of(task, asked[0], 0), specs(task, 40, seed=2)[1])
    assert not wrong["exact"]
    assert facts_held(None, asked[0]) == dict.fromkeys(FACTS[task], False)


@pytest.mark.parametrize("task", BUILD)
def test_the_card_has_the_figures_that_were_measured(task: str, tmp_path: Path) -> None:
    folder = tmp_path / "generator"
    BUILD[task](seed=0).save_pretrained(folder)
    stages = [{"name": "train", "steps": 1234}]
    told = {"name": "x", "seed": 0, "seconds": 600, "stages": stages}
    (folder / "training.json").write_text(json.dumps(told))
    policy = load_policy(str(folder), device="cpu", steps=1)
    assert policy.adapter.frozen(), "draws the latents of the autoencoder"
    shares = measured(policy, 3, seed=0)
    assert [*shares["all"]] == FACTS[task]
    shares["all"]["exact"] = {"value": 0.456, "low": 0.4, "high": 0.5, "n": 3}
    found = tmp_path / "measured.json"
    found.write_text(json.dumps({"task": task, "n": 3, "seed": 0, "shares": shares}))
    gain = {"value": 0.1, "low": 0.05, "high": 0.15}
    result = tmp_path / "result.json"
    study = {
        "part": "p", "what": "right ones", "measures": ["right"], "asked": 0.1,
        "recipe": "tiny_t2i_dpo.yaml",
    }  # fmt: skip
    share = {"base": [0.4, 0.5], "online": [0.5, 0.6]}
    body = {
        "study": study, "seeds": 2, "reached": True,
        "share": {"right": {"all": share}}, "gain": {"right": {"all": {"online": gain}}},
        "curve": [{"0": 0.4, "4": 0.5}, {"0": 0.5, "4": 0.6}], "diversity": {"online": [0.8, 1.0]},
    }  # fmt: skip
    result.write_text(json.dumps(body))
    again, more = tmp_path / "guided.json", {"value": 0.02, "low": -0.01, "high": 0.05}
    one = {"guidance": 3.0, "share": {"base": [0.5], "online": [0.52]}, "gain": more}
    again.write_text(json.dumps({"found": [one]}))
    config = json.loads((folder / "vae/config.json").read_text())
    (folder / "vae/config.json").write_text(json.dumps({**config, "_name_or_path": "/home/me"}))
    home = ship(folder, found, result, again, assets=tmp_path / "assets")
    assert json.loads((home / "vae/config.json").read_text()) == {
        name: value for name, value in config.items() if name != "_name_or_path"
    }
    card = (home / "README.md").read_text()
    assert "| all of it |  | 45.6 [40.0, 50.0] |" in card
    assert "1,234 steps (here 10 minutes" in card
    assert "| base | 45.0 | - |" in card
    assert "drawn with guidance 1.5" in card
    assert "| online | 55.0 | 10.0 [5.0, 15.0] |" in card
    assert "Asked of `online`: +10 points, reached." in card
    assert "After 0 and 4 rounds it is right in 45.0 and 55.0 %," in card
    assert "and 0.90 is left of the diversity of what was right." in card
    assert "Drawn with guidance 3 instead, 50.0 % become 52.0 % by the" in card
    assert "2.0 [-1.0, 5.0] points" in card
    assert load_policy(str(home), device="cpu").adapter.task == task
    assert ship(home, found, None, assets=tmp_path / "assets") == home  # in its place already
    assert "After alignment" not in (home / "README.md").read_text()


def test_the_shipped_ones_draw_what_they_are_asked_for() -> None:
    found = measured(load_policy("tiny-t2i", device="cpu"), 150, seed=3)
    assert found["all"]["exact"]["value"] >= 0.45
    assert found["seen"]["exact"]["n"] + found["held out"]["exact"]["n"] == 150
    clips = measured(load_policy("tiny-t2v", device="cpu"), 60, seed=3)["all"]
    # Twice what chance gives: one of eight colours, six shapes, six motions.
    least = {"colour": 2 / 8, "shape": 2 / 6, "motion": 2 / 6}
    assert all(clips[fact]["value"] >= share for fact, share in least.items()), clips
