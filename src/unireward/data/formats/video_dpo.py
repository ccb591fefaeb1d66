"""``video-dpo``: a caption, the chosen and the rejected video.

``{id, caption, chosen, rejected}`` with paths, and ``chosen_score`` and ``rejected_score`` (as
text or numbers): what UnifiedReward's ``VideoDPO/sift_dpo_data.py`` writes and its
``VideoDPO/data/video_data.py`` reads (``dpo_data.json``). A caption may stand in a list of one.
The chosen video becomes candidate ``a``, the rejected one ``b``; the scores were given on 1 to
10.
"""

from __future__ import annotations

from unireward.data import fields as f
from unireward.data.conversation import payload, preferred
from unireward.data.converter import Format, Row, RowError, Source, register
from unireward.data.formats.diffusion_dpo import caption_of, only_media
from unireward.media.source import VIDEO_SUFFIXES
from unireward.record import Label, Record


def read(row: Row, source: Source) -> Record:
    caption = f.require(row, "caption")
    if isinstance(caption, list) and len(caption) == 1:
        caption = caption[0]
    scores = {
        who: {"overall": f.number(row, field, 1, 10)}
        for who, field in (("a", "chosen_score"), ("b", "rejected_score"))
        if f.present(row, field)
    }
    if len(scores) == 2 and scores["a"]["overall"] < scores["b"]["overall"]:
        raise RowError("chosen_score is below rejected_score; swap the videos or mend the scores")
    label = f.pair("a")
    if scores:
        label = Label(ranking=label.ranking, scores=scores, scales={"overall": (1, 10)})
    return f.build(
        source.task or "video_generation",
        [f.as_text(caption, "caption")],
        [
            f.candidate(name, f.video(f.require(row, field), field, source))
            for name, field in (("a", "chosen"), ("b", "rejected"))
        ],
        label,
        id=f.own_id(row),
        meta={"source": "video-dpo"},
    )


def write(record: Record) -> list[Row]:
    pairs = preferred(record)
    caption = caption_of(record)
    rows = []
    for at, (better, worse) in enumerate(pairs, start=1):
        paths = [payload(only_media(candidate, "video")) for candidate in (better, worse)]
        if not all(isinstance(path, str) for path in paths):
            raise RowError("a video of frames or bytes has no place here; save it as one file")
        rows.append(
            {
                "id": record.id if len(pairs) == 1 else f"{record.id}-{at}",
                "caption": caption,
                "chosen": paths[0],
                "rejected": paths[1],
                **_scores(record, better.id, worse.id),
            }
        )
    return rows


def _scores(record: Record, better: str, worse: str) -> Row:
    """The overall scores where both have one on 1 to 10."""
    label = record.label
    if label is None or not label.scores or (label.scales or {}).get("overall") != (1, 10):
        return {}
    found = {
        name: label.scores.get(who, {}).get("overall")
        for name, who in (("chosen_score", better), ("rejected_score", worse))
    }
    return {} if None in found.values() else found


def fits(row: Row) -> bool:
    paths = [row.get("chosen"), row.get("rejected")]
    return "caption" in row and all(
        isinstance(path, str) and path.lower().endswith(tuple(VIDEO_SUFFIXES)) for path in paths
    )


register(
    Format(
        name="video-dpo",
        summary="caption, chosen and rejected video (VideoDPO)",
        read=read,
        write=write,
        fits=fits,
    )
)
