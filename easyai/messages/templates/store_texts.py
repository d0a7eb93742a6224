"""What is wrong with the frame store."""

from __future__ import annotations

from typing import Final

from easyai.messages.template import message

STORE: Final = (
    # Translators: {why} is one of the texts below, or words of the operating system.
    message("store.folder", "frame folder {folder}: {why}"),
    message("store.file", "frame folder {folder}: {why}: {key}"),
    message("store.folder_empty", "empty; is its disk mounted?"),
    message("store.folder_missing", "missing"),
    message("store.no_folder", "not a folder"),
    message("store.disk_read_only", "its disk is mounted read-only"),
    message("store.no_look", "no permission to look at it"),
    message(
        "store.no_permission",
        "no permission to read and write it as user {user}; give it to this user by chown",
    ),
    message("store.too_large", "{key}: larger than {limit_bytes:size}"),
    message("store.no_free_name", "{target}: no free name beside it"),
    message("store.symbolic_link", "{path}: a symbolic link, easyai does not write through it"),
    message(
        "store.claimed",
        "the frame store is used by another installation: host {host}, data folder "
        "{data_folder}, since {since}. Two installations on the same store would take each "
        "other's frames away: give this installation a folder (frame_extractor.output_dir) "
        "or base_path of its own. If the other installation no longer exists, or its "
        "database was rebuilt here, take the store over with `claim --take-over`",
    ),
    # Translators: {why} is one of the texts below.
    message("store.bucket", "object store {endpoint}, bucket {bucket}: {why}"),
    message(
        "store.no_bucket",
        "the bucket is not there; create it, or correct frame_extractor.minio.bucket and endpoint",
    ),
    message(
        "store.access_denied",
        "access denied; allow the user of frame_extractor.minio.access_key to list, read, write "
        "and delete in the bucket",
    ),
    message(
        "store.unknown_access_key",
        "the access key is not known; correct frame_extractor.minio.access_key and secret_key",
    ),
    message(
        "store.wrong_secret_key",
        "the secret key is wrong; correct frame_extractor.minio.access_key and secret_key",
    ),
    message(
        "store.clocks_differ",
        "the clocks of this machine and of the store differ; set both by NTP",
    ),
    # Translators: the code and the words of the object store, such as "SlowDown: Reduce your
    # request rate".
    message("store.s3_error", "{s3_code}: {error}"),
    message(
        "store.no_tls",
        "no secure connection: {error}; correct frame_extractor.minio.endpoint and use_ssl, or "
        "the certificate",
    ),
    message("store.no_answer", "does not answer: {error}"),
    message(
        "store.not_s3",
        "answers, but not as an S3 store does: {error}; correct frame_extractor.minio.endpoint "
        "and use_ssl",
    ),
)
