"""Where frames live: one interface, a local folder or an object store behind it."""
