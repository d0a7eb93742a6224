// The installation itself: processes, queues, disk, database, bus, settings, versions, audit log.
import { keep, openSession, read } from "../api.js";
import { moment } from "../format.js";
import { Loaded, useRead } from "../load.js";
import { Failed, Panel } from "../parts.js";
import { html, useState } from "../preact.js";
import { rooted } from "../root.js";
import { to } from "../router.js";
import { useStore } from "../store.js";
import { t } from "../words.js";

const EVERY_SEC = 10;
const isPlain = (value) => value === null || typeof value !== "object";
const isTime = (key) => /(^|_)at$|_until$/.test(key);
function shown(key, value) {
  if (value === null || value === undefined || value === "") return "–";
  if (isTime(key) && typeof value === "number") return moment(value);
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  return Array.isArray(value) ? value.map((part) => (isPlain(part) ? String(part) : JSON.stringify(part))).join(", ") || "–" : isPlain(value) ? String(value) : JSON.stringify(value);
}
const label = (key) => {
  const word = t(`sys_${key}`);
  return word === `sys_${key}` ? key.replaceAll("_", " ") : word;
};

const Facts = ({ of }) => html`<dl class="facts">${Object.entries(of).map(([key, value]) => html`<dt key=${key}>${label(key)}</dt><dd>${shown(key, value)}</dd>`)}</dl>`;
function Rows({ of }) {
  const columns = [...new Set(of.flatMap((row) => Object.keys(row)))];
  return html`<div class="scroll" tabindex="0"><table class="tight"><thead><tr>${columns.map((key) => html`<th key=${key}>${label(key)}</th>`)}</tr></thead><tbody>${of.map((row, i) => html`<tr key=${i}>${columns.map((key) => html`<td key=${key} class="text">${shown(key, row[key])}</td>`)}</tr>`)}</tbody></table></div>`;
}
// A section of the answer: a list of rows, or facts by name.
function Section({ name, value }) {
  const body = Array.isArray(value) ? (value.length && !isPlain(value[0]) ? html`<${Rows} of=${value} />` : html`<dl class="facts"><dd>${shown(name, value)}</dd></dl>`) : isPlain(value) ? html`<dl class="facts"><dd>${shown(name, value)}</dd></dl>` : html`<${Facts} of=${value} />`;
  return html`<${Panel} id="sys-${name}" title=${label(name)}>${body}<//>`;
}

function Settings({ settings }) {
  const [words, search] = useState("");
  const rows = flat(settings).filter(([key]) => key.toLowerCase().includes(words.toLowerCase()));
  return html`<${Panel} id="sys-settings" title=${t("settings")} actions=${html`<input class="field" type="search" placeholder=${t("search")} aria-label=${t("search")} onInput=${(event) => search(event.target.value)} />`}>
    <table class="tight settings"><tbody>${rows.map(([key, value]) => html`<tr key=${key}><td class="text mono">${key}</td><td class="text mono">${shown("", value)}</td></tr>`)}</tbody></table><//>`;
}
// Settings by their whole names: {"easyai": {"port": 1}} is [["easyai.port", 1]].
export function flat(settings, before = "") {
  if (Array.isArray(settings)) return settings.map(({ name, value }) => [name, value]);
  return Object.entries(settings || {}).flatMap(([key, value]) => (isPlain(value) || Array.isArray(value) ? [[before + key, value]] : flat(value, `${before}${key}.`)));
}

function Audit() {
  const first = useRead("/audit", {});
  const [older, set] = useState(null);
  const [error, fail] = useState(null);
  const items = [...(first.data?.items || []), ...(older?.items || [])];
  const next = older ? older.next : first.data?.next;
  const more = () => read("/audit", { before: next }).then((page) => set({ items: [...(older?.items || []), ...page.items], next: page.next }), fail);
  return html`<${Panel} id="audit" title=${t("audit")}>${error && html`<${Failed} error=${error} again=${more} />`}<${Loaded} of=${first} rows=${5}>
    <div class="scroll" tabindex="0"><table class="tight"><thead><tr><th>${t("time")}</th><th>${t("who")}</th><th>${t("action")}</th><th>${t("what")}</th></tr></thead><tbody>${items.map((entry) => html`<tr key=${entry.id}><td>${moment(entry.at)}</td><td>${entry.by}</td><td>${entry.action}</td><td class="text">${entry.text}</td></tr>`)}</tbody></table></div>
    ${next && html`<div class="fold"><button type="button" class="link" onClick=${more}>${t("show_more")}</button></div>`}<//><//>`;
}

// The name under which the audit log has what is done from this machine without a login.
function You() {
  const session = useStore((s) => s.session);
  if (!session?.local) return null;
  const change = (event) => {
    keep.write("easyai.person", event.target.value.trim());
    openSession().catch(() => {});
  };
  return html`<${Panel} id="you" title=${t("your_name")}><div class="links"><label class="vh" for="person">${t("your_name")}</label><input id="person" class="field" maxlength="64" value=${keep.read("easyai.person")} placeholder=${session.name} onChange=${change} /><span class="muted">${t("your_name_why")}</span></div><//>`;
}

export function System() {
  const asked = useRead("/system", {}, EVERY_SEC);
  const { settings, ...sections } = asked.data || {};
  return html`<h1 class="vh">${t("system")}</h1><nav class="menu-page" aria-label=${t("more")}><a class="btn" href=${to("cameras")}>${t("cameras")}</a><a class="btn" href=${to("frames")}>${t("frames")}</a></nav>
    <${Loaded} of=${asked} rows=${8}><div class="cols2">${Object.entries(sections).map(([name, value]) => html`<${Section} key=${name} name=${name} value=${value} />`)}
      <${Panel} id="elsewhere" title=${t("elsewhere")}><div class="links"><a href=${rooted("/docs")}>${t("api_docs")}</a>${asked.data?.flower_url && html`<a href=${asked.data.flower_url} rel="noreferrer">Flower</a>`}<a href=${rooted("/metrics")}>${t("metrics")}</a></div><//><${You} /></div>
      ${settings && html`<${Settings} settings=${settings} />`}<//><${Audit} />`;
}
