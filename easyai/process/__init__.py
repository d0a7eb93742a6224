"""Reports of a process about itself: that it lives, works, or has to end."""
