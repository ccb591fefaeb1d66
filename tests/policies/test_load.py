"""A policy from one word: what each word loads, with which options, and what is said otherwise."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engines.architectures import save_checkpoint
from unireward.engines import ScriptedEngine, ScriptedServer, TransformersEngine
from unireward.errors import EngineUnavailableError, InputError, UsageError
from unireward.policies import AnswerPolicy, FolderPolicy, FunctionPolicy, load_policy
from unireward.policies import generator as generator_module
from unireward.policies import load as module
from unireward.prompt import Prompt
from unireward.record import Part

ASKED = [Prompt(id="p", task="text", prompt=(Part.of_text("two red circles"),))]
MODULE = """
from unireward.policies import FunctionPolicy

def answer(prompts, n, seed):
    return [[f"{prompt} {k}" for k in range(n)] for prompt in prompts]

made = FunctionPolicy(answer, name="made before")
number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a module of one's own."""
    (tmp_path / "mine_for_load.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine_for_load", raising=False)
    return tmp_path


def test_a_folder_of_finished_candidates(here: Path) -> None:
    (here / "made" / "p").mkdir(parents=True)
    (here / "made" / "p" / "1.txt").write_text("two")
    policy = load_policy("folder:made", name="mine")
    assert isinstance(policy, FolderPolicy)
    assert policy.name == "mine"
    assert policy.sample(ASKED, 1, 0)[0].candidates[0].text == "two"
    with pytest.raises(InputError, match="none: no such folder or file of records"):
        load_policy("folder:none")


def test_a_function_of_a_module(here: Path) -> None:
    policy = load_policy("mine_for_load:answer", batch=2)
    assert isinstance(policy, FunctionPolicy)
    assert (policy.name, policy.identity) == (
        "mine_for_load:answer", "function:mine_for_load:answer",
    )  # fmt: skip
    found = policy.sample(ASKED, 2, 0)[0]
    assert [c.text for c in found.candidates] == ["two red circles 0", "two red circles 1"]
    made = load_policy("mine_for_load:made")
    assert made.name == "made before"


def test_answers_from_a_table(here: Path) -> None:
    (here / "table.jsonl").write_text('{"contains": "red", "reply": "two"}\n')
    policy = load_policy("scripted:table.jsonl", temperature=0.5, name="mine")
    (found,) = policy.sample(ASKED, 2, 0)
    assert [c.text for c in found.candidates] == ["two", "two"]
    assert (found.policy, found.settings["temperature"]) == ("mine", 0.5)


def test_a_server() -> None:
    listed = (("served", "weights"), ("other", "weights"))
    with ScriptedServer(ScriptedEngine("two"), models=listed) as server:
        policy = load_policy(server.url, model="served", cache_salt="monday", max_tokens=9)
        assert isinstance(policy, AnswerPolicy)
        try:
            (found,) = policy.sample(ASKED, 2, 0)
        finally:
            policy.close()
        assert (found.policy, found.settings["max_tokens"]) == ("served", 9)
        assert json.loads(policy.identity)[-1] == "monday"
        policy.close()
    with pytest.raises(EngineUnavailableError, match="start the server"):
        load_policy("http://127.0.0.1:9/v1", model="x").sample(ASKED, 1, 0)


def test_a_checkpoint_of_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))
    path = save_checkpoint("qwen2_5_vl", tmp_path / "model")
    policy = load_policy(path, device="cpu", dtype="float32", max_tokens=4, name="mine")
    assert isinstance(policy, AnswerPolicy)
    assert isinstance(policy.engine, TransformersEngine)
    assert policy.identity == policy.engine.identity
    assert len(policy.identity.partition("+")[0]) == 64
    (found,) = policy.sample(ASKED, 3, 0)
    assert len(found.candidates) + len(found.left_out) == 3
    policy.close()


def test_a_pipeline_goes_to_the_generators_loader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusion3Pipeline"}')
    (tmp_path / "config.json").write_text("{}")
    calls: list[Any] = []

    def load_generator(path: str, *, steps: int | None = None) -> str:
        calls.append((path, steps))
        return "a generator"

    monkeypatch.setattr(generator_module, "load_generator", load_generator)
    assert load_policy(tmp_path, steps=4) == "a generator"
    assert calls == [(str(tmp_path), 4)]
    with pytest.raises(UsageError, match=r"temperature is no option of the policy .*; use steps"):
        load_policy(tmp_path, temperature=1.0)


@pytest.mark.parametrize("name", module.SHIPPED)
def test_a_shipped_one_is_its_folder_in_the_assets(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where this installation has it, it loads; where it has not, that is said."""
    file = tmp_path / "policies" / "load.py"
    monkeypatch.setattr(module, "__file__", str(file))
    with pytest.raises(InputError, match=f"the policy {name} is not in this installation"):
        load_policy(name)
    folder = tmp_path / "assets" / name
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    calls: list[Any] = []
    monkeypatch.setattr(
        generator_module, "load_generator", lambda path, **told: calls.append((path, told))
    )
    load_policy(name)
    assert calls == [(str(folder), {"name": name})]


def test_a_repository_of_the_hub_is_told_by_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network: what the hub would say is given."""
    from huggingface_hub.errors import EntryNotFoundError

    def told(files: set[str]) -> Any:
        def download(repository: str, name: str) -> str:
            if name not in files:
                raise EntryNotFoundError(name)
            return name

        return download

    loaded: list[str] = []
    monkeypatch.setattr(module, "_generator", lambda path, options: loaded.append(f"g {path}"))
    monkeypatch.setattr(module, "_transformers", lambda path, options: loaded.append(f"t {path}"))
    for files in ({"model_index.json", "config.json"}, {"config.json"}):
        monkeypatch.setattr("huggingface_hub.hf_hub_download", told(files))
        load_policy("owner/name")
    assert loaded == ["g owner/name", "t owner/name"]
    monkeypatch.setattr("huggingface_hub.hf_hub_download", told(set()))
    with pytest.raises(InputError) as caught:
        load_policy("owner/name")
    for word in ("owner/name", "model_index.json", "config.json", "the repository is there"):
        assert word in str(caught.value)


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def download(repository: str, name: str) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(InputError, match="the hub cannot be reached, and its cache here has"):
        load_policy("owner/name")


@pytest.mark.parametrize(
    ("spec", "options", "error", "message"),
    [
        ("nothing", {}, UsageError, "'nothing' names no policy: it is no folder here; give folder"),
        ("a/b/c", {}, UsageError, "'a/b/c' names no policy: it is no folder here"),
        ("mine_for_load.py", {}, UsageError, "names no policy: it is a file; give folder:PATH"),
        ("empty", {}, InputError, "empty: has no model_index.json .* and no config.json"),
        ("no_such_module:f", {}, InputError, "policy: there is no module no_such_module"),
        ("mine_for_load:nothing", {}, InputError, "policy: mine_for_load has no 'nothing'"),
        ("mine_for_load:number", {}, UsageError, "3 is no function"),
        ("mine_for_load:answer", {"steps": 3}, UsageError,
         "steps is no option of the policy mine_for_load:answer; use name, identity, batch"),
        ("mine_for_load:made", {"batch": 3}, UsageError,
         "batch is no option of the policy mine_for_load:made; leave it out"),
        ("folder:empty", {"model": "x"}, UsageError,
         "model is no option of the policy folder:empty; use name"),
        ("scripted:none.jsonl", {}, InputError, "none.jsonl: No such file"),
        ("scripted:none.jsonl", {"device": "cpu"}, UsageError, "device is no option"),
        ("http://127.0.0.1:9/v1", {"dtype": "auto"}, UsageError, "dtype is no option"),
        ("http://127.0.0.1:9/v1", {"top_p": 2}, UsageError, "top_p: "),
        ("half", {"model": "x"}, UsageError, "model is no option of the policy half"),
        # Said before any weight is read, though these weights cannot be.
        ("half", {"temperature": -1}, UsageError, "temperature: "),
        ("half", {}, InputError, "half: "),
    ],
)  # fmt: skip
def test_what_was_tried_is_said(
    spec: str, options: dict[str, Any], error: type[Exception], message: str, here: Path
) -> None:
    (here / "empty").mkdir()
    (here / "half").mkdir()
    (here / "half" / "config.json").write_text('{"model_type": "none"}')
    with pytest.raises(error, match=message):
        load_policy(spec, **options)
