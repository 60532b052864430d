"""`python -m seatrial` is the `seatrial` command."""

import sys

from seatrial.cli import main

if __name__ == "__main__":
    sys.exit(main())
