"""What a pair of towers is shown: the caption as it stands, and the picture or the frames.

Of a question about a picture the answer alone is read, as the caption that it is to these
models: they know no questions.
"""

from __future__ import annotations

from unireward.families.spec import FamilySpec, Form


def _form(task: str, template: str, shown: str) -> Form:
    return Form(
        task=task,
        mode="score",
        template=template,
        media=(shown,),
        reader="numbers",
        max_tokens=1,
    )


SPECS: tuple[FamilySpec, ...] = (
    FamilySpec(
        name="two-tower",
        summary="CLIP, SigLIP, PickScore and their kin: how near text and picture are",
        forms=(
            _form("image_generation", "{P}", "1"),
            _form("video_generation", "{P}", "1"),
            _form("image_understanding", "{R}", "prompt"),
            _form("video_understanding", "{R}", "prompt"),
        ),
        frames="uniform:8",
    ),
)
