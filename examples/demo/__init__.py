"""The demo: easyai with its example services on real photographs, every frame's fate checked."""
