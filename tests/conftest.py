"""What holds for every test: a busy machine is no failure, and a gate's run can be repeated."""

import os

from hypothesis import settings

settings.register_profile("searching", deadline=None)
# With CI set the same examples are tried at every run; new ones are found on people's machines.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "searching")
