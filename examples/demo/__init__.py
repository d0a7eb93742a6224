"""The demo: easyai with its example services on real photographs; it checks every outcome."""
