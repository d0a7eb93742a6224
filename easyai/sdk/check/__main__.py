"""The command: `python -m easyai.sdk.check URL`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from easyai.sdk.check.bench import Bench
from easyai.sdk.check.findings import Report, run
from easyai.sdk.check.picture_host import PictureHost
from easyai.sdk.check.sample import SAMPLE_JPEG
from easyai.sdk.check.wait_reports import Progress
from easyai.sdk.image_header import image_size
from easyai.sdk.service_errors import PictureError

_EXAMPLES = """\
examples:
  python -m easyai.sdk.check http://127.0.0.1:9001/infer
  python -m easyai.sdk.check http://127.0.0.1:9001/infer --image street.jpg --task-type 人头检测
  python -m easyai.sdk.check http://192.168.1.20:9001/infer --host 192.168.1.5
  python -m easyai.sdk.check http://127.0.0.1:9001/infer --json > report.json

exit status: 0 when every point holds, 1 when a point does not, 2 for a wrong argument
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the service named on the command line; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    picture = options.image.read_bytes() if options.image else SAMPLE_JPEG
    try:
        size = image_size(picture)
    except PictureError as error:
        parser.error(f"--image {options.image}: {error}")
    try:
        report = _check(options, picture, size)
    except OSError as error:
        parser.error(f"--host {options.host}: cannot listen there ({error.strerror or error})")
    text = json.dumps(report.as_json(), ensure_ascii=False, indent=2)
    sys.stdout.write((text if options.json else report.as_text()) + "\n")
    return 0 if report.ok else 1


def _check(options: argparse.Namespace, picture: bytes, size: tuple[int, int]) -> Report:
    with PictureHost(picture, options.host) as pictures:
        bench = Bench(
            options.url,
            pictures,
            size,
            task_type=options.task_type,
            task_id=options.task_id,
            timeout_sec=options.timeout,
        )
        return run(bench, Progress(options.timeout).watch)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m easyai.sdk.check",
        description="Check whether an algorithm service, in any language, holds the contract: "
        "sends it good, missing and broken pictures from a small picture server of its own.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", type=_url, help="the endpoint, e.g. http://127.0.0.1:9001/infer")
    parser.add_argument(
        "--image",
        type=_file,
        metavar="FILE",
        help="a JPEG or PNG to send instead of the built-in picture; best with something to detect",
    )
    parser.add_argument("--task-type", default="人数统计", help="default: %(default)s")
    parser.add_argument("--task-id", default="check-camera", help="default: %(default)s")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address of this machine under which the service reaches it, default: %(default)s",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="limit for an answer, default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="write the report as JSON")
    return parser


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port
        valid = False
    if not valid:
        raise argparse.ArgumentTypeError(f"{text!r} is not like http://127.0.0.1:9001/infer")
    return text


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
