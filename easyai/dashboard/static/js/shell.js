// The frame of every page: the bar, the tabs, the verdict as a pill, the keys, the toast.
import { keep } from "./api.js";
import { span } from "./format.js";
import { HELP, useKeys } from "./keys.js";
import { clock } from "./format.js";
import { startAgain } from "./live.js";
import { Page } from "./pages.js";
import { Dialog, Mark, State } from "./parts.js";
import { Person } from "./person.js";
import { html, useEffect, useRef, useState } from "./preact.js";
import { PAGES, to, useRoute } from "./router.js";
import { closeToast, serverTime, useNow, useStore, useTime } from "./store.js";
import { useVerdict } from "./verdict.js";
import { isChinese, setLanguage, t } from "./words.js";

const ICONS = {
  now: "M3 13h4l3-8 4 14 3-6h4",
  alerts: "M4 5h16v14H4zM4 15l5-4 4 3 3-2 4 3",
  services: "M4 5h16v5H4zM4 14h16v5H4zM7 7.5h.01M7 16.5h.01",
  incidents: "M12 4 3 19h18zM12 10v4M12 16.5h.01",
  system: "M4 7h16M4 12h16M4 17h16",
};
const WIDE = ["cameras", "frames"]; // on a phone they stand below More

// On a phone cameras and frames are found behind the last tab.
function Tab({ name, isHere, isBehind }) {
  const rings = useNow("alarms")?.length || 0;
  const words = t(name);
  return html`<a
    class=${WIDE.includes(name) ? "wide" : isBehind ? "behind" : ""}
    href=${to(name)}
    aria-current=${isHere ? "page" : undefined}>
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linejoin="round"
      stroke-linecap="round"
      aria-hidden="true">
      <path d=${ICONS[name] || ""} />
    </svg>
    ${name === "system"
      ? html`<span class="own">${words}</span><span class="other">${t("more")}</span>`
      : words}
    ${name === "incidents" && rings > 0 &&
      html`<span class="count">
        <span aria-hidden="true">${rings}</span>
        <span class="vh">${t("n_ring", rings)}</span>
      </span>`}
  </a>`;
}

function Pill() {
  const { kind, word, verdict } = useVerdict();
  const lasted = kind === "bad" && verdict?.since ? span(serverTime() - verdict.since) : "";
  return html`<a class="pill ${kind}" href="#/">
    <${Mark} kind=${kind} />
    ${word}
    ${lasted && html`<span class="long">${lasted}</span>`}
  </a>`;
}

function Connection() {
  const now = useTime();
  const connection = useStore((s) => s.connection);
  const hasPlace = useStore((s) => s.hasPlace);
  if (!hasPlace) return html`<span class="small" title=${t("v_many_tabs_why")}>
    <${State} kind="warn">${t("many_tabs")}<//>
  </span>`;
  if (connection === "silent") return html`<span class="small">
    <${State} kind="warn">${t("reconnecting")}<//>
  </span>`;
  return html`<span class="muted small txt num">
    ${connection === "live" && `${t("live")} ${clock(now)}`}
  </span>`;
}

function Theme() {
  const [choice, set] = useState(window.easyaiTheme.choice);
  const turn = () => {
    const next = { auto: "light", light: "dark", dark: "auto" }[choice] || "auto";
    window.easyaiTheme.apply(next);
    keep.write("easyai.theme", next);
    set(next);
  };
  return html`<button
    type="button"
    class="btn quiet"
    onClick=${turn}
    aria-label="${t("theme")}: ${t(choice)}">
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M8 2a6 6 0 0 1 0 12Z" fill="currentColor" />
    </svg>
    <span class="txt">${t(choice)}</span>
  </button>`;
}

function Language() {
  const turn = () => {
    setLanguage(isChinese() ? "en" : "zh");
    keep.write("easyai.lang", isChinese() ? "zh" : "en");
    startAgain();
  };
  return html`<button type="button" class="btn quiet" lang=${isChinese() ? "en" : "zh-CN"} onClick=${turn}>
    ${t("other_language")}
  </button>`;
}

const Keys = ({ onNo }) => html`<${Dialog}
  title=${t("keys")}
  onNo=${onNo}
  actions=${html`<button type="button" class="btn" onClick=${onNo}>${t("close")}</button>`}>
  <table class="tight">
    ${HELP.map(([where, keys]) => html`<tbody key=${where}>
      <tr><th colspan="2" scope="rowgroup">${t(where)}</th></tr>
      ${keys.map(([key, words]) => html`<tr key=${key}><td><kbd>${key}</kbd></td><td>${t(words)}</td></tr>`)}
    </tbody>`)}
  </table>
<//>`;

function Toast() {
  const shown = useStore((s) => s.toast);
  const act = () => {
    shown.act();
    closeToast();
  };
  return html`<div role="status">
    ${shown &&
      html`<div class="toast">
        <span>${shown.text}</span>
        ${shown.action && html`<button type="button" onClick=${act}>${shown.action}</button>`}
      </div>`}
  </div>`;
}

// Reads the verdict aloud when its state changes, and not each second when a number in it does.
function Spoken() {
  const { kind, word, verdict } = useVerdict();
  const held = useRef({ word: "", text: "" });
  if (held.current.word !== word) held.current = { word, text: verdict ? verdict.sentence : word };
  return html`<p class="vh" aria-live=${kind === "bad" ? "assertive" : "polite"}>${held.current.text}</p>`;
}

function useTitle(name) {
  const { kind } = useVerdict();
  const lang = useStore((s) => s.lang);
  useEffect(() => {
    document.title = `${kind === "bad" ? "■ " : ""}${t(name)} · easyai`;
  }, [name, kind, lang]);
}

const skip = (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
};

export function Shell() {
  const at = useRoute();
  const lang = useStore((s) => s.lang);
  const session = useStore((s) => s.session);
  const [help, ask] = useState(false);
  const known = PAGES.includes(at.page) || at.page === "login" ? at.page : "now";
  useTitle(known === "login" ? "log_in" : known);
  useEffect(() => scrollTo(0, 0), [at.page, at.page === "alerts" ? "" : at.id]);
  useKeys({
    "?": () => ask(true),
    ...Object.fromEntries(PAGES.map((name, i) => [i + 1, () => (location.hash = to(name))])),
  });
  const isOut = session && !session.role;
  const asksToken = isOut || at.page === "login";
  return html`<a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <header class="bar" key="bar">
      <a class="name" href="#/" aria-label="easyai">
        <img src="static/icon.svg" alt="" width="16" height="16" />
        <span class="txt">easyai</span>
      </a>
      ${!isOut &&
        html`<nav class="tabs" aria-label=${t("pages")}>
          ${PAGES.map((name) => html`<${Tab}
              key=${name}
              name=${name}
              isHere=${known === name}
              isBehind=${name === "system" && WIDE.includes(known)} />`)}
        </nav>`}
      <span class="grow"></span>${!isOut && html`${known !== "now" && html`<${Pill} />`}<${Connection} />`}
      <span class="row person"><${Person} /></span><${Theme} /><${Language} /></header>
    ${!isOut && html`<${Spoken} />`}
    ${help && html`<${Keys} onNo=${() => ask(false)} />`}
    <main id="main" tabindex="-1" key=${lang}>
      <${Page} route=${asksToken ? { page: "login" } : at} />
    </main>
    <${Toast} />`;
}
