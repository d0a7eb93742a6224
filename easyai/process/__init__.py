"""What a process reports about itself: that it lives, works, or has to end."""
