"""The prompts that 2.0 adds: three axes for clips, and pair scores."""

from __future__ import annotations

APS = (
    "You grade a clip that was made from a caption; its frames are shown in order. Give three "
    "grades from one to five, decimals allowed:\n"
    "- alignment: how much of the caption the clip shows, and shows rightly;\n"
    "- physics: how believably things move, touch, fall and keep their form;\n"
    "- style: how good it looks, whatever the caption says.\n"
    "Reply with three lines and nothing else. Their labels are, in this order, "
    "`Alignment Score (1-5)`, `Physics Score (1-5)` and `Style Score (1-5)`; a colon and the "
    "grade follow each label.\n"
    "Text Caption: [{P}]"
)


def pair_score(noun: str) -> str:
    """Three blocks of two shares, each pair of shares adding up to one."""
    name = noun.capitalize()
    return (
        f"Two {noun}s made from the same caption are shown, the first and then the second. For "
        f"each of three axes, share one point between them: two numbers from 0 to 1, decimals "
        f"allowed, that add up to one; the better {noun} has the larger share.\n"
        "- Alignment: which one shows more of the caption, and shows it rightly?\n"
        "- Coherence: which one is sounder in structure, with fewer faults"
        f"{' within and between frames' if noun == 'video' else ''}?\n"
        "- Style: which one looks better, whatever the caption says?\n"
        "Reply with three blocks and nothing else, an empty line between two blocks. The first "
        "line of a block is the axis, the word Score and a colon. The second line is one space, "
        f"`{name} 1`, a colon and its share; the third is the same for `{name} 2`.\n"
        "Text Caption: [{P}]"
    )
