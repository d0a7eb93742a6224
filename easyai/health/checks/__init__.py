"""Named checks of what easyai depends on; the API, the command line and the watchdog share them."""
