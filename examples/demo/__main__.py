"""Runs the demo: `python -m examples.demo --help`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from rich.console import Console

from examples.demo.cameras import DIFFICULT
from examples.demo.errors import VideoError
from examples.demo.scenario import Options, run
from examples.demo.signals import end_on_signals
from examples.demo.video import Video

DESCRIPTION = """\
Starts easyai (API, worker, beat) and three algorithm services in a temporary
folder, writes real photographs into it as cameras do, and checks that every
frame gets its one right fate. With --video also the frames of a video.
"""
EXAMPLES = """\
examples:
  python -m examples.demo
  python -m examples.demo --video street.mp4
  python -m examples.demo --video rtsp://192.168.1.20:554/stream
  python -m examples.demo --frames 30 --keep
  python -m examples.demo --stay

exit code: 0 every frame has its right fate; 1 something is wrong: it is said,
and the folder with the logs is kept; 2 usage; 130 stopped with Ctrl-C
"""
_FEWEST, _MOST = 2 * DIFFICULT, 1000
_PIPE_WIDTH = 120  # columns where the output is no terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    chosen = _parse(arguments)
    console = Console(
        highlight=False,
        markup=False,
        emoji=False,
        width=None if sys.stdout.isatty() else _PIPE_WIDTH,
    )
    try:
        with Video(chosen.video) if chosen.video else nullcontext() as video:
            return run(console, Options(chosen.frames, chosen.keep, chosen.stay), video)
    except VideoError as error:
        print(f"error: --video {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.demo",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--frames",
        type=_number_of_frames,
        default=90,
        metavar="N",
        help=f"frames made of photographs, {_FEWEST} to {_MOST} (default: %(default)s)",
    )
    parser.add_argument(
        "--video", metavar="FILE_OR_URL", help="a video file or an rtsp URL, to count people in"
    )
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    parser.add_argument(
        "--stay",
        action="store_true",
        help="let the cameras write on after the check, until Ctrl-C: for a look at the dashboard",
    )
    return parser.parse_args(arguments)


def _number_of_frames(text: str) -> int:
    if not text.isdecimal() or not _FEWEST <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"must be {_FEWEST} to {_MOST}, not {text!r}")
    return int(text)


if __name__ == "__main__":
    end_on_signals()
    sys.exit(main())
