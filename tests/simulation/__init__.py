"""A deterministic simulation of the whole: a seed always gives the same run (`make simulate`)."""
