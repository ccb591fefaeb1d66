"""Family: a spec and its readers, able to ask about a record and to read the reply."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from unireward.ask import Ask, Content, Message, Sampling, TextContent
from unireward.errors import FamilyError, InputError
from unireward.families.layout import lay_out, media_of_form
from unireward.families.reading import Unread, looks_refused, unparsed
from unireward.families.spec import FamilySpec, Form, Reader, Reading
from unireward.media import FrameRule

if TYPE_CHECKING:
    from unireward.record import Record

MAX_REPLY_CHARS = 1_000_000
_PLACEHOLDER = re.compile(r"\{(P|Q|A1|A2|R|I)\}")


class Family:
    """How one judge is asked, and how its reply is read.

    >>> family = get_family("unifiedreward-2")
    >>> (form,) = family.forms_for("image_generation", "rank")
    >>> family.read(form, "Image 1 is better").preference
    {'1': 1.0, '2': 0.0, 'tie': 0.0}
    """

    def __init__(self, spec: FamilySpec, readers: Mapping[str, Reader]) -> None:
        for form in spec.forms:
            if form.reader not in readers:
                raise FamilyError(
                    f"family {spec.name}: form {form.address} names reader {form.reader!r}; "
                    f"use one of {', '.join(sorted(readers))}"
                )
        self.spec = spec
        self.readers = dict(readers)

    def __repr__(self) -> str:
        return f"Family({self.id!r}, {len(self.spec.forms)} forms)"

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def id(self) -> str:
        """``name/variant``, or the name alone where the family has no variants."""
        return f"{self.spec.name}/{self.spec.variant}" if self.spec.variant else self.spec.name

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(form.task for form in self.spec.forms))

    def modes(self, task: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(form.mode for form in self.spec.forms if form.task == task))

    def forms_for(
        self, task: str, mode: str, form: str | None = None, aspect: str | None = None
    ) -> list[Form]:
        """The forms to ask: all default ones, or those of the named form or aspect.

        Raises :class:`FamilyError` that says which families or forms there are instead.
        """
        able = [f for f in self.spec.forms if f.task == task and f.mode == mode]
        if not able:
            raise FamilyError(self._cannot(task, mode))
        chosen = [
            f
            for f in able
            if (f.name == form if form is not None else f.default or aspect is not None)
            and (f.aspect == aspect if aspect is not None else True)
        ]
        if not chosen:
            names = sorted({f.name for f in able} - {""})
            aspects = sorted({f.aspect for f in able} - {""})
            what = f"form {form!r}" if form is not None else f"aspect {aspect!r}"
            known = "; ".join(
                f"{label}: {', '.join(values)}"
                for label, values in (("forms", names), ("aspects", aspects))
                if values
            )
            raise FamilyError(
                f"{self.id} has no {what} of {mode} for {task}; it has {known or 'one form only'}"
            )
        return chosen

    def _cannot(self, task: str, mode: str) -> str:
        from unireward.families.registry import families_that_can

        able = [name for name in families_that_can(task, mode) if name != self.name]
        mend = f"{', '.join(able)} {'has' if len(able) == 1 else 'have'} it" if able else ""
        if not able and self.modes(task):
            mend = f"it has {', '.join(self.modes(task))}"
        if not mend:
            mend = f"its tasks are {', '.join(self.tasks)}"
        return f"{self.id} has no {mode} mode for {task}; {mend}"

    # Asking ---------------------------------------------------------------------------------

    def frame_rule(self, form: Form) -> FrameRule:
        return FrameRule.parse(form.frames or self.spec.frames)

    def ask(
        self,
        form: Form,
        record: Record,
        order: tuple[str, ...],
        engine_kind: str = "openai",
        choose: bool = False,
    ) -> Ask:
        """The question about ``order``'s candidates (ids, as shown), greedy.

        ``choose`` asks for the log-probabilities of the form's choices. Raises
        :class:`InputError` where the record lacks what the form shows.
        """
        record.check_askable()
        media = media_of_form(form, record, order)
        pieces = self._fill(form, record, order)
        content: tuple[Content, ...] = lay_out(
            self.spec, form, pieces, media, engine_kind, self.frame_rule(form)
        )
        messages = [Message("user", content)]
        if self.spec.system:
            messages.insert(0, Message("system", (TextContent(self.spec.system),)))
        kwargs = self.spec.chat_template_kwargs
        return Ask(
            messages=tuple(messages),
            choices=form.choices if choose else (),
            sampling=Sampling(max_tokens=form.max_tokens, stop_after=form.stop_after),
            extra=(("chat_template_kwargs", dict(kwargs)),) if kwargs else (),
        )

    def _fill(self, form: Form, record: Record, order: tuple[str, ...]) -> list[str]:
        """The template's pieces: text at even places, names of inline media at odd ones.

        All placeholders are replaced in one pass, so that a caption holding ``{Q}`` or ``<1>``
        stays what it is.
        """
        words = {"P": record.text, "Q": record.text, "I": record.text}
        used = set(_PLACEHOLDER.findall(form.template))
        for name, place in (("A1", 0), ("A2", 1), ("R", 0)):
            if name in used:
                words[name] = record.candidate(order[place]).text
                if not words[name].strip():
                    raise InputError(
                        f"record {record.id}: candidate {order[place]!r} has no text; "
                        f"{form.task} judges answers in words"
                    )
        marks = [form.template]
        if form.media_place == "inline":
            marks = re.split(r"<(prompt|source|1|2)>", form.template)
        return [
            piece if at % 2 else _PLACEHOLDER.sub(lambda m: words[m.group(1)], piece)
            for at, piece in enumerate(marks)
        ]

    # Reading --------------------------------------------------------------------------------

    def read(
        self, form: Form, reply_text: str | None, finish_reason: str | None = "stop",
        prompt: str = "",
    ) -> Reading:  # fmt: skip
        """How ``reply_text`` is read; never raises for any text. ``prompt`` is ``ask.text``."""
        if finish_reason == "length":
            return Reading(status="truncated", reason="the reply ends at its token limit")
        if finish_reason == "content_filter":
            return Reading(status="refused", reason="the server's content filter stopped the reply")
        if reply_text is None or not reply_text.strip():
            return unparsed("the reply is empty")
        if len(reply_text) > MAX_REPLY_CHARS:
            return unparsed(f"the reply has {len(reply_text):,} characters, more than a judge says")
        try:
            reading = self.readers[form.reader](reply_text, form, prompt)
        except Unread as unread:
            reading = unparsed(unread.reason)
        if reading.status == "unparsed" and looks_refused(reply_text):
            return Reading(status="refused", reason="the reply declines to judge")
        return reading

    def labels(self, form: Form, name: str) -> tuple[str, ...]:
        """The ways ``name``'s number is written, whose probabilities an expected score is of:
        the form's own choices, the family's, or the whole numbers of an integer scale; none
        where nobody told."""
        from unireward.families.expect import numbers_of_choices, whole_labels
        from unireward.families.registry import labels_of

        if numbers_of_choices(form):
            return form.choices
        told = labels_of(self.name)
        return told(form, name) if told is not None else whole_labels(form, name)

    # Identity -------------------------------------------------------------------------------

    @property
    def prompt_id(self) -> str:
        """``own:`` or ``official:`` and 8 hex digits of the sha256 of all its texts."""
        origins = {form.origin for form in self.spec.forms}
        origin = "official" if origins == {"official"} else "own"
        return (
            f"{origin}:{_digest([self.spec.system or '', *(f.template for f in self.spec.forms)])}"
        )

    def form_prompt_id(self, form: Form) -> str:
        """The same of one form's text alone."""
        return f"{form.origin}:{_digest([self.spec.system or '', form.template])}"


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:8]
