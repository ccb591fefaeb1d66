"""One recorded reply into a judgment, with no engine: candidates are called 1 and 2."""

from __future__ import annotations

from unireward.ask import Ask, Message, Reply, TextContent
from unireward.families import get_family
from unireward.judgment import Judgment
from unireward.record import Candidate, Part, Record
from unireward.rewards.assembly import Assembly, Header
from unireward.rewards.question import questions_of
from unireward.rewards.reading import hear

JUDGE = "recorded"


def judgment_of_reply(
    family: str,
    text: str,
    *,
    task: str,
    mode: str,
    form: str | None = None,
    aspect: str | None = None,
    finish_reason: str = "stop",
    prompt: str = "",
) -> Judgment:
    """How ``family`` (``name`` or ``name/variant``) reads one reply: one order, one form.

    ``prompt`` is the text that was sent, so that a reply's echo of it is not read. Raises
    FamilyError where the family is unknown or cannot do the task or mode.
    """
    chosen = get_family(family)
    one = chosen.forms_for(task, mode, form, aspect)[:1]
    names = ("1",) if mode == "score" else ("1", "2")
    record = Record(
        id="stdin",
        task=task,
        prompt=(),
        candidates=tuple(Candidate(id=name, content=(Part.of_text("-"),)) for name in names),
    )
    header = Header(JUDGE, chosen.id, chosen.prompt_id, mode)
    assembly = Assembly(record, one, header, both_orders=False)
    ask = Ask(messages=(Message("user", (TextContent(prompt),)),))
    reply = Reply(text=text, finish_reason=finish_reason)
    for question in questions_of(record, one, both_orders=False):
        heard = hear(chosen, question, ask, reply)
        heard.calls = 0
        assembly.add(heard)
    return assembly.judgment()
