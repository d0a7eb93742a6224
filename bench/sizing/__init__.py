"""How large an installation must be for a fleet of cameras: a model, and its checks."""
