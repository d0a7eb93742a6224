"""The SDK, over real HTTP on the loopback interface."""
