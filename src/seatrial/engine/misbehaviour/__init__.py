"""What goes wrong on purpose: by flag from the start, by ``/misbehave`` at run time, by header for one request."""
