"""Clips: does online DPO by the tiny judge make the tiny generator's things move as they are told?

The rule, fixed before any arm was trained. **Primary endpoint**: the share of clips in which the
stated motion is right (by the world's checker; what could not be made is not right) after
``online`` less that of the generator it began with. It is taken on the 96 held-out captions of
level 1 (one thing and its motion), which are not learned on, 30 of them of combinations that the
generator was never shown; 4 clips of each under the same noise before and after, noise, lots and
training anew for each of three seeds. It is *reached* where the 95 % interval (crossed bootstrap
over seeds and captions) lies above zero and every seed agrees in sign. Clips of which everything
is right stand beside it, and what offline pairs, their winners alone and the judge's pick of as
many come to.
"""

from __future__ import annotations

from functools import partial

from recipes.unifiedreward_dpo.arms import OFFLINE
from recipes.unifiedreward_dpo.run import run
from recipes.unifiedreward_dpo.study import ONLINE, RIGHT, Study

CLIPS = Study(
    part="clips",
    what="clips of the right motion",
    recipe="tiny_t2v_dpo.yaml",
    arms=(ONLINE, OFFLINE, "rejection", "best-of-n"),
    measures=("motion", RIGHT),
)


reproduce = partial(run, CLIPS)
"""``reproduce(out, seeds, scale, workers, say, bases)``: ``bases`` may name a generator's folder
under ``clips``, in place of the shipped one."""
