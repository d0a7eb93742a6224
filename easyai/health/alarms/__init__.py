"""System alarms: when one is raised, its words, who is told, what is recorded."""
