"""SGLang's metrics, by its names, in Prometheus' text format."""
