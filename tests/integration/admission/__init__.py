"""Parking, overload, retention and sampling."""
