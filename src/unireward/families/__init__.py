"""Families: how judges are asked and how their replies are read."""

from unireward.families.family import Family
from unireward.families.registry import (
    families_that_can,
    family_of_repository,
    get_family,
    list_families,
    parse_reply,
    readers_of,
)
from unireward.families.spec import FamilySpec, Form, Reader, Reading, Scale

__all__ = [
    "Family",
    "FamilySpec",
    "Form",
    "Reader",
    "Reading",
    "Scale",
    "families_that_can",
    "family_of_repository",
    "get_family",
    "list_families",
    "parse_reply",
    "readers_of",
]
