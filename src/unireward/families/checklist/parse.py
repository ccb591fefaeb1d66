"""Each question of a checklist is answered as the one of ``yes-no`` is."""

from unireward.families.yes_no.parse import READERS

__all__ = ["READERS"]
