// The wall of cameras: the newest picture of each, with its boxes and its age.
import { span } from "../format.js";
import { Empty, Panel, State } from "../parts.js";
import { Picture } from "../picture.js";
import { html } from "../preact.js";
import { to } from "../router.js";
import { useTime } from "../store.js";
import { t } from "../words.js";

const STALE_SEC = 60;
const MOST = 12;

export function Tile({ camera }) {
  const now = useTime();
  const age = camera.at == null ? null : Math.max(0, now - camera.at);
  const isStale = age == null || age > STALE_SEC;
  const isInferred = camera.alert_id != null || camera.waiting === 0 || camera.waiting == null;
  const found = camera.box_count || 0;
  return html`<a class=${isStale ? "tile stale" : "tile"} href=${to("cameras", camera.task_id)}>
    <${Picture}
      src=${camera.thumb}
      size=${camera.size}
      alert=${camera.alert_id}
      boxes=${camera.boxes}>
      ${!isInferred
        ? html`<span class="corner none">${t("not_inferred")}</span>`
        : found > 0 && html`<span class="corner">${found}</span>`}
    <//>
    <span class="cap">
      <b class="cut" title=${camera.task_id}>${camera.task_id}</b>
      ${isStale
        ? html`<${State} kind="warn">${span(age)}<//>`
        : html`<span class="muted num">${span(age)}</span>`}
    </span>
  </a>`;
}

export function Wall({ cameras }) {
  const actions = html`<a href="#/cameras">${t("all_cameras")}</a>`;
  if (!cameras) return html`<${Panel} id="wall" title=${t("cameras")} actions=${actions}>
    <${Empty} title=${t("s_unknown")} why="" />
  <//>`;
  return html`<${Panel} id="wall" title=${t("cameras")} note=${cameras.length || ""} actions=${actions}>
    ${cameras.length
      ? html`<div class="wall">
        ${cameras.slice(0, MOST).map((camera) => html`<${Tile} key=${camera.task_id} camera=${camera} />`)}
      </div>`
      : html`<${Empty} title=${t("no_cameras")} why=${t("no_cameras_why")} />`}
  <//>`;
}
