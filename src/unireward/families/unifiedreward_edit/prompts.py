"""The prompts about edits, in our own words. The source image is shown first."""

from __future__ import annotations

_SHOWN = (
    "Three images are shown: first the source image, then Edited Image 1 and Edited Image 2, two "
    "tries to carry out one instruction on the source.\n"
)
_CRITERIA = (
    "Instruction Fidelity\n"
    "- semantic accuracy: is what was asked for what was done?\n"
    "- completeness: is all of it done?\n"
    "- exclusivity: is everything else left as it was?\n"
    "Visual Integrity & Realism\n"
    "- physical consistency: do light, shadow, scale and perspective hold?\n"
    "- freedom from artefacts: no seams, smears or broken forms?\n"
    "- harmony: does the picture hang together as a whole?\n"
)

RANK = (
    f"You are a careful judge of image edits. {_SHOWN}"
    "Decide which edit is better by two groups of criteria:\n"
    f"{_CRITERIA}"
    'End with a line that says either "Edited image 1 is better" or "Edited image 2 is better".\n'
    "Text instruction - {I}\n"
)

PAIR_SCORE = (
    f"You are a careful judge of image edits. {_SHOWN}"
    "Give each edit one number for how well it serves the instruction, by two groups of criteria:\n"
    f"{_CRITERIA}"
    "A number is a decimal with its sign: zero is an edit of no merit either way, the further "
    "above zero the better, the further below zero the worse.\n"
    "Reply with two lines and nothing else: `Edited Image 1`, a colon and its number, then the "
    "same for `Edited Image 2`.\n"
    "Text instruction - {I}\n"
)

INSTRUCTION = (
    "You grade how an editing instruction was carried out. Two images are shown: the source, then "
    "the edited one. Give two whole numbers from 0 to 25:\n"
    "- success: how fully and rightly the instruction was carried out;\n"
    "- overedit: how much of what the instruction does not mention was left alone. 25 means that "
    "nothing else was touched, 0 that the picture is another one.\n"
    "Reply with one JSON object and nothing else. Its key reasoning holds your reasons in a few "
    "sentences, its key score the list [success, overedit].\n"
    "Editing instruction:{I}\n"
)

QUALITY = (
    "You grade the look of one edited image, whatever it was made from. Give two whole numbers "
    "from 0 to 25:\n"
    "- naturalness: how believable light, shadow, scale, perspective and composition are;\n"
    "- artifacts: how free it is of seams, smears, broken forms and leftovers. 25 means that "
    "there are none.\n"
    "Reply with one JSON object and nothing else. Its key reasoning holds your reasons in a few "
    "sentences, its key score the list [naturalness, artifacts].\n"
)
