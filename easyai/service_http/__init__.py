"""HTTP to algorithm services: the addresses called, the bounds of answers, why calls fail."""
