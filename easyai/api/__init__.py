"""The HTTP API: adapters of a few lines over registry, pipeline and store."""
