"""Preview: exactly what is sent for a record, for a person to read.

Text stands as it is sent; each picture is a line of its own in angle brackets with its pixel
size as sent, and where it is a frame, which one of which clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unireward.ask import Ask, ImageContent, TextContent, VideoContent
from unireward.families.layout import LLAVA_SIZE
from unireward.families.spec import Form
from unireward.media import Image, Video
from unireward.record import Part, Record
from unireward.rewards.flow import mode_of
from unireward.rewards.handles import with_handles
from unireward.rewards.question import Question, count_questions, questions_of

if TYPE_CHECKING:
    from unireward.rewards.face import Face

SHOWN_ASKS = 4
"""Of a large ranking only the first asks are printed, and how many more there are."""


def preview(judge: Face, record: Record, mode: str | None) -> str:
    """The asks of ``record`` as text. Raises what is wrong with the record."""
    chosen = mode_of(record, mode)
    forms = judge.forms(record, chosen)
    record = with_handles(record)
    total = count_questions(len(record.candidates), forms, judge.both_orders)
    shown = max(SHOWN_ASKS, len(forms) * len(record.candidates))
    blocks = []
    for number, question in enumerate(questions_of(record, forms, judge.both_orders), start=1):
        if number > shown and total > shown:
            blocks.append(f"... and {total - shown:,} more asks of the same kind")
            break
        ask = judge.ask(record, question)
        blocks.append(_block(judge, record, question, ask, f"ask {number} of {total:,}"))
    return "\n\n".join(blocks) + "\n"


def _block(judge: Face, record: Record, question: Question, ask: Ask, title: str) -> str:
    form = f", form {question.label}" if question.label else ""
    labels = _labels(judge, record, question.form)
    lines = [
        f"== {title}: {question.form.mode} of {', '.join(question.order)}{form}",
        f"   judge {judge.name}, family {judge.family.id}, prompt "
        f"{judge.family.form_prompt_id(question.form)}",
    ]
    for message in ask.messages:
        lines.append(f"[{message.role}]")
        number = 0
        for part in message.content:
            if isinstance(part, TextContent):
                lines.append(part.text)
                continue
            number += 1
            lines.append(_medium(part, number, labels))
    sampling = ask.sampling
    lines.append(
        f"[sampling] temperature {sampling.temperature:g}, seed {sampling.seed}, at most "
        f"{sampling.max_tokens:,} new tokens"
    )
    if ask.choices:
        lines.append(f"[choices] {' | '.join(ask.choices)}")
    return "\n".join(lines)


def _medium(part: ImageContent | VideoContent, number: int, labels: dict[str, str]) -> str:
    if isinstance(part, VideoContent):
        frames = part.video.frames(part.rule)
        indices = ", ".join(str(index) for index in frames.indices)
        sizes = _sizes(frames.images[0], part.max_pixels)
        return f"<video {number}: {_name(part.video)}, {part.rule}, frames {indices}, {sizes}>"
    label = labels.get(part.image.digest) or _name(part.image)
    return f"<image {number}: {label}, {_sizes(part.image, part.max_pixels)}>"


def _sizes(image: Image, max_pixels: int | None) -> str:
    width, height = image.size
    if max_pixels is None or width * height <= max_pixels:
        return f"{width}x{height} px"
    sent = image.fit(max_pixels).size
    return f"{width}x{height} px sent as {sent[0]}x{sent[1]}"


def _name(media: Image | Video) -> str:
    return str(media.path) if media.path is not None else "in memory"


def _labels(judge: Face, record: Record, form: Form) -> dict[str, str]:
    """Digest of each picture and frame, as it is and as the layout resizes it -> its name."""
    rule = judge.family.frame_rule(form)
    sizes = {size for size in (judge.family.spec.resize, LLAVA_SIZE) if size is not None}
    labels: dict[str, str] = {}
    for owner, part in _media_parts(record):
        media = part.load()
        shown: list[tuple[Image, str]] = []
        if isinstance(media, Image):
            shown.append((media, f"{owner}, {_name(media)}"))
        else:
            frames = media.frames(rule)
            for image, index, time in zip(frames.images, frames.indices, frames.times):
                name = f"{owner}, {_name(media)} frame {index} ({time:.2f} s, {rule})"
                shown.append((image, name))
        for image, name in shown:
            labels.setdefault(image.digest, name)
            width, height = image.size
            for size in sizes:
                resized = Image(image.load().resize(size))
                labels.setdefault(resized.digest, f"{name} of {width}x{height} px resized")
    return labels


def _media_parts(record: Record) -> list[tuple[str, Part]]:
    parts = [(part.role or "prompt", part) for part in record.prompt]
    parts += [(c.id, part) for c in record.candidates for part in c.content]
    return [(owner, part) for owner, part in parts if part.type != "text"]
