"""Result: what a chain came to, for people, for ``--json`` and for a later look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from unireward.alignment.looked import Looked
from unireward.alignment.policy_ref import PolicyRef
from unireward.alignment.rounds import Done
from unireward.errors import InputError
from unireward.files.lines import loads, replacing
from unireward.files.validate import validate
from unireward.record import Row

FILE = "result.json"


class Result(Row):
    """``policy`` is what is kept, ``kept`` the label of its evaluation. ``stopped`` says why the
    chain ended before its last round (the alarm, rounds without pairs), None where it did not."""

    output: Path
    method: str
    policy: PolicyRef
    kept: str
    stopped: str | None = None
    counted_in: str = "steps"
    evaluations: tuple[Looked, ...] = ()
    rounds: tuple[Done, ...] = ()
    costs: dict[str, float] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def start(self) -> Looked:
        return self.evaluations[0]

    @property
    def end(self) -> Looked:
        """The evaluation of what is kept."""
        return next(looked for looked in self.evaluations if looked.record == self.kept)

    def to_dict(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def write(self) -> None:
        with replacing(self.output / FILE) as stream:
            text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
            stream.write(text.encode("utf-8") + b"\n")

    def lines(self) -> list[str]:
        """For people, at 80 columns."""
        lines = []
        if self.stopped:
            lines.append(f"stopped: {self.stopped}")
        figures = self.end.figures
        for name, label in (("reward", "reward"), ("second", "second judge"), ("right", "right")):
            now = getattr(figures, name)
            if now is None:
                continue
            gap = figures.differences.get(name)
            moved = f"  {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]" if gap else ""
            lines.append(f"{label:<14}{now.value:.3f}{moved}")
        if figures.win is not None:
            win = figures.win
            lines.append(f"{'against start':<14}{win.value:.3f} [{win.low:.3f}, {win.high:.3f}]")
        if figures.spread is not None:
            ratio = figures.spread
            told = f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}] of the start's"
            lines.append(f"{'diversity':<14}{told}")
        said = f"best of {self.policy.best_of} of " if self.policy.best_of else ""
        lines.append(f"policy in {said}{self.policy.path} ({self.kept})")
        return lines


def read_result(output: Path) -> Result:
    """What lies in a finished output. InputError where it is damaged."""
    path = output / FILE
    try:
        return validate(Result, {**loads(path.read_text(encoding="utf-8")), "output": output})
    except (OSError, InputError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); remove it and run align again"
        ) from None
