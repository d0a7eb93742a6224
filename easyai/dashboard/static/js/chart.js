// Curves, drawn by uPlot, which is loaded when the first curve comes near the screen.
import { later, waitAfter } from "./again.js";
import { html, useEffect, useRef, useState } from "./preact.js";

const vendored = (name) => new URL(`../vendor/${name}`, import.meta.url).href;
let isStyled = false;
function addStyle() {
  if (isStyled) return;
  isStyled = true;
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = vendored("uPlot.min.css");
  document.head.append(style);
}
// uPlot formats numbers in the browser's language as it loads; a kiosk's may be "C", which is none.
function nameLanguage() {
  try {
    Intl.getCanonicalLocales(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: "en" });
  }
}
let library = null;
function plot() {
  addStyle();
  nameLanguage();
  library ||= new Promise((done, failed) => {
    const script = document.createElement("script"); // there is no minified ES module of it
    script.src = vendored("uPlot.iife.min.js");
    script.onload = () => done(window.uPlot);
    script.onerror = () => {
      library = null; // the next one asks again
      script.remove();
      failed(new Error(script.src));
    };
    document.head.append(script);
  });
  return library;
}

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const soft = (hex, alpha) => hex + Math.round(alpha * 255).toString(16).padStart(2, "0");
// Colours come from the tokens, so that they follow the theme.
const look = (name, uPlot) => ({
  arrived: () => ({ stroke: token("--edge"), width: 1.5 }),
  inferred: () => ({ stroke: token("--accent"), fill: soft(token("--accent"), 0.16), width: 1.5 }),
  dropped: () => ({
    stroke: token("--bad"), fill: token("--bad"), width: 0, paths: uPlot.paths.bars({ size: [1, 8, 3] }),
  }),
  waiting: () => ({ stroke: token("--text-2"), fill: soft(token("--edge"), 0.25), width: 1.25 }),
  p50: () => ({ stroke: token("--text"), width: 1.5 }),
  p99: () => ({ stroke: token("--edge"), width: 1 }),
})[name]();

// A dashed line where inference stopped.
const marker = (held) => (u) => {
  const { since } = held.current;
  if (!since) return;
  const x = Math.round(u.valToPos(since, "x", true));
  if (x < u.bbox.left) return;
  u.ctx.save();
  u.ctx.strokeStyle = token("--bad");
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash([3, 3]);
  u.ctx.beginPath();
  u.ctx.moveTo(x, u.bbox.top);
  u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
  u.ctx.stroke();
  u.ctx.restore();
};

function options(uPlot, held, box) {
  const names = Object.keys(held.current.series);
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    padding: [8, 0, 1, 0],
    legend: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { time: true, range: () => [held.current.from, held.current.to] },
      y: { range: () => [0, held.current.top] },
    },
    cursor: { sync: { key: "now" }, points: { show: false }, drag: { x: false, y: false } },
    hooks: { draw: [marker(held)], setCursor: [(u) => held.current.onPoint?.(u.cursor.idx ?? null)] },
    series: [{}, ...names.map((name) => ({ points: { show: false }, ...look(name, uPlot) }))],
  };
}

// No bar is drawn for a step without a dropped frame.
const columns = ({ times, series }) => [
  times,
  ...Object.entries(series).map(([name, values]) => (name === "dropped" ? values.map((n) => n || null) : values)),
];

function useTheme() {
  const [theme, turn] = useState(0);
  useEffect(() => {
    const look = () => turn((n) => n + 1);
    addEventListener("theme", look);
    return () => removeEventListener("theme", look);
  }, []);
  return theme;
}

function shortNumber(n) {
  if (n >= 10_000) return `${Math.round(n / 1000)}k`;
  return n >= 10 ? String(Math.round(n)) : n.toFixed(1);
}

function greatest(series, floor) {
  let top = floor;
  for (const values of Object.values(series)) for (const n of values) if (n > top) top = n;
  return top;
}

// `floor`: the scale never shrinks below it, so that quiet data looks quiet. `since`: where
// inference stopped. `onPoint(index)` follows the cursor, which all charts share.
export function Chart({ times, from, to, series, onPoint, label, floor = 1, since }) {
  const at = useRef(null);
  const chart = useRef(null);
  const theme = useTheme();
  const top = greatest(series, floor);
  const held = useRef(null);
  held.current = { times, from, to, series, onPoint, top, since };
  useEffect(() => {
    const box = at.current;
    let isOver = false;
    let failures = 0;
    let endWait = () => {};
    const build = async () => {
      const uPlot = await plot().catch(() => null);
      if (isOver) return;
      failures += 1;
      if (!uPlot) endWait = later(build, waitAfter({}, failures));
      else chart.current = new uPlot(options(uPlot, held, box), columns(held.current), box);
    };
    const size = () => ({ width: box.clientWidth, height: box.clientHeight });
    const resized = new ResizeObserver(() => chart.current?.setSize(size()));
    // Made when it comes near the screen, so that a slow phone does not make fifteen at once.
    const near = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      near.disconnect();
      build();
    }, { rootMargin: "100px" });
    near.observe(box);
    resized.observe(box);
    return () => {
      isOver = true;
      endWait();
      near.disconnect();
      resized.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [theme]);
  useEffect(() => chart.current?.setData(columns(held.current)), [times, series, since]);
  return html`<div class="chart" role="img" aria-label=${label}>
    <span class="top" aria-hidden="true">${shortNumber(top)}</span>
    <div ref=${at}></div>
  </div>`;
}
