"""No code derives meaning from the text of a reason; settings and backups fail by reasons."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest

import easyai
from tests.structure import modules
from tests.unit.messages.asked_sentences import asked

ROOT = Path(easyai.__file__).parent

_WITH_REASON = {"SettingsError", "DatabaseForbiddenError", "BackupError"}
_READERS = {"db/reasons.py"}  # compares a stored text with that of its code: who wrote the row?
_IMPORT = "from easyai.messages.catalogue import fields, list_fields, text\n"


def test_no_code_derives_meaning_from_the_text_of_a_reason() -> None:
    found = [
        f"{name}: {use}"
        for name, tree in modules(ROOT).items()
        if name not in _READERS and not name.startswith("sdk/")
        for use in asked(tree)
    ]
    assert not found


def _worded_faults(tree: ast.Module) -> Iterator[str]:
    """Where an error that has a reason is made of a text instead."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in _WITH_REASON:
            for given in node.args:
                if isinstance(given, ast.Constant | ast.JoinedStr | ast.BinOp):
                    yield ast.unparse(node)


def test_faults_of_settings_and_backups_are_reasons() -> None:
    found = {
        f"{name}: {made}" for name, tree in modules(ROOT).items() for made in _worded_faults(tree)
    }
    assert not found
    assert list(_worded_faults(ast.parse("SettingsError(f'{key}: must be at least 1')")))


@pytest.mark.parametrize(
    "code",
    [
        "text(reason).startswith('no answer within')",
        "'moved to' in text(row_reason)",
        "text(reason) == 'no heartbeat'",
        "text(reason) in ('no heartbeat', 'refused')",
        "PATTERN.search(text(reason))",
        "row.state_reason.partition('; moved to ')",
        "words = row.reason\nwords.startswith('no answer')",
        "words = row.reason or ''\nif 'moved to' in words: pass",
        "words = text(reason)\nre.match(PATTERN, words)",
        "words = text(reason, 'zh')\nwords.split('；')",
        "words = text(reason).lower()\nsame = words\nsame.endswith('refused')",
        "words: str = row.cause\nwords == 'worker_gone'",
        "if (words := text(reason)) and words != 'ok': pass",
        "words = f'{text(reason)}.'\n'timed out' in words",
        "words = service['state_reason']\n'timed out' in words",
        "words = [text(reason) for reason in reasons]\n'refused' in words",
        "for words in map(text, reasons): words.find('refused')",
        "[words for words in map(text, reasons) if words.startswith('refused')]",
        "match text(reason):\n    case 'refused': pass",
        "text(reason)[:2] == 'no'",
        "try: pass\nexcept StoreUnavailableError as error: 'timed out' in str(error)",
        "try: pass\nexcept errors.SettingsError as error: 'timed out' in str(error)",
        "event.text.startswith('no answer')",
        "service.reason.startswith('no answer')",
        "notice.cause == 'worker_gone'",
        "row['text'].startswith('no answer')",
        "fields('why', reason)['why'].startswith('no answer')",
        "shown = fields('why', reason)\n'no answer' in shown['why']",
        "shown = list_fields('whys', reasons)\n'no answer' in shown['whys']",
        "shown = {'why': text(reason)}\n'no answer' in shown['why']",
        "shown['why'] = text(reason)\n'no answer' in shown['why']",
        "words, number = text(reason), 1\nwords == 'no answer'",
        "words, number = both = text(reason), 1\nboth[0] == 'no answer'",
        "self.words = text(reason)\nself.words == 'no answer'",
        "def shown(): return text(reason)\nshown() == 'no answer'",
        "def shown(): yield text(reason)\nfor words in shown(): 'no answer' in words",
        "from easyai.messages import catalogue as c\nc.text(reason) == 'no answer'",
        "import easyai.messages.catalogue as c\nc.text(reason) == 'no answer'",
        "import easyai.messages.catalogue\neasyai.messages.catalogue.text(r) == 'no answer'",
    ],
)
def test_code_that_asks_a_sentence_is_found(code: str) -> None:
    assert list(asked(ast.parse(_IMPORT + code))), "in a module"
    function = "def f():\n" + indent(code, "    ")
    assert list(asked(ast.parse(_IMPORT + function))), "in a function"
    assert list(asked(ast.parse(f"{_IMPORT}class C:\n" + indent(function, "  ")))), "in a method"


@pytest.mark.parametrize(
    "code",
    [
        "log.info('%s', text(reason))",
        "words = text(reason)\nif words: print(words)",
        "text(reason) or 'ok'",
        "row.state_reason == ''",
        "reason.code == 'service.no_heartbeat'",
        "service.state_reason == other.state_reason",
        "reason = quoted('refused')\nreason.get('text') == 'refused'",
        "words = 'a sentence'\nwords.startswith('a')",
        "words = ' '.join(lines)\n'x' in words",
        "codes[text(reason)] = reason",
        "try: pass\nexcept OSError as error: 'timed out' in str(error)",
        "response.cause.text_of('x')",
        "fields('why', reason)['why_code'] == 'service.no_heartbeat'",
        "shown = {'why': text(reason), 'state': state}\nshown['state'] == 'online'",
        "words, state = text(reason), 'online'\nstate == 'online'",
        "def shown(): return text(reason)\nprint(shown())",
        "def is_shown(): return bool(text(reason))\nis_shown() == 'x'",
    ],
)
def test_other_code_is_not_found(code: str) -> None:
    assert not list(asked(ast.parse(_IMPORT + code)))


def test_a_function_named_text_of_another_module_words_nothing() -> None:
    assert not list(asked(ast.parse("from sqlalchemy import text\ntext(query) == 'SELECT 1'")))


@pytest.mark.parametrize(
    "code",
    [
        "def shown(row): return text(row)\ndef asks(row): return shown(row) == 'no answer'",
        "def asks(row): return shown(row) == 'no answer'\nasync def shown(row): return text(row)",
        """class C:
            def a(self): self.words = text(reason)
            def b(self): return 'no answer' in self.words""",
        """class C:
            @property
            def words(self): return text(reason)
            def b(self): return 'no answer' in self.words""",
        """class C:
            def words(self): return text(reason)
            def b(self): return 'no answer' in self.words()""",
    ],
)
def test_text_that_another_function_of_the_module_makes_is_found(code: str) -> None:
    assert list(asked(ast.parse(_IMPORT + code)))


def test_attribute_of_another_class_with_the_same_name_is_not_found() -> None:
    one = "class A:\n    def a(self): self.words = text(reason)\n"
    other = "class B:\n    def b(self): return 'x' in self.words\n"
    assert not list(asked(ast.parse(_IMPORT + one + other)))


def test_a_name_is_a_text_only_in_the_function_that_assigns_it() -> None:
    shown = "def shown():\n    words = text(reason)\n    return words\n"
    other = "def other(words):\n    return words.startswith('a')\n"
    assert not list(asked(ast.parse(_IMPORT + shown + other)))
    inside = (
        "def outer():\n    words = text(reason)\n    def inner():\n        return 'a' in words\n"
    )
    assert list(asked(ast.parse(_IMPORT + inside))), "a function inside reads the names around it"
