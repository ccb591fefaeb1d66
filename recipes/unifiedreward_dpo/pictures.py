"""Pictures: does online DPO by the tiny judge make the tiny generator draw what it is asked for?

The rule, fixed before any arm was trained. **Primary endpoint**: the share of exactly right
pictures (by the world's checker, :mod:`unireward.world.checker`; what could not be made is not
right) after ``online`` less that of the generator it began with, in points. It is taken on the 72
held-out captions of level 1, which no arm learns on, 20 of them of combinations that the
generator was never shown; 8 pictures of each under the same noise before and after (576 in all),
noise, lots and training anew for each of three seeds. Asked are 10 points or more; it is *reached*
where the mean is at least that, the 95 % interval (crossed bootstrap over seeds and captions)
lies above zero and every seed agrees in sign.

Beside it stand the gains of the other arms (:mod:`recipes.unifiedreward_dpo.arms`), ``online``
less each of them, the captions of combinations never trained apart, and what is left of diversity
among right pictures. Rates, beta and rounds are chosen on ``VALIDATION``, a seed whose captions
are in no report.
"""

from __future__ import annotations

from functools import partial

from recipes.unifiedreward_dpo.arms import NAMES
from recipes.unifiedreward_dpo.run import run
from recipes.unifiedreward_dpo.study import RIGHT, Study

PICTURES = Study(
    part="pictures",
    what="exactly right pictures",
    recipe="tiny_t2i_dpo.yaml",
    arms=NAMES,
    measures=(RIGHT,),
    asked=0.10,
)


reproduce = partial(run, PICTURES)
"""``reproduce(out, seeds, scale, workers, say, bases)``: ``bases`` may name a generator's folder
under ``pictures``, in place of the shipped one."""
