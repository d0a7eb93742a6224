// What rings, what was it last time, what helped?
import { read } from "../api.js";
import { clock, day, dayOfMonth, hourMinute, moment, span } from "../format.js";
import { useKeys } from "../keys.js";
import { useRead } from "../load.js";
import { Copy, Empty, Failed, Mark, Skeleton, State } from "../parts.js";
import { Markdown } from "../markdown.js";
import { html, useEffect, useRef, useState } from "../preact.js";
import { goInstead, to } from "../router.js";
import { serverTime, useNow, useOperator, useStore, useTime } from "../store.js";
import { Zone } from "../verdict.js";
import { t } from "../words.js";
import { Mute, acknowledge, change } from "./alarms.js";

const WEEK_SEC = 7 * 86_400;
const EVERY_SEC = 15;
const kindOf = (one) => (one.over_at ? "idle" : one.severity || "bad");
const tall = (one) => (one.severity === "warn" ? { y: 10, height: 14 } : { y: 2, height: 22 });

// The list by keyset: the first page is asked for again, the following ones as the visitor wants.
function useIncidents() {
  const lang = useStore((s) => s.lang);
  const first = useRead("/incidents", { lang }, EVERY_SEC);
  const [older, set] = useState({ items: [], next: undefined });
  const next = older.next === undefined ? first.data?.next : older.next;
  const more = async () => {
    const page = await read("/incidents", { before: next, lang });
    set({ items: [...older.items, ...page.items], next: page.next });
  };
  const known = new Set((first.data?.items || []).map((one) => one.id));
  const all = [...(first.data?.items || []), ...older.items.filter((one) => !known.has(one.id))];
  all.sort((a, b) => Boolean(a.over_at) - Boolean(b.over_at) || b.began_at - a.began_at);
  return { ...first, items: first.data ? all : null, next, more };
}

function Lanes({ list, at, isChosen }) {
  const now = serverTime();
  const begin = now - WEEK_SEC;
  const x = (time) => ((time - begin) / WEEK_SEC) * 1000;
  const shown = list.filter((one) => (one.over_at || now) > begin);
  const wide = (one) => Math.max(4, x(one.over_at || now) - Math.max(0, x(one.began_at)));
  const left = (one) => Math.min(994, Math.max(0, x(one.began_at)));
  return html`<section
    class=${isChosen ? "panel lanes-panel chosen" : "panel lanes-panel"}
    aria-labelledby="week">
    <header>
      <h2 id="week" class="grow">${t("last_7d")}</h2>
      <a class="btn" href=${to("incidents", "now")}>${t("diagnosis_now")}</a>
    </header>
    <div class="lanes">
      <svg
        viewBox="0 0 1000 24"
        preserveAspectRatio="none"
        role="img"
        aria-label=${t("n_in_week", shown.length)}>
        <rect class="ground" x="0" y="23" width="1000" height="1" />
        ${shown.map((one) => html`<rect
            key=${one.id}
            class=${one.severity === "warn" ? "warn" : "bad"}
            x=${left(one)}
            width=${wide(one)}
            ...${tall(one)} />`)}
        ${shown.filter((one) => one.id === at).map((one) => html`<rect
            class="chosen"
            key="at"
            x=${Math.max(0, left(one) - 3)}
            width=${wide(one) + 6}
            y="0"
            height="2" />`)}
      </svg>
      <div class="days" aria-hidden="true">
        ${Array.from({ length: 7 }, (_, i) => html`<span key=${i}>
          ${dayOfMonth(begin + (i + 1) * 86_400)}
        </span>`)}
      </div>
    </div>
  </section>`;
}

const Item = ({ one, isHere }) => html`<li>
  <a href=${to("incidents", one.id)} aria-current=${isHere ? "true" : undefined}>
    <span class="st ${kindOf(one)}"><${Mark} kind=${kindOf(one)} /></span>
    <span class="what">
      <span class="words">${one.text}</span>
      <span class="when">
        <span>${day(one.began_at)} ${hourMinute(one.began_at)}</span>
        <span>
          ${one.over_at
            ? t("lasted", span(one.over_at - one.began_at))
            : html`<b class="t-bad">${t("rings")}</b>`}
        </span>
        ${one.acknowledged && html`<span class="cut">✓ ${one.acknowledged.by}</span>`}
      </span>
    </span>
  </a>
</li>`;

const MUTED = { incident: "mute_this", kind: "mute_kind", task_type: "mute_type", camera: "mute_camera" };
function mutedWords({ scope, value }, list) {
  if (scope !== "incident") return t(MUTED[scope], value);
  return list.find((one) => String(one.id) === String(value))?.text || value;
}

// What is muted, by whom and until when: seen by everybody, ended by operators.
function Mutes({ mutes = [], list, again }) {
  const canWrite = useOperator();
  if (!mutes.length) return null;
  const end = async (mute) => (await change("DELETE", `/mutes/${mute.id}`)) !== null && again();
  return html`<section class="panel mutes" aria-labelledby="mutes">
    <header><h2 id="mutes">${t("mutes")}</h2></header>
    <ul class="alarms">
      ${mutes.map((mute) => html`<li key=${mute.id}><span class="st idle"><${Mark} kind="idle" /></span>
        <span class="wrap">
          ${mutedWords(mute, list)} <span class="muted">
            ${t("muted_by", mute.by, `${day(mute.until)} ${hourMinute(mute.until)}`)}
          </span>
        </span>
        ${canWrite &&
          html`<button type="button" class="link" onClick=${() => end(mute)}>${t("unmute")}</button>`}
      </li>`)}
    </ul>
  </section>`;
}

function Notes({ one, again }) {
  const canWrite = useOperator();
  const [isOpen, open] = useState(false);
  const add = async (event) => {
    event.preventDefault();
    const text = new FormData(event.target).get("text").trim();
    if (text && (await change("POST", `/incidents/${one.id}/notes`, { text })) !== null) {
      open(false);
      again();
    }
  };
  const notes = one.notes || [];
  return html`${notes.length > 0 &&
    html`<ul class="notes" aria-label=${t("notes")}>
      ${notes.map((note, i) => html`<li key=${i}>
        <span class="muted small">${note.by}, ${moment(note.at)}</span>
        <br />
        ${note.text}
      </li>`)}
    </ul>`}
    ${canWrite && (isOpen ? html`<form onSubmit=${add}>
      <label class="vh" for="note">${t("note")}</label>
      <textarea
        id="note"
        name="text"
        class="field"
        rows="3"
        maxlength="2000"
        required
        ref=${(node) => node?.focus()}>
      </textarea>
      <span class="row">
        <button class="btn main">${t("add_note")}</button>
        <button type="button" class="btn" onClick=${() => open(false)}>${t("cancel")}</button>
      </span>
    </form>` : html`<button type="button" class="link acts" onClick=${() => open(true)}>
      ${t("add_note")}
    </button>`)}`;
}

function Actions({ one, again }) {
  const canWrite = useOperator();
  const rings = !one.over_at;
  const isMuted = one.muted_until && one.muted_until > serverTime();
  const act = async () => (await acknowledge(one.id)) !== null && again();
  return html`${one.acknowledged
    ? html`<span class="muted">✓ ${t("acknowledged_by", one.acknowledged.by)}</span>`
    : canWrite && html`<button type="button" class="btn" onClick=${act}>${t("acknowledge")}</button>`}
    ${isMuted
      ? html`<span class="muted">${t("muted_until", hourMinute(one.muted_until))}</span>`
      : rings && canWrite && html`<${Mute} alarm=${one} done=${again} />`}`;
}

// The first line of a report is its title; the title of the alarm stands above it already.
function Whole({ one, again }) {
  const lang = useStore((s) => s.lang);
  const now = useTime();
  const asked = useRead(`/incidents/${one.id}`, { lang });
  const whole = { ...one, ...asked.data, notes: asked.data?.notes ?? one.notes };
  const both = () => {
    again();
    asked.again();
  };
  const lasted = t(one.over_at ? "lasted" : "so_far", span((one.over_at || now) - one.began_at));
  return html`<article class="panel" aria-labelledby="incident">
    <header>
      <a class="btn quiet backlink" href="#/incidents">← ${t("all_incidents")}</a>
      <${State} kind=${kindOf(one)}>${t(one.over_at ? "over" : "rings")}<//>
      <span class="muted mono grow cut kind">${one.kind}${one.subject && ` · ${one.subject}`}</span>
      <${Actions} one=${whole} again=${both} />
      ${whole.report && html`<${Copy} text=${whole.report} label=${t("copy_markdown")} />`}
      <button type="button" class="btn" onClick=${() => print()}>${t("print")}</button>
    </header>
    <div class="report">
      <div>
        <h2 class="lead" id="incident">${one.text}</h2>
        <p class="muted">
          ${moment(one.began_at)}
          ${one.over_at ? ` – ${clock(one.over_at)}` : ""} · ${lasted}
        </p>
      </div>
      <${Notes} one=${whole} again=${both} />
      ${whole.said && whole.said !== whole.text && html`<p class="soft">${whole.said}</p>`}
      ${asked.error && html`<${Failed} error=${asked.error} again=${asked.again} />`}
      ${asked.data
        ? whole.report
        ? html`<${Zone} /><${Markdown} text=${whole.report} />`
        : html`<p class="soft">${t("no_report")}</p>`
        : !asked.error && html`<${Skeleton} rows=${8} />`}
    </div>
  </article>`;
}

export function Incidents({ id }) {
  const list = useIncidents();
  const ringing = useNow("alarms");
  const shown = useRef(null); // its id: it stays under the visitor's hands while others begin to ring
  useEffect(() => list.again(), [(ringing || []).map((alarm) => alarm.id).join()]);
  const before = useRef(id);
  useEffect(() => { // back in the list, in the frame after the page has been scrolled to its top
    if (before.current && !id) requestAnimationFrame(() => document.querySelector(".list [aria-current]")?.focus());
    before.current = id;
  }, [id]);
  useKeys({ Escape: () => id && goInstead("incidents") });
  if (list.items === null) return html`<section class="panel">
    <h1 class="vh">${t("incidents")}</h1>
    ${list.error
      ? html`<${Failed} error=${list.error} again=${list.again} />`
      : html`<${Skeleton} rows=${8} />`}
  </section>`;
  if (!list.items.length) return html`<section class="panel">
    <h1 class="vh">${t("incidents")}</h1>
    <${Empty} title=${t("no_incidents")} why=${t("no_incidents_why")}>
      <a href=${to("incidents", "now")}>${t("diagnosis_now")}</a>
    <//>
  </section>`;
  const one = list.items.find((other) => other.id === (id || shown.current)) || list.items[0];
  shown.current = one.id;
  const isChosen = Boolean(id);
  return html`<h1 class="vh">${t("incidents")}</h1>
    <${Lanes} list=${list.items} at=${one.id} isChosen=${isChosen} />
    <${Mutes} mutes=${list.data?.mutes} list=${list.items} again=${list.again} />
    <div class=${isChosen ? "inc chosen" : "inc"}>
      <section class="panel list" aria-label=${t("incidents")}>
        <ul>
          ${list.items.map((other) => html`<${Item}
              key=${other.id}
              one=${other}
              isHere=${other.id === one.id} />`)}
        </ul>
        ${list.next &&
          html`<div class="fold">
            <button type="button" class="link" onClick=${list.more}>${t("show_more")}</button>
          </div>`}
      </section>
      <${Whole} key=${one.id} one=${one} again=${list.again} />
    </div>`;
}
