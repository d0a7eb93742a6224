"""The dashboard in Firefox and in WebKit, the engine of Safari."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.browser.conftest import TYPE
from tests.browser.engines import DELETE, ENTER, ESCAPE, Engine, Firefox, WebKit
from tests.support.easyai_process import EasyaiProcess
from tests.support.jpeg import jpeg
from tests.support.outside import Outside

_OPENED_IN = (
    "en",
    "zh",
    "en",
    "zh",
)  # often: what depends on the order of answers shows only sometimes
_PAGES = ("", "alerts", "cameras", "frames", "services", "incidents", "system")


def _has(*selectors: str) -> str:
    return " && ".join(f"!!document.querySelector({selector!r})" for selector in selectors)


_SHOWN = f"{_has('main > *')} && !({_has('main .sk')}) && !({_has('.skeleton')})"
_IS_WELL = f"!({_has('main .note')}) && !({_has('main .gone')})"
_NEWEST = "Number(document.querySelector('.alert')?.dataset.id ?? 0)"


@pytest.fixture(scope="module", params=[Firefox, WebKit], ids=["firefox", "webkit"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A running browser."""
    with request.param() as engine:
        yield engine


def test_every_page_shows_its_data(engine: Engine, installation: EasyaiProcess) -> None:
    for lang in _OPENED_IN:
        engine.open("about:blank")
        engine.open(f"{installation.url}/?lang={lang}#/")
        engine.expect(f"{_has('.verdict:not(.idle) h1', '.chart canvas')} && {_SHOWN}")
    for number, page in enumerate(_PAGES, 1):
        engine.press(str(number))
        engine.expect(f"location.hash === '#/{page}' && {_SHOWN} && {_IS_WELL}")
        assert engine.run("document.documentElement.scrollWidth <= innerWidth"), page


_COMMAND = "cd /srv/a-folder/of/easyai &&\n  ./easyai --config 'a b.toml' services --all"
#: The text of a command that is selected by hand, broken into lines in between.
_SELECTED = """(async () => {
  const { html, render } = await import("/static/js/preact.js");
  const { Wrapped } = await import("/static/js/parts.js");
  const block = document.createElement("pre");
  block.style = "width: 8rem; white-space: pre-wrap; overflow-wrap: anywhere";
  document.getElementById("main").prepend(block);
  render(html`<${Wrapped} text=${%s} />`, block);
  getSelection().selectAllChildren(block);
  window.selected = getSelection().toString();
})()"""


def test_selected_command_is_the_command(engine: Engine, installation: EasyaiProcess) -> None:
    engine.open("about:blank")
    engine.open(f"{installation.url}/?lang=en#/system")
    engine.expect(_SHOWN)
    engine.run(f"void {_SELECTED % json.dumps(_COMMAND)}")
    assert engine.expect("window.selected") == _COMMAND


def test_alert_is_reviewed_and_deleted_and_another_arrives_after_a_restart_of_the_api(
    engine: Engine, installation: EasyaiProcess, site: Outside
) -> None:
    engine.open("about:blank")
    engine.open(f"{installation.url}/?lang=en#/alerts")
    first = engine.expect(_NEWEST)
    engine.run("window.stayed = true")
    engine.press(ENTER)
    engine.expect(f"location.hash === '#/alerts/{first}' && {_has('.detail', '.film a + a')}")
    engine.expect("document.querySelector('.detail img')?.naturalWidth > 0")
    engine.press("r")
    second = engine.expect(f"location.hash !== '#/alerts/{first}' && location.hash.slice(9)")
    engine.press(DELETE)
    engine.expect("[...document.querySelectorAll('button')].some((it) => it.innerText === 'Undo')")
    engine.press(ESCAPE)
    engine.expect(f"location.hash === '#/alerts' && {_has('.alert')}")
    engine.expect(f"!({_has(f'.alert[data-id={chr(34)}{second}{chr(34)}]')})")

    killed = installation.kill_child("api")
    installation.wait_for_child("api", other_than=killed)
    site.put(f"{TYPE}/after {first}/a.jpg", jpeg(902))
    engine.expect(f"{_NEWEST} > {first}", 60)
    engine.expect(_has(".pill:not(.idle)"), 60)
    assert engine.run("window.stayed") is True
