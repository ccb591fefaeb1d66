"""Recipes: systems of the literature as short lists of stages on top of the library.

``REPRODUCTIONS`` are the claims that ``unireward reproduce NAME`` runs: a function
``(out, seeds, scale, workers, say) -> result`` whose result has ``lines()`` and ``to_dict()``.
"""

REPRODUCTIONS = {"unifiedreward-joint": "recipes.unifiedreward_joint.reproduce:reproduce"}
