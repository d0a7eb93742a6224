"""Every environment that easyai is meant to run in, each as a row: ``make environments``.

A row starts a real ``easyai up`` in its environment, registers a service, puts a picture and
expects an alert with its picture, and a clean stop. The run writes docs/environments.md.
"""
