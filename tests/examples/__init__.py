"""The example services, on real pictures and as programs."""
