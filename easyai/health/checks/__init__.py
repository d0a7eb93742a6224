"""Named checks of what easyai stands on: shared by API, command line and watchdog."""
