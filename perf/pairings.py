"""What a ranking costs when not every pair is asked: schemes against simulated judges.

    python perf/pairings.py [--trials 200] [--seed 0]

A call shows one ordered pair; the full ranking is the win rates over all N (N - 1). A simulated
judge prefers the better candidate, errs in a given share of calls (6, 13, 24 % over all ordered
pairs) and leans to the first shown by 5 points. Two shapes of error, as judges lie in between:

- ``close``: strengths drawn from a normal, log odds ``scale * difference + lean``, so that it errs
  where candidates are close;
- ``flips``: it errs as often whatever the distance (once in 9 calls with the better one shown
  second and once in 100 with it first, at 6 %).

The noise is fixed for each ordered pair, as of a judge without randomness. No scheme asks an
ordered pair twice, so for noise drawn anew at each call its order has the same law; only the full
ranking would then come out otherwise if asked again (``tau_again``).

Kendall's tau-b is taken against the full ranking of the same judge (``tau``), against the truth
(``tau_truth``), and against the full ranking of the same judge asked again. Beside each stand
what bounds it: ``truth``, the tau that the true order itself has with the full ranking, and
``clairvoyant``, that of a scheme that asks as many calls, the least certain ones, and knows the
exact probability of every other. Also timed: fits of 1,000 items, beside Zermelo's iteration.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import unireward
from unireward.stats import Comparisons, fit_bradley_terry
from unireward.stats.active import Active
from unireward.stats.pairings import Pairing, make_pairing

RESULT = Path(__file__).parent / "results" / "pairings.json"
LEAN = 0.05
SHAPES = ("close", "flips")
ERRORS = (0.06, 0.13, 0.24)
SHARES = (0.15, 0.25, 0.35, 0.45, 0.55)
MULTIPLES = (0.75, 1.0, 1.25, 1.5, 2.0)
ASKED = {(16, 0.06): 0.35, (32, 0.06): 0.25, (16, 0.13): 0.55}
BEST = 0.85


# The judges -----------------------------------------------------------------------------------


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class World:
    """A truth [n] and a judge's probability [n, n] that the row, shown first, is preferred."""

    def __init__(self, n: int, error: float, shape: str, rng: np.random.Generator) -> None:
        self.strengths = rng.normal(size=n)
        gaps = self.strengths[:, None] - self.strengths
        if shape == "flips":
            self.chance = np.where(gaps > 0, 1 - error + LEAN, error + LEAN)
        else:
            scale, lean = calibrated(error)
            self.chance = sigmoid(scale * gaps + lean)
        self.chance[np.diag_indices(n)] = 0.5
        self.replies = self.said(rng)
        self.full = points(self.replies)
        self.again = points(self.said(rng))

    def said(self, rng: np.random.Generator) -> np.ndarray:
        return (rng.random(self.chance.shape) < self.chance).astype(float)


_CALIBRATED: dict[float, tuple[float, float]] = {}


def calibrated(error: float) -> tuple[float, float]:
    """Scale and lean in log odds at which the mean error over normal strengths is ``error``, and
    the first is preferred 5 points more often than not."""
    if error not in _CALIBRATED:
        # A difference of two standard normals, by quantiles.
        grid = (np.arange(20_000) + 0.5) / 20_000
        gaps = np.sqrt(2) * np.sort(_normal_quantiles(grid))
        at = np.array([0.0, 0.3])
        for _ in range(100):
            missed = _rates(at, gaps) - np.array([error, LEAN])
            moved = [(_rates(at + d, gaps) - _rates(at - d, gaps)) / 2e-5
                     for d in 1e-5 * np.eye(2)]  # fmt: skip
            at = at - np.clip(np.linalg.solve(np.array(moved).T, missed), -0.5, 0.5)
        assert np.abs(_rates(at, gaps) - [error, LEAN]).max() < 1e-9
        _CALIBRATED[error] = (float(np.exp(at[0])), float(at[1]))
    return _CALIBRATED[error]


def _rates(at: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    chance = sigmoid(np.exp(at[0]) * gaps + at[1])
    return np.array([np.where(gaps > 0, 1 - chance, chance).mean(), chance.mean() - 0.5])


def _normal_quantiles(grid: np.ndarray) -> np.ndarray:
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf(float(p)) for p in grid])


def points(replies: np.ndarray) -> np.ndarray:
    """Wins [n] over all ordered pairs; the diagonal gives everyone the same."""
    return replies.sum(1) + (1 - replies).sum(0)


def tau(one: np.ndarray, other: np.ndarray) -> float:
    """Kendall's tau-b of two lists of scores."""
    above = np.triu_indices(len(one), 1)
    a = np.sign(one[:, None] - one)[above]
    b = np.sign(other[:, None] - other)[above]
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def scores(order: tuple[int, ...]) -> np.ndarray:
    found = np.empty(len(order))
    found[list(order)] = -np.arange(len(order))
    return found


def mean(values: list[float]) -> dict[str, float]:
    """Mean and its 95 % interval over trials."""
    array = np.asarray(values, dtype=float)
    half = 1.96 * array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else 0.0
    return {
        "mean": round(float(array.mean()), 4),
        "low": round(float(array.mean() - half), 4),
        "high": round(float(array.mean() + half), 4),
    }


# The active scheme --------------------------------------------------------------------------


def rounds(pairing: Pairing, world: World) -> Iterator[None]:
    """Drives a pairing; stops after each round."""
    while matches := pairing.ask():
        for match in matches:
            pairing.tell(match, float(world.replies[match.first, match.second]))
        yield


def worlds(n: int, error: float, shape: str, trials: int, seed: int) -> Iterator[World]:
    """The same for every scheme that is measured on them."""
    rng = np.random.default_rng([seed, n, round(error * 100), SHAPES.index(shape)])
    for _ in range(trials):
        yield World(n, error, shape, rng)


def measured(order: tuple[int, ...], world: World) -> dict[str, float]:
    found = scores(order)
    return {
        "tau": tau(found, world.full),
        "tau_truth": tau(found, world.strengths),
        "tau_again": tau(found, world.again),
        "best": float(world.full[order[0]] == world.full.max()),
        "best_truth": float(order[0] == int(world.strengths.argmax())),
    }


def active(n: int, error: float, shape: str, trials: int, seed: int) -> dict[str, Any]:
    """One run a trial, looked at after as many calls as each row has."""
    every = n * (n - 1)
    marks = {round(share * every): f"{share:.0%} of calls" for share in SHARES}
    marks |= {round(c * n * np.log2(n)): f"{c:g} N log2 N" for c in MULTIPLES}
    marks = {calls: name for calls, name in sorted(marks.items()) if calls <= 0.6 * every}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in marks.values()}
    for trial, world in enumerate(worlds(n, error, shape, trials, seed)):
        pairing = Active(n, seed=trial, batch=max(1, n // 4), confidence=0.97, every=True)
        left = list(marks)
        for _ in rounds(pairing, world):
            while left and pairing.spent >= left[0]:
                standing = pairing.standing()
                row = {"calls": standing.spent / every} | measured(standing.order, world)
                rows[marks[left.pop(0)]].append(row)
            if not left:
                break
    return {
        name: {"calls": calls, **averaged(rows[name])}
        for calls, name in marks.items()
        if rows[name]
    }


def settled(n: int, error: float, shape: str, trials: int, seed: int) -> dict[str, Any]:
    """Left to end by itself, at the confidence it has if none is asked for."""
    rows = []
    for trial, world in enumerate(worlds(n, error, shape, trials, seed)):
        pairing = Active(n, seed=trial, batch=max(1, n // 4))
        for _ in rounds(pairing, world):
            pass
        standing = pairing.standing()
        rows.append({
            "calls": standing.spent / standing.full,
            "of_n_log2_n": standing.spent / (n * np.log2(n)),
            "expected_tau": standing.expected_tau,
            "places_settled": float(np.mean(standing.settled)),
            "ended_settled": float(standing.reason == "settled"),
        } | measured(standing.order, world))  # fmt: skip
    return averaged(rows)


def averaged(rows: list[dict[str, float]]) -> dict[str, Any]:
    return {{"calls": "share"}.get(key, key): mean([row[key] for row in rows]) for key in rows[0]}


def bounds(n: int, error: float, shape: str, trials: int, seed: int) -> dict[str, Any]:
    """What no scheme can be expected to pass."""
    share = ASKED.get((n, error))
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {"truth": [], "asked_again": [], "clairvoyant": []}
    for world in worlds(n, error, shape, trials, seed):
        found["truth"].append(tau(world.strengths, world.full))
        found["asked_again"].append(tau(world.full, world.again))
        if share is not None:
            doubt = world.chance * (1 - world.chance) + 1e-6 * rng.random((n, n))
            np.fill_diagonal(doubt, -1)
            asked = doubt >= np.sort(doubt, axis=None)[-int(share * n * (n - 1))]
            expected = np.where(asked, world.replies, world.chance)
            found["clairvoyant"].append(tau(points(expected), world.full))
    return {key: mean(values) for key, values in found.items() if values}


# The others -----------------------------------------------------------------------------------


def scheme(name: str, n: int, error: float, shape: str, trials: int, seed: int,
           **options: Any) -> dict[str, Any]:  # fmt: skip
    """A pairing by name, to its end."""
    rows = []
    for trial, world in enumerate(worlds(n, error, shape, trials, seed)):
        pairing = make_pairing(name, n, seed=trial, **options)
        for _ in rounds(pairing, world):
            pass
        standing = pairing.standing()
        rows.append({"calls": standing.spent / standing.full} | measured(standing.order, world))
    return {"calls": round(float(np.mean([row["calls"] for row in rows])) * n * (n - 1), 1),
            **averaged(rows)}  # fmt: skip


def others(trials: int, seed: int) -> dict[str, Any]:
    """About 84 calls of 240, spent in other ways."""
    names = {
        "active": {"budget": 84, "confidence": 0.97, "batch": 4},
        "active, one call a round": {"budget": 84, "confidence": 0.97, "batch": 1},
        "active, 8 calls a round": {"budget": 84, "confidence": 0.97, "batch": 8},
        "swiss:10": {},
        "anchors:6": {},
        "all, cut at 84": {"budget": 84},
    }
    return {
        shape: {
            name: scheme(name.split(",")[0], 16, 0.06, shape, trials, seed, **options)
            for name, options in names.items()
        }
        for shape in SHAPES
    }


def best(trials: int, seed: int) -> dict[str, Any]:
    """The best alone with at most 3 N calls, at 6 %."""
    found: dict[str, Any] = {}
    for n in (8, 16, 32, 64):
        options = {"budget": 3 * n, "confidence": 0.97, "batch": max(1, n // 8)}
        for shape in SHAPES:
            found[f"N={n} {shape}"] = {
                "active:best": scheme("active:best", n, 0.06, shape, trials, seed, **options),
                "knockout": scheme("knockout", n, 0.06, shape, trials, seed),
                "full": {
                    "best_truth": mean([
                        float(np.argmax(world.full) == np.argmax(world.strengths))
                        for world in worlds(n, 0.06, shape, trials, seed)
                    ])
                },
            }  # fmt: skip
            print(f"best {n} {shape}", found[f"N={n} {shape}"]["active:best"]["best"], flush=True)
    return found


def equals(trials: int, seed: int) -> dict[str, Any]:
    """Candidates between which the judge throws a coin: what stopping costs then."""
    shares = []
    for trial in range(trials):
        rng = np.random.default_rng([seed, trial])
        pairing = Active(16, seed=trial, batch=4)
        while matches := pairing.ask():
            for match in matches:
                pairing.tell(match, float(rng.random() < 0.5 + LEAN))
        shares.append(pairing.standing().spent / 240)
    return {"candidates": 16, "share": mean(shares)}


# Fits -----------------------------------------------------------------------------------------


def fits(seed: int) -> dict[str, Any]:
    """1,000 items and 100,000 comparisons: all over the place, and only with neighbours."""
    rng = np.random.default_rng(seed)
    n, m = 1_000, 100_000
    first = rng.integers(0, n, m)
    found = {}
    around = 3 * np.sin(2 * np.pi * np.arange(n) / n)
    for name, strengths, step in (
        ("anyone", rng.normal(size=n), rng.integers(1, n, m)),
        ("near ones", around, rng.integers(1, 11, m)),
    ):
        second = (first + step) % n
        flip = rng.random(m) < 0.5
        i, j = np.where(flip, second, first), np.where(flip, first, second)
        won = (rng.random(m) < sigmoid(strengths[i] - strengths[j])).astype(float)
        data = Comparisons.of(i, j, won, items=n)
        start = time.process_time()
        fit = fit_bradley_terry(data)
        ours = time.process_time() - start
        start = time.process_time()
        bare = fit_bradley_terry(data, order_bias=False, covariance=False)
        newman = time.process_time() - start
        start = time.process_time()
        zermelo, count = zermelo_fit(data)
        slow = time.process_time() - start
        found[name] = {
            "seconds_with_intervals_and_order_bias": round(ours, 3),
            "converged": fit.converged,
            "newman_seconds": round(newman, 3),
            "newman_rounds": bare.iterations,
            "newman_converged": bare.converged,
            "zermelo_seconds": round(slow, 3),
            "zermelo_rounds": count,
            "zermelo_over_newman_rounds": round(count / bare.iterations, 2),
            "largest_difference": float(np.abs(zermelo - bare.strengths).max()),
        }
        print(f"fit {name}: {ours:.2f} s, Zermelo {count} rounds, Newman {bare.iterations}")
    return found


def zermelo_fit(data: Comparisons, most: int = 3_000) -> tuple[np.ndarray, int]:
    """Zermelo (1929), the MM iteration of Hunter (2004), to the same largest step."""
    rows = data.merged()
    n = len(rows.names)
    i, j, total = rows.first, rows.second, rows.wins + rows.losses
    wins = np.bincount(i, rows.wins, n) + np.bincount(j, rows.losses, n)
    s = np.zeros(n)
    count, step = 0, np.ones(n)
    while count < most and np.abs(step).max() >= 1e-10:
        count += 1
        each = total / (np.exp(s[i]) + np.exp(s[j]))
        step = np.log(wins / (np.bincount(i, each, n) + np.bincount(j, each, n))) - s
        step -= step.mean()
        s = s + step
    return s - s.mean(), count


def trials_of(trials: int, n: int) -> int:
    """Fewer of the large ones, but for the rows that have a figure to meet."""
    return max(2, trials // {8: 1, 16: 1, 32: 2, 64: 5}[n])


def judged(trials: int, seed: int) -> dict[str, Any]:
    """The active scheme at fixed numbers of calls, with the bounds."""
    return {
        name: {"bounds": bounds(*row, seed), **active(*row, seed)} for name, row in cases(trials)
    }


def stopped(trials: int, seed: int) -> dict[str, Any]:
    return {name: settled(*row, seed) for name, row in cases(trials)}


def cases(trials: int) -> Iterator[tuple[str, tuple[int, float, str, int]]]:
    for n in (8, 16, 32, 64):
        for error in ERRORS:
            for shape in SHAPES:
                count = trials if (n, error) in ASKED else trials_of(trials, n)
                print(f"N={n} {error:.0%} {shape}", flush=True)
                yield f"N={n} {error:.0%} {shape}", (n, error, shape, count)


def asked(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that have a figure to meet, beside it."""
    found = []
    for (n, error), share in ASKED.items():
        for shape in SHAPES:
            row = table[f"N={n} {error:.0%} {shape}"]
            there = row[f"{share:.0%} of calls"]
            found.append({
                "n": n, "wrong": error, "shape": shape, "share": share, "tau": there["tau"],
                "target": 0.95, "met": there["tau"]["mean"] >= 0.95,
                "tau_truth": there["tau_truth"], "clairvoyant": row["bounds"]["clairvoyant"],
                "truth": row["bounds"]["truth"],
            })  # fmt: skip
    return found


PARTS = {
    "fits": lambda trials, seed: fits(seed),
    "active": judged,
    "settled": stopped,
    "best with 3 N calls at 6%": best,
    "N=16 at 6%, 84 calls": others,
    "equal candidates": equals,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=PARTS, help="Measure this part, keep the others.")
    given = parser.parse_args()
    before = json.loads(RESULT.read_text("utf-8")) if given.only else {}
    result: dict[str, Any] = {
        "what": "single-order calls of N (N - 1), and Kendall's tau-b of the order they give",
        "unireward": unireward.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "seed": given.seed,
        "trials": {str(n): trials_of(given.trials, n) for n in (8, 16, 32, 64)},
        "asked": before.get("asked"),
    }
    for name, part in PARTS.items():
        wanted = given.only in (None, name)
        result[name] = part(given.trials, given.seed) if wanted else before.get(name)
    result["asked"] = asked(result["active"])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
