"""Why `easyai up` does not start."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

START: Final = (
    message(
        "start.data_folder",
        "data folder {folder} cannot be used: {error}; choose another with --data-dir or "
        "EASYAI_DATA_DIR",
    ),
    message(
        "start.runs_already",
        "easyai runs on the data folder {folder} already (process {pid}); stop it first, or "
        "choose another folder with --data-dir",
    ),
    message(
        "start.not_ours",
        "no permission to use {path}, which belongs to {owner}; start easyai as that user, or give "
        "it to this one: {give}",
    ),
    message(
        "start.cannot_listen",
        "cannot listen on {host}:{port}: {error}; stop the program that uses the port, or choose "
        "another with --port (EASYAI_PORT) and --host (EASYAI_HOST)",
    ),
    message(
        "start.temporary_files",
        "the folder of temporary files {folder} cannot be used: {error}; make room there "
        "(df -h {folder}; df -i {folder}), or set TMPDIR to another folder",
    ),
)
