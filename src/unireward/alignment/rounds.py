"""Rounds: one turn of sample, curate, train, in a folder of its own that goes on after any stop.

::

    rounds/003/
      prompts.jsonl       what it samples for
      curation/           records.jsonl, dropped.jsonl, counts.json, index.html, media
      training/           log.jsonl, generator/ (or policy/): the weights it ends with
      done.json           that it is done, what became of it, which policy is next

A round that yields no pair trains nothing and hands on the policy it was given.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from unireward.alignment.chain import HELD_OUT, Chain
from unireward.alignment.curating import curate_config
from unireward.alignment.during import EVALUATOR, During, HaltedError, opened
from unireward.alignment.learner import Learner
from unireward.alignment.looked import Looked
from unireward.alignment.methods.sft import Sft
from unireward.alignment.policy_ref import PolicyRef
from unireward.alignment.truth import told
from unireward.curation.case import Case
from unireward.curation.holdout import Holdout
from unireward.curation.measure import measure_pairs
from unireward.curation.run import curate
from unireward.errors import InputError
from unireward.files import read_records, write_records
from unireward.files.lines import loads, replacing
from unireward.files.prompts import write_prompts
from unireward.files.validate import validate
from unireward.policies.seeds import seed_of
from unireward.record import Record, Row

if TYPE_CHECKING:
    from unireward.training.config import TrainConfig

FOLDER, DONE = "rounds", "done.json"
NO_PAIR = "no pair"


class Done(Row):
    """``policy`` is what the round ended with. ``skipped`` says why nothing was trained,
    ``hopeless`` that no further round could be better; ``counts`` are the curation's, ``truth`` of
    the pairs kept. ``halted`` is the step at which the alarm stopped the training, whose weights
    are then those of the look before."""

    number: int
    policy: PolicyRef
    skipped: str | None = None
    hopeless: bool = False
    halted: int | None = None
    counts: dict[str, Any] = Field(default_factory=dict)
    truth: dict[str, Any] | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)


def folder_of(output: Path, number: int) -> Path:
    return output / FOLDER / f"{number:03}"


def read_done(output: Path, number: int) -> Done | None:
    """What became of a round, None where it is not done. InputError for a damaged marker."""
    path = folder_of(output, number) / DONE
    if not path.exists():
        return None
    try:
        return validate(Done, loads(path.read_text(encoding="utf-8")))
    except InputError as error:
        raise InputError(f"{path}: {error}; remove it to go through the round again") from None


def run_round(chain: Chain, learner: Learner, number: int, ref: PolicyRef) -> Done:
    """The round, as far as it is not done. Raises what curation and training raise."""
    output = chain.config.output
    if (before := read_done(output, number)) is not None:
        return before
    turn = _Round(chain, learner, number, ref)
    done = turn.run()
    path = turn.folder / DONE
    with replacing(path) as stream:
        text = json.dumps(done.model_dump(mode="json"), indent=1, ensure_ascii=False)
        stream.write(text.encode("utf-8") + b"\n")
    for checkpoint in (turn.folder / "training").glob("stages/*/checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)
    return done


class _Round:
    """One round's way."""

    def __init__(self, chain: Chain, learner: Learner, number: int, ref: PolicyRef) -> None:
        self.chain, self.learner, self.number, self.ref = chain, learner, number, ref
        self.config = chain.config
        self.folder = folder_of(chain.config.output, number)
        self.seconds: dict[str, float] = {}

    def run(self) -> Done:
        if not self.chain.way.samples:
            return self._trained(self._given(), {}, None)
        began = time.perf_counter()
        records, counts = self._curated()
        self.seconds["curation"] = round(time.perf_counter() - began, 2)
        if skipped := _nothing(counts):
            self.chain.say(f"round {self.number}: {skipped}; nothing was trained")
            made = counts["candidates"]["made"]
            return Done(
                number=self.number, policy=self.ref, skipped=skipped, counts=counts,
                hopeless=not made and counts["candidates"]["asked"] > 0, seconds=self.seconds,
            )  # fmt: skip
        truth = self._truth(records)
        return self._trained([{"records": str(records)}], counts, truth)

    # Curated ----------------------------------------------------------------------------------

    def _curated(self) -> tuple[Path, dict[str, Any]]:
        prompts = self.folder / "prompts.jsonl"
        if not prompts.exists():
            chain, seed = self.chain, self.config.seed
            write_prompts(prompts, chain.way.prompts_of(chain.prompts, self.number, seed))
        curation = curate_config(
            self.config, self.ref, prompts=prompts, held_out=self.config.output / HELD_OUT,
            output=self.folder / "curation",
            seed=seed_of(self.config.seed, "round", self.number),
        )  # fmt: skip
        result = curate(curation, judges=self.chain.judges)
        pairs = result.counts["pairs"]
        self.chain.say(
            f"round {self.number}: {pairs['kept']:,} pairs of "
            f"{result.counts['prompts']['read']:,} prompts"
        )
        return result.records, result.counts

    def _truth(self, records: Path) -> dict[str, Any] | None:
        """How often the winners are truly better, where that is known."""
        truth = self.chain.truth
        if truth is None:
            return None

        def of(record: Record) -> Mapping[str, float]:
            (said,) = told(truth, [record], self.config.truth or "truth")
            return {name: one.number for name, one in said.items()}

        return measure_pairs(read_records(records), of, seed=self.config.seed).to_dict()

    def _given(self) -> list[dict[str, Any]]:
        """The sources of a training that samples nothing, held-out prompts left out."""
        way = self.chain.way
        assert isinstance(way, Sft)
        if way.records is None:
            return list(way.sources)
        path = self.folder / "records.jsonl"
        if not path.exists():
            holdout = Holdout.of(self.chain.held_out)
            records = (r for r in read_records(way.records) if _stays(holdout, r))
            if not write_records(path, records):
                path.unlink()
                raise InputError(
                    f"method.sft.records: {way.records} has no record that is not held out"
                )
        return [{"records": str(path)}]

    # Trained ----------------------------------------------------------------------------------

    def _trained(
        self, sources: list[dict[str, Any]], counts: dict[str, Any], truth: dict[str, Any] | None
    ) -> Done:
        every = self.config.evaluation.every
        steps = self.config.training.steps
        looks = every is not None and every <= steps and self.chain.way.counted_in == "steps"
        training = self.folder / "training"
        config = self.learner.config_of(
            self.ref, sources, training, number=self.number,
            evaluation=self._evaluation(every) if looks and every else None,
        )  # fmt: skip
        said: dict[str, Any] = {"counts": counts, "truth": truth, "number": self.number}
        try:
            if looks and every:
                with opened(str(self.config.output), self._during(every, config)):
                    policy, seconds, metrics = self.learner.trained(self.ref, config, self._quiet)
            else:
                policy, seconds, metrics = self.learner.trained(self.ref, config, self._quiet)
        except HaltedError as halted:
            policy = self.ref
            if halted.step:
                policy = self.learner.at_checkpoint(self.ref, config, halted.step)
            return Done(policy=policy, halted=halted.step, seconds=self.seconds, **said)
        self.seconds["training"] = round(seconds, 2)
        return Done(policy=policy, seconds=self.seconds, metrics=metrics, **said)

    def _evaluation(self, every: int) -> dict[str, Any]:
        output = self.config.output
        return {
            "every": every,
            "records": str(output / HELD_OUT),
            "seed": self.config.evaluation.seed,
            "evaluator": EVALUATOR,
            "options": {"chain": str(output)},
            "metric": "reward",
            "keep": "last",
        }

    def _during(self, every: int, config: TrainConfig) -> During:
        from unireward.training.storage import last_complete

        before = last_complete(config.output / "stages" / f"1-{config.stages[0].name}")
        done = int(before.name.rsplit("-", 1)[1]) if before else 0

        def look(policy: Any, step: int) -> Looked:
            return self.chain.look(policy, f"step-{step:06}", step, None)

        options = {**self.learner.sampling(self.ref), **self.config.evaluation.options}
        return During(look, every, options, done=done, stop=self.config.alarm.do == "stop")

    def _quiet(self, line: str) -> None:
        """The trainer's own lines are in its log; a chain of rounds tells its evaluations."""


def _nothing(counts: Mapping[str, Any]) -> str | None:
    """Why a curation gave nothing to learn from, None where it gave something."""
    if counts["pairs"]["kept"]:
        return None
    candidates = counts["candidates"]
    if candidates["asked"] and not candidates["made"]:
        reasons = _most(candidates["left_out"])
        return f"{NO_PAIR}: no candidate of {candidates['asked']:,} could be made ({reasons})"
    return f"{NO_PAIR}: {_most(counts['prompts']['dropped']) or 'there was no prompt'}"


def _most(reasons: Mapping[str, Mapping[str, int]]) -> str:
    told = [f"{reason}: {n:,}" for by in reasons.values() for reason, n in by.items()]
    return ", ".join(told[:4])


def _stays(holdout: Holdout, record: Record) -> bool:
    return all(case.alive for case in holdout([Case.of(record)]))
