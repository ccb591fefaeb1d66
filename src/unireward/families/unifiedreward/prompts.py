"""The prompts of the 1.0 generation, in our own words.

Placeholders, media order, last lines and reply grammar are those the checkpoints were trained
with; the sentences are not. No prompt holds anything that its own reader would take for a reply
(a test reads each of them).
"""

from __future__ import annotations


def rank_generation(noun: str, than: bool, opening: str) -> str:
    """Two images or videos against one caption; ``than`` is the LLaVA checkpoints' grammar."""
    first, second = f"{noun.capitalize()} 1", f"{noun.capitalize()} 2"
    if noun == "image":
        second_point = (
            "2. Quality of the picture: clean rendering, believable structure, light and colour, "
            "and how pleasing the whole is."
        )
    else:
        second_point = (
            "2. Quality of the clip: sharp frames, smooth and believable motion, things that keep "
            "their look over time, and how pleasing the whole is."
        )
    one = f'"{first} is better than {second}."' if than else f'"{first} is better"'
    two = f'"{second} is better than {first}."' if than else f'"{second} is better"'
    tie = f'"Both {noun}s are equally good{"." if than else ""}"'
    return (
        f"{opening} Two {noun}s made from the same caption are shown, {first} and then {second}. "
        f"Decide which of them serves the caption better. Weigh two things:\n"
        f"1. Fit to the caption: are its things, their attributes, numbers, actions and relations "
        f"there, and is nothing in conflict with it?\n"
        f"{second_point}\n"
        f"Reply with one line and nothing else: {one}, {two}, or {tie} when neither is ahead.\n"
        f"The caption is this one.\n"
        f"Text Caption: [{{P}}]"
    )


def score_image(top: int) -> str:
    """Element lines, then ``Final Score:`` from 1 to ``top``."""
    return (
        "You grade pictures that were made from a caption. Look at the picture shown and weigh "
        "two things:\n"
        "1. Fit to the caption: take the caption apart into its elements (things, attributes, "
        "actions, places, counts) and check each one.\n"
        "2. Quality of the picture: clean rendering, believable structure, pleasing look.\n"
        "Write one line for each element as `element (type): v`, where v is one if the picture "
        "shows it and zero if not. "
        f"Then close with a line `Final Score: n`, n being a whole number from 1 to {top}, where "
        f"{top} is a faultless picture of the whole caption.\n"
        "Text Caption: [{P}]"
    )


WORDS = (
    "You grade pictures that were made from a caption, down to its single words.\n"
    "First give each word of the caption a number for how badly the picture shows it: the higher "
    "the number, the worse that word is represented. Add the entry [No_mistakes] as the last one; "
    "it speaks for the case that no word went wrong. Write the list as JSON pairs:\n"
    'Word-wise Scores: [["word", number], ..., ["[No_mistakes]", number]]\n'
    "\n"
    "After an empty line grade the whole picture from one to five, decimals allowed, in three "
    "lines whose labels are exactly these: `Alignment Score (1-5)` for how well the caption is "
    "met, `Coherence Score (1-5)` for freedom from distortion and broken structure, and "
    "`Style Score (1-5)` for the look whatever the caption says. A colon and the grade follow "
    "each label.\n"
    "Text Caption: [{P}]"
)

ACS = (
    "You grade a picture that was made from a caption. Give three grades from one to five, "
    "decimals allowed:\n"
    "- alignment: how much of the caption the picture shows, and shows rightly;\n"
    "- coherence: how sound its structure is, free of distortion and stray artefacts;\n"
    "- style: how good it looks, whatever the caption says.\n"
    "Reply with three lines and nothing else. Their labels are, in this order, "
    "`Alignment Score (1-5)`, `Coherence Score (1-5)` and `Style Score (1-5)`; a colon and the "
    "grade follow each label.\n"
    "Text Caption: [{P}]"
)

SCORE_VIDEO = (
    "You grade clips that were made from a prompt. Watch the clip and give each of these five "
    "properties a grade of 1, 2, 3 or 4 (bad, fair, good, perfect):\n"
    "- visual quality: how clear and clean the frames are;\n"
    "- temporal consistency: how steady things and scenery stay from frame to frame;\n"
    "- dynamic degree: how much the clip really moves;\n"
    "- text-to-video alignment: how well it follows the prompt;\n"
    "- factual consistency: how well it agrees with common sense and facts.\n"
    "Reply with one line for each, its name, a colon and the grade, in this order. Then close "
    "with a line `Final Score: n`, n being a whole number from 1 to 10 for the clip as a whole.\n"
    "Text Prompt: [{P}]"
)

_FACTORS = (
    "1. things: are the objects it speaks of the ones that are there?\n"
    "2. relations: does it place and relate them rightly?\n"
    "3. attributes: are colour, number, size, text and the like right?\n"
    "4. helpfulness: does it answer what was asked, fully and clearly?\n"
    "5. ethics: is it free of harm, bias and private matters?\n"
)

RANK_IMAGE_UNDERSTANDING = (
    "You compare two answers to a question about the picture shown. Weigh five factors:\n"
    f"{_FACTORS}"
    'Reply with one line and nothing else: "Answer 1 is better" or "Answer 2 is better".\n'
    "Question: {Q}\n"
    "Answer 1: {A1}\n"
    "Answer 2: {A2}\n"
)

CRITIC_IMAGE_UNDERSTANDING = (
    "You are a fair critic of answers about pictures. Two responses to one question about the "
    "picture shown follow. Say in your own words how they differ, weighing these factors:\n"
    f"{_FACTORS}"
    "Be led neither by length nor by the order in which the responses stand. End with a sentence "
    'that names the better one, either "The first response is better" or "The second response is '
    'better".\n'
    "Question: [{Q}] The first response: [{A1}] The second response: [{A2}]"
)

SCORE_IMAGE_UNDERSTANDING = (
    "You grade an answer to a question about the picture shown. Weigh five factors:\n"
    f"{_FACTORS}"
    "Explain your view in a few sentences. Then close with a line `Final Score: n`, n being a "
    "whole number from 0 to 100, where 100 is an answer that cannot be bettered.\n"
    "Question: [{Q}] Response: [{R}]"
)

RANK_VIDEO_UNDERSTANDING = (
    "You compare two answers to a question about the video shown. Weigh four criteria: Accuracy "
    "(does it agree with the video?), Completeness (is all that matters said?), Clarity (is it "
    "easy to follow?) and Relevance (does it keep to the question?).\n"
    "Go through the criteria one after the other. There is no tie: name one answer in the end. "
    "Close with one line that begins with `Overall Judgment`, a colon, and then either "
    '"Answer 1 is better than Answer 2." or "Answer 2 is better than Answer 1."\n'
    "Question: {Q}\n"
    "Answer 1: {A1}\n"
    "Answer 2: {A2}\n"
)

SCORE_VIDEO_UNDERSTANDING = (
    "You grade an answer to a question about the video shown. Weigh five factors:\n"
    "1. accuracy: does it agree with what the video shows?\n"
    "2. relevance: does it answer this question?\n"
    "3. detail: are the things, actions and their order right?\n"
    "4. helpfulness: is it clear and complete?\n"
    "5. ethics: is it free of harm, bias and private matters?\n"
    "Explain your view in a few sentences. Then close with a line `Final Score: n`, n being a "
    "whole number from 1 to 5, where 5 is an answer that cannot be bettered.\n"
    "Question: [{Q}] Response: [{R}]"
)
