// The pages, each loaded when it is first shown; the rest is loaded when the browser is idle.
import { later, waitAfter } from "./again.js";
import { html, useEffect, useRef, useState } from "./preact.js";
import { Boundary, Failed, Skeleton } from "./parts.js";
import { PAGES } from "./router.js";

const LOAD = {
  now: () => import("./pages/now.js").then((page) => page.Now),
  below: () => import("./pages/now_parts.js").then((page) => page.Parts),
  alerts: () => import("./pages/alerts.js").then((page) => page.Alerts),
  alert: () => import("./pages/alert.js").then((page) => page.Alert),
  cameras: () => import("./pages/cameras.js").then((page) => page.Cameras),
  camera: () => import("./pages/camera.js").then((page) => page.Camera),
  frames: () => import("./pages/frames.js").then((page) => page.Frames),
  services: () => import("./pages/services.js").then((page) => page.Services),
  incidents: () => import("./pages/incidents.js").then((page) => page.Incidents),
  diagnosis: () => import("./pages/diagnosis.js").then((page) => page.DiagnosisNow),
  system: () => import("./pages/system.js").then((page) => page.System),
  login: () => import("./pages/login.js").then((page) => page.Login),
};
const AT_ONCE = ["now", "login"]; // a slow phone shows them before the other style sheets arrive
const SHEETS = ["alerts", "tables", "incidents"];
const loaded = {};

function sheet(name) {
  return new Promise((done, failed) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(`../css/${name}.css`, import.meta.url).href;
    link.onload = done;
    link.onerror = () => {
      link.remove();
      failed(new Error(link.href));
    };
    document.head.append(link);
  });
}
const sheets = {};
function styled() {
  const all = SHEETS.map((name) => (sheets[name] ||= sheet(name)));
  for (const name of SHEETS) sheets[name].catch(() => (sheets[name] = null)); // the next one asks again
  return Promise.all(all);
}

async function load(name) {
  const isFirst = AT_ONCE.includes(name);
  loaded[name] ||= (await Promise.all([LOAD[name](), !isFirst && styled()]))[0];
}

// Firefox and Safari may keep an import that failed and answer the next import with the same failure:
// where the server answers again, only a page that is loaded anew gets the file. Once an hour at most.
const RELOADED = "easyai.reloaded";
const HOUR_MS = 3_600_000;
async function loadPageAnew() {
  try {
    if (Date.now() - sessionStorage.getItem(RELOADED) < HOUR_MS) return;
    if (!(await fetch(location.href, { cache: "no-store" })).ok) return;
    sessionStorage.setItem(RELOADED, Date.now());
    location.reload();
  } catch {
    // No answer yet; or the browser keeps nothing for this site, and the page could reload for ever.
  }
}

// {View, error, again}: a page or a part of a page; null until it is loaded; after an error it is asked
// for again by itself. A component uses a single name.
export function usePart(name) {
  const [error, fail] = useState(null);
  const [turn, again] = useState(0);
  const failures = useRef(0);
  useEffect(() => {
    let isOver = false;
    let endWait = () => {};
    const done = () => {
      failures.current = 0;
      if (isOver) return;
      fail(null);
      again((n) => n + 1);
    };
    if (!loaded[name]) load(name).then(done, (problem) => {
      if (isOver) return;
      fail(problem);
      failures.current += 1;
      if (failures.current > 1) loadPageAnew();
      endWait = later(() => again((n) => n + 1), waitAfter({}, failures.current));
    });
    return () => {
      isOver = true;
      endWait();
    };
  }, [turn]);
  return { View: loaded[name], error, again: () => again((n) => n + 1) };
}

// Safari has no requestIdleCallback.
const whenIdle = (act) => (window.requestIdleCallback ? requestIdleCallback(act, { timeout: 5000 }) : setTimeout(act, 1000));
let isAhead = false;
function loadAhead() {
  if (isAhead) return;
  isAhead = true;
  whenIdle(() => Object.keys(LOAD).forEach((name) => load(name).catch(() => {})));
}

// The name and the properties of the page of a route.
function pageOf({ page, id }) {
  if (page === "alerts" && id) return ["alert", { id: Number(id) }];
  if (page === "cameras" && id) return ["camera", { id, key: id }];
  if (page === "incidents" && id === "now") return ["diagnosis", {}];
  if (page === "incidents") return ["incidents", { id: Number(id) }];
  return [...PAGES, "login"].includes(page) ? [page, { id }] : ["now", {}];
}

// With its name as its key: what failed of another page does not count.
function Named({ name, properties }) {
  const { View, error, again } = usePart(name);
  useEffect(() => View && loadAhead(), [View]);
  if (View) return html`<${View} ...${properties} />`;
  return html`<section class="panel">
    ${error ? html`<${Failed} error=${error} again=${again} />` : html`<${Skeleton} rows=${8} />`}
  </section>`;
}

export function Page({ route }) {
  const [name, properties] = pageOf(route);
  return html`<${Boundary} of=${`${name}/${route.id}`}>
    <${Named} key=${name} name=${name} properties=${properties} />
  <//>`;
}
