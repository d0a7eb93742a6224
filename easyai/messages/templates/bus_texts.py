"""Why the message bus does not take alerts. {error} is always the words of a driver."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

BUS: Final = (
    # Translators: {why} is one of the texts of this list.
    message("bus.alert_refused", "alert {alert_id}: {why}"),
    message("bus.system_topic", "ai_analysis.mq_system_topic, for system alarms: {why}"),
    message("bus.no_answer", "no answer"),
    message("bus.kafka", "Kafka: {error}; see whether the brokers of ai_analysis.mq_address run"),
    message(
        "bus.kafka_after",
        "Kafka: {error} ({last_error}); see whether the brokers of ai_analysis.mq_address run",
    ),
    message("bus.kafka_refused", "Kafka: {error}"),
    message(
        "bus.kafka_topic",
        "Kafka: topic {topic}: {error}; create the topic, or let the brokers create topics "
        "(auto.create.topics.enable)",
    ),
    # Translators: {error} is the name of an error, {why} its words.
    message(
        "bus.rabbitmq",
        "RabbitMQ: {error}: {why}; see whether RabbitMQ runs and ai_analysis.mq_address has the "
        "right host, user, password and virtual host",
    ),
    message(
        "bus.rabbitmq_no_confirm",
        "RabbitMQ: TimeoutError: no confirm within {within_sec} s; see whether RabbitMQ runs and "
        "ai_analysis.mq_address has the right host, user, password and virtual host",
    ),
    message(
        "bus.rabbitmq_blocked",
        "RabbitMQ takes no messages: its memory or disk alarm is on. Let consumers empty its "
        "queues, free disk space, or raise vm_memory_high_watermark; `rabbitmq-diagnostics "
        "alarms` shows the alarm",
    ),
    message("bus.rabbitmq_queue_full", "RabbitMQ did not take the alert: a queue is full"),
    message("bus.rabbitmq_too_large", "{size_bytes:size} is more than RabbitMQ's max_message_size"),
    # Translators: {error} is the name of an error, {why} its words.
    message("bus.redis", "Redis: {error}: {why}"),
    message(
        "bus.redis_full",
        "Redis is full (maxmemory) and takes no alerts. Let consumers trim the stream {topic} "
        "(XTRIM), make room otherwise, or raise maxmemory",
    ),
    message(
        "bus.redis_no_sentinel",
        "Redis: no Sentinel names a Redis; see whether ai_analysis.mq_address has the right "
        "sentinels, master_name and sentinel_password",
    ),
    message(
        "bus.redis_no_stream",
        "Redis: the key {topic} is no stream; set ai_analysis.mq_topic (for system alarms "
        "mq_system_topic) to another name",
    ),
)
