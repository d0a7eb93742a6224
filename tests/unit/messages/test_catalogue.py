"""Every code has a text in every language, with the same arguments, and the code names no other."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import easyai
from easyai.domain.reason import Arg, Reason, quoted
from easyai.messages.catalogue import DOMAIN, LOCALE, in_all_languages, languages, templates, text

_ROOT = Path(easyai.__file__).parent
_KEYWORDS = {"message": ((1, "c"), 2), "plural": ((1, "c"), 2, 3)}
_FOREIGN = [language for language in languages() if language != "en"]


def _po(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language)


def _arguments(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def _codes_by_format(sentence: str) -> Iterator[str]:
    for _, _, format_spec, _ in Formatter().parse(sentence):
        if (format_spec or "").startswith("count "):
            yield (format_spec or "").partition(" ")[2]


def _prefixes() -> set[str]:
    """The beginnings of codes that are put together: ``{kind:word alarm}`` names ``alarm.…``."""
    found = {"span.", "joint."}
    for template in templates().values():
        for _, _, format_spec, _ in Formatter().parse(template.text):
            if (format_spec or "").startswith("word "):
                found.add((format_spec or "").partition(" ")[2] + ".")
    return found


@cache
def _trees() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(_ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(_ROOT.rglob("*.py"))
        if "templates" not in path.parts and "sdk" not in path.parts
    }


def _made() -> Iterator[tuple[str, str, set[str] | None]]:
    """Where a reason is made: the place, its code, its arguments (None: known when it runs)."""
    for name, tree in _trees().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func)
            code = node.args[0]
            if called not in ("Reason.of", "Reason") or not isinstance(code, ast.Constant):
                continue
            given: set[str] | None = {str(keyword.arg) for keyword in node.keywords}
            if "None" in (given or ()) or (called == "Reason" and len(node.args) > 1):
                given = None
            yield f"{name}:{node.lineno}", str(code.value), given


def test_every_reason_in_the_code_has_a_template_with_its_arguments() -> None:
    for place, code, given in _made():
        if not code:
            continue
        assert code in templates(), f"{place}: no template has the code {code}"
        if given is not None:
            template = templates()[code]
            wanted = _arguments(template.text) | _arguments(template.plural)
            extra = given - wanted - {"n"}
            assert wanted <= given, f"{place}: {code} lacks {sorted(wanted - given)}"
            assert not extra, f"{place}: the text of {code} does not show {sorted(extra)}"


def test_every_template_is_used() -> None:
    named = {
        node.value
        for tree in _trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    named |= {code for template in templates().values() for code in _codes_by_format(template.text)}
    prefixes = tuple(_prefixes())
    unused = [code for code in templates() if code not in named and not code.startswith(prefixes)]
    assert not unused


def test_counted_codes_exist() -> None:
    for template in templates().values():
        for code in _codes_by_format(template.text):
            assert templates()[code].plural, f"{template.code}: {code} has no plural"


@pytest.mark.parametrize("language", _FOREIGN)
def test_no_text_is_missing_in_a_language(language: str) -> None:
    extracted = {
        str(context): ids
        for _, _, ids, _, context in extract_from_dir(
            _ROOT / "messages" / "templates", keywords=_KEYWORDS
        )
    }
    assert set(extracted) == set(templates())
    translated = {str(message.context): message for message in _po(language) if message.id}
    assert set(translated) == set(extracted), "run `make messages`"
    for code, ids in extracted.items():
        found = translated[code]
        texts = found.string if isinstance(found.string, tuple) else (found.string,)
        wanted = _arguments(ids if isinstance(ids, str) else ids[-1])
        # A text may be empty in a language where the English text is not a whole word.
        assert not found.fuzzy, code
        for each in texts:
            assert each, f"{code} has no text in {language}"
            assert _arguments(str(each)) == wanted, f"{code}: other arguments in {language}"


@pytest.mark.parametrize("language", _FOREIGN)
def test_the_compiled_catalogue_is_that_of_the_texts(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, _po(language))
    file = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    assert file.read_bytes() == compiled.getvalue(), "run `make messages`"


def test_quoted_text_is_never_translated_as_a_reason_code() -> None:
    hostile = "{text} {0} {n:count frames} %s no heartbeat for 3 s"
    for language in languages():
        assert text(quoted(hostile), language) == hostile


def test_unknown_code_of_a_later_release_is_shown_raw() -> None:
    assert text(Reason.of("of_tomorrow", left_sec=3)) == "of_tomorrow(left_sec=3)"


def test_numbers_choose_the_form_of_their_noun() -> None:
    assert [text(Reason.of("frames", n=n)) for n in (0, 1, 2)] == [
        "0 frames",
        "1 frame",
        "2 frames",
    ]
    assert text(Reason.of("frames", n=1), "zh") == "1 张图片"
    lines = in_all_languages(Reason.of("frames", n=1)).split("\n")
    assert lines == [text(Reason.of("frames", n=1), language) for language in languages()]


def test_paragraph_has_a_single_full_stop_between_sentences() -> None:
    parts = (quoted("it hangs."), Reason("error.bus_unavailable"))
    paragraph = Reason.of("paragraph", parts=parts)
    assert text(paragraph) == (
        "it hangs. The message bus does not take alerts; they wait in the table until it does"
    )
    assert text(paragraph, "zh") == "it hangs.。消息总线不接收告警；告警在表中等待其恢复"


def test_a_sentence_begins_with_a_capital_where_a_text_wants_it() -> None:
    question = Reason.of("alarm.meant", question=quoted("did you mean 人脸?"))
    assert text(question) == " Did you mean 人脸?."


def test_missing_argument_of_a_stored_reason_is_left_blank() -> None:
    reason = Reason.of("service.no_heartbeat", silent_sec=3.2)
    assert text(reason) == "no heartbeat for 3 s"
    assert text(Reason("service.no_heartbeat")) == "no heartbeat for  s"


@pytest.mark.parametrize("value", ["abc", None, True, (), Reason("x"), float("inf"), float("nan")])
@pytest.mark.parametrize("language", languages())
def test_an_argument_of_another_type_raises_nothing(value: Arg, language: str) -> None:
    """A report shows reasons of an earlier or later release, whatever their form."""
    for code, template in templates().items():
        names = _arguments(template.text) | _arguments(template.plural)
        assert isinstance(text(Reason.of(code, **dict.fromkeys(names, value)), language), str)
