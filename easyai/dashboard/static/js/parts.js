// The small parts that every page uses.
import { later, waitAfter } from "./again.js";
import { Component, html, useEffect, useRef, useState } from "./preact.js";
import { t } from "./words.js";

// A state is a colour, a shape and a word; the shape alone is enough to know it.
const SHAPES = {
  ok: html`<circle cx="6" cy="6" r="5" fill="currentColor" />`,
  warn: html`<path d="M6 .8 11.6 11H.4Z" fill="currentColor" />`,
  bad: html`<path d="M1 1h10v10H1Z" fill="currentColor" />`,
  idle: html`<circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" stroke-width="1.5" />`,
};
const kindOf = (kind) => (SHAPES[kind] ? kind : "idle");
export const Mark = ({ kind, big }) => html`<svg class=${big ? "mark big" : "mark"}
  viewBox="0 0 12 12" aria-hidden="true">${SHAPES[kindOf(kind)]}</svg>`;
export const State = ({ kind, children }) => html`<span class="st ${kindOf(kind)}">
  <${Mark} kind=${kind} />${children}</span>`;
// The kind of each state that the server names.
export const KIND = {
  online: "ok", suspect: "warn", offline: "bad", unregistered: "idle", waits_for_approval: "idle",
  moved: "idle", failing: "warn",
  ok: "ok", slow: "warn", warn: "warn", stalled: "bad", bad: "bad", idle: "idle",
};
export const canWork = ({ state, breaker }) => (state === "online" || state === "suspect") && breaker === "closed";

function select(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

// Copies a text. `navigator.clipboard` exists only under HTTPS and on this machine: elsewhere the
// text is selected, so that Ctrl-C copies it; a text that is not on the page is shown for it.
export function Copy({ text, label, cls = "btn", from }) {
  const [state, set] = useState(""); // "", "copied", "selected"
  const hidden = useRef(null);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const show = (next, forMs) => {
    set(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => set(""), forMs);
  };
  const act = async () => {
    try {
      await navigator.clipboard.writeText(text);
      show("copied", 1600);
    } catch {
      show("selected", from ? 4000 : 20000);
      requestAnimationFrame(() => (from?.current || hidden.current) && select(from?.current || hidden.current));
    }
  };
  const words = { copied: `✓ ${t("copied")}`, selected: t("copy_by_hand") };
  return html`<button type="button" class=${cls} onClick=${act}>
    <span aria-live="polite">${words[state] || label || t("copy")}</span></button>
    ${state === "selected" && !from && html`<pre class="json" ref=${hidden} tabindex="0">${text}</pre>`}`;
}

// A command breaks at blanks and behind the "/" of its paths; a part is broken only when it is longer than a
// line. No character is added: what is selected is the text itself.
const PARTS = /(?:['"]?\w+:\/\/)?\/*[^\s/]+\/*|\/+|\s+/g;
export const Wrapped = ({ text }) => (text.match(PARTS) ?? []).map((part, i) => (part.trim()
  ? html`<span key=${i} class="part">${part}</span>`
  : part));

export function Command({ text, line }) {
  const at = useRef(null);
  return html`<div class=${line ? "cmd line" : "cmd"}><pre ref=${at} tabindex="0"><${Wrapped} text=${text} /></pre>
    <${Copy} text=${text} from=${at} /></div>`;
}

export const Empty = ({ title, why, children }) => html`<div class="empty">
  <b>${title}</b>
  ${why} ${children}
</div>`;
export const Skeleton = ({ rows = 4, tall }) => html`<div class="skeleton" aria-hidden="true">
  ${Array.from({ length: rows }, (_, i) => html`<div key=${i} class=${tall ? "sk tall" : "sk"}></div>`)}
</div>`;
// A part of the page that could not be loaded; the rest of the page goes on.
export const Failed = ({ error, again }) => html`<div class="note" role="alert">
  <${Mark} kind="warn" />
  ${t("failed_load")}
  <span class="grow">${error?.message}</span>
  ${again && html`<button type="button" class="btn" onClick=${again}>${t("retry")}</button>`}
</div>`;

// Shows an error of its children in their place, so that the rest of the page goes on. The children are
// shown again after a while, by the button, and when `of`, which names what they show, changes.
export class Boundary extends Component {
  failed = { of: undefined, times: 0 };
  endWait = null; // null: the children are shown
  stop() {
    this.endWait?.();
    this.endWait = null;
  }
  again = () => {
    this.stop();
    this.setState({ error: null });
  };
  componentDidCatch(error) {
    console.error(error);
    const { of } = this.props;
    const isSame = of === this.failed.of;
    if (isSame && this.endWait) return; // another child of the same rendering
    this.failed = { of, times: isSame ? this.failed.times + 1 : 1 };
    this.stop();
    this.endWait = later(this.again, waitAfter({}, this.failed.times));
    this.setState({ error });
  }
  componentWillUnmount() {
    this.stop();
  }
  render({ children, of }, { error }) {
    return error && of === this.failed.of ? html`<${Failed} error=${error} again=${this.again} />` : children;
  }
}

export const Panel = ({ id, title, note, actions, children, cls = "", level = 2 }) => html`<section
  class="panel ${cls}" aria-labelledby=${id}><header>
    ${level === 1 ? html`<h1 id=${id}>${title}</h1>` : html`<h2 id=${id}>${title}</h2>`}
    <span class="muted grow cut">${note}</span>${actions}</header><${Boundary}>${children}<//></section>`;

export const Segments = ({ label, options, value, pick }) => html`<span
  class="seg"
  role="group"
  aria-label=${label}>
  ${options.map(([key, words]) => html`<button
    type="button"
    key=${key}
    aria-pressed=${key === value}
    onClick=${() => pick(key)}>
    ${words}
  </button>`)}
</span>`;

// A dialog over the page; Escape and Cancel close it, and the focus returns to where it was.
export function Dialog({ title, children, onNo, actions }) {
  const at = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    at.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${at} onClose=${onNo} aria-labelledby="dialog-title">
    <h2 id="dialog-title">${title}</h2>${children}<div class="row">${actions}</div></dialog>`;
}

// Asks before a change; `note` asks for a word of explanation that `onYes` gets.
export function Ask({ title, why, yes, onYes, onNo, disabled, danger = true, children }) {
  return html`<${Dialog} title=${title} onNo=${onNo} actions=${html`
    <button type="button" class="btn" onClick=${onNo}>${t("cancel")}</button>
    <button type="button" class=${danger ? "btn danger" : "btn main"} disabled=${disabled} onClick=${onYes}>
      ${yes}
    </button>`}>
    ${why && html`<p>${why}</p>`}${children}<//>`;
}

// A menu below its button; a click elsewhere, a choice and Escape close it.
export function Menu({ label, cls = "btn", children }) {
  const at = useRef(null);
  useEffect(() => {
    const close = (event) => {
      const menu = at.current;
      if (!menu?.open) return;
      if (event.type === "keydown" && event.key !== "Escape") return;
      if (event.type === "click" && menu.querySelector("summary").contains(event.target)) return;
      menu.open = false;
      if (event.type === "keydown") {
        event.preventDefault();
        menu.querySelector("summary").focus();
      }
    };
    document.addEventListener("click", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("click", close);
      document.removeEventListener("keydown", close);
    };
  }, []);
  return html`<details class="menu" ref=${at}>
    <summary class=${cls}>${label} <span aria-hidden="true">▾</span></summary>
    <div>${children}</div>
  </details>`;
}
