"""Object stores as they are run: SeaweedFS with credentials, many keys, faults."""
