"""Recipes: systems of the literature as short lists of stages on top of the library.

``REPRODUCTIONS`` are the claims that ``unireward reproduce NAME`` runs: a function
``(out, seeds, scale, workers, say) -> result`` whose result has ``lines()`` and ``to_dict()``. One
whose parts begin with policies takes ``bases`` too: folders by part, in place of the shipped ones.
"""

REPRODUCTIONS = {
    "unifiedreward-joint": "recipes.unifiedreward_joint.reproduce:reproduce",
    "unifiedreward-dpo": "recipes.unifiedreward_dpo.reproduce:reproduce",
    "unifiedreward-dpo-pairs": "recipes.unifiedreward_dpo.pairs:reproduce",
    "unifiedreward-dpo-pictures": "recipes.unifiedreward_dpo.pictures:reproduce",
    "unifiedreward-dpo-answers": "recipes.unifiedreward_dpo.answers:reproduce",
    "unifiedreward-dpo-clips": "recipes.unifiedreward_dpo.clips:reproduce",
}
