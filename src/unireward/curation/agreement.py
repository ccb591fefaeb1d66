"""Agreement: a second judge has to say the same.

Two judges that were trained apart err apart, so what both prefer is preferred more surely. A tie
of the second, and a judgment of it that cannot be read, agree with nobody and drop the pair, each
under its own reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unireward.curation.case import Case
from unireward.curation.judges import checked, identity_of, in_orders
from unireward.curation.step import JudgedStep
from unireward.curation.verdicts import verdict_of
from unireward.judgment import Judgment
from unireward.record import Record


class Agreement(JudgedStep):
    """Each kept pair is put to ``judge``; what it says stands in the pair's ``marks``."""

    name = "agreement"
    mode = "rank"

    def __init__(self, judge: Any, *, both_orders: bool = True) -> None:
        self.judge = in_orders(checked(judge), both_orders)

    @property
    def identity(self) -> dict[str, Any]:
        return {"judge": identity_of(self.judge)}

    def asked(self, case: Case) -> list[Record]:
        # In the candidates' own order, so that the first one shown is not always the winner.
        return [case.record(self._between(case, pair.between)) for pair in case.kept]

    def told(self, case: Case, judgments: Sequence[Judgment]) -> Case:
        said = iter(judgments)
        pairs = []
        for pair in case.pairs:
            if pair.dropped is not None:
                pairs.append(pair)
                continue
            judgment = next(said)
            second = verdict_of(judgment, pair.between).pair(self.name, judgment)
            pair = pair.marked(self.name, second.marks[self.name])
            if second.dropped is not None:
                pair = pair.model_copy(update={"dropped": second.dropped})
            elif second.winner != pair.winner:
                pair = pair.without(self.name, "the judges disagree")
            pairs.append(pair)
        return case.with_pairs(self.name, pairs)

    @staticmethod
    def _between(case: Case, names: Sequence[str]) -> list[str]:
        return [name for name in case.names if name in names]
