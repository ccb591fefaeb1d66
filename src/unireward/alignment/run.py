"""align: a config's chain on disk, from prompts to a policy that is measured.

::

    result = align(load_config("align.yaml"))
    result.end.figures.differences["right"]        # paired with the start, with its interval

What lies in the output at the end: ``result.json``, ``evaluations.jsonl`` (a line an evaluation)
with its rows beside it in ``evaluations/``, a folder a round in ``rounds/``, ``index.html``.
Whatever stops a run, the same call goes on: a finished round, curation or evaluation is not done
again, one that was cut goes on where it was.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import unireward
from unireward.alignment.best_of_n import BestOfN
from unireward.alignment.chain import START, Chain, Say
from unireward.alignment.claim import claim, finished, mark_complete
from unireward.alignment.config import AlignConfig
from unireward.alignment.curating import JUDGE
from unireward.alignment.learner import Learner, merged_start
from unireward.alignment.looked import Looked
from unireward.alignment.methods.best_of_n import BestOfNMethod
from unireward.alignment.page import write_align_page
from unireward.alignment.policy_ref import PolicyRef
from unireward.alignment.result import FILE, Result, read_result
from unireward.alignment.rounds import Done, read_done, run_round
from unireward.files.lock import locked

EMPTY_ROUNDS = 3
"""So many rounds without a pair, one after another, end the chain."""
END = "end"


def align(config: AlignConfig, *, say: Say = lambda line: None) -> Result:
    """Run (or go on with) ``config``; ``say`` gets a line about every stage.

    Raises UsageError where the output is another alignment's (naming the difference) or another
    run is writing there, InputError for what cannot be aligned as it stands (before anything is
    sampled), JournalError and SaveError for a disk that filled up, and what judges raise.
    """
    if finished(config) and (config.output / FILE).exists():
        say(f"{config.output}: was finished before")
        return read_result(config.output)
    with locked(config.output, "alignment"), Chain(config, say) as chain:
        result = _Run(chain).whole()
    write_align_page(result, config, say)
    return result


class _Run:
    """One sitting of a chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.config, self.way = chain, chain.config, chain.way
        self.rounds: list[Done] = []
        self.stopped: str | None = None

    def whole(self) -> Result:
        ref = merged_start(self.config, self.config.output)
        learner = self._checked(ref) if self.way.trains else None
        with ref.opened(**self.config.evaluation.options) as start:
            job = {**self.chain.identity, "policy": start.identity}
            claim(self.config, job)
            self.chain.resume()
            first = self.chain.look(start, START, 0, ref)
            if not first.figures.made:
                self.stopped = f"the policy makes nothing to judge ({_reasons(first)})"
            elif learner is None:
                ref = self._picked(start, ref)
        del start  # nothing of it is held while rounds load what they need
        if learner is not None and self.stopped is None:
            ref = self._rounds(learner, ref)
        result = self._result(ref)
        result.write()
        mark_complete(self.config, job)
        return result

    def _checked(self, ref: PolicyRef) -> Learner:
        """What would stop the first training is said before anything is sampled."""
        learner = Learner(self.config)
        if read_done(self.config.output, 1) is None:
            if self.way.samples:
                _ = self.chain.prompts
            nowhere = self.config.output / "check"
            sources = [{"records": str(nowhere / "records.jsonl")}]
            learner.check(ref, learner.config_of(ref, sources, nowhere))
        return learner

    def _picked(self, start: Any, ref: PolicyRef) -> PolicyRef:
        way = self.way
        assert isinstance(way, BestOfNMethod)
        picked = ref.model_copy(update={"best_of": way.n})
        policy = BestOfN(start, self.chain.judges[JUDGE], way.n, by=way.by)
        self.chain.look(policy, f"best-of-{way.n}", way.n, picked)
        return picked

    # Rounds -----------------------------------------------------------------------------------

    def _rounds(self, learner: Learner, ref: PolicyRef) -> PolicyRef:
        empty = 0
        for number in range(1, self.way.length + 1):
            done = run_round(self.chain, learner, number, ref)
            self.rounds.append(done)
            ref = done.policy
            if done.halted is not None:
                return ref
            empty = empty + 1 if done.skipped else 0
            if done.skipped and (done.hopeless or empty == min(EMPTY_ROUNDS, self.way.length)):
                self.stopped = _empty(done, empty)
            elif not done.skipped and self._due(number):
                self.chain.look_at(ref, *self._label(number))
            if self._sounded_by(number):
                return self._before_alarm(ref)
            if self.stopped is not None:
                break
        return self._last(ref)

    def _due(self, number: int) -> bool:
        every = self.config.evaluation.every
        return self.way.counted_in == "rounds" and every is not None and number % every == 0

    def _sounded_by(self, number: int) -> bool:
        """Whether the alarm stopped the chain at this round (one that goes on passes its earlier
        rounds first)."""
        alarmed = self.chain.alarmed
        by_rounds = self.way.counted_in == "rounds"
        return by_rounds and alarmed is not None and alarmed.at <= number

    def _label(self, number: int) -> tuple[str, int]:
        return f"round-{number:03}", number

    def _last(self, ref: PolicyRef) -> PolicyRef:
        """Looked at once more where its last weights were not."""
        trained = [done for done in self.rounds if not done.skipped]
        if not trained:
            return ref
        if self.way.counted_in == "rounds":
            label, at = self._label(trained[-1].number)
        else:
            label, at = END, self.config.training.steps
            if self.config.evaluation.every is not None:
                return ref  # its last step was looked at
        self.chain.look_at(ref, label, at)
        return self._before_alarm(ref) if self.chain.alarmed is not None else ref

    def _before_alarm(self, ref: PolicyRef) -> PolicyRef:
        """The policy of the last evaluation before the alarm."""
        alarmed = self.chain.alarmed
        assert alarmed is not None
        assert alarmed.alarm is not None
        kept = self.chain.met(alarmed.alarm.kept)
        assert kept is not None
        # Weights in training have no folder of their own; an end that alarms keeps its folder.
        return kept.policy or ref

    # Told -------------------------------------------------------------------------------------

    def _result(self, ref: PolicyRef) -> Result:
        looks = self.chain.looks
        alarmed = self.chain.alarmed
        if alarmed is not None and alarmed.alarm is not None:
            self.stopped = f"alarm: {alarmed.alarm.reason}"
        kept = alarmed.alarm.kept if alarmed and alarmed.alarm else looks[-1].record
        return Result(
            output=self.config.output, method=self.way.kind, policy=ref, kept=kept,
            stopped=self.stopped, counted_in=self.way.counted_in, evaluations=tuple(looks),
            rounds=tuple(self.rounds), costs=costs(looks, self.rounds), versions=versions(),
        )  # fmt: skip


def _empty(done: Done, empty: int) -> str:
    many = f"{empty} rounds in a row" if empty > 1 else f"round {done.number}"
    return f"{many} gave nothing to learn from ({done.skipped})"


def _reasons(looked: Looked) -> str:
    return ", ".join(f"{reason}: {n:,}" for reason, n in looked.figures.left_out.items())


def costs(looks: Sequence[Looked], rounds: Sequence[Done]) -> dict[str, float]:
    """Candidates made, calls of judges and seconds, of rounds and of evaluations apart. Seconds
    are those of the sittings that finished each stage."""
    counted = [done.counts for done in rounds if done.counts]
    return {
        "round_candidates": sum(counts["candidates"]["made"] for counts in counted),
        "round_calls": sum(sum(counts["calls"].values()) for counts in counted),
        "round_cached": sum(counts["cached"] for counts in counted),
        "curation_seconds": round(sum(done.seconds.get("curation", 0.0) for done in rounds), 2),
        "training_seconds": round(sum(done.seconds.get("training", 0.0) for done in rounds), 2),
        "evaluation_candidates": sum(looked.figures.made for looked in looks),
        "evaluation_calls": sum(looked.figures.calls for looked in looks),
        "evaluation_seconds": round(sum(looked.seconds for looked in looks), 2),
    }


def versions() -> dict[str, str]:
    import torch
    import transformers

    return {
        "unireward": unireward.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
