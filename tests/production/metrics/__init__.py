"""A real Prometheus scrapes a working installation (`make production`)."""
