"""Values and rules without I/O: keys, states, choice of endpoint, outcomes, alerts."""
