"""A model of the size of an installation for a fleet of cameras, and checks of the model."""
