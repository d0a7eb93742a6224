// What was found, by which camera, when? What has nobody looked at?
import { filterOf } from "../alert_filter.js";
import { useFeed } from "../feed.js";
import { clock, count, day, hourMinute, percent } from "../format.js";
import { Empty, Failed } from "../parts.js";
import { Picture } from "../picture.js";
import { html, memo, useEffect, useLayoutEffect, useMemo, useRef } from "../preact.js";
import { go, to, useRoute } from "../router.js";
import { useOperator } from "../store.js";
import { rowsBetween, rowsOf, useScrolled, useView } from "../virtual.js";
import { t } from "../words.js";
import { Filters } from "./alert_filters.js";
import { Bulk, useSelection } from "./alert_selection.js";
import { useGalleryKeys } from "./gallery_keys.js";

const GAP = 8;
const BELOW = 48; // pixels of a card below its picture, with the gap to the next row
const NARROWEST = 184;
const MORE_WITHIN = 1600; // pixels from the end: the next page is asked for

// Columns and sizes of the cards for a width of the gallery.
export function cellOf(width, scale) {
  const columns = Math.max(2, Math.floor((width + GAP) / (NARROWEST * scale + GAP)));
  const card = Math.floor((width - GAP * (columns - 1)) / columns);
  return { columns, card, height: Math.round((card * 3) / 4 + BELOW * scale) };
}

const placed = ({ top, left, width }) => ({ top: `${top}px`, left: `${left}px`, width: `${width}px` });

const Card = memo(({ item, isPicked, isPicking, pick, canWrite }) => {
  const seen = item.reviewed;
  const name = `${item.task_id} ${item.task_type} ${clock(item.created_at)}`;
  const follow = (event) => {
    if (!isPicking || !event.shiftKey) return;
    event.preventDefault(); // with Shift a click selects instead of opening a window
    pick(item.id, true);
  };
  return html`<a href=${to("alerts", item.id)} onClick=${follow}>
    <${Picture}
      src=${item.thumb}
      size=${item.size}
      alert=${item.id}
      boxes=${item.boxes}
      regions=${item.regions}
      alt=${name}>
      ${seen && html`<span class="corner left">✓ ${seen.by}</span>`}
      <span class="corner">${item.detection_count}</span>
    <//>
    <span class="cap">
      <b class="cut">${item.task_id}</b>
      <span class="num">${clock(item.created_at)}</span>
    </span>
    <span class="l2">
      <span class="cut">${item.task_type}</span>
      <span>${item.confidence ? percent(item.confidence) : "–"}</span>
    </span>
  </a>
  ${canWrite &&
    html`<label class="pick">
      <input
          type="checkbox"
          checked=${isPicked}
          onClick=${(event) => pick(item.id, event.shiftKey)}
          aria-label=${t("select", name)} />
    </label>`}`;
});

const Waiting = (place) => html`<div style=${placed(place)} aria-hidden="true"><div class="pic"></div></div>`;

function Heading({ row }) {
  return html`<h2 class="day" style=${{ top: `${row.top}px` }}>
    ${day(row.hour)} ${hourMinute(row.hour)}
    <span class="muted small">${t("n_shown", count(row.count))}</span>
  </h2>`;
}

// Only the cards near the screen exist, each at its own place, so that a new one moves the others
// and none is drawn again. Its elements stay when others come and go, and one of them keeps the focus:
// Preact would move the element of a memorised component.
function Gallery({ alerts, selection, canWrite }) {
  const box = useRef(null);
  const view = useView(box);
  const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const cell = cellOf(view.width || 1000, scale);
  const { order } = alerts;
  const { columns } = cell;
  const { rows, height } = useMemo(() => rowsOf(order, cell), [order, order.length, columns, cell.height]);
  useGalleryKeys({ alerts, selection, canWrite, rows, box });
  const shown = rowsBetween(rows, view.from, view.to);
  const cards = shown.filter((row) => row.last);
  const [first, last] = cards.length ? [cards[0].first, cards.at(-1).last] : [0, 0];
  useEffect(() => {
    alerts.fill(first, last);
    alerts.letGo(first, last);
    if (view.to > height - MORE_WITHIN) alerts.more();
  }, [first, last, height, view.to, alerts.next]);
  const place = (row, i) => ({ top: row.top, left: (i - row.first) * (cell.card + GAP), width: cell.card });
  const card = (row, i) => {
    const id = alerts.order[i][0];
    const item = alerts.items.get(id);
    if (!item) return html`<${Waiting} key=${id} ...${place(row, i)} />`;
    const isPicked = selection.has(id);
    const marks = [item.reviewed && "seen", isPicked && "picked", alerts.fresh.has(id) && "fresh"];
    return html`<article
      key=${id}
      class=${["alert", ...marks].filter(Boolean).join(" ")}
      style=${placed(place(row, i))}
      data-id=${id}>
      <${Card}
          item=${item}
          canWrite=${canWrite}
          isPicked=${isPicked}
          isPicking=${selection.size > 0}
          pick=${selection.pick} />
    </article>`;
  };
  const cardsOf = (row) => Array.from({ length: row.last - row.first }, (_, i) => card(row, row.first + i));
  return html`<div
    class=${selection.size ? "gallery picking" : "gallery"}
    ref=${box}
    style=${{ height: `${height}px` }}>
    ${shown.flatMap((row) => (row.last ? cardsOf(row) : html`<${Heading}
        key=${`h${row.hour}`}
        row=${row} />`))}
  </div>`;
}

const Loading = () => html`<div class="wall all" aria-hidden="true">
  ${Array.from({ length: 14 }, (_, i) => html`<div key=${i}>
    <div class="pic"></div>
    <div class="cap"><div class="sk grow"></div></div>
  </div>`)}
</div>`;

function None({ isFiltered }) {
  if (!isFiltered) return html`<section class="panel">
    <${Empty} title=${t("no_alerts_yet")} why=${t("no_alerts_yet_why")} />
  </section>`;
  return html`<section class="panel">
    <${Empty} title=${t("no_alerts")} why=${t("no_alerts_why")}>
      <button type="button" class="link" onClick=${() => go("alerts")}>${t("clear")}</button>
    <//>
  </section>`;
}

// Where the gallery was scrolled to, when the visitor comes back from an alert.
function useReturn(alerts) {
  useLayoutEffect(() => {
    const back = alerts.scrolled;
    if (back) requestAnimationFrame(() => scrollTo(0, back));
    const keep = () => {
      if (location.hash.startsWith("#/alerts") && !/^#\/alerts\/\d/.test(location.hash)) alerts.scrolled = scrollY;
    };
    addEventListener("scroll", keep, { passive: true });
    return () => removeEventListener("scroll", keep);
  }, []);
}

function useNewer(alerts) {
  const isDown = useScrolled();
  useEffect(() => {
    alerts.isAtTop = !isDown;
    if (!isDown && (alerts.newer.length || alerts.hasGap)) alerts.showNewer();
    return () => (alerts.isAtTop = false);
  }, [isDown]);
}

export function Alerts() {
  const { query } = useRoute();
  const filter = filterOf(query);
  const alerts = useFeed();
  const canWrite = useOperator();
  const selection = useSelection(alerts);
  useEffect(() => {
    alerts.open(filter);
    selection.clear();
  }, [JSON.stringify(filter)]);
  useReturn(alerts);
  useNewer(alerts);
  const top = () => {
    alerts.showNewer();
    scrollTo(0, 0);
  };
  const isFiltered = Object.keys(filter).length > 0;
  return html`<${Filters} alerts=${alerts} filter=${filter} />
    ${alerts.newer.length > 0 &&
      html`<button type="button" class="btn main newer" onClick=${top}>
        ${t("n_newer", `${count(alerts.newer.length)}${alerts.hasGap ? "+" : ""}`)}
      </button>`}
    ${alerts.error &&
      html`<section class="panel">
        <${Failed} error=${alerts.error} again=${() => alerts.again()} />
      </section>`}
    ${alerts.isLoading
      ? html`<${Loading} />`
      : alerts.order.length
      ? html`<${Gallery} alerts=${alerts} selection=${selection} canWrite=${canWrite} />`
      : !alerts.error && html`<${None} isFiltered=${isFiltered} />`}
    ${selection.size > 0 && html`<${Bulk} alerts=${alerts} selection=${selection} filter=${filter} />`}`;
}

