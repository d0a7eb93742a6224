"""Who is told that something is wrong: the watchdog, what raises an alarm, who hears of it."""
