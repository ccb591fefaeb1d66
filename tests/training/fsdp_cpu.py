"""``python -m tests.training.fsdp_cpu train CONFIG``: the command line with FSDP on CPUs.

accelerate turns FSDP on for accelerators only, though PyTorch's own runs on CPUs as well (gloo).
Told that it is on, accelerate's code for it does what it does on accelerators.
"""

from __future__ import annotations

import sys
from typing import Any

from accelerate import state
from accelerate.utils import DistributedType

_begin = state.AcceleratorState.__init__


def _with_fsdp(self: Any, *args: Any, **kwargs: Any) -> None:
    _begin(self, *args, **kwargs)
    plugin = kwargs.get("fsdp_plugin") or self._shared_state.get("fsdp_plugin")
    if plugin is not None:
        self.distributed_type = DistributedType.FSDP
        self.fsdp_plugin = plugin


if __name__ == "__main__":
    from unireward.cli import main

    state.AcceleratorState.__init__ = _with_fsdp
    main(sys.argv[1:])
