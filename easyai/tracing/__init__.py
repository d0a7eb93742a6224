"""OpenTelemetry traces of frames' journeys; neither on nor imported unless variables ask.

Nothing here waits for a collector. The work records data for traces, a separate thread makes spans
of the data, and OpenTelemetry's thread sends the spans.
"""
