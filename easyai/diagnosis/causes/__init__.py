"""Why frames are not inferred: causes found in the facts, and their rank."""
