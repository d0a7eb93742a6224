"""Faults of settings: the places, then the problems and remedies, which stand inside a place."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

PLACES: Final = (
    # Translators: {faults} are texts below.
    message("settings.file", "{path}: {faults:sentences}"),
    message("settings.variable", "{variable}: {faults:sentences}"),
    message("settings.key", "{key}: {faults:sentences}"),
    message("settings.faults", "{faults:sentences}"),
    plural("settings.more_faults", "{n} more mistake", "{n} more mistakes"),
    # Translators: {fault} is a text below, {value} the value in the file.
    message("settings.got", "{fault} (got {value})"),
    message("settings.last_good", "{fault}; the last good settings are taken from {copy}"),
    message(
        "settings.with_defaults",
        "{fault}; the report uses the default of a key whose value does not fit",
    ),
    message(
        "settings.misspelt", "{key} is no key of easyai and has no effect; did you mean {meant}?"
    ),
)

FILES: Final = (
    message("settings.no_file", "no such file; set EASYAI_CONFIG to another file"),
    message(
        "settings.file_forbidden",
        "no permission to read it; run the command as the user who runs easyai, or let this user "
        "read the file and enter its folder",
    ),
    message("settings.no_text", "cannot be read as UTF-8 text: {error}"),
    message("settings.emptied", "has been emptied; write the settings again"),
    message("settings.no_toml", "not valid TOML: {error}"),
    message("settings.no_json", "not valid JSON: {error}"),
    # Translators: {key} is a part of a variable's name.
    message("settings.no_table", "'{key}' in the file is not a table"),
    message("settings.value_unreadable", "{path} cannot be read: {error}"),
    message("settings.value_empty", "{path} is empty; write the value into it"),
    message("settings.not_kept", "cannot keep {name} there: {error}"),
    message(
        "settings.names_not_utf8",
        "names of files would be read as {encoding}, the encoding of this locale, and folders with "
        "Chinese names would never be found; set {variable}=1 in the environment of this process "
        "and start it again",
    ),
)

VALUES: Final = (
    # Translators: {kind} is one of the next texts.
    message("settings.takes", "takes {kind:word takes}, such as {example}"),
    message("takes.int", "a whole number"),
    message("takes.float", "a number"),
    message("takes.string", "a text in quotes"),
    message("takes.path", "a path in quotes"),
    message("takes.list", "a list"),
    message("takes.host_names", "a list of host names"),
    message("settings.takes_sampling", 'takes "auto" or a whole number from 1 to 10000'),
    message("settings.takes_tables", "takes tables, each written {example}"),
    message("settings.takes_table", "takes a table, written {example}"),
    message("settings.takes_one_of", "takes one of {values:list}"),
    message("settings.takes_bool", "takes true or false"),
    message("settings.at_least", "must be at least {limit:.15g}"),
    message("settings.above", "must be above {limit:.15g}"),
    message("settings.at_most", "must be at most {limit:.15g}"),
    message("settings.below", "must be below {limit:.15g}"),
    message("settings.not_valid", "is not valid: {error}"),
    message(
        "settings.no_host_name",
        '{name} is no host name; leave out scheme, port and path: "easyai.example.com", or '
        '"*.example.com" for all names below',
    ),
    message("settings.no_http_url", "must start with http:// or https://"),
    message(
        "settings.no_link",
        "must be an address that browsers open, such as http://HOST:5555 or https://HOST/flower/, "
        "without user and password",
    ),
    message(
        "settings.no_events_url",
        "must be the address of a Redis, redis://:password@host:6379/0, or of a RabbitMQ, "
        "amqp://user:password@host:5672/",
    ),
    message(
        "settings.no_listen_address",
        "must be an address with a port, such as ':5066' or '127.0.0.1:5066'",
    ),
    message(
        "settings.no_rate",
        'must be frames per second, minute or hour, such as "30/s" or "100/m"',
    ),
    message(
        "settings.type_named_twice",
        "names {name} twice, in two Unicode forms (NFC and NFD) of the same task type, with "
        "different keys; keep one of the tables",
    ),
    message("settings.no_folder_of_store", "must be a folder below the store, such as 'alerts/'"),
    message("settings.no_network", '{error}; write networks such as "192.168.1.0/24"'),
    message(
        "minio.goes_with_secret_key",
        "goes together with secret_key; set both, or neither for a public bucket",
    ),
    message("minio.no_bucket_name", "not a bucket's name: {name}"),
    # Translators: {problem} is the next text, or words of the object store's library.
    message(
        "minio.no_endpoint",
        "{problem}: {endpoint}; give host:port alone, for example 127.0.0.1:9000",
    ),
    message("minio.no_host", "not a host"),
)

ADDRESSES: Final = (
    message("settings.use", "use {example}"),
    message("settings.use_either", "use {first} or {second}"),
    # Translators: {remedy} is one of the two texts above.
    message("settings.encoded", "{remedy}, with @ : / in the password written as %40 %3A %2F"),
    message("settings.no_url", "not a URL"),
    message("settings.no_broker", "the scheme before :// is no supported broker"),
    message("settings.no_redis_number", "after the host goes the number of a Redis database"),
    message("settings.broker_parameter", "an option after ?: {why}; see docs/brokers.md"),
    message("settings.broker_library_missing", "the library of this broker is not installed"),
    message(
        "parameter.keyfile_alone", "ssl_keyfile needs ssl_certfile, the file of the certificate"
    ),
    message("parameter.takes", "{name} takes {first} or {second}"),
    message("settings.no_database_url", "not a database URL"),
    message("settings.no_database_family", "{family} is not supported"),
    message("settings.no_driver", "this driver is not supported"),
    message(
        "settings.no_database_file",
        "names no file, so that each process would have a database of its own",
    ),
    message(
        "settings.path_too_long",
        "the path of the database has {size} bytes, and SQLite takes {limit} at most; use a "
        "shorter path",
    ),
    message("settings.second_at", "has several @"),
    message("settings.no_host_no_database", "names no host and no database"),
    message("settings.no_port", "the port is no number up to {limit}"),
    message("settings.no_postgres_option", "an option after ? is no option of PostgreSQL"),
    # Translators: {problem} is one of the next texts.
    message(
        "settings.mq_address",
        "ai_analysis.mq_address {problem}; for ai_analysis.mq_type {kind} it is written {example}",
    ),
    message("mq_address.not_set", "is not set"),
    message("mq_address.of_no_bus", "is no address of {kind}"),
    message("mq_address.no_port", "lacks a port or has a wrong port"),
    message("mq_address.no_url", "is not a URL"),
    message("mq_address.no_url_no_host", "is neither a URL nor host:port"),
    message("mq_address.no_host", "has no host or a wrong port"),
    message(
        "mq_address.several_hosts",
        "names several hosts, and alerts go to a single host: name that host, or an address "
        "that moves to the host that works",
    ),
    message("mq_address.parameter", "has a wrong parameter: {why}"),
)

INSTALLATIONS: Final = (
    message("installation.without_file", "{url}, data {folder}"),
    message("installation.with_file", "{url}, data {folder}, settings {file}"),
    message("installation.ended", "{installation} (its `up` does not run)"),
    message("installation.choice", "  {variable}   {installation}"),
    message(
        "installation.several_run",
        "several installations run on this machine; put one of these variables before the "
        "command:\n{choices:lines}",
    ),
    message(
        "installation.several_known",
        "several installations are known, none of which runs, on this machine; put one of these "
        "variables before the command:\n{choices:lines}",
    ),
)

SETTINGS: Final = (*PLACES, *FILES, *VALUES, *ADDRESSES, *INSTALLATIONS)
