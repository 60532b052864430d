"""``python3 -m seatrial.engine``."""

from seatrial.engine.command import main

raise SystemExit(main())
