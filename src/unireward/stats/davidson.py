"""Davidson's model: Bradley-Terry for judges that may call a tie (Davidson 1970).

Of two items with strengths ``s`` and ``t`` on the log scale the first wins, ties and loses in the
proportions ``exp(s)``, ``v exp((s + t) / 2)`` and ``exp(t)``: ties are commonest between equals.
"""

from __future__ import annotations

from unireward.stats.bradley_terry import StrengthFit, fit_strengths
from unireward.stats.comparisons import Comparisons


def fit_davidson(
    comparisons: Comparisons,
    *,
    prior: float = 0.0,
    order_bias: bool = True,
    covariance: bool = True,
) -> StrengthFit:
    """As :func:`~unireward.stats.fit_bradley_terry`, with how often ties come as a parameter of
    its own (``ties`` of the result: v above). Without any tie it is 0, which is Bradley-Terry,
    and ``ties`` is None. Fractional ties (a judge's probability of one) count as such.
    """
    return fit_strengths(
        comparisons,
        prior=prior,
        order_bias=order_bias,
        ties=bool(comparisons.ties.any()),
        covariance=covariance,
    )
