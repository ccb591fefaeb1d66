"""What a refusal changes in how an endpoint is asked, in the words of the servers themselves."""

from __future__ import annotations

import numpy as np
import pytest

from unireward.ask import Ask, ImageContent, Message, Sampling, TextContent
from unireward.engines.dialect import Dialect
from unireward.media import Image

MESSAGES = (Message("user", (TextContent("Q"),)),)
PLAIN = Ask(MESSAGES)
CHOOSING = Ask(MESSAGES, choices=("yes", "no"))
SHOWING = Ask((Message("user", (ImageContent(Image(np.zeros((4, 4, 3), np.uint8))),)),))


@pytest.mark.parametrize(
    ("message", "top"),
    [
        ("Requested sample logprobs of 20, which is greater than max allowed: 5", 5),
        ("top_logprobs: Input should be less than or equal to 5", 5),
        ("Invalid value: 'top_logprobs' must be between 0 and 11.", 11),
        ("logprobs are not supported by model gpt-3.5", 0),
        ("'logprobs' is not supported with this model", 0),
        ('[{"loc": ["body", "top_logprobs"], "msg": "Extra inputs are not permitted"}]', 0),
    ],
)
def test_fewer_alternatives_or_none(message: str, top: int) -> None:
    dialect = Dialect()
    assert dialect.top_for(CHOOSING) == 20
    assert dialect.mend(CHOOSING, 400, message)
    assert dialect.top_for(CHOOSING) == top
    assert dialect.logprobs == (top > 0)
    assert (dialect.edition, dialect.tokens_field) == (1, "max_tokens")


def test_refused_again_it_ends_without_any() -> None:
    dialect, tried = Dialect(), []
    while dialect.mend(CHOOSING, 400, "logprobs: at most 5, or less than 3"):
        tried.append(dialect.top_for(CHOOSING))
    assert tried == [5, 3, 0]


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            True,
        ),
        ('[{"loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted"}]', True),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum "
            "context length is 4096 tokens",
            False,
        ),
        ("max_tokens must be at least 1, got 0.", False),
        ("too many images: 17", False),
    ],
)
def test_the_bound_on_tokens_is_renamed_only_where_its_name_is_refused(message, changes) -> None:
    dialect = Dialect()
    assert dialect.mend(PLAIN, 400, message) == changes
    assert (dialect.tokens_field == "max_completion_tokens") == changes
    assert not dialect.mend(PLAIN, 400, message)


def test_only_a_refusal_of_the_request_changes_anything() -> None:
    for status in (401, 403, 404, 413, 500):
        dialect = Dialect(uuid=True)
        assert not dialect.mend(CHOOSING, status, "logprobs max_tokens unsupported uuid")
        assert dialect == Dialect(uuid=True)


def test_media_are_named_no_more_where_the_name_is_refused() -> None:
    dialect = Dialect(uuid=True)
    assert not dialect.mend(PLAIN, 400, "unexpected key: uuid")
    assert dialect.mend(SHOWING, 400, "unexpected key: uuid")
    assert not dialect.uuid


def test_more_answers_ask_for_more_alternatives_up_to_the_servers_bound() -> None:
    many = Ask(MESSAGES, choices=tuple(f"mark {n}" for n in range(30)))
    assert Dialect().top_for(many) == 34
    assert Dialect(top=20).top_for(many) == 20
    assert Dialect().top_for(PLAIN) == 0


def test_a_kept_stop_string_is_asked_for_no_more_where_that_is_refused() -> None:
    ask = Ask(MESSAGES, sampling=Sampling(stop_after=("</answer>",)))
    dialect = Dialect(keeps_stop="no_stop_trim")
    assert not dialect.mend(PLAIN, 400, "unknown field no_stop_trim")
    assert dialect.mend(ask, 400, "unknown field no_stop_trim")
    assert dialect == Dialect(edition=1)
