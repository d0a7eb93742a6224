"""OpenTelemetry traces of frames' journeys; off, and not even imported, unless variables ask.

Nothing here waits for a collector. What a trace needs is noted beside the work, a thread of its own
makes spans of it, and OpenTelemetry's sends them.
"""
