"""seatrial: sea trials for multi-node LLM deployments on Kubernetes."""

__version__ = "0.1.0"
