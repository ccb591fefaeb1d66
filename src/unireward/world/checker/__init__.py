"""The world's own checker: what a picture or clip shows, and which stated facts hold in it.

The truth of a generator that draws this world comes from here and from no judge: pixels are
explained by the world's own masks (analysis by synthesis), with no learned weight.

>>> checked = check(pixels, spec)                # uint8 [32, 32, 3]; world.scene.sample_spec
>>> checked.exact, checked.alignment, checked.holds("colour")
>>> check_clip(frames, spec).physics             # uint8 [8, 32, 32, 3]: (), or ("jump",)
>>> see(pixels).things                           # what stands there, said or not
"""

from unireward.world.checker.clip import CheckedClip, check_clip
from unireward.world.checker.picture import see
from unireward.world.checker.seen import Seen, SeenThing
from unireward.world.checker.verdict import Checked, CheckedFact, check

__all__ = [
    "Checked", "CheckedClip", "CheckedFact", "Seen", "SeenThing", "check", "check_clip", "see",
]  # fmt: skip
