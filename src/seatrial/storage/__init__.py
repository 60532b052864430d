"""Where files are: claims, mounts, and the model on its way from the hub to the engine."""
