"""The outgoing messages of easyai: alerts to the message bus, alarms to people."""
