"""Keys of the predecessor's file that have no effect here, each with the way to its effect."""

from __future__ import annotations

from typing import Final

_NO_CAMERAS: Final = (
    "easyai takes no frames from cameras; let a frame extractor write them to "
    "<task_type>/<task_id>/ in the store"
)
_NO_LOGIN: Final = "there is no login here; put a gateway with a login in front of easyai"
_NO_TLS: Final = (
    "there is no TLS here; put a reverse proxy in front, and name its address in easyai.public_url"
)
_OWN_LOGS: Final = (
    "on a single machine logs/ in easyai.data_dir has four files of 10 MB for each process; in "
    "production the log goes to stderr, and systemd or Docker keep it"
)
_OWN_CONNECTIONS: Final = "easyai sizes its connections by itself; leave it out"
_NO_STREAMS: Final = "easyai serves no streams; keep a media server for them"
_NO_VIDEO: Final = "easyai records no video; keep a media server for that"
_ALL_CAMERAS: Final = (
    "frames of every camera in the store are inferred; to stop a camera, stop the program that "
    "takes its frames"
)
_NOTHING_TO_DO: Final = "it has no counterpart here; leave it out"

_INSTEAD: Final = {
    "ai_analysis.alert_batch_enabled": (
        "alerts are always saved in groups, with the results of their frames; leave it out"
    ),
    "frame_extractor.enable": _NO_CAMERAS,
    "frame_extractor.interval_ms": (
        "set it in the program that takes the frames; or infer every n-th frame of each camera "
        'with sampling in [ai_analysis.types."<task_type>"]'
    ),
    "frame_extractor.max_frame_count": "set max_frame_count in each [[frame_extractor.tasks]]",
    "frame_extractor.scan_only": "easyai only scans; leave it out",
    "frame_extractor.tasks[].rtsp_url": _NO_CAMERAS,
    "frame_extractor.tasks[].interval_ms": (
        "set it in the program that takes the frames; or infer every n-th frame of each camera "
        'with sampling in [ai_analysis.types."<task_type>"]'
    ),
    "frame_extractor.tasks[].output_path": (
        "frames are read from <task_type>/<task_id>/ in the store; let them be written there"
    ),
    "frame_extractor.tasks[].enabled": _ALL_CAMERAS,
    "frame_extractor.tasks[].config_status": _ALL_CAMERAS,
    "frame_extractor.tasks[].preview_image": (
        "pictures named preview_… are no frames and are left alone; leave it out"
    ),
    "defaulthttpconfig.httpsenable": _NO_TLS,
    "defaulthttpconfig.httpslistenaddr": _NO_TLS,
    "defaulthttpconfig.httpscertfile": _NO_TLS,
    "defaulthttpconfig.httpskeyfile": _NO_TLS,
    "base.disabledcaptcha": _NO_LOGIN,
    "base.jwtsecret": _NO_LOGIN,
    "base.timeout": "a call to an algorithm ends after ai_analysis.infer_timeout_sec; set that",
    "data.dsn": "set easyai.database_url; alerts of the old database are not taken over",
    "data.maxidleconns": _OWN_CONNECTIONS,
    "data.maxopenconns": _OWN_CONNECTIONS,
    "data.connmaxlifetime": _OWN_CONNECTIONS,
    "data.slowthreshold": _NOTHING_TO_DO,
    "baselog.dir": _OWN_LOGS,
    "baselog.level": "easyai logs at INFO; start workers with celery's -l for another level",
    "baselog.maxage": _OWN_LOGS,
    "baselog.rotationtime": _OWN_LOGS,
    "baselog.rotationsize": _OWN_LOGS,
    "lanip": "set easyai.public_url to the address at which algorithm services reach this server",
    "wanip": "set easyai.public_url to the address at which algorithm services reach this server",
    "serverid": _NOTHING_TO_DO,
    "daemonaddr": _NOTHING_TO_DO,
    **dict.fromkeys(
        (
            *("gopcacheconfig", "hlsconfig", "httpapiconfig", "httpflvconfig", "httpfmp4config"),
            *("httptsconfig", "insessionconfig", "lalconfig", "logconfig", "relaypush"),
            *("relaypushconfig", "roomconfig", "rtcconfig", "rtmpconfig", "rtspconfig"),
            *("srtconfig", "staticrelaypull"),
        ),
        _NO_STREAMS,
    ),
    **dict.fromkeys(("recordconfig", "storage", "vodconfig"), _NO_VIDEO),
}
#: Sections whose keys each have a counterpart; of the other sections only the section is named.
SECTIONS: Final = frozenset({"base", "data", "baselog"})


def instead_of(key: str) -> str:
    """What to do instead of a key (or section) of the predecessor; '' for any other key.

    Keys are spelled as in ``explain.unknown_keys``, in any case.
    """
    return _INSTEAD.get(key.lower(), "")
