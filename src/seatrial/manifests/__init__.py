"""Manifests as the API server, the kubelet, bash and the engine's argument parser will read them."""
