"""Files of a reward model: how one is started, saved and loaded."""

from __future__ import annotations
