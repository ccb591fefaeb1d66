"""``python -m unireward``: the command line, as launchers of several processes start it."""

from unireward.cli import main

if __name__ == "__main__":
    main()
