// The filters of alerts: they stand in the address, so that a list can be sent to a colleague.
import { path } from "../api.js";
import { rooted } from "../root.js";
import { day, hourMinute, totalOf } from "../format.js";
import { useRead } from "../load.js";
import { Menu } from "../parts.js";
import { html, useEffect, useRef, useState } from "../preact.js";
import { goInstead } from "../router.js";
import { serverTime, useNow } from "../store.js";
import { t } from "../words.js";

const HOURS = 24;
const TALL = 40;
const RECENT = [["900", "last_15m"], ["3600", "last_1h"], ["86400", "last_24h"], ["604800", "last_7d"]];

const change = (filter, values) => goInstead("alerts", "", { ...filter, ...values });

function Select({ filter, name, first, options, words = (option) => option }) {
  const chosen = filter[name] || "";
  const all = chosen && !options.includes(chosen) ? [chosen, ...options] : options;
  return html`<select
    class=${chosen ? "field on" : "field"}
    aria-label=${first}
    onChange=${(event) => change(filter, { [name]: event.target.value })}>
    <option value="" selected=${!chosen}>${first}</option>
    ${all.map((option) => html`<option key=${option} value=${option} selected=${option === chosen}>
      ${words(option)}
    </option>`)}
  </select>`;
}

// Counts per step over the day. Dragging over them chooses the time; a click chooses one step.
function Histogram({ filter }) {
  const { from: _from, to: _to, ...others } = filter;
  const { data } = useRead("/alerts/histogram", { ...others, hours: HOURS }, 30);
  const [drag, set] = useState(null); // [begin, end] as shares of the width
  const at = useRef(null);
  if (!data) return html`<div class="hist">
    <svg viewBox="0 0 960 ${TALL}" preserveAspectRatio="none" aria-hidden="true"></svg>
    <div class="ticks"><span> </span></div>
  </div>`;
  const { from, step_sec: step, counts, estimated } = data;
  const full = from + counts.length * step;
  const now = serverTime();
  const end = now > full - step && now < full ? now : full; // the last step goes on
  const most = Math.max(1, ...counts);
  const x = (i) => Math.min(960, (i * step * 960) / (end - from));
  const beginOf = (i) => Math.floor(Math.min(from + i * step, end));
  const share = (event) => {
    const box = at.current.getBoundingClientRect();
    return Math.min(0.99999, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const begin = (event) => {
    if (event.button) return;
    at.current.setPointerCapture(event.pointerId);
    set([share(event), share(event)]);
  };
  const choose = (event) => {
    if (!drag) return;
    const [a, b] = [drag[0], share(event)].sort((x, y) => x - y);
    set(null);
    const stepAt = (part) => Math.floor((part * (end - from)) / step);
    change(filter, { from: beginOf(stepAt(a)), to: beginOf(stepAt(b) + 1) });
  };
  const [chosenFrom, chosenTo] = [Number(filter.from) || 0, Number(filter.to) || Infinity];
  const isChosen = filter.from || filter.to;
  const begins = (i) => from + i * step >= chosenFrom - step / 2;
  const isIn = (i) => isChosen && begins(i) && from + (i + 1) * step <= chosenTo + step / 2;
  return html`<div class="hist">
    <svg
      ref=${at}
      viewBox="0 0 960 ${TALL}"
      preserveAspectRatio="none"
      role="img"
      aria-label=${t("by_day", Math.round(step / 60))}
      onPointerDown=${begin}
      onPointerMove=${(event) => drag && set([drag[0], share(event)])}
      onPointerUp=${choose}
      onPointerCancel=${() => set(null)}>
      <rect class="ground" width="960" height=${TALL} />
      ${counts.map((n, i) => n > 0 && html`<rect
          key=${i}
          class=${isIn(i) ? "sel" : ""}
          x=${x(i)}
          width=${(x(i + 1) - x(i)) * 0.8}
          y=${TALL - (n / most) * TALL}
          height=${(n / most) * TALL} />`)}
      ${drag &&
        html`<rect
            class="drag"
            x=${Math.min(...drag) * 960}
            width=${Math.max(1, Math.abs(drag[1] - drag[0]) * 960)}
            height=${TALL} />`}
    </svg>
    <div class="ticks" aria-hidden="true">
      ${[0, 1, 2, 3, 4].map((i) => html`<span key=${i}>${hourMinute(beginOf((counts.length * i) / 4))}</span>`)}
    </div>
    ${estimated && html`<p class="muted">${t("estimated")}</p>`}
  </div>`;
}

// The time as fields, for those who do not drag.
function Span({ filter }) {
  if (!filter.from && !filter.to) return null;
  const words = (at) => (at ? `${day(Number(at))} ${hourMinute(Number(at))}` : "…");
  return html`<button type="button" class="btn span" onClick=${() => change(filter, { from: "", to: "" })}>
    ${words(filter.from)} – ${words(filter.to)} <span aria-hidden="true">×</span>
    <span class="vh">${t("any_time")}</span>
  </button>`;
}

const Recent = ({ filter }) => html`<select class="field" aria-label=${t("time")} onChange=${(event) => {
  const sec = Number(event.target.value);
  change(filter, { from: sec ? Math.floor(serverTime() - sec) : "", to: "" });
}}><option value="">${t("any_time")}</option>
  ${RECENT.map(([sec, word]) => html`<option
    key=${sec}
    value=${sec}>
    ${t(word)}
  </option>`)}
</select>`;

const Export = ({ filter }) => html`<${Menu} cls="btn exp" label=${t("export")}>
  ${[["csv", "export_csv"], ["coco", "export_coco"], ["zip", "export_zip"]].map(([format, words]) => html`<a
    key=${format}
    download
    href=${rooted(path("/alerts/export", { ...filter, format }))}>
    ${t(words)}
  </a>`)}
<//>`;

const unique = (list) => [...new Set(list)].sort((a, b) => a.localeCompare(b));

export function Filters({ alerts, filter }) {
  const [isOpen, open] = useState(false);
  const types = (useNow("types") || []).map((type) => type.name);
  const cameras = useNow("cameras") || [];
  const services = useNow("services") || [];
  const { number } = alerts;
  const isOn = Object.keys(filter).length > 0;
  const isUnseen = filter.reviewed === "no";
  return html`<section class="panel" aria-label=${t("alerts")}>
    <h1 class="vh">${t("alerts")}</h1>
    <div class=${isOpen ? "filters opened" : "filters"}>
      <button type="button" class="btn open" aria-expanded=${isOpen} onClick=${() => open(!isOpen)}>
        ${t("filters")}
      </button>
      <${Select} filter=${filter} name="task_type" first=${t("all_types")} options=${unique(types)} />
      <${Select}
          filter=${filter}
          name="task_id"
          first=${t("all_cameras")}
          options=${unique(cameras.map((camera) => camera.task_id))} />
      <${Select}
          filter=${filter}
          name="algorithm_id"
          first=${t("all_services")}
          options=${unique(services.map((service) => service.service_id))} />
      <${Select}
          filter=${filter}
          name="min_detections"
          first=${t("any_count")}
          options=${["1", "2", "3", "5", "10"]}
          words=${(n) => `≥ ${n}`} />
      <${Select}
          filter=${filter}
          name="min_confidence"
          first=${t("any_score")}
          options=${["0.5", "0.7", "0.9"]}
          words=${(n) => `≥ ${n * 100} %`} />
      <${Recent} filter=${filter} />
      <button
        type="button"
        class="btn"
        aria-pressed=${isUnseen}
        onClick=${() => change(filter, { reviewed: isUnseen ? "" : "no" })}>
        ${t("unseen")}
      </button>
      <${Span} filter=${filter} />
      ${isOn &&
        html`<button type="button" class="btn quiet" onClick=${() => goInstead("alerts")}>
          ${t("clear")}
        </button>`}
      <span class="grow"></span>
      <span class="muted" role="status">${(number.total ?? number.least) != null &&
        t("n_alerts", totalOf(number.total, number.least))}</span>
      <${Export} filter=${filter} />
    </div>
    <${Histogram} filter=${filter} /></section>`;
}
