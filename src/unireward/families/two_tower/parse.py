"""The towers' reply is a line of JSON, as a head's is."""

from unireward.families.head.parse import READERS

__all__ = ["READERS"]
