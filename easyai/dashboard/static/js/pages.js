// The pages, each loaded when it is first shown; the rest is loaded when the browser is idle.
import { html, useEffect, useState } from "./preact.js";
import { Failed, Skeleton } from "./parts.js";

const LOAD = {
  now: () => import("./pages/now.js").then((page) => page.Now),
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
const loaded = {};

async function load(name) {
  loaded[name] ||= await LOAD[name]();
}

let isAhead = false;
function loadAhead() {
  if (isAhead) return;
  isAhead = true;
  requestIdleCallback(() => Object.keys(LOAD).forEach((name) => load(name).catch(() => {})), { timeout: 5000 });
}

// The name and the properties of the page of a route.
function pageOf({ page, id }) {
  if (page === "alerts" && id) return ["alert", { id: Number(id) }];
  if (page === "cameras" && id) return ["camera", { id, key: id }];
  if (page === "incidents" && id === "now") return ["diagnosis", {}];
  if (page === "incidents") return ["incidents", { id: Number(id) }];
  return LOAD[page] ? [page, { id }] : ["now", {}];
}

export function Page({ route }) {
  const [name, properties] = pageOf(route);
  const [error, fail] = useState(null);
  const [, turn] = useState(0);
  const ask = () => {
    fail(null);
    load(name).then(() => {
      turn((n) => n + 1);
      loadAhead();
    }, fail);
  };
  useEffect(ask, [name]);
  const View = loaded[name];
  if (View) return html`<${View} ...${properties} />`;
  return html`<section class="panel">
    ${error ? html`<${Failed} error=${error} again=${ask} />` : html`<${Skeleton} rows=${8} />`}
  </section>`;
}
