// The alarms that ring, with what can be done about each; and the writes that incidents share.
import { write } from "../api.js";
import { hourMinute } from "../format.js";
import { Mark, Menu, Panel } from "../parts.js";
import { html, useState } from "../preact.js";
import { to } from "../router.js";
import { serverTime, toast, useKnown, useNow, useOperator } from "../store.js";
import { t } from "../words.js";

const NONE = [];
const MUTES = [[3600, "for_1h"], [28_800, "for_8h"], [86_400, "for_24h"], [604_800, "for_7d"]];

// Runs a change and shows the server's sentence when it refuses.
export async function change(method, where, body) {
  try {
    return await write(method, where, body ?? {});
  } catch (error) {
    toast(error.message);
    return null;
  }
}

export const acknowledge = (id) => change("POST", `/incidents/${id}/acknowledge`);

// What of an alarm can be muted: the alarm, its kind, and the type or the camera that it is about.
function useScopes({ id, kind, subject }) {
  const types = useNow("types") || NONE;
  const cameras = useNow("cameras") || NONE;
  const all = [["incident", id, t("mute_this")], ["kind", kind, t("mute_kind", kind)]];
  if (types.some((type) => type.name === subject)) all.push(["task_type", subject, t("mute_type", subject)]);
  if (cameras.some((camera) => camera.task_id === subject)) all.push(["camera", subject, t("mute_camera", subject)]);
  return all;
}

export function Mute({ alarm, cls = "btn", done }) {
  const mute = async (scope, value, forSec) => {
    if (await change("POST", "/mutes", { scope, value, for_sec: forSec })) {
      toast(t("muted_toast"));
      done?.();
    }
  };
  return html`<${Menu} cls=${cls} label=${t("mute")}>
    ${useScopes(alarm).map(([scope, value, words]) => html`<p key=${scope} class="wrap">${words}</p>
      ${MUTES.slice(0, scope === "incident" ? 3 : 4).map(([sec, word]) => html`<button
        type="button"
        key=${scope + sec}
        aria-label="${words}: ${t(word)}"
        onClick=${() => mute(scope, value, sec)}>
        ${t(word)}
      </button>`)}`)}
  <//>`;
}

function Alarm({ alarm, isKnown }) {
  const isOperator = useOperator();
  const [done, set] = useState(false);
  const isAcknowledged = alarm.acknowledged_by || done;
  const isMuted = alarm.muted_until && alarm.muted_until > serverTime();
  const kind = isKnown ? alarm.severity : "idle";
  const act = async () => (await acknowledge(alarm.id)) !== null && set(true);
  return html`<li>
    <span class="st ${kind}"><${Mark} kind=${kind} /></span>
    <a href=${to("incidents", alarm.id)}>${alarm.text}</a>
    <span class="muted num">${hourMinute(alarm.began_at)}</span>
    <span class="acts">
      ${alarm.acknowledged_by
        ? html`<span class="muted small">✓ ${t("acknowledged_by", alarm.acknowledged_by)}</span>`
        : isOperator && !isAcknowledged &&
        html`<button type="button" class="link" onClick=${act}>${t("acknowledge")}</button>`}
      ${isMuted
        ? html`<span class="muted small">${t("muted_until", hourMinute(alarm.muted_until))}</span>`
        : isOperator && html`<${Mute} alarm=${alarm} cls="link" />`}
    </span>
  </li>`;
}

export function Alarms() {
  const alarms = useNow("alarms") || [];
  const isKnown = useKnown();
  const title = !isKnown && !alarms.length ? t("alarms_unknown") : alarms.length ? t("ringing") : t("no_alarm");
  return html`<${Panel}
    id="alarms"
    title=${title}
    note=${alarms.length || ""}
    actions=${html`<a href="#/incidents">${t("incidents")}</a>`}>
    ${alarms.length > 0 &&
      html`<ul class="alarms">
        ${alarms.map((alarm) => html`<${Alarm} key=${alarm.id} alarm=${alarm} isKnown=${isKnown} />`)}
      </ul>`}
  <//>`;
}
