// For each task type: what arrived, what was inferred, what waits, how long it takes.
import { Chart } from "../chart.js";
import { clock, count, day, decimal, hourMinute, ms } from "../format.js";
import { useRead } from "../load.js";
import { Failed, KIND, Panel, Segments, State } from "../parts.js";
import { html, useEffect, useMemo, useState } from "../preact.js";
import { put, serverTime, useKnown, useStore } from "../store.js";
import { t } from "../words.js";

export const RANGES = [["5m", 300], ["1h", 3600], ["6h", 21_600], ["24h", 86_400], ["7d", 604_800]];
const EVERY_SEC = { "5m": 5, "1h": 15, "6h": 60, "24h": 120, "7d": 300 };
export const everySec = (range) => EVERY_SEC[range];
const YOUNG_SEC = 420; // an installation that has run for less shows its last five minutes
const MOST_OPEN = 8; // types that are shown although they keep up
const SLOW_MS = 200;
const NEWEST_STEPS = 6;
const FLOOR_SEC = 20; // of frames: less than these that wait looks like little

// The state in a word: a type that no service is registered for does not just fall behind.
function stateOf(type, isKnown) {
  if (!isKnown) return "unknown";
  return type.waiting && type.services === 0 ? "no_service" : type.state;
}

// When the first value of the curves is, in Unix seconds.
function firstKnown({ at, types }) {
  const firsts = Object.values(types).map(({ arrived }) => arrived.findIndex((n) => n != null)).filter((i) => i >= 0);
  return firsts.length ? at[Math.min(...firsts)] : 0;
}

// The range that the visitor chose, else the shortest that shows the begin of a stall.
export function useRange() {
  const since = useStore((s) => s.now?.verdict?.since ?? null);
  const chosen = useStore((s) => s.range);
  const knownSince = useStore((s) => s.knownSince);
  const isYoung = knownSince && serverTime() - knownSince < YOUNG_SEC;
  const fitting = since && RANGES.find(([, sec]) => serverTime() - since < sec * 0.9);
  let range = chosen || (isYoung ? "5m" : "1h");
  if (!chosen && since && !fitting) range = "7d";
  if (!chosen && fitting && fitting[1] > 3600) [range] = fitting;
  return { range, since };
}

const NONE = { arrived: [], inferred: [], dropped: [], waiting: [], p50_ms: [], p99_ms: [] };

// The series of each chart, made once for each answer of the server, so that charts draw only then.
function useSeries(history, name) {
  return useMemo(() => {
    const all = history?.types[name] || NONE;
    return {
      flow: { inferred: all.inferred, arrived: all.arrived, dropped: all.dropped },
      wait: { waiting: all.waiting },
      latency: { p99: all.p99_ms, p50: all.p50_ms },
    };
  }, [history, name]);
}

// The newest value of a curve, unless the last ones are not known.
const newest = (values) => values.slice(-NEWEST_STEPS).reverse().find((n) => n != null) ?? null;

// The numbers beside the charts: those under the cursor, else the newest ones.
function numbers(type, series, at) {
  const { p50, p99 } = series.latency;
  if (at == null) return { ...type, p50_ms: type.p50_ms ?? newest(p50), p99_ms: type.p99_ms ?? newest(p99) };
  return {
    inferred_per_sec: series.flow.inferred[at], arrived_per_sec: series.flow.arrived[at],
    waiting: series.wait.waiting[at], p50_ms: p50[at], p99_ms: p99[at],
  };
}

function Type({ type, history, at, point, since, isKnown }) {
  const series = useSeries(history, type.name);
  const shown = numbers(type, series, at);
  const kind = isKnown ? KIND[type.state] || "idle" : "idle";
  const axis = { times: history?.at || [], from: history?.from, to: history?.to, onPoint: point, since };
  const tone = kind === "ok" || kind === "idle" ? "" : `t-${kind}`;
  return html`<div class="type" role="group" aria-label=${type.name}>
    <div class="who">
      <b class="cut" title=${type.name}>${type.name}</b>
      <span title=${type.sentence}>
        <${State} kind=${kind}>${t(`s_${stateOf(type, isKnown)}`)}<//>
      </span>
    </div>
    <div class="v a">
      <b>${decimal(shown.inferred_per_sec)}</b>
      <span class="phone soft small">${t("inferred")} / s</span>
      <div class="muted small">${decimal(shown.arrived_per_sec)} ${t("arrived")}</div>
    </div>
    <div class="flow">
      ${history && html`<${Chart} ...${axis} series=${series.flow} label="${type.name}: ${t("flow")}" />`}
    </div>
    <div class="v b">
      <b class=${tone}>${count(shown.waiting)}</b>
      <span class="phone soft small">${t("waiting")}</span>
    </div>
    <div class="wait">
      ${history &&
        html`<${Chart}
            ...${axis}
            series=${series.wait}
            floor=${Math.max(10, (type.arrived_per_sec || 0) * FLOOR_SEC)}
            label="${type.name}: ${t("waiting")}" />`}
    </div>
    <div class="v c">
      <b>${ms(shown.p50_ms)}</b>
      <span class="phone soft small">ms p50</span>
      <div class="muted small">${ms(shown.p99_ms)}<span class="phone"> p99</span></div>
    </div>
    <div class="lat">
      ${history &&
        html`<${Chart}
            ...${axis}
            series=${series.latency}
            floor=${SLOW_MS}
            label="${type.name}: ${t("latency")}" />`}
    </div>
  </div>`;
}

const Head = () => html`<div class="head" aria-hidden="true">
  <span>
    ${t("flow")}
    <span class="key"><i></i>${t("arrived")}</span>
    <span class="key inferred"><i></i>${t("inferred")}</span>
    <span class="key dropped"><i></i>${t("dropped")}</span>
  </span>
  <span>${t("waiting")}</span>
  <span>${t("latency")}<span class="key p50"><i></i>p50</span><span class="key p99"><i></i>p99</span></span>
</div>`;

function Axis({ history }) {
  const { from, to } = history;
  const words = to - from > 90_000 ? day : hourMinute;
  const ticks = (n) => Array.from({ length: n }, (_, k) => html`<span key=${k}>
    ${words(from + ((to - from) * k) / (n - 1))}
  </span>`);
  return html`<div class="axis" aria-hidden="true">
    <div>${ticks(4)}</div>
    <div>${ticks(2)}</div>
    <div>${ticks(2)}</div>
  </div>`;
}

// Trouble first. When there are many types, those that keep up are folded.
function folded(types, isOpen) {
  const rank = { bad: 0, stalled: 0, warn: 1, slow: 1 };
  const sorted = [...types].sort((a, b) => (rank[a.state] ?? 2) - (rank[b.state] ?? 2));
  if (isOpen || types.length <= MOST_OPEN) return { shown: sorted, hidden: 0 };
  const unwell = sorted.filter((type) => (rank[type.state] ?? 2) < 2).length;
  const shown = sorted.slice(0, Math.max(MOST_OPEN, unwell));
  return { shown, hidden: types.length - shown.length };
}

export const Fold = ({ hidden, isOpen, words, turn }) => (hidden > 0 || isOpen) && html`<div class="fold">
  ${hidden > 0 && html`<${State} kind="ok">${t(words, hidden)}<//>`}
  <button type="button" class="link" aria-expanded=${isOpen} onClick=${turn}>
    ${t(isOpen ? "show_fewer" : "show_all")}
  </button>
</div>`;

export function Types({ types }) {
  const [at, point] = useState(null);
  const [isOpen, open] = useState(false);
  const { range, since } = useRange();
  const isKnown = useKnown();
  const seenAt = useStore((s) => s.at);
  const history = useRead("/history", { range }, everySec(range));
  useEffect(() => {
    if (history.data && range === "1h") put({ knownSince: firstKnown(history.data) });
  }, [history.data]);
  const { shown, hidden } = folded(types, isOpen);
  const note = at != null && history.data ? clock(history.data.at[at]) : !isKnown && t("last_known", clock(seenAt));
  const options = RANGES.map(([key]) => [key, t(`range_${key}`)]);
  return html`<${Panel}
    id="types"
    title=${t("types")}
    note=${note}
    actions=${html`<${Segments}
        label=${t("range")}
        options=${options}
        value=${range}
        pick=${(next) => put({ range: next })} />`}>
    ${history.error && html`<${Failed} error=${history.error} again=${history.again} />`}
    <div class="types">
      <${Head} />
      ${shown.map((type) => html`<${Type}
          key=${type.name}
          type=${type}
          history=${history.data}
          at=${at}
          point=${point}
          since=${since}
          isKnown=${isKnown} />`)}
      ${history.data && html`<${Axis} history=${history.data} />`}</div>
    <${Fold} hidden=${hidden} isOpen=${isOpen} words="n_keep_up" turn=${() => open(!isOpen)} /><//>`;
}
