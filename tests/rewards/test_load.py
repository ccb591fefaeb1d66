import json
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.rewards.conftest import record
from unireward.engines import ReplyCache, ScriptedEngine, ScriptedServer
from unireward.errors import EngineUnavailableError, FamilyError, InputError, UsageError
from unireward.families import Family, get_family, readers_of
from unireward.families.judge_json import save_judge_json
from unireward.rewards import load as module
from unireward.rewards.load import load, tiny_folder


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def loaded(monkeypatch):
    """Local checkpoints without their weights: what would have been given to transformers."""
    asked = []

    def engine(path, name, device, settings, *, remember):
        assert settings == {"dtype": "auto", "quantise": None, "compile": False}
        asked.append((path, name, device, remember))
        made = ScriptedEngine("Image 1 is better", name=name or path.rsplit("/", 1)[-1])
        made.kind = "transformers"
        return made

    monkeypatch.setattr(module, "_transformers", engine)
    return asked


def checkpoint(folder, family=None, **fields):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    if family is not None:
        save_judge_json(folder, family, **fields)
    return folder


def test_judge_json_beside_the_weights_says_the_family_and_the_name(tmp_path, loaded):
    spec = get_family("unifiedreward-2").spec
    forms = tuple(f.model_copy(update={"template": "mine {P}"}) for f in spec.forms)
    mine = Family(spec.model_copy(update={"forms": forms}), readers_of("unifiedreward-2"))
    judge = load(checkpoint(tmp_path / "m", mine, judge="mine@2"))
    assert (judge.name, judge.family.id) == ("mine@2", "unifiedreward-2/qwen")
    assert judge.family.spec.forms[0].template == "mine {P}"
    assert loaded == [(str(tmp_path / "m"), "mine@2", None, True)]


def test_family_given_wins_over_judge_json(tmp_path, loaded):
    folder = checkpoint(tmp_path / "m", get_family("unifiedreward-2"))
    assert load(folder, family="unifiedreward-flex").family.id == "unifiedreward-flex"
    other = save_judge_json(tmp_path / "other", get_family("unifiedreward-edit"))
    assert load(folder, family=other).family.name == "unifiedreward-edit"


@pytest.mark.parametrize(
    ("repository", "family"),
    [
        ("CodeGoat24/UnifiedReward-2.0-qwen3vl-8b", "unifiedreward-2/qwen"),
        ("CodeGoat24/UnifiedReward-Think-qwen3vl-4b", "unifiedreward-think/qwen3"),
        ("codegoat24/unifiedreward-think-qwen-7b", "unifiedreward-think/qwen2.5"),
        ("CodeGoat24/UnifiedReward-7b-v1.5", "unifiedreward/llava"),
        ("CodeGoat24/UnifiedReward-Flex-qwen3vl-8b", "unifiedreward-flex"),
    ],
)
def test_published_ids_carry_family_and_variant(loaded, repository, family):
    assert load(repository, device="cpu").family.id == family
    assert loaded == [(repository, None, "cpu", True)]


def test_a_published_checkpoint_in_a_folder_is_known_by_its_name(tmp_path, loaded):
    folder = checkpoint(tmp_path / "UnifiedReward-Think-qwen3vl-8b")
    assert load(folder).family.id == "unifiedreward-think/qwen3"


def test_what_is_no_judge(tmp_path, loaded):
    with pytest.raises(UsageError, match=r"no judge\.json and no family is known"):
        load(checkpoint(tmp_path / "m"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no config\.json"):
        load(tmp_path / "empty", family="unifiedreward-2")
    with pytest.raises(UsageError, match="is no judge; give tiny"):
        load("/nowhere/at/all")
    with pytest.raises(FamilyError, match="unknown family"):
        load(checkpoint(tmp_path / "n"), family="nobody")
    with pytest.raises(UsageError, match="keep, drop, half"):
        load("CodeGoat24/UnifiedReward-7b", policy="shrug")
    assert loaded[:-1] == []  # no weight is read before the family is settled


def test_own_words_are_said_once_at_first_use(loaded, capsys, pictures):
    judge = load("CodeGoat24/UnifiedReward-2.0-qwen3vl-8b", cache=False)
    assert capsys.readouterr().err == ""
    for _ in range(2):
        judge.compare("x", *pictures[:2])
    (line,) = capsys.readouterr().err.splitlines()
    assert "is asked in this project's own words" in line
    assert "unireward families import PATH" in line


def test_imported_texts_are_used_and_nothing_is_said(loaded, capsys, pictures, monkeypatch):
    own = get_family("unifiedreward-2").spec
    official = own.model_copy(
        update={
            "forms": tuple(
                form.model_copy(update={"origin": "official", "template": f"official {{P}} {n}"})
                for n, form in enumerate(own.forms)
            )
        }
    )
    monkeypatch.setattr(
        "unireward.families.official.imported_specs", lambda: {"unifiedreward-2/qwen": official}
    )
    judge = load("CodeGoat24/UnifiedReward-2.0-qwen3vl-8b", cache=False)
    out = judge.compare("x", *pictures[:2])
    assert out.prompt.startswith("official:")
    assert judge.engine.seen[0].text.startswith("official x")
    assert capsys.readouterr().err == ""


def test_a_server(pictures):
    with ScriptedServer(ScriptedEngine("Image 1 is better"), models=[("m", "root")]) as server:
        judge = load(server.url, family="unifiedreward-2", concurrency=3, cache=False)
        assert (judge.name, judge.engine.kind, judge.engine.concurrency) == ("m", "openai", 3)
        assert judge.compare("x", *pictures[:2]).winner == "tie"
        judge.close()
        with pytest.raises(UsageError, match="no family is known for the served model 'm'"):
            load(server.url)


def test_a_served_name_that_is_known_needs_no_family():
    models = [("CodeGoat24/UnifiedReward-Flex-qwen3vl-8b", "root")]
    with ScriptedServer(ScriptedEngine("x"), models=models) as server:
        assert load(server.url).family.id == "unifiedreward-flex"


def test_a_server_that_is_down():
    with ScriptedServer(ScriptedEngine("x")) as server:
        url = server.url
    with pytest.raises(EngineUnavailableError, match="cannot reach"):
        load(url, family="unifiedreward-2", cache=False).judge_one(None, "score")  # type: ignore[arg-type]


def test_replies_are_cached_unless_told_not_to(loaded, tmp_path, pictures):
    def calls(**options):
        judge = load("CodeGoat24/UnifiedReward-2.0-qwen3vl-8b", **options)
        judge.compare("x", *pictures[:2])
        inner = getattr(judge.engine, "engine", judge.engine)
        return inner.calls

    assert [calls(), calls()] == [2, 0]
    assert calls(cache=False) == 2
    assert calls(cache=ReplyCache(tmp_path / "other")) == 2


def test_options_reach_the_judge(loaded):
    judge = load(
        "CodeGoat24/UnifiedReward-Edit-qwen3vl-8b",
        both_orders=False,
        aspect="quality",
        policy="retry:2",
        seed=5,
        max_comparisons=9,
    )
    assert (judge.both_orders, judge.aspect, str(judge.policy)) == (False, "quality", "retry:2")
    assert (judge.seed, judge.max_comparisons) == (5, 9)


def test_the_seed_goes_into_every_ask(pictures):
    engine = ScriptedEngine("first")
    from tests.rewards.conftest import family_of
    from unireward.rewards.judge import Judge

    Judge(engine, family_of(), seed=5)([record(pictures[:2])])
    assert {ask.sampling for ask in engine.seen} == {
        replace(engine.seen[0].sampling, seed=5, temperature=0.0)
    }


def test_loading_a_server_imports_no_torch():
    code = (
        "import sys, unireward as ur\n"
        "from unireward.engines import ScriptedEngine, ScriptedServer\n"
        "with ScriptedServer(ScriptedEngine('x')) as server:\n"
        "    ur.load(server.url, family='unifiedreward-2', cache=False)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import json\n" + code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "transformers"} & set(json.loads(done.stdout))


def test_the_tiny_judge_says_what_it_knows_on_ones_own_files(pictures, capsys):
    with load("tiny", cache=False) as judge:
        assert judge.name.startswith("tiny@")
        assert judge.family.id == "tiny"
        out = judge.compare("two red circles", *pictures[:2])
    assert (tiny_folder() / "judge.json").is_file()
    assert out.status == "ok"
    assert out.winner in ("a", "b", "tie")
    (line,) = capsys.readouterr().err.splitlines()
    assert "world" in line
