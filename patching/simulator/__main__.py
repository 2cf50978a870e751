"""`python -m patching.simulator`: the simulated AWS without Django around it."""

import sys

from patching.simulator.command_line import main

if __name__ == "__main__":
    sys.exit(main())
