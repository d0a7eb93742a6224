// One camera: its last frame with its regions, what became of its frames today, its newest alerts.
import { clock, count, hourMinute, moment, percent, seconds, span, totalOf } from "../format.js";
import { Loaded, useRead } from "../load.js";
import { Copy, Empty, Panel } from "../parts.js";
import { Picture, fit } from "../picture.js";
import { html, useMemo } from "../preact.js";
import { to } from "../router.js";
import { useNow, useTime } from "../store.js";
import { t } from "../words.js";

const EVERY_SEC = 10;
const MOST_ALERTS = 9;
const FATES = ["alert", "no_detection", "failed", "dropped", "other"];
const DROPPED = ["queue_full", "too_old", "disk_low", "sampled", "discarded", "dropped"];
const fateOf = (outcome) => (FATES.includes(outcome) ? outcome : DROPPED.includes(outcome) ? "dropped" : "other");

// Hours of the day, each with the frames of each fate: [{at, alert, no_detection, …}].
function hoursOf({ from, step_sec: step, outcomes }) {
  const length = Math.max(0, ...Object.values(outcomes).map((counts) => counts.length));
  return Array.from({ length }, (_, i) => {
    const sums = { at: from + i * step, alert: 0, no_detection: 0, failed: 0, dropped: 0, other: 0 };
    for (const [outcome, counts] of Object.entries(outcomes)) sums[fateOf(outcome)] += counts[i];
    return sums;
  });
}

function Hours({ fates }) {
  const hours = hoursOf(fates);
  const sums = FATES.map((fate) => [fate, hours.reduce((sum, hour) => sum + hour[fate], 0)]).filter(([, n]) => n > 0);
  if (!sums.length) return html`<${Empty} title=${t("no_fates")} why=${t("no_fates_why")} />`;
  const most = Math.max(1, ...hours.map((hour) => FATES.reduce((sum, fate) => sum + hour[fate], 0)));
  const wide = 960 / hours.length;
  return html`<div class="fates">
    ${sums.map(([fate, n]) => html`<span key=${fate}>
      <i class="f-${fate}"></i>
      ${t(`fate_${fate}`)} <b>${count(n)}</b>
    </span>`)}
  </div>
    <div class="hist">
      <svg class="hours" viewBox="0 0 960 80" preserveAspectRatio="none" role="img" aria-label=${t("fates")}>
        ${hours.map((hour, i) => {
          let top = 80;
          return FATES.map((fate) => {
            const tall = (hour[fate] / most) * 80;
            top -= tall;
            return tall > 0 && html`<rect
                key=${`${i}${fate}`}
                class="f-${fate}"
                x=${i * wide}
                width=${wide * 0.85}
                y=${top}
                height=${tall} />`;
          });
        })}</svg>
      <div class="ticks" aria-hidden="true">
        ${[0, 6, 12, 18, 23].map((i) => html`<span key=${i}>${hours[i] && hourMinute(hours[i].at)}</span>`)}
      </div>
    </div>`;
}

const Alerts = ({ alerts = [], id }) => html`<${Panel}
  id="camera-alerts"
  title=${t("newest_alerts")}
  actions=${html`<a href=${to("alerts", "", { task_id: id })}>${t("all_alerts")}</a>`}>
  ${alerts.length
    ? html`<div class="wall">
      ${alerts.slice(0, MOST_ALERTS).map((item) => html`<a
        key=${item.id}
        class="tile"
        href=${to("alerts", item.id)}>
        <${Picture}
          src=${item.thumb}
          size=${item.size}
          alert=${item.id}
          boxes=${item.boxes}
          regions=${item.regions}>
          <span class="corner">${item.detection_count}</span>
        <//>
        <span class="cap">
          <span class="muted num">${clock(item.created_at)}</span>
          <span class="muted">${item.confidence ? percent(item.confidence) : ""}</span>
        </span>
      </a>`)}
    </div>`
    : html`<${Empty} title=${t("no_alerts_yet")} why="" />`}
<//>`;

// The algo_config.json of each task type of the camera.
const Config = ({ configs }) => {
  const isGiven = ([, config]) => config && Object.keys(config).length;
  const given = Object.fromEntries(Object.entries(configs || {}).filter(isGiven));
  if (!Object.keys(given).length) return html`<${Panel}
      id="camera-config"
      title="algo_config.json"
      note=${t("no_config")} />`;
  const text = JSON.stringify(given, null, 2);
  return html`<${Panel}
    id="camera-config"
    title="algo_config.json"
    actions=${html`<${Copy} cls="link" text=${text} />`}>
    <pre class="json" tabindex="0">${text}</pre>
  <//>`;
};

// The newest picture: of the live state, of an alert, or of a frame without an alert.
function newestOf(camera, live) {
  const { last, alerts = [] } = camera || {};
  const [alert] = alerts;
  // Of the same picture the alert comes first: the live state has few of its boxes.
  const known = [alert && { ...alert, at: seconds(alert.created_at), alert_id: alert.id }, last, live];
  return known.filter((picture) => picture?.at && picture.thumb).sort((a, b) => b.at - a.at)[0] || {};
}

function Newest({ id, camera, live }) {
  const now = useTime();
  const newest = newestOf(camera, live);
  const regions = useMemo(() => Object.values(camera?.regions || {}).flat(), [camera]);
  return html`<section class="panel" aria-labelledby="camera">
    <header>
      <h1 id="camera" class="grow cut">${id}</h1>
      <span class="muted">${newest.at && t("ago", span(now - newest.at))}</span>
    </header>
    <div class="big">
      <${Picture}
          eager
          labels
          full=${Boolean(newest.picture)}
          src=${newest.picture || newest.thumb}
          size=${newest.size}
          alert=${newest.alert_id}
          boxes=${newest.boxes}
          regions=${regions}
          alt=${id}
          fit=${fit} />
    </div>
  </section>`;
}

export function Camera({ id }) {
  const live = (useNow("cameras") || []).find((camera) => camera.task_id === id);
  const asked = useRead(`/cameras/${encodeURIComponent(id)}`, {}, EVERY_SEC);
  const camera = asked.data;
  const last = newestOf(camera, live);
  return html`<div class="row"><a class="btn quiet" href="#/cameras">← ${t("all_cameras")}</a></div>
    <${Loaded} of=${asked} rows=${8} none="camera_gone">
      <div class="detail"><div class="stage"><${Newest} id=${id} camera=${camera} live=${live} />
        <${Panel} id="camera-fates" title=${t("fates")} note=${t("last_24h")}>
          <${Hours} fates=${camera?.fates} />
        <//>
      </div>
        <aside class="pile">
          <${Panel} id="camera-facts" title=${t("facts")}>
            <dl class="facts">
              <dt>${t("type")}</dt>
              <dd>${camera?.task_types.join(", ") || "–"}</dd>
              <dt>${t("last_frame")}</dt>
              <dd>${moment(last.at)}</dd>
              <dt>${t("waiting")}</dt>
              <dd>${count(live?.waiting ?? camera?.waiting)}</dd>
              <dt>${t("alerts")}</dt>
              <dd>${totalOf(camera?.total, camera?.at_least)}</dd>
            </dl>
          <//>
          <${Alerts} alerts=${camera?.alerts} id=${id} /><${Config} configs=${camera?.algo_config} /></aside>
      </div>
    <//>`;
}
