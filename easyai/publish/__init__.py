"""What leaves easyai: alerts to the message bus, alarms to people."""
