"""Whether inference goes on, why not, and who is told."""
