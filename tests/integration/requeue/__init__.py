"""Requeueing failed frames, on both databases."""
