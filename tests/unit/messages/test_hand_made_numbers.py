"""Numbers with nouns, spans and sizes come from `easyai.messages`, not from an f-string."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.messages.catalogue import templates
from easyai.messages.template import Template, message

_ROOT = Path(__file__).parents[3] / "easyai"
_NOUNS = (
    "alarms alerts answers attempts boxes calls cameras connections days detections endpoints"
    " errors events failures files folders frames heartbeats hours keys lines minutes pictures"
    " points processes queues requests results rows seconds services settings tables tasks times"
    " types warnings workers"
)
_PLURAL = re.compile(rf" (?:[a-z]+ed )?(?:{_NOUNS.replace(' ', '|')})\b(?!=)")
_UNIT = re.compile(r" ?[kKMGT]i?B\b")
_UNIT_OF_ROUNDED = re.compile(r" m?s\b")
_SPAN_OF_SDK = re.compile(r":\.0f\} m?s\b")
_CONSTANT = re.compile(r"\b_?[A-Z][A-Z_]+\b")
_ENDINGS = ({"", "s"}, {"", "es"}, {"y", "ies"})
_MANY = f"(?:{_NOUNS.replace(' ', '|')}|bytes|characters)"
_COUNTED = re.compile(rf"\{{(\w+)(?::[^{{}}a-z]*[dfg])?\}} (?:\w+ ){{0,2}}{_MANY}\b")
_DO = "(?:are|do|go|have|remain|wait|were)"  # verbs of many
_DONE_BY = re.compile(rf"\{{(\w+):count \w+\}}(?:\{{\w+\}})? {_DO}\b")
#: Arguments that are never 1: limits of the code, and groups that have several members.
_NEVER_1 = {
    *("alarm.backlog waiting", "alarm.drops total", "alarm.no_algorithm_of_many number"),
    *("alarm_end.some_heartbeats services", "call.too_many_answers limit"),
    *("cause.endpoint_contested.changed_hands times", "cause.restarts.title starts"),
    *("services.all total", "services.some_of total", "settings.path_too_long size"),
    *("warning.short_secret_key limit", "warning.short_token limit"),
}
#: Texts of migration 0011, which must not change before the text columns are dropped.
_OF_MIGRATION = {
    *("call.not_json body_bytes", "frame.failed_long_ago limit_days"),
    *("frame.waited_too_long limit_hours", "service.look_here online", "service.together online"),
}
#: Arguments that are no numbers, or rates.
_NO_COUNTS = {
    *("cause.endpoint_unreachable.title who", "cause.services_died.title heartbeats"),
    *("cause.too_slow.rates found_per_sec", "rights.any_machine port"),
}


def _made_by_hand(tree: ast.AST) -> Iterator[str]:
    """Endings of plurals that depend on a number, and numbers with a noun or unit behind them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp):
            if {getattr(node.body, "value", 0), getattr(node.orelse, "value", 0)} in _ENDINGS:
                yield ast.unparse(node)
        elif isinstance(node, ast.JoinedStr):
            for number, behind in zip(node.values, node.values[1:], strict=False):
                if _needs_wording(number, behind):
                    yield ast.unparse(node)


def _needs_wording(number: ast.expr, behind: ast.expr) -> bool:
    if not (isinstance(number, ast.FormattedValue) and isinstance(behind, ast.Constant)):
        return False
    text = str(behind.value)
    if number.format_spec is not None and ast.unparse(number.format_spec).endswith("f'"):
        return bool(_UNIT.match(text) or _UNIT_OF_ROUNDED.match(text))
    # A constant of the code is never 1.
    constant = _CONSTANT.search(ast.unparse(number.value))
    return bool(_UNIT.match(text) or (_PLURAL.match(text) and not constant))


def test_no_module_words_a_number_by_hand() -> None:
    """Except the wording itself; and the SDK, which cannot import the wording, has its own."""
    found = [
        f"{path.relative_to(_ROOT)}: {code}"
        for path in sorted(_ROOT.rglob("*.py"))
        if path.parent.name != "templates" and path != _ROOT / "messages" / "wording.py"
        for code in _made_by_hand(ast.parse(path.read_text(encoding="utf-8")))
        if not (path.is_relative_to(_ROOT / "sdk") and _SPAN_OF_SDK.search(code))
    ]
    assert found == []


def _bare_counts(template: Template) -> Iterator[str]:
    """Each argument with a noun or verb in the plural that does not depend on its number."""
    for text in (template.text, template.plural):
        for found in _COUNTED.finditer(text):
            if not (template.plural and found[1] == "n"):
                yield f"{template.code} {found[1]}"
    if not template.plural:
        yield from (f"{template.code} {found[1]}" for found in _DONE_BY.finditer(template.text))


def test_template_with_a_number_and_a_noun_has_both_forms() -> None:
    found = {count for template in templates().values() for count in _bare_counts(template)}
    assert found == _NEVER_1 | _OF_MIGRATION | _NO_COUNTS


@pytest.mark.parametrize(
    ("sentence", "seen"),
    [
        ("{gone} more waiting frames are missing", True),
        ("{failed} calls failed", True),
        ("{limit_hours:g} hours", True),
        ("{waiting:count frames} wait", True),
        ("{gone:count frames} more", False),
        ("{key} is no setting", False),
    ],
)
def test_check_sees_a_plural_without_its_singular(sentence: str, seen: bool) -> None:
    assert bool(list(_bare_counts(message("code", sentence)))) == seen


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("""f"{lost:,} pictures that rows name" """, True),
        ("""f"{report.waiting} failed frames" """, True),
        ("""f"detection{'' if number == 1 else 's'}" """, True),
        ("""f"{size / 1e6:.1f} MB" """, True),
        ("""f"silent for {min(ages):.0f} s" """, True),
        ("""f"{latency:.0f} ms" """, True),
        ("""f"{counted(lost, 'picture')} lost" """, False),
        ("""f"{CONCURRENT_FRAMES} frames at the same time" """, False),
        ("""f"no answer within {limit_sec:g} s" """, False),
        ("""f"{now:.1f} requests a second" """, False),
        ("""f"frames={found} alerts={sent}" """, False),
    ],
)
def test_check_sees_a_number_that_is_worded_by_hand(code: str, seen: bool) -> None:
    assert bool(list(_made_by_hand(ast.parse(code.strip())))) == seen
