"""What a process says of itself, so that another one knows it again."""
