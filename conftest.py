"""A checkout works without being installed as a plugin; everything else lives in the package."""

pytest_plugins = ["seatrial.plugin"]
