"""A procedural world with exact truth: scenes, clips, edits, questions, photographs.

Everything comes from a seed, unlimited, as Records whose labels are known and not judged.
``sample_record`` and ``iter_items`` give items in memory, ``write_world`` writes files. Floors
below: ``scene`` (what is said and shown), ``render`` (pixels), ``change`` (one fact apart),
``quality`` (planted defects), ``truth`` (scores), ``words`` (the closed vocabulary).
"""
