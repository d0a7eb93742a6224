"""What a process says of itself: that it lives, works, or has to end."""
