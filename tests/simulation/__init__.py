"""A deterministic simulation of the whole: one seed is one run (`make simulate`)."""
