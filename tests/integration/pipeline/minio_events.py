"""A fake of the sender: events as MinIO writes them to a Redis and to a RabbitMQ."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import amqp
import redis

from tests.support.services import RabbitmqServer, RedisServer

_AT = "2026-11-29T08:00:00.000Z"
_PUT = "s3:ObjectCreated:Put"


def record(bucket: str, key: str) -> dict[str, Any]:
    """The record of a new object."""
    return {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "awsRegion": "",
        "eventTime": _AT,
        "eventName": _PUT,
        "userIdentity": {"principalId": "camera"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "Config",
            "bucket": {"name": bucket, "ownerIdentity": {}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": quote_plus(key), "size": 9, "eTag": "e", "sequencer": "1"},
        },
        "source": {"host": "127.0.0.1", "port": "", "userAgent": "camera"},
    }


class ToRedis:
    """``notify_redis`` with ``format=access``: a list."""

    def __init__(self, server: RedisServer, name: str) -> None:
        self.server, self.url, self.name = server, server.url, name
        self.client: Any = redis.Redis.from_url(server.url)

    def send(self, bucket: str, key: str) -> None:
        """As the list's format wants."""
        self.send_text(json.dumps([{"Event": [record(bucket, key)], "EventTime": _AT}]))

    def send_text(self, body: str) -> None:
        """Append to the list."""
        self.client.rpush(self.name, body)

    def waiting(self) -> int:
        """The length of the list."""
        return int(self.client.llen(self.name))

    def close(self) -> None:
        """Remove the list."""
        self.server.start()
        self.client.delete(self.name)
        self.client.close()


class ToRabbitmq:
    """``notify_amqp`` with ``exchange_type=fanout durable=on``."""

    def __init__(self, server: RabbitmqServer, name: str, exchange: str = "") -> None:
        self.server, self.url, self.name = server, server.url, name
        self.exchange = exchange or name

    def channel(self) -> Any:
        """A channel of a new connection, which ends with this process."""
        connection = amqp.Connection(f"127.0.0.1:{self.server.port}", connect_timeout=5)
        connection.connect()
        return connection.channel()

    def send(self, bucket: str, key: str) -> None:
        """As the webhook's message."""
        body = {"EventName": _PUT, "Key": f"{bucket}/{key}", "Records": [record(bucket, key)]}
        self.send_text(json.dumps(body))

    def send_text(self, body: str) -> None:
        """Declare the exchange and publish, as MinIO does for each event."""
        channel = self.channel()
        channel.exchange_declare(self.exchange, "fanout", durable=True, auto_delete=False)
        channel.confirm_select()
        channel.basic_publish_confirm(amqp.Message(body, delivery_mode=2), exchange=self.exchange)
        channel.connection.close()

    def waiting(self) -> int:
        """Messages that are ready in the queue."""
        channel = self.channel()
        declared = channel.queue_declare(self.name, passive=True)
        channel.connection.close()
        return int(declared.message_count)

    def close(self) -> None:
        """Remove the queue and the exchange."""
        self.server.start()
        channel = self.channel()
        channel.queue_delete(self.name)
        channel.exchange_delete(self.exchange)
        channel.connection.close()


Sender = ToRedis | ToRabbitmq
