"""Groups judged by some of their pairs: what is asked, told, kept and said."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest

from unireward.ask import Ask, Reply
from unireward.engines.base import CHOOSE, GENERATE, BaseEngine
from unireward.errors import InputError, UsageError
from unireward.record import Candidate, Part, Record
from unireward.rewards.judge import Judge
from unireward.rewards.pairing import Pairs, rates
from unireward.rewards.ranking import Ranking

WORDS = "zero-shot"


class Sorter(BaseEngine):
    """Prefers the answer with the larger number; ``unread`` answers nothing to what names it."""

    kind = "scripted"
    name = identity = "sorter"
    capabilities = frozenset({GENERATE, CHOOSE})

    def __init__(self, *, unread: str = "", soft: float = 0.0, lead: float = 0.0) -> None:
        self.unread, self.soft, self.lead = unread, soft, lead
        self.streams: list[int] = []
        self.seen: list[tuple[str, str]] = []

    def stream(self, asks):
        self.streams.append(0)
        for index, ask in enumerate(asks):
            self.streams[-1] += 1
            yield index, self.reply(ask)

    def reply(self, ask: Ask) -> Reply:
        one, two = re.findall(r"Answer [12]: value (\w+)", ask.text)
        self.seen.append((one, two))
        if self.unread in (one, two):
            return Reply(text="I would rather not", finish_reason="stop")
        gap = float(one.lstrip("v")) - float(two.lstrip("v")) + self.lead
        if self.soft:
            share = 1 / (1 + np.exp(-gap / self.soft))
            logs = {"1": float(np.log(share)), "2": float(np.log1p(-share)), "tie": -30.0}
            return Reply(text=max(logs, key=logs.__getitem__), choices=logs, finish_reason="stop")
        return Reply(text="1" if gap > 0 else "2" if gap < 0 else "tie", finish_reason="stop")


def group(values: list[int], name: str = "g", ids: list[str] | None = None) -> Record:
    ids = ids or [f"c{k}" for k in range(len(values))]
    return Record(
        id=name,
        task="text",
        prompt=(Part(type="text", text="Which is the larger?"),),
        candidates=tuple(
            Candidate(id=one, content=(Part(type="text", text=f"value v{value}"),))
            for one, value in zip(ids, values, strict=True)
        ),
    )


def shuffled(n: int, seed: int = 0) -> list[int]:
    return [int(k) for k in np.random.default_rng(seed).permutation(n)]


def test_a_sure_judge_is_asked_for_less_and_ranks_the_same() -> None:
    values = shuffled(16)
    engine = Sorter()
    judge = Judge(engine, WORDS).asking("active")
    [judgment] = judge([group(values)], "rank")
    best_first = [f"c{k}" for k in sorted(range(16), key=lambda k: -values[k])]
    assert [name for tier in judgment.ranking or () for name in tier] == best_first
    assert judgment.winner == best_first[0]
    assert judgment.status == "ok"
    assert judgment.calls == len(engine.seen) < 0.7 * 16 * 15
    assert len(set(engine.seen)) == len(engine.seen), "an ordered pair was asked twice"
    assert judgment.notes[-1].startswith(f"active pairing: {judgment.calls} of 240 calls")


@pytest.mark.parametrize("scheme", ["all", "swiss:3", "anchors:2", "knockout", "active:best"])
@pytest.mark.parametrize("budget", [1, 7, 20])
def test_no_scheme_spends_more_than_its_budget(scheme: str, budget: int) -> None:
    engine = Sorter()
    judge = Judge(engine, WORDS).asking(scheme)
    judgments = judge([group(shuffled(8, k), f"g{k}") for k in range(3)], "rank", budget=budget)
    assert [j.calls for j in judgments] == [min(j.calls, budget) for j in judgments]
    assert sum(j.calls for j in judgments) == len(engine.seen)


def test_a_budget_leaves_places_open_and_says_which() -> None:
    [judgment] = Judge(Sorter(), WORDS)([group(shuffled(8))], "rank", budget=6)
    assert judgment.calls == 6
    assert judgment.unsettled
    assert "the budget is spent" in judgment.notes[-1]
    ranked = [name for tier in judgment.ranking or () for name in tier]
    assert list(judgment.unsettled) == [name for name in ranked if name in judgment.unsettled]


def test_a_member_is_judged_the_same_whatever_shares_the_batch() -> None:
    groups = [group(shuffled(9, seed), f"g{seed}") for seed in range(4)]
    judge = Judge(Sorter(soft=2.0), WORDS).asking("active")
    together = judge(groups, "rank", budget=30)
    for alone, one in zip(groups, together):
        [again] = judge([alone], "rank", budget=30)
        assert again.model_dump(exclude={"seconds"}) == one.model_dump(exclude={"seconds"})


def test_names_of_candidates_change_nothing() -> None:
    values, other = shuffled(7), [f"z{k}" for k in range(7, 0, -1)]
    judge = Judge(Sorter(soft=1.0), WORDS).asking("active")
    [one] = judge([group(values)], "rank")
    [two] = judge([group(values, ids=other)], "rank")
    names = {f"c{k}": name for k, name in enumerate(other)}
    assert {names[k]: v for k, v in one.scores.items()} == two.scores
    assert one.calls == two.calls


def test_groups_of_a_batch_advance_together() -> None:
    engine = Sorter()
    judge = Judge(engine, WORDS).asking("swiss:3")
    judge([group(shuffled(8, k), f"g{k}") for k in range(5)], "rank")
    # Each stream holds a round of every group, never one group after another.
    assert len(engine.streams) <= 8
    assert engine.streams[0] >= 5 * 4


def test_an_unread_reply_is_never_a_number() -> None:
    values = list(range(8))
    judge = Judge(Sorter(unread="v3"), WORDS).asking("active")
    [judgment] = judge([group(values)], "rank")
    assert judgment.status == "unparsed"
    assert judgment.winner is None
    assert "c3" not in judgment.scores
    assert set(judgment.scores) == {f"c{k}" for k in values if k != 3}
    assert "not read" in judgment.notes[-1]


def test_policy_half_counts_an_unread_one_as_half() -> None:
    judge = Judge(Sorter(unread="v3"), WORDS, policy="half").asking("active", budget=40)
    [judgment] = judge([group(list(range(8)))], "rank")
    assert judgment.status == "unparsed"
    assert judgment.scores["c7"] > judgment.scores["c0"]


def test_a_leaning_judge_is_asked_from_both_sides() -> None:
    values = shuffled(10, 5)
    engine = Sorter(soft=1.5, lead=1.0)  # a pull of one place towards the first shown
    [judgment] = Judge(engine, WORDS).asking("active")([group(values)], "rank")
    ranked = [name for tier in judgment.ranking or () for name in tier]
    truth = [f"c{k}" for k in sorted(range(10), key=lambda k: -values[k])]
    place = {name: k for k, name in enumerate(ranked)}
    pairs = list(itertools.combinations(truth, 2))
    right = sum(place[a] < place[b] for a, b in pairs)
    assert right / len(pairs) >= 0.95


def test_two_candidates_within_a_budget() -> None:
    judge = Judge(Sorter(), WORDS)
    [both] = judge([group([1, 2])], "rank", budget=2)
    assert (both.calls, both.agreement, both.winner) == (2, True, "c1")
    [one] = judge([group([1, 2])], "rank", budget=1)
    assert (one.calls, one.agreement, one.winner) == (1, None, "c1")


def test_a_budget_that_cannot_be_kept() -> None:
    judge = Judge(Sorter(), WORDS)
    [judgment] = judge([group([1, 2, 3])], "score", budget=2)
    assert judgment.status == "error"
    assert "budget of 2 calls is under the 3" in (judgment.reason or "")
    with pytest.raises(UsageError, match="budget is 0"):
        judge([group([1, 2, 3])], "rank", budget=0)
    with pytest.raises(InputError, match="needs two candidates"):
        judge.asking("active").judge_one(group([1]), "rank")


def test_what_is_no_pairing() -> None:
    judge = Judge(Sorter(), WORDS)
    with pytest.raises(UsageError, match="no pairing 'elo'; choose one of all"):
        judge.asking("elo")
    with pytest.raises(UsageError, match=r"confidence is 1\.5"):
        judge.asking("active", confidence=1.5)
    with pytest.raises(UsageError, match="shows both orders"):
        Judge(Sorter(), WORDS, both_orders=False).asking("active")
    several = Judge(Sorter(), WORDS, votes=3)
    several.engine.capabilities = frozenset({GENERATE})
    with pytest.raises(InputError, match="votes are for all pairs"):
        several.asking("active").judge_one(group([1, 2, 3]), "rank")


def test_a_record_that_cannot_be_asked_so_is_its_own_state() -> None:
    records = [group([1, 2, 3], "few"), group(shuffled(6), "enough")]
    few, enough = Judge(Sorter(), WORDS).asking("active:top:3")(records, "rank")
    assert (few.status, enough.status) == ("error", "ok")
    assert "parts the best 3 from the rest, and there are 3 candidates" in (few.reason or "")
    several = Judge(Sorter(), WORDS, votes=3)
    several.engine.capabilities = frozenset({GENERATE})
    states = several.asking("active")([group([1, 2], "pair"), group([1, 2, 3])], "rank")
    assert [judgment.status for judgment in states] == ["ok", "error"]


def test_rank_asks_actively_unless_told() -> None:
    engine = Sorter()
    judge = Judge(engine, WORDS)
    candidates = [f"value v{k}" for k in shuffled(12)]
    ranking = judge.rank("Which is the larger?", candidates, task="text")
    assert ranking.calls == len(engine.seen) < 12 * 11
    assert ranking.saved == 12 * 11 - ranking.calls
    engine.seen.clear()
    every = judge.rank("Which is the larger?", candidates, task="text", pairing="all")
    assert (every.calls, every.saved) == (12 * 11, 0)
    assert every.order == ranking.order
    within = judge.rank("Which is the larger?", candidates, task="text", budget=20)
    assert within.calls == 20
    assert within.unsettled


def test_scores_are_in_the_ranking_s_order_with_intervals_about_them() -> None:
    [judgment] = Judge(Sorter(soft=2.0), WORDS)([group(shuffled(8))], "rank", budget=30)
    ranking = Ranking.of(judgment, 8)
    flat = [name for tier in ranking.order for name in tier]
    scores = [ranking.scores[name] for name in flat]
    assert all(a.value >= b.value - 1e-9 for a, b in itertools.pairwise(scores))
    assert all(0 <= s.low <= s.value <= s.high <= 1 for s in scores)
    assert any(s.high - s.low > 0.05 for s in scores)


def test_mean_probabilities_of_beating_the_others() -> None:
    strengths = {"a": 1.0, "b": 0.0, "c": -2.0}
    s = list(strengths.values())
    expected = [
        np.mean([1 / (1 + np.exp(-(x - y))) for j, y in enumerate(s) if j != i])
        for i, x in enumerate(s)
    ]
    assert list(rates(strengths).values()) == pytest.approx(expected, abs=1e-12)


def test_a_judgment_of_some_pairs_is_read_back(tmp_path) -> None:
    from unireward.files import read_judgments, write_judgments

    [judgment] = Judge(Sorter(), WORDS)([group(shuffled(6))], "rank", budget=8)
    for name in ("j.jsonl", "j.parquet"):
        write_judgments(tmp_path / name, [judgment])
        assert list(read_judgments(tmp_path / name)) == [judgment]
    assert json.loads((tmp_path / "j.jsonl").read_text())["unsettled"] == list(judgment.unsettled)


def test_what_a_job_must_find_the_same() -> None:
    judge = Judge(Sorter(), WORDS)
    assert judge.identity["pairs"] is None
    asked = judge.asking("active", budget=9).identity["pairs"]
    assert asked == {"scheme": "active", "budget": 9, "confidence": 0.9}
    assert Pairs("active").likely(16, 2) == 2 * 2 * 16 * 4
