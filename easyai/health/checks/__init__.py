"""Named checks of easyai's dependencies; the API, the command line and the watchdog share them."""
