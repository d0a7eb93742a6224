"""What `config check` shows of valid settings: warnings, each with its remedy, and rights."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

ANALYSIS: Final = (
    # Translators: {fault} is a fault of a setting, {why} one of the three texts "traces.…".
    message("warning.alerts_wait", "{fault}; until then alerts wait in the table"),
    message(
        "warning.alerts_kept", "{fault}; until then alerts are kept in the table and go to no bus"
    ),
    message(
        "warning.address_of_no_bus",
        "ai_analysis.mq_address is set, but mq_type is none: alerts are kept in the table and "
        "go to no bus; set mq_type to kafka, rabbitmq or redis",
    ),
    message("warning.people_not_reached", "{fault}; until then alarms do not reach these people"),
    message(
        "warning.disabled",
        "ai_analysis.enable is false: no new frame is found; set it to true",
    ),
    message(
        "warning.short_heartbeat_timeout",
        "ai_analysis.heartbeat_timeout_sec is {timeout_sec:g}, services send a heartbeat every "
        "30 s: healthy services turn suspect; use 60",
    ),
    message(
        "warning.short_lease",
        "ai_analysis.lease_sec is {lease_sec:g}: a worker that is busy for a moment loses its "
        "frames to another worker, and they are inferred twice; use 15",
    ),
    message(
        "warning.long_lease",
        "ai_analysis.lease_sec is {lease_sec:g}: the frames of a killed worker wait that long; "
        "use 15",
    ),
    message(
        "warning.paths_in_each_other",
        "ai_analysis.alert_base_path and failed_base_path lie one in the other: pictures of "
        "alerts and of failed frames mix; use alerts/ and failed/",
    ),
    message("warning.no_traces", "no traces: {why}"),
    message(
        "traces.unknown_exporter",
        "OTEL_TRACES_EXPORTER is {exporter}: easyai knows otlp, console and none",
    ),
    message(
        "traces.protocol",
        "OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}: easyai sends {ours} only; set that, and the "
        "address of the collector's HTTP port (4318)",
    ),
    message(
        "traces.not_installed",
        "OTEL_… variables ask for traces, and OpenTelemetry is not installed: "
        "pip install '.[otel]' in easyai's folder",
    ),
)

PLACES: Final = (
    message(
        "warning.store_key_not_set",
        "frame_extractor.{key} is not set, and frame_extractor.store is {store}",
    ),
    message(
        "warning.folder_hidden",
        "frame_extractor.output_dir: no permission to look at {folder}; let this user enter the "
        "folders above it",
    ),
    message(
        "warning.folder_missing",
        "frame_extractor.output_dir: {folder} does not exist; easyai makes it, but cameras that "
        "write elsewhere are not seen",
    ),
    message(
        "warning.no_folder",
        "frame_extractor.output_dir: {folder} is not a folder; frames cannot be found",
    ),
    message(
        "warning.folder_forbidden",
        "frame_extractor.output_dir: no permission to read and write {folder}; pictures cannot "
        "be moved beside their alerts nor deleted",
    ),
    message(
        "warning.only_broker_networked",
        "the database is SQLite and the broker is on the network: SQLite serves one machine "
        "only; to run workers on several machines, set easyai.database_url to a PostgreSQL "
        "database",
    ),
    message(
        "warning.only_database_networked",
        "the database is on the network and the broker is files in easyai.data_dir: workers on "
        "other machines are not woken; set easyai.broker_url to a Redis or RabbitMQ",
    ),
    message(
        "warning.data_dir_forbidden",
        "easyai.data_dir: {folder} cannot be made or written by this user; name another folder "
        "with EASYAI_DATA_DIR",
    ),
)

NETWORK: Final = (
    # Translators: {host} is an address, or the next text.
    message(
        "warning.no_public_url",
        "easyai listens on {host} and easyai.public_url is not set: picture links start with "
        "{base}, which other machines cannot open. Only links in answers of this API, and links "
        "that a worker beside it sends to services, have an address that reaches this server; "
        "links on the bus do not. Set easyai.public_url to this server's address",
    ),
    message("warning.all_interfaces", "all interfaces"),
    message(
        "warning.short_secret_key",
        "easyai.secret_key is shorter than {limit} characters: picture links can be forged; use "
        "a long random text, or leave it empty: easyai then makes it",
    ),
    message(
        "warning.short_token",
        "easyai.{name}_token is shorter than {limit} characters: it can be guessed; use a long "
        "random text, or leave it empty: easyai then makes it",
    ),
    message(
        "warning.viewer_token_without_use",
        "easyai.viewer_token is set, but easyai.viewers is open: alerts and the diagnosis need "
        'no token; set easyai.viewers to "token"',
    ),
    # Translators: {why} is one of the next texts.
    message(
        "warning.links_not_opened",
        "picture links start with {base}, {why}, but services are registered at "
        "{endpoints:names}; let [easyai] host listen on an address that they reach "
        '("::" is every address, of IPv4 and IPv6) and set easyai.public_url to it',
    ),
    message("warning.link_of_this_machine", "which only this machine can open"),
    message("warning.link_of_version", "an address of IPv{version}"),
)

RIGHTS: Final = (
    message("rights.no_other_machine", "no other machine reaches the API: easyai.host is {host}"),
    message("rights.this_machine", "programs of this machine may do everything without a token"),
    message(
        "rights.gateway",
        "other machines reach the API through a gateway on this machine (easyai.public_url "
        "names {name}): let the gateway send X-Forwarded-For, or its requests count as requests "
        "of this machine",
    ),
    # Translators: {approval} and {looked_at} are the next texts; {approval} may be empty.
    message(
        "rights.any_machine",
        "any machine that reaches port {port} may register services{approval}, send heartbeats, "
        "unregister a service from where it was registered, and look at {looked_at}, without a "
        "token",
    ),
    message("rights.approval", " (unknown services wait for approval)"),
    message("rights.open", "services, statistics, alerts and the diagnosis"),
    message("rights.open_but_alerts", "services and statistics"),
    # Translators: {token} is the key or the file of the token.
    message(
        "rights.viewer",
        "who sends the viewer's token ({token}) as 'Authorization: Bearer TOKEN' may look at "
        "alerts and the diagnosis",
    ),
    message(
        "rights.operator",
        "who sends the operator's token ({token}) as 'Authorization: Bearer TOKEN' may clear all "
        "services, unregister any service, delete alerts, discard frames and reset statistics",
    ),
    message(
        "rights.this_machine_too", "programs of this machine may do all of that without a token"
    ),
)

WARNINGS: Final = (*ANALYSIS, *PLACES, *NETWORK, *RIGHTS)
