// One alert: what exactly, how sure, why is it an alert?
import { deleteSoon } from "../delete_soon.js";
import { feed, useFeed } from "../feed.js";
import { clock, count, moment, ms, percent, seconds, stamp } from "../format.js";
import { useKeys } from "../keys.js";
import { Loaded, useRead } from "../load.js";
import { Copy, Failed, State } from "../parts.js";
import { Picture, fit } from "../picture.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../preact.js";
import { go, goInstead, route, to } from "../router.js";
import { useOperator, useStore } from "../store.js";
import { t } from "../words.js";

const FILM = { before: 8, after: 16 };

const back = () => go("alerts", "", feed.filter);

// The whole alert, with what the list knows of it until it has arrived.
function useAlert(id) {
  const alerts = useFeed();
  const asked = useRead(`/alerts/${id}`, feed.filter);
  const listed = alerts.items.get(id);
  const whole = asked.data?.id === id ? asked.data : null;
  const alert = whole || listed ? { ...whole, ...listed } : null;
  const { at, newer, older } = alerts.around(id);
  const apart = useRead(at < 0 ? "/alerts" : "", { before: id + 1, page_size: FILM.after });
  return {
    alerts, alert, asked, at, near: nearOf(alerts, id, at, apart.data?.items),
    newer: newer ?? (at < 0 ? whole?.previous : undefined),
    older: older ?? whole?.following, // also while the next part of the list is on its way
  };
}

// The alerts around one: of the list, else the older ones.
function nearOf(alerts, id, at, apart = []) {
  if (at < 0) return apart;
  const ids = alerts.order.slice(Math.max(0, at - FILM.before), at + FILM.after);
  return ids.map(([other]) => alerts.items.get(other)).filter(Boolean);
}

function Film({ near, id }) {
  const at = useRef(null);
  useLayoutEffect(() => {
    const chosen = at.current?.querySelector("[aria-current]");
    if (chosen) at.current.scrollLeft = chosen.offsetLeft - at.current.clientWidth / 2 + chosen.offsetWidth / 2;
  }, [id, near.length]);
  return html`<div class="film" ref=${at}>
    ${near.map((item) => html`<a
      key=${item.id}
      href=${to("alerts", item.id)}
      class=${item.reviewed ? "seen" : ""}
      aria-current=${item.id === id ? "true" : undefined}
      aria-label="${item.task_id} ${clock(item.created_at)}"
      onClick=${(event) => {
        event.preventDefault();
        goInstead("alerts", item.id);
      }}><${Picture} src=${item.thumb} /></a>`)}</div>`;
}

// The counts of a tripwire: {name, count, in, out}, of which a service may send only some.
function crossed({ in: into, out, count: n }) {
  if (into == null && out == null) return count(n);
  return t("in_out", count(into ?? 0), count(out ?? 0));
}

function Facts({ alert }) {
  return html`<dl class="facts"><dt>${t("time")}</dt><dd>${moment(alert.created_at)}</dd>
    <dt>${t("camera")}</dt><dd><a href=${to("cameras", alert.task_id)}>${alert.task_id}</a></dd>
    <dt>${t("type")}</dt>
    <dd>${alert.task_type}</dd>
    <dt>${t("count")}</dt>
    <dd>${count(alert.detection_count)}</dd>
    <dt>${t("score")}</dt><dd>${alert.confidence ? percent(alert.confidence) : "–"}</dd>
    ${(alert.crossings || []).map((line) => html`<dt key=${line.name}>${t("crossed")}</dt>
      <dd>${line.name}: ${crossed(line)}</dd>`)}
    <dt>${t("service")}</dt>
    <dd>
      ${alert.endpoint
        ? html`<a href=${to("services", alert.endpoint)}>${alert.algorithm_id}</a>`
        : alert.algorithm_id}
      ${alert.algorithm_name && alert.algorithm_name !== alert.algorithm_id &&
        html`<span class="muted"> ${alert.algorithm_name}</span>`}
    </dd>
    <dt>${t("inference")}</dt><dd>${ms(alert.inference_time_ms)} ms</dd><dt>ID</dt><dd>${alert.id}</dd></dl>`;
}

// The corners of a box in pixels of the picture, as the service sent them.
function corners(box, size) {
  const [sx, sy] = box.unit === "px" || !size ? [1, 1] : size;
  const all = [box.x * sx, box.y * sy, (box.x + box.w) * sx, (box.y + box.h) * sy];
  return all.map((n) => (box.unit === "px" || size ? Math.round(n) : n.toFixed(2))).join(" ");
}
const Detections = ({ boxes = [], size }) => boxes.length > 0 && html`<section>
  <h2>${t("detections")}</h2>
  <table class="tight">
    <thead class="vh">
      <tr><th>#</th><th>${t("type")}</th><th>${t("score")}</th><th>${t("boxes")}</th></tr>
    </thead>
    <tbody>
      ${boxes.map((box, i) => html`<tr key=${i}>
        <td class="muted">${i + 1}</td>
        <td class="text">${box.label || "–"}</td>
        <td class="num">${percent(box.score)}</td>
        <td class="num muted mono">${corners(box, size)}</td>
      </tr>`)}
    </tbody>
  </table>
</section>`;

// The stations of its frame, with the time from each to the next.
function Steps({ alert }) {
  const names = [
    ["captured", t("st_captured")],
    ["found", t("st_found")],
    ["leased", t("st_sent", alert.endpoint || alert.algorithm_id)],
    ["settled", t("st_saved")],
  ];
  const stations = names.filter(([name]) => alert.times?.[name]);
  const known = stations.map(([name, words]) => [seconds(alert.times[name]), words]);
  if (!known.length) return null;
  const since = (i) => (i ? `+${ms((known[i][0] - known[i - 1][0]) * 1000)} ms` : "");
  return html`<section>
    <h2>${t("why")}</h2>
    <ol class="steps">
      ${known.map(([at, words], i) => html`<li key=${i}>
        <span>${stamp(at)}</span>
        <span class="wrap">${words}</span>
        <span class="muted">${since(i)}</span>
      </li>`)}
    </ol>
  </section>`;
}

function Raw({ alert, isOpen, turn }) {
  const text = JSON.stringify({ request: alert.request ?? null, answer: alert.result ?? null }, null, 2);
  return html`<section>
    <h2 class="row">
      <span class="grow">${t("request_answer")}</span>
      <button type="button" class="link" aria-expanded=${isOpen} onClick=${turn}>
        ${t(isOpen ? "hide" : "show")}
      </button>
      <${Copy} cls="link" text=${text} />
    </h2>
    ${isOpen ? html`<pre class="json" tabindex="0">${text}</pre>` : html`<div class="cap"></div>`}</section>`;
}

// The keys, what they do, and whether that is a write.
const KEYS = [
  [["←", "→"], "k_next"], [["r"], "k_reviewed", true], [["Delete"], "k_delete", true],
  [["b"], "k_boxes"], [["w"], "k_json"], [["Esc"], "k_back"],
];
const KeyHelp = ({ canWrite }) => html`<div class="keys" aria-hidden="true">
  ${KEYS.filter(([, , isWrite]) => canWrite || !isWrite).map(([keys, words]) => html`<span key=${words}>
    ${keys.map((key) => html`<kbd key=${key}>${key}</kbd>`)} ${t(words)}
  </span>`)}
</div>`;

function useActions({ alerts, alert, newer, older, id }) {
  const canWrite = useOperator();
  const person = useStore((s) => s.session?.name || "");
  const show = (other) => other != null && goInstead("alerts", other);
  const mark = () => {
    if (!canWrite || !alert) return;
    const isReviewed = !alert.reviewed;
    alerts.items.set(id, alert); // an alert that the list does not have is marked there, too
    alerts.mark([id], isReviewed, person).catch(() => {});
    if (isReviewed) show(older);
  };
  const drop = () => {
    if (!canWrite || !alert) return;
    alerts.items.set(id, alert); // as for a mark: its lists have one alert less
    deleteSoon(id, () => goInstead("alerts", id));
    if (older ?? newer) show(older ?? newer);
    else back();
  };
  return {
    canWrite, mark, drop, isNewer: newer != null, isOlder: older != null,
    toNewer: () => show(newer), toOlder: () => show(older),
  };
}

export function Alert({ id }) {
  const state = useAlert(id);
  const { alert, alerts, at } = state;
  const [isBare, bare] = useState(false);
  const [isRaw, raw] = useState(false);
  const act = useActions({ ...state, id });
  useKeys({
    ArrowLeft: act.toNewer, k: act.toNewer, ArrowRight: act.toOlder, j: act.toOlder, r: act.mark, Delete: act.drop,
    b: () => bare(!isBare), w: () => raw(!isRaw), Escape: back,
  });
  useLayoutEffect(() => void (alerts.visited = id), [id]);
  useLayoutEffect(() => () => { // the gallery gives it the focus only when the visitor comes back from it
    if (route().page !== "alerts") alerts.visited = null;
  }, []);
  useEffect(() => { // the list goes on ahead of the one who walks through it
    if (at >= 0 && at > alerts.order.length - 20) alerts.more();
  }, [at, alerts.order.length]);
  if (!alert) return html`<h1 class="vh">${t("alerts")}</h1>
    <div class="row"><button type="button" class="btn quiet" onClick=${back}>← ${t("back")}</button></div>
    <section class="panel"><${Loaded} of=${state.asked} rows=${8} none="alert_gone" /></section>`;
  const lines = alert.crossings || [];
  return html`<div class="detail">
    <div class="stage">
      <div class="row"><button type="button" class="btn quiet" onClick=${back}>← ${t("back")}</button>
        <span class="muted grow">
          ${at >= 0 && t("position", count(at + 1), count(alerts.number.total ?? alerts.order.length))}
        </span>
        <button
          type="button"
          class="btn icon"
          aria-label=${t("newer")}
          disabled=${!act.isNewer}
          onClick=${act.toNewer}>‹</button>
        <button
          type="button"
          class="btn icon"
          aria-label=${t("older")}
          disabled=${!act.isOlder}
          onClick=${act.toOlder}>›</button>
        ${act.canWrite &&
          html`<button
            type="button"
            class="btn mainbtn"
            aria-pressed=${Boolean(alert.reviewed)}
            onClick=${act.mark}>
            ${alert.reviewed ? `✓ ${t("reviewed")}` : t("mark")}
          </button>
            <button type="button" class="btn danger" onClick=${act.drop}>${t("delete")}</button>`}
      </div>
      <div class="big">
        <${Picture}
          key=${id}
          full
          eager
          labels
          fit=${fit}
          hide=${isBare}
          src=${alert.picture}
          boxes=${alert.boxes}
          regions=${alert.regions}
          alt=${`${alert.task_id} ${clock(alert.created_at)}`}>
          ${lines.length > 0 && html`<span class="corner left">${lines.map(crossed).join(" · ")}</span>`}<//>
      </div>
      <${Film} near=${state.near} id=${id} /><${KeyHelp} canWrite=${act.canWrite} /></div>
    <aside class="panel side" aria-labelledby="alert-title">
      <header>
        <h1 id="alert-title" class="grow cut">${alert.task_id}</h1>
        ${alert.reviewed && html`<${State} kind="ok">${t("reviewed_by", alert.reviewed.by)}<//>`}
      </header>
      ${state.asked.error && html`<${Failed} error=${state.asked.error} again=${state.asked.again} />`}
      <${Facts} alert=${alert} />
      <${Detections} boxes=${alert.boxes} size=${alert.size} />
      <${Steps} alert=${alert} />
      <${Raw} alert=${alert} isOpen=${isRaw} turn=${() => raw(!isRaw)} />
    </aside>
  </div>`;
}
