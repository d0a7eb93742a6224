"""The configuration: every key, where its value comes from, and what is wrong with it.

- ``schema``: the tables, keys, ranges and defaults; all tables are imported from there
- ``source``: ``load`` and ``SettingsSource``, the settings in force
- ``partial``: the settings for those who look at an installation with a mistake
- ``file``, ``last_good``: the text of the file, the variables that win over it, the copy
- ``addresses``, ``server_url``, ``server_tls``: which addresses can be used, what stands in them
- ``explain``, ``predecessor``, ``left_behind``: mistakes and unknown keys, in sentences
- ``installations``, ``commands``: which installations this machine has, and commands that find them
"""
