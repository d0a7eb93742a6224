// The installation itself: processes, queues, disks, database, bus, settings, versions, audit log.
import { keep, openSession, read } from "../api.js";
import { bytes, count, moment, span, upTo } from "../format.js";
import { Loaded, useRead } from "../load.js";
import { Failed, Panel, State } from "../parts.js";
import { Person } from "../person.js";
import { html, useState } from "../preact.js";
import { rooted } from "../root.js";
import { to } from "../router.js";
import { useNow, useOperator, useStore } from "../store.js";
import { t } from "../words.js";
import { Fold } from "./types.js";

const EVERY_SEC = 10;
const LOW_PERCENT = 10; // of a disk
const MOST_OPEN = 20; // task types of which those without a frame are shown, too
const PROCESS = { working: "ok", silent: "bad", ended: "idle" };

// On a phone a row of texts becomes a block, where each value has its heading beside it.
const Table = ({ head, rows, number = count }) => html`<div
  class=${typeof rows[0]?.[1] === "number" ? "scroll" : "scroll rows"}
  tabindex="0">
  <table class="tight">
    <thead>
      <tr>
        ${head.map((cell, i) => html`<th
          key=${i}
          class=${i && typeof rows[0]?.[i] === "number" ? "num" : undefined}>
          ${cell}
        </th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map((row, r) => html`<tr key=${r}>
        ${row.map((cell, i) => html`<td
          key=${i}
          data-head=${head[i]}
          class=${typeof cell === "number" ? "num" : "text"}>
          ${typeof cell === "number" ? number(cell, i) : cell}
        </td>`)}
      </tr>`)}
    </tbody>
  </table>
</div>`;
const Facts = ({ rows }) => html`<dl class="facts">
  ${rows.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value ?? "–"}</dd>`)}
</dl>`;

function Processes({ processes, at }) {
  const row = ({ kind, name, pid, started_at: begun, beat_at: beat, state }) => [html`<b>
    ${kind}
  </b> <span class="muted mono">
    ${name || pid}
  </span>`, html`<${State} kind=${PROCESS[state]}>
    ${t(`process_${state}`)}
  <//>`, moment(begun), state === "ended" ? "–" : span(at - beat)];
  return html`<${Panel} id="processes" title=${t("processes")} note=${processes.length}>
    <${Table}
        head=${[t("process"), t("state"), t("started"), t("sign_of_life")]}
        rows=${processes.map(row)} />
  <//>`;
}

// Every task type; when there are many, those without a frame are folded.
function Queues({ queues, upTo: most = {} }) {
  const [isOpen, open] = useState(false);
  const types = (useNow("types") || []).map((type) => type.name);
  const states = ["waiting", "leased", "parked", "failed"];
  const names = [...new Set([...types, ...states.flatMap((state) => Object.keys(queues[state] || {}))])].sort();
  const rows = names.map((name) => [name, ...states.map((state) => queues[state]?.[name] || 0)]);
  const isFull = ([, ...counts]) => counts.some((n) => n > 0);
  const full = rows.filter(isFull);
  const fullFirst = [...full, ...rows.filter((row) => !isFull(row))];
  const isFolded = !isOpen && rows.length > MOST_OPEN;
  const shown = isFolded ? fullFirst.slice(0, Math.max(MOST_OPEN, full.length)) : rows;
  return html`<${Panel} id="queues" title=${t("queues")}>
    ${rows.length
      ? html`<${Table}
          head=${[t("type"), t("waiting"), t("in_flight"), t("parked"), t("failed")]}
          rows=${shown}
          number=${(n, i) => upTo(n, most[states[i - 1]])} />`
      : html`<div class="empty">${t("no_queues")}</div>`}
    <${Fold} hidden=${rows.length - shown.length} isOpen=${isOpen} words="n_empty" turn=${() => open(!isOpen)} />
  <//>`;
}

const Disks = ({ disks }) => html`<${Panel} id="disks" title=${t("disks")}>
  <${Facts}
      rows=${disks.map(({ folder, free_bytes: free, free_percent: percent }) => [t(`disk_${folder}`), html`<${State}
        kind=${percent < LOW_PERCENT ? "bad" : "ok"}>
        ${t("disk_free", bytes(free), percent.toFixed(0))}
      <//>`])} />
<//>`;
function Database({ database }) {
  const rows = [
    [t("kind"), { sqlite: "SQLite", postgresql: "PostgreSQL" }[database.kind]],
    [t("size"), database.size_bytes],
    [t("size_log"), database.log_bytes ?? t("log_of_server")],
    [t("size_free"), database.free_bytes],
  ].filter(([, value]) => value != null);
  const shown = rows.map(([name, value]) => [name, typeof value === "number" ? bytes(value) : value]);
  return html`<${Panel} id="database" title=${t("database")}><${Facts} rows=${shown} /><//>`;
}

function Bus({ bus }) {
  const rows = [[t("kind"), bus.type || t("none")], [t("waiting"), count(bus.waiting)]];
  if (bus.type) rows.push([t("topic"), bus.topic], [t("since"), moment(bus.oldest_at)]);
  return html`<${Panel} id="bus" title=${t("bus")}><${Facts} rows=${rows} /><//>`;
}

function Versions({ versions, alerts }) {
  const rows = [
    ["easyai", versions.easyai], ["Python", versions.python], [t("schema"), versions.schema],
    [t("alerts"), count(alerts.cameras)],
  ];
  return html`<${Panel} id="versions" title=${t("versions")}><${Facts} rows=${rows} /><//>`;
}

const Elsewhere = ({ flower }) => html`<${Panel} id="elsewhere" title=${t("elsewhere")}>
  <div class="links">
    <a href=${rooted("/docs")}>${t("api_docs")}</a>
    <a href=${rooted("/metrics")}>${t("metrics")}</a>
    ${flower
      ? html`<a href=${flower} rel="noreferrer">${t("flower")}</a>`
      : html`<span class="muted">${t("no_flower")} <code>celery -A easyai flower</code></span>`}
  </div>
<//>`;

// Settings and audit log are for operators.
function Settings() {
  const asked = useRead("/system/settings", {});
  const [words, search] = useState("");
  const [isOwn, own] = useState(true);
  const isFound = ({ key }) => key.toLowerCase().includes(words.toLowerCase());
  const isShown = ({ source }) => !isOwn || source !== "default";
  const rows = (asked.data?.values || []).filter((value) => isFound(value) && isShown(value));
  return html`<${Panel}
    id="settings"
    title=${t("settings")}
    actions=${html`<button type="button" class="btn" aria-pressed=${isOwn} onClick=${() => own(!isOwn)}>
      ${t("not_default")}
    </button>
      <input
          class="field"
          type="search"
          placeholder=${t("search")}
          aria-label=${t("search")}
          onInput=${(event) => search(event.target.value)} />`}>
    <${Loaded} of=${asked} rows=${6}>
      ${rows.length
        ? html`<${Table}
            head=${[t("key"), t("value"), t("source")]}
            rows=${rows.map(({ key, value, source }) => [html`<span class="mono">
              ${key}
            </span>`, html`<span class="mono">
              ${value}
            </span>`, source])} />`
        : html`<div class="empty">${t("all_default")}</div>`}
    <//>
  <//>`;
}

function Audit() {
  const lang = useStore((s) => s.lang);
  const first = useRead("/audit", { lang });
  const [older, set] = useState(null);
  const [error, fail] = useState(null);
  const items = [...(first.data?.items || []), ...(older?.items || [])];
  const next = older ? older.next : first.data?.next;
  const add = (page) => set({ items: [...(older?.items || []), ...page.items], next: page.next });
  const more = () => read("/audit", { before: next, lang }).then(add, fail);
  return html`<${Panel} id="audit" title=${t("audit")}>
    ${error && html`<${Failed} error=${error} again=${more} />`}
    <${Loaded} of=${first} rows=${5}>
      ${items.length
        ? html`<${Table}
            head=${[t("time"), t("action"), t("what")]}
            rows=${items.map((entry) => [html`<span class="cut">
              ${moment(entry.at)}
            </span>`, entry.action, entry.text])} />`
        : html`<div class="empty">${t("no_audit")}</div>`}
      ${next &&
        html`<div class="fold">
          <button type="button" class="link" onClick=${more}>${t("show_more")}</button>
        </div>`}
    <//>
  <//>`;
}

// The name under which the audit log has what is done from this machine without a login.
function You() {
  const session = useStore((s) => s.session);
  if (!session?.local) return null;
  const change = (event) => {
    keep.write("easyai.person", event.target.value.trim());
    openSession().catch(() => {});
  };
  return html`<${Panel} id="you" title=${t("your_name")}>
    <div class="links">
      <label class="vh" for="person">${t("your_name")}</label>
      <input
          id="person"
          class="field"
          maxlength="64"
          value=${keep.read("easyai.person")}
          placeholder=${session.name}
          onChange=${change} />
      <span class="muted">${t("your_name_why")}</span>
    </div>
  <//>`;
}

export function System() {
  const isOperator = useOperator();
  const asked = useRead("/system", {}, EVERY_SEC);
  const system = asked.data;
  return html`<h1 class="vh">${t("system")}</h1>
    <nav class="menu-page" aria-label=${t("more")}>
      <a class="btn" href=${to("cameras")}>${t("cameras")}</a>
      <a class="btn" href=${to("frames")}>${t("frames")}</a>
      <${Person} cls="btn" />
    </nav>
    <${Loaded} of=${asked} rows=${8}>
      ${system &&
        html`<${Processes} processes=${system.processes} at=${system.at} />
          <${Queues} queues=${system.queues} upTo=${system.counted_up_to} />
          <div class="cols2">
            <${Disks} disks=${system.disks} />
            <${Database} database=${system.database} />
            <${Bus} bus=${system.bus} />
            <${Versions} versions=${system.versions} alerts=${system.alerts} />
            <${Elsewhere} flower=${system.flower_url} />
            <${You} />
          </div>`}
    <//>
    ${isOperator && html`<${Settings} /><${Audit} />`}`;
}
