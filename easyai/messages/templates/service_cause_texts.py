"""Causes at services, with evidence and remedies: they died, moved or are not heard."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message, plural

CAUSES_OF_SERVICES: Final = (
    # Translators: {who} is a text such as "services.all", {heartbeats} is "heartbeats.stopped" or
    # "heartbeats.none_since_answer".
    plural(
        "cause.services_died.title",
        "{who} died: {heartbeats} and nothing answers at its address ({services:names})",
        "{who} died: {heartbeats} and nothing answers at their addresses ({services:names})",
    ),
    plural(
        "cause.services_died.hang",
        "{who} hangs or is suspended: {heartbeats}, and its address takes connections but never "
        "answers ({services:names})",
        "{who} hang or are suspended: {heartbeats}, and their addresses take connections but never "
        "answer ({services:names})",
    ),
    message("heartbeats.stopped", "heartbeats stopped"),
    message("heartbeats.none_since_answer", "no heartbeat has come since the last answer"),
    plural(
        "cause.endpoint_unreachable.title",
        "{who} sends heartbeats but nothing answers at its endpoint ({services:names})",
        "{who} send heartbeats but nothing answers at their endpoints ({services:names})",
    ),
    plural(
        "cause.heartbeats_not_arriving.title",
        "{who} lives but its heartbeats do not arrive here ({services:names})",
        "{who} live but their heartbeats do not arrive here ({services:names})",
    ),
    message(
        "cause.heartbeat_timeout_short.title",
        "heartbeat_timeout_sec is too short: {timeout_sec} s, services send a heartbeat "
        "every {pause_sec:.0f} s ({services:names})",
    ),
    message(
        "cause.heartbeat_timeout_short.steady",
        "Their heartbeats arrive at a steady pace, but each after the timeout: in between, "
        "the services count as silent and are probed",
    ),
    message(
        "cause.endpoint_contested.title",
        "Several service_ids register in turn at {endpoints:names}: the last registration "
        "counts, and all calls go to the program that listens there",
    ),
    message(
        "cause.endpoint_contested.changed_hands",
        "{endpoint} has changed hands {times} times, last at {at:moment}: {service_id} in place of "
        "{before}",
    ),
    message(
        "cause.service_moved.title",
        "Left behind by a service that moved: an old endpoint of {services:names} is still "
        "registered",
    ),
    message(
        "cause.service_moved.lives_at",
        "{service_id} was at {old} until {until:moment} at the latest, and lives at {new} now",
    ),
    message(
        "cause.no_service.of_types",
        "No service is registered for {task_types:names}; their frames wait",
    ),
    message(
        "cause.no_service.any_more",
        "No service is registered any more: frames that arrive will wait",
    ),
    message("cause.no_service.none", "No service is registered: frames that arrive will wait"),
    message(
        "cause.no_service.waiting",
        "no algorithm for task type: {task_type}, {n:count frames} waiting since {since:moment}",
    ),
    message("cause.no_service.never_registered", "No service has ever registered for these types"),
    # Translators: {reason} names the request.
    message(
        "cause.no_service.taken_out",
        "{n:count services} unregistered at {at:moment}, {reason}: {services:names}. Heartbeats do "
        "not bring such a service back, only a registration does",
    ),
    # Translators: from here on, evidence.
    message(
        "services.last_heartbeat",
        "Last heartbeats: {last:moment}, the newest {age_sec:span} ago; a heartbeat is due "
        "at least every {timeout_sec} s (heartbeat_timeout_sec)",
    ),
    message(
        "services.last_heartbeats",
        "Last heartbeats: {first:moment} … {last:moment}, the newest {age_sec:span} ago; a "
        "heartbeat is due at least every {timeout_sec} s (heartbeat_timeout_sec)",
    ),
    message("services.answers_now", "Probed now: {answers:sentences}"),
    message(
        "services.answers_lately",
        "By the sweep's probes and other evidence: {answers:sentences}",
    ),
    # Translators: part of the two texts above; {answer} is a text such as "probe.answered".
    message("services.answer", "{services:names}: {answer}"),
    message(
        "services.none_at_work",
        "no algorithm for task type: {task_type} has no service that can take work, "
        "{n:count frames} waiting",
    ),
    plural(
        "services.further_types",
        "likewise {n} further task type, {waiting:count frames} waiting",
        "likewise {n} further task types, {waiting:count frames} waiting",
    ),
    message(
        "services.wait_for_approval",
        "waiting for approval: {services:names}; such a service gets no frame",
    ),
    message(
        "services.named_this_server",
        "{service_id} was registered from {registered_from} with the endpoint {endpoint}, which "
        "leads to this server itself",
    ),
    message(
        "heartbeats.only_from_here",
        "Heartbeats arrive only from this machine: check the firewall, and the address on "
        "which this server listens",
    ),
    message(
        "heartbeats.all_silent_together",
        "All services fell silent together: that points at this server or the network, not "
        "at the services",
    ),
    message("own_api.silent_now", "Our own API does not answer at {url}: {answer}"),
    message("own_api.answers_now", "Our own API answers at {url} from this machine"),
    message("own_api.runs_since", "The API runs since {started:moment}"),
    message("own_api.not_running", "No API process gives a sign of life"),
    message(
        "own_api.listens_here_only",
        "This server listens on {host} only, which {services:names} on other machines cannot reach",
    ),
    message("watch.clock_jumped_at", "The clock of this machine jumped at {at:moment}"),
    # Translators: from here on, what to do.
    message("remedy.look_at_services", "See every service with its state and reason"),
    message(
        "remedy.look_whether_services_run",
        "Check on the machine of the services whether the processes run",
    ),
    message(
        "remedy.start_services",
        "Start the services again (a suspended service: kill -CONT, or kill -9 first). They "
        "need not register: the first heartbeat or answered probe puts them back to work",
    ),
    message("remedy.ask_from_here", "Call their addresses from this machine"),
    message(
        "remedy.register_new_address",
        "If the service moved to another address or port, let it register the new address; "
        "if a firewall lies between, let it pass connections from here",
    ),
    message(
        "remedy.start_where_it_runs",
        "Look on the machine of the service ({machines:names}) whether it runs and listens; if "
        "not, start it again there. It need not register: it is back at work with the first "
        "answered probe",
    ),
    message(
        "remedy.restart_hanging",
        "Look at the logs of these services, and with this command, run on their machine "
        "({machines:names}), at GPU and memory; then restart the services",
    ),
    message(
        "remedy.send_heartbeat",
        "On a machine of the services: send one heartbeat by hand. If it is refused or times "
        "out, the connection to this server is the problem (address, port, firewall)",
    ),
    message(
        "remedy.see_where_we_listen",
        "Here: see where this server listens. 127.0.0.1 is reached from this machine only; "
        "[easyai] host = '0.0.0.0' opens it to others",
    ),
    message(
        "remedy.restart_heartbeat_loop",
        "If the connection works, the services have stopped sending: restart their heartbeat "
        "loop. Inference goes on meanwhile because the services answer probes",
    ),
    message(
        "remedy.set_heartbeat_timeout",
        "Set heartbeat_timeout_sec = {least_sec} below [ai_analysis]; if the service "
        "registers its own heartbeat_timeout_sec, change that value instead. Or let the "
        "service send heartbeats as often as the answer to its registration asks "
        "(heartbeat_interval_sec)",
    ),
    message("remedy.see_who_listens", "See on its machine which program listens there"),
    message(
        "remedy.give_own_address",
        "Let the other service register, by its own settings, the address on which it "
        "listens, or stop it; if both are the same program, give it a single service_id",
    ),
    message(
        "remedy.take_out_old_endpoint",
        "Unregister the old endpoint {endpoint}; the new endpoint stays",
    ),
    message(
        "remedy.start_services_of_types",
        "Start the services of these types so that they register. Waiting frames are "
        "inferred as soon as a service registers. This command lists the known services",
    ),
    message(
        "remedy.register_again",
        "If {service_id} at {endpoint} runs, this command registers it again",
    ),
    message("remedy.approve", "If {service_id} is yours, approve it"),
    message(
        "remedy.register_own_address",
        "Let the service register the address at which this server reaches it, not the "
        "address on which it listens ({wanted:list}{more})",
    ),
    # Translators: these two are parts of the text above.
    message("remedy.register_own_address.of", "{service_id}: {endpoint}"),
    message("remedy.register_own_address.more", " and {number} more"),
)
