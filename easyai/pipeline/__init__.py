"""A frame's journey: intake finds it, dispatch leases it, infer calls, settle decides."""
