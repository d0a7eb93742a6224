"""Why inference does not go on: symptom, causes, timeline, report."""
