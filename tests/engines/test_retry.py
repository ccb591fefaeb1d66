"""When a request is asked again, and after how long."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unireward.engines.retry import Retry, is_retried, retry_after_seconds
from unireward.errors import UsageError

# 2026-01-02 03:04:05 GMT
NOW = 1767323045.0


def test_only_statuses_that_say_later_are_asked_again() -> None:
    again = [status for status in range(100, 600) if is_retried(status)]
    assert again == [408, 429, *range(500, 600)]


def test_waits_are_drawn_from_zero_to_a_ceiling_that_doubles_up_to_the_cap() -> None:
    retry = Retry(base=0.5, cap=4.0, random=Random(11))
    draws = Random(11)
    ceilings = [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    expected = [draws.uniform(0.0, ceiling) for ceiling in ceilings]
    assert [retry.wait(attempt) for attempt in range(6)] == expected


def test_jitter_is_full() -> None:
    retry = Retry(base=1.0, cap=8.0, random=Random(3))
    waits = sorted(retry.wait(3) for _ in range(4000))
    # Uniform on [0, 8]: the mean's standard error is 0.0365.
    assert sum(waits) / 4000 == pytest.approx(4.0, abs=0.15)
    assert waits[0] < 0.02
    assert 7.98 < waits[-1] <= 8.0


def test_the_servers_wish_is_a_lower_bound() -> None:
    retry = Retry(base=0.5, cap=4.0, random=Random(0))
    assert retry.wait(0, 7.0) == 7.0
    assert retry.wait(0, 0.0) > 0.0


def test_a_long_plan_does_not_overflow() -> None:
    assert 0.0 <= Retry(cap=30.0).wait(100_000) <= 30.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60.0),
        ("Friday, 02-Jan-26 03:05:05 GMT", 60.0),
        ("Fri Jan  2 03:05:05 2026", 60.0),
        ("Fri, 02 Jan 2026 04:05:05 +0100", 60.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("٣", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text() | st.integers(min_value=0).map(str))
def test_no_header_breaks_it(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0.0 <= seconds < 1e12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "retries is -1"),
        ({"deadline": 0.0}, "deadline is 0.0"),
        ({"base": float("nan")}, "base is nan"),
    ],
)
def test_impossible_plans_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Retry(**options)
