"""Real parts for tests: servers, an algorithm service, easyai as a user starts it."""
