"""Another language needs only another file: the report takes every text from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from easyai.api.server import create_app
from easyai.cli.diagnose_command import diagnose as command
from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from easyai.diagnosis.report.as_short import short
from easyai.messages import catalogue
from easyai.messages.catalogue import DOMAIN, languages, templates
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look, processes_work, silent_for, waits_since
from tests.support.reason_texts import reason_texts
from tests.support.site import Installation

pytestmark = pytest.mark.sqlite_only

LANGUAGE = "eo"


@pytest.fixture
def translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language whose texts are the English texts in angle quotes."""
    catalog = Catalog(locale=LANGUAGE)
    for template in templates().values():
        texts = (template.text, template.plural) if template.plural else template.text
        quoted = tuple(f"‹{each}›" for each in (template.text, template.plural))
        catalog.add(texts, quoted if template.plural else quoted[0], context=template.code)
    locale = tmp_path / "locale"
    shutil.copytree(catalogue.LOCALE, locale)
    folder = locale / LANGUAGE / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / f"{DOMAIN}.mo").open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(catalogue, "LOCALE", locale)
    languages.cache_clear()
    yield
    monkeypatch.undo()
    languages.cache_clear()


@pytest.mark.usefixtures("translated")
def test_report_is_written_in_any_language_with_a_file(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    assert {"en", LANGUAGE, "zh"} <= set(languages())
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    processes_work(site, ("api", "beat", "watchdog"))
    waits_since(site, 600)
    silent_for(site, 600)
    found = look(site)
    report = markdown(found, LANGUAGE)
    headings = [line for line in report.splitlines() if line.startswith(("# ", "## "))]
    assert len(headings) >= 6
    assert [line for line in headings if not line.lstrip("# ").startswith("‹")] == []
    assert "**‹Inference has stood still since " in report
    assert "‹easyai " in report
    assert "‹The whole report: ‹" in short(found, LANGUAGE)
    ours = [
        words for words, reason in reason_texts(as_json(found, LANGUAGE)) if reason.code != "quoted"
    ]
    assert len(ours) >= 3
    assert [words for words in ours if not words.startswith("‹")] == []


def test_diagnose_command_and_api_offer_every_language(site: Installation) -> None:
    (option,) = (parameter for parameter in command.params if parameter.name == "lang")
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == languages()
    schema = create_app(site.runtime).openapi()
    parameters = schema["paths"]["/api/v1/ai_analysis/diagnosis"]["get"]["parameters"]
    (lang,) = (parameter for parameter in parameters if parameter["name"] == "lang")
    assert lang["schema"]["enum"] == list(languages())
