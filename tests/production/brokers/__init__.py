"""Brokers as production has them: TLS, Sentinels, quorum queues, users with few rights."""
