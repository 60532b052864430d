"""A checkout works without being installed as a plugin; everything else lives in the package."""

import sys

# Once installed, pytest has loaded the plugin already, and run from another folder it accepts this line no more.
if "seatrial.plugin" not in sys.modules:
    pytest_plugins = ["seatrial.plugin"]
