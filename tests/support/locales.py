"""Locales that a machine need not have: compiled into a folder of the test."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.needs import MissingError, program

_CHARMAPS = Path("/usr/share/i18n/charmaps")

#: Without Python's two ways out: it would take the C locale for UTF-8 by itself.
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def gbk_locale(folder: Path) -> dict[str, str]:
    """The variables of a Chinese locale in GBK, as older servers have it; raises MissingError."""
    return compiled_locale(folder, "zh_CN", "GBK")


def compiled_locale(folder: Path, language: str, charmap: str) -> dict[str, str]:
    """The variables of a locale that is compiled into ``folder``; raises MissingError."""
    if not (_CHARMAPS / f"{charmap}.gz").exists():
        raise MissingError(f"the definition of {charmap} (package locales)")
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{language}.{charmap}"
    command = [program("localedef", "localedef"), "-i", language, "-f", charmap]
    # It warns of characters that the charmap lacks, with exit code 1.
    subprocess.run([*command, str(folder / name)], capture_output=True, check=False)
    if not (folder / name / "LC_CTYPE").exists():
        raise MissingError(f"to compile the locale {name}")
    return {"LOCPATH": str(folder), "LC_ALL": name, "PYTHONUTF8": "0"}
