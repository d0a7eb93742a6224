"""Real workers and beats as processes, on the embedded broker and on Redis."""
