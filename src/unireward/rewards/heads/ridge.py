"""RidgeHead: a linear head in closed form on the features of a frozen backbone (MULTI-TAP).

>>> moments = RidgeMoments()
>>> for batch, targets in ...: moments.add(model.pooled(batch), targets)     # one pass
>>> head.fit(moments)                                                        # alpha by GCV

Only sums are kept, so memory is that of one [D, D] matrix whatever the number of rows, and two
halves of a data set can be summed apart and merged. Solutions are those of scikit-learn's
``Ridge`` (with an intercept). MULTI-TAP's published code picks alpha by the error on the rows it
was fitted to, which always picks the smallest; here it is generalised cross-validation (Golub,
Heath and Wahba 1979) or the error on rows held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from unireward.errors import InputError, UsageError
from unireward.rewards.heads.base import Head, HeadOutput, linear

ALPHAS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""MULTI-TAP's grid."""


class RidgeMoments:
    """Count, means and centred second moments of features [N, D] and targets [N, K], float64.

    Batches are merged by the pairwise update of Chan, Golub and LeVeque, which keeps precision
    where the means are large against the spread.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean_x, self.mean_y = torch.zeros(0), torch.zeros(0)
        self.xx, self.xy, self.yy = torch.zeros(0), torch.zeros(0), torch.zeros(0)
        self._eigen: tuple[Tensor, Tensor] | None = None

    def add(self, features: Tensor, targets: Tensor) -> None:
        """Add rows: ``features`` [B, D], ``targets`` [B, K] or [B]. InputError naming the row
        for a number that is not finite."""
        x, y = features.detach().double().cpu(), targets.detach().double().cpu()
        y = y[:, None] if y.ndim == 1 else y
        if x.ndim != 2 or len(x) != len(y):
            raise InputError(f"features are {list(x.shape)}, targets {list(y.shape)}; give [N, D] "
                             "and [N, K] of the same rows")  # fmt: skip
        for name, values in (("features", x), ("targets", y)):
            bad = ~values.isfinite().all(1)
            if bad.any():
                row = self.count + int(bad.nonzero()[0])
                raise InputError(f"{name}: row {row} is not finite; leave it out")
        if not len(x):
            return
        part = RidgeMoments()
        part.count, part.mean_x, part.mean_y = len(x), x.mean(0), y.mean(0)
        x, y = x - part.mean_x, y - part.mean_y
        part.xx, part.xy, part.yy = x.T @ x, x.T @ y, (y * y).sum(0)
        self.merge(part)

    def merge(self, other: RidgeMoments) -> None:
        """Add the rows that ``other`` saw."""
        self._eigen = None
        if not other.count:
            return
        if not self.count:
            self.__dict__.update(other.__dict__)
            return
        if self.xy.shape != other.xy.shape:
            raise InputError(f"features and targets are {list(other.xy.shape)} wide, and were "
                             f"{list(self.xy.shape)} before; give the same")  # fmt: skip
        total = self.count + other.count
        dx, dy = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        share = self.count * other.count / total
        self.xx = self.xx + other.xx + share * torch.outer(dx, dx)
        self.xy = self.xy + other.xy + share * torch.outer(dx, dy)
        self.yy = self.yy + other.yy + share * dy * dy
        self.mean_x = self.mean_x + dx * (other.count / total)
        self.mean_y = self.mean_y + dy * (other.count / total)
        self.count = total

    def solve(self, alpha: float | Sequence[float]) -> tuple[Tensor, Tensor]:
        """Weights [K, D] and intercepts [K], float64; ``alpha`` > 0, one or one a target."""
        values, vectors = self._spectrum()
        strength = _strengths(alpha, self.xy.shape[1])
        turned = vectors.T @ self.xy
        weight = (vectors @ (turned / (values[:, None] + strength))).T
        return weight, self.mean_y - weight @ self.mean_x

    def gcv(self, alphas: Sequence[float]) -> Tensor:
        """Generalised cross-validation error [A, K]: RSS/n over (1 - trace of the hat matrix/n)
        squared, the intercept counted in the trace."""
        values, vectors = self._spectrum()
        turned = (vectors.T @ self.xy) ** 2
        out = []
        for alpha in _strengths(list(alphas), len(alphas)):
            shrunk = values + alpha
            rss = self.yy - (turned * ((shrunk + alpha) / shrunk**2)[:, None]).sum(0)
            trace = 1 + (values / shrunk).sum()
            free = 1 - trace / self.count
            error = rss.clamp(min=0) / self.count / free**2
            out.append(error if free > 0 else torch.full_like(error, torch.inf))
        return torch.stack(out)

    def error(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Mean squared error [K] of a linear map on the rows seen."""
        spread = self.yy - 2 * (weight.T * self.xy).sum(0) + ((weight @ self.xx) * weight).sum(1)
        offset = self.mean_y - weight @ self.mean_x - bias
        return spread.clamp(min=0) / self.count + offset**2

    def best_alpha(
        self, alphas: Sequence[float] = ALPHAS, held_out: RidgeMoments | None = None
    ) -> float:
        """The alpha of the smallest error over all targets, each in units of its variance: by
        generalised cross-validation, or on the rows of ``held_out``."""
        if held_out is None:
            errors = self.gcv(alphas)
        else:
            errors = torch.stack([held_out.error(*self.solve(alpha)) for alpha in alphas])
        variance = (self.yy / self.count).clamp(min=1e-300)
        return float(alphas[int((errors / variance).sum(1).argmin())])

    def _spectrum(self) -> tuple[Tensor, Tensor]:
        if self.count < 2:
            raise UsageError(f"ridge has {self.count} rows; give at least two")
        if self._eigen is None:
            values, vectors = torch.linalg.eigh(self.xx)
            self._eigen = values.clamp(min=0), vectors
        return self._eigen


class RidgeHead(Head):
    """``score.weight`` [K, D] and ``score.bias`` [K], set by :meth:`fit` and never by a gradient.
    ``alpha`` is the one that was used."""

    kind = "ridge"
    frozen: ClassVar[tuple[str, ...]] = ("vision", "projector", "language")

    def __init__(self, hidden_size: int, *, alpha: float | None = None, **common: Any) -> None:
        super().__init__(hidden_size, **common)
        self.alpha = alpha
        self.score = linear(hidden_size, len(self.names), bias=True).requires_grad_(False)
        if len(self.marks) > 1:
            raise InputError("head: a ridge head reads one mark; give one")

    def fit(
        self,
        features: RidgeMoments | Tensor | Iterable[Tensor],
        targets: Tensor | Iterable[Tensor] | None = None,
        *,
        alpha: float | Sequence[float] = ALPHAS,
        held_out: RidgeMoments | None = None,
    ) -> float:
        """Set the weights; returns the alpha used. ``features`` [N, D] and ``targets`` [N, K] are
        tensors, batches of them, or moments summed before; ``alpha`` one number or a grid."""
        moments = _moments(features, targets)
        if tuple(moments.xy.shape) != (self.hidden_size, len(self.names)):
            raise InputError(
                f"features and targets are {list(moments.xy.shape)} wide, the head is "
                f"[{self.hidden_size}, {len(self.names)}]; give the same"
            )
        grid = [alpha] if isinstance(alpha, int | float) else list(alpha)
        self.alpha = grid[0] if len(grid) == 1 else moments.best_alpha(grid, held_out)
        weight, bias = moments.solve(float(self.alpha))
        with torch.no_grad():
            self.score.weight.copy_(weight)
            self.score.bias.copy_(bias)
        return float(self.alpha)

    def read(self, pooled: Tensor) -> HeadOutput:
        return HeadOutput(scores=self.score(pooled))

    def options(self) -> dict[str, Any]:
        return {"alpha": self.alpha} if self.alpha is not None else {}


def _moments(features: Any, targets: Any) -> RidgeMoments:
    if isinstance(features, RidgeMoments):
        return features
    if targets is None:
        raise UsageError("ridge has features and no targets; give both")
    moments = RidgeMoments()
    if isinstance(features, Tensor):
        features, targets = [features], [targets]
    for x, y in zip(features, targets, strict=True):
        moments.add(x, y)
    return moments


def _strengths(alpha: float | Sequence[float], count: int) -> Tensor:
    given = [alpha] * count if isinstance(alpha, int | float) else list(alpha)
    if len(given) != count or not all(0 < a < float("inf") for a in given):
        raise UsageError(f"alpha is {alpha}; give a number above 0, or one for each of {count}")
    return torch.tensor(given, dtype=torch.float64)
