"""The likelihood of strengths: Bradley and Terry's, with ties after Davidson and an order bias.

With ``x = s_first - s_second + b`` the first wins, ties and loses in the proportions
``exp(x / 2)``, ``2 nu`` and ``exp(-x / 2)``. ``nu = 0`` is Bradley and Terry (1952), ``b = 0``
Davidson (1970), whose ``nu`` is twice ours. The order bias is multiplicative as in Davidson and
Beaver (1977); unlike theirs it moves the tie too, so that ties are commonest where x is 0. A tie
counts as half a win for both, and a judge's probability as that share of a win.

``prior`` is Newman's player (Newman 2023, section 5): each item wins and loses that many
comparisons with an item of strength 0, which keeps a perfect record finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unireward.stats.comparisons import Comparisons


@dataclass(eq=False)
class Place:
    """A point of the parameters: strengths [N], order bias, log of nu (-inf without ties)."""

    strengths: np.ndarray
    bias: float = 0.0
    log_tie: float = -np.inf

    def moved(self, by: np.ndarray, scale: float) -> Place:
        """Along ``by`` [N + 2]."""
        n = len(self.strengths)
        return Place(
            self.strengths + scale * by[:n],
            self.bias + scale * float(by[n]),
            self.log_tie + scale * float(by[n + 1]) if by[n + 1] else self.log_tie,
        )


class Likelihood:
    """Of merged comparisons. ``bias`` and ``ties`` say which parameters are free."""

    def __init__(self, rows: Comparisons, *, bias: bool, ties: bool, prior: float) -> None:
        self.n = len(rows.names)
        self.i, self.j = rows.first, rows.second
        self.won = rows.wins + rows.ties / 2
        self.lost = rows.losses + rows.ties / 2
        self.tied = rows.ties if ties else np.zeros(len(rows))
        self.total = self.won + self.lost
        self.bias, self.ties, self.prior = bias, ties, prior

    def shares(self, at: Place) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each row [R]: what the first and the second may expect (they sum to 1), and ties."""
        x = at.strengths[self.i] - at.strengths[self.j] + at.bias
        # Divided by the larger of the two exponentials, so that none overflows.
        small = np.exp(-np.abs(x))
        two_nu = 2 * np.exp(at.log_tie) * np.sqrt(small)
        whole = 1 + small + two_nu
        first = np.where(x > 0, 1.0, small)
        return (
            (first + two_nu / 2) / whole,
            (1 + small - first + two_nu / 2) / whole,
            two_nu / whole,
        )

    def value(self, at: Place) -> float:
        """Log likelihood and log prior."""
        x = at.strengths[self.i] - at.strengths[self.j] + at.bias
        nu = np.exp(at.log_tie)
        whole = np.log1p(np.exp(-np.abs(x)) + 2 * nu * np.exp(-np.abs(x) / 2)) + np.abs(x) / 2
        found = ((self.won - self.lost) / 2) @ x - self.total @ whole
        if self.ties:
            found += self.tied.sum() * (np.log(2) + at.log_tie)
        virtual = np.log1p(np.exp(-np.abs(at.strengths))) * 2 + np.abs(at.strengths)
        return float(found - self.prior * virtual.sum())

    def newman(self, at: Place) -> np.ndarray:
        """The step [N + 2] in logs that Newman's iteration makes from ``at`` (2023, equations 12,
        26 and the like for ties): what an item won, each by the share expected of its opponent,
        over what it lost, each by its own."""
        first, second, tie = self.shares(at)
        up, down = self.won * second, self.lost * first
        alone = 1 / (1 + np.exp(-np.clip(at.strengths, -500, 500)))
        gained = self._at_items(up, down) + self.prior * (1 - alone)
        ceded = self._at_items(down, up) + self.prior * alone
        step = np.zeros(self.n + 2)
        met = (gained > 0) & (ceded > 0)
        step[: self.n][met] = np.log(gained[met] / ceded[met])
        if self.bias:
            step[self.n] = np.log(up.sum() / down.sum())
        if self.ties:
            more, less = self.tied @ (1 - tie), (self.total - self.tied) @ tie
            step[self.n + 1] = np.log(more / less)
        return step

    def slope(self, at: Place) -> tuple[np.ndarray, np.ndarray]:
        """Gradient [N + 2] and observed information [N + 2, N + 2] (minus the Hessian); rows and
        columns of parameters that are not free are 0."""
        n = self.n
        first, second, tie = self.shares(at)
        push = self.won * second - self.lost * first
        alone = 1 / (1 + np.exp(-np.clip(at.strengths, -500, 500)))
        gradient = np.zeros(n + 2)
        gradient[:n] = self._at_items(push, -push) + self.prior * (1 - 2 * alone)
        # Var of the share of the first, as the model has it: the information of one comparison.
        bend = self.total * (first * second - tie / 4)
        information = np.zeros((n + 2, n + 2))
        flat = np.bincount(self.i * n + self.j, bend, n * n).reshape(n, n)
        information[:n, :n] = -(flat + flat.T)
        information[np.arange(n), np.arange(n)] = self._at_items(
            bend, bend
        ) + 2 * self.prior * alone * (1 - alone)
        if self.bias:
            gradient[n] = push.sum()
            information[:n, n] = information[n, :n] = self._at_items(bend, -bend)
            information[n, n] = bend.sum()
        if self.ties:
            cross = -self.total * tie * (first - second) / 2
            gradient[n + 1] = self.tied.sum() - self.total @ tie
            information[:n, n + 1] = information[n + 1, :n] = self._at_items(cross, -cross)
            information[n + 1, n + 1] = self.total @ (tie * (1 - tie))
            if self.bias:
                information[n, n + 1] = information[n + 1, n] = cross.sum()
        return gradient, information

    def _at_items(self, of_first: np.ndarray, of_second: np.ndarray) -> np.ndarray:
        """Rows [R] summed at the item shown first and at the one shown second. [N]"""
        return np.bincount(self.i, of_first, self.n) + np.bincount(self.j, of_second, self.n)
