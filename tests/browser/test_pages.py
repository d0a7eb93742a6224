"""Every page opens in real Chromium: without a fault, for everybody, on every screen."""

from __future__ import annotations

import itertools
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from easyai.dashboard.static_files import STATIC
from tests.browser.conftest import CAMERAS, HOSTILE, HOSTILE_SERVICE, TYPE, Visit
from tests.browser.visitor import PHONE, WALL, Visitor
from tests.support.outside import Outside

LARGEST_COLD = 200_000  # bytes over the network at the first visit
PAGES = ("", "alerts", "cameras", "frames?state=parked", "services", "incidents", "system")
_AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def _every_page(site: Outside) -> list[str]:
    newest = site.alerts(TYPE)[-1]["id"]
    return [*PAGES, f"alerts/{newest}", f"cameras/{CAMERAS[0]}"]


def _name(where: str) -> str:
    """A name for the file of a page's picture."""
    page, _, part = where.partition("?")[0].partition("/")
    return page.removesuffix("s") if part else page or "now"


def _violations(visitor: Visitor) -> list[Any]:
    """What axe finds on the page as it is shown: WCAG 2.1, levels A and AA, and best practices."""
    visitor.page.evaluate(_AXE)
    found = visitor.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (each["id"], [(node["html"][:200], node["failureSummary"]) for node in each["nodes"]])
        for each in found["violations"]
    ]


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("zh", "dark")])
def test_every_page_opens_without_a_fault_and_without_barriers(
    visit: Visit, site: Outside, lang: str, theme: str
) -> None:
    visitor = visit(lang=lang, theme=theme)
    for where in _every_page(site):
        page = visitor.open(where)
        assert page.get_attribute("html", "lang") == ("en" if lang == "en" else "zh-CN")
        assert page.get_attribute("html", "data-theme") == theme
        expect(page.locator("h1").first).not_to_be_empty()
        assert visitor.overflow() <= 0, where
        assert _violations(visitor) == [], where
        visitor.keep(f"{_name(where)}-{lang}-{theme}")
    assert visitor.faults == []


@pytest.mark.parametrize("size", [PHONE, (768, 1024), (1000, 700), WALL])
def test_no_page_is_wider_than_its_screen(
    visit: Visit, site: Outside, size: tuple[int, int]
) -> None:
    visitor = visit(size=size)
    for where in _every_page(site):
        visitor.open(where)
        assert visitor.overflow() <= 0, where
        visitor.keep(f"{_name(where)}-{size[0]}")


#: The words of the headings of the curves: {text, left, right}, in order.
_HEADINGS = """
  [...document.querySelectorAll(".types .head > span")].map((heading) => {
    const words = document.createRange();
    words.selectNodeContents(heading);
    const { left, right } = words.getBoundingClientRect();
    return { text: heading.textContent, left, right };
  })
"""


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [1000, 1280, 2200])
def test_headings_of_the_curves_lie_beside_each_other(visit: Visit, lang: str, width: int) -> None:
    page = visit(lang=lang, size=(width, 800)).open()
    found = page.evaluate(_HEADINGS)
    assert len(found) == 3
    for one, following in itertools.pairwise(found):
        assert one["right"] < following["left"], found


#: The words of a page that begin on a line and end on another; not numbers, paths, addresses.
_BROKEN_WORDS = r"""
  () => {
    const found = [];
    const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      for (const word of text.data.matchAll(/(?<!\S)[A-Za-z_.@]+(?!\S)/g)) {
        const at = document.createRange();
        at.setStart(text, word.index);
        at.setEnd(text, word.index + word[0].length);
        const shown = [...at.getClientRects()].filter((box) => box.width > 0);
        if (new Set(shown.map((box) => Math.round(box.top))).size > 1) found.push(word[0]);
      }
    }
    return found;
  }
"""


def test_phone_shows_whole_words_and_nothing_that_is_not_known(visit: Visit, site: Outside) -> None:
    page = visit(size=PHONE).open("system")
    assert page.evaluate(_BROKEN_WORDS) == []
    visit_services = visit(size=PHONE).open("services")
    visit_services.locator(".twist").first.click()
    ages = visit_services.locator(".more dt", has_text="age").locator("+ dd")
    assert "–" not in ages.all_inner_texts()
    assert ages.count() > 0
    assert visit_services.evaluate(_BROKEN_WORDS) == []


@pytest.mark.parametrize("flower", [None, "https://gateway.example/flower/"])
def test_system_links_to_flower_only_where_it_answers(visit: Visit, flower: str | None) -> None:
    visitor = visit()

    def with_flower(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "flower_url": flower})

    visitor.page.route("**/dashboard/system", with_flower)
    page = visitor.open("system")
    elsewhere = page.get_by_role("region", name="Elsewhere")
    links = elsewhere.get_by_role("link", name="Flower")
    expect(links).to_have_count(1 if flower else 0)
    if flower:
        expect(links).to_have_attribute("href", flower)
    else:
        expect(elsewhere).to_contain_text("celery -A easyai flower")


def test_names_of_strangers_are_text(visit: Visit, site: Outside) -> None:
    visitor = visit()
    newest = max(alert["id"] for alert in site.alerts(TYPE) if alert["task_id"] == HOSTILE)
    shown = {
        "": HOSTILE,
        "alerts": HOSTILE,
        f"alerts/{newest}": HOSTILE,
        "cameras": HOSTILE,
        "services": HOSTILE_SERVICE,
    }
    for where, name in shown.items():
        page = visitor.open(where)
        expect(page.get_by_text(name, exact=True).filter(visible=True).first).to_be_visible()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src=x], main script").count() == 0


def test_tile_of_a_camera_with_a_hostile_name_leads_to_its_page(visit: Visit) -> None:
    page = visit().open("cameras")
    page.locator(".tile", has_text=HOSTILE).click()
    expect(page.locator("h1")).to_have_text(HOSTILE)


def test_first_visit_takes_few_bytes(visit: Visit) -> None:
    visitor = visit()
    network = visitor.page.context.new_cdp_session(visitor.page)
    addresses: dict[str, str] = {}
    received: dict[str, int] = {}

    def ended(event: dict[str, Any]) -> None:
        address = addresses[event["requestId"]]
        if "/thumbnails/" not in address:  # how many there are is up to the cameras
            received[address] = event["encodedDataLength"]

    network.on(
        "Network.requestWillBeSent",
        lambda event: addresses.update({event["requestId"]: event["request"]["url"]}),
    )
    network.on("Network.loadingFinished", ended)
    network.send("Network.enable")
    visitor.open()
    expect(visitor.page.locator(".chart canvas").first).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")
    assert sum(received.values()) < LARGEST_COLD, received
    assert any("/js/pages/incidents.js" in address for address in received)  # loaded ahead


def test_nothing_of_the_page_is_inline_or_becomes_markup() -> None:
    markup = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "dangerously")
    banned = (*markup, "eval(", "Function(")
    for path in STATIC.rglob("*"):
        if path.suffix not in (".html", ".js") or path.parent.name == "vendor":
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in banned if word in text], path
        assert 'style="' not in text, path
        assert "<script>" not in text, path


def _imported(module: Path, known: set[Path]) -> None:
    """Add a module and all that it imports when it is loaded."""
    if module in known:
        return
    known.add(module)
    text = module.read_text(encoding="utf-8") if module.parent.name != "vendor" else ""
    for name in re.findall(r'^(?:import|export)\b[^;]*?from "([^"]+)";', text, re.MULTILINE):
        _imported((module.parent / name).resolve(), known)


def test_modules_of_the_first_page_are_named_ahead_so_that_none_waits_for_another() -> None:
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    needed: set[Path] = set()
    for module in ("js/main.js", "js/pages/now.js"):
        _imported(STATIC / module, needed)
    below: set[Path] = set(needed)
    _imported(STATIC / "js/pages/now_parts.js", below)
    sentence, _, rest = index.partition('<script type="module" src="static/js/main.js"></script>')
    assert _named(sentence) == _names(needed - {STATIC / "js/main.js"})
    assert _named(rest, ' fetchpriority="low"') == _names(below - needed)


def _named(part: str, how: str = "") -> list[str]:
    return sorted(re.findall(rf'rel="modulepreload" href="static/(\S+)"{how}>', part))


def _names(modules: set[Path]) -> list[str]:
    return sorted(str(path.relative_to(STATIC)) for path in modules)


def test_pure_parts_do_what_the_pages_need(visit: Visit) -> None:
    page = visit().open("system")
    blocks = page.evaluate(
        """async (text) => (await import("/static/js/markdown.js")).blocks(text)""",
        "# T\n\n**a**\n\n- x\n- y\n\n1. do\n   ```bash\n   ls\n   ```\n2. go\n\n"
        "| a | b |\n|---|---|\n| 1 | x\\|y |\n",
    )
    kinds = [block["kind"] for block in blocks]
    assert kinds == ["heading", "text", "list", "steps", "table"]
    assert [item["text"] for item in blocks[3]["items"]] == ["do", "go"]
    assert [item["commands"] for item in blocks[3]["items"]] == [["ls"], []]
    assert blocks[4]["rows"] == [["a", "b"], ["1", "x|y"]]


def test_layout_of_a_hundred_thousand_alerts_is_made_at_once(visit: Visit) -> None:
    page = visit().open("system")
    found = page.evaluate(
        """async () => {
          const { rowsOf, rowsBetween } = await import("/static/js/virtual.js");
          const order = Array.from({ length: 100000 }, (_, i) => [100000 - i, 1764400000 - i * 7]);
          const begun = performance.now();
          const { rows, height } = rowsOf(order, { columns: 6, height: 200 });
          const shown = rowsBetween(rows, height / 2, height / 2 + 1000);
          const ms = performance.now() - begun;
          const cards = rows.reduce((n, row) => n + (row.last ? row.last - row.first : 0), 0);
          const inside = shown.every((row) => row.top <= height / 2 + 1000);
          return { ms, cards, shown: shown.length, inside };
        }"""
    )
    assert found["cards"] == 100_000, json.dumps(found)
    assert 5 <= found["shown"] <= 8
    assert found["inside"]
    assert found["ms"] < 200
