"""What the API server and the LWS webhooks make of each object."""
