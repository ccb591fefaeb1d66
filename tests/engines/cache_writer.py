"""A process that writes replies into a shared cache, saying each one on stdout once it is kept.

Run as ``python cache_writer.py FILE NAME COUNT``; COUNT 0 writes until killed.
"""

from __future__ import annotations

import sys
from itertools import count

from unireward.ask import Reply
from unireward.engines.cache import ReplyCache, reply_key


def main(path: str, name: str, number: int) -> None:
    cache = ReplyCache(path)
    for turn in range(number) if number else count():
        text = f"{name} says {turn} " + "x" * 500
        cache.put_many({reply_key(name, str(turn)): Reply(text=text, finish_reason="stop")})
        print(turn, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
