// What the first page shows below its sentence: types, services, alarms, the wall of cameras.
import { Command } from "../parts.js";
import { html } from "../preact.js";
import { useNow } from "../store.js";
import { t } from "../words.js";
import { Alarms } from "./alarms.js";
import { Strips } from "./strips.js";
import { Types } from "./types.js";
import { Wall } from "./wall.js";

// Written under a hidden name and renamed, as cameras must.
const FIRST_FRAME = [
  "mkdir -p snapshots/人数统计/门口2",
  "cp examples/street.jpg snapshots/人数统计/门口2/.new",
  "mv snapshots/人数统计/门口2/.new snapshots/人数统计/门口2/$(date +%Y%m%d-%H%M%S).000.jpg",
].join("\n");

const FirstSteps = () => html`<section class="panel first-steps" aria-label=${t("first_steps")}>
  <div class="report"><ol>
    <li>
      <span>${t("step_service")}</span>
      <${Command} text=${`.venv/bin/python examples/people_counter.py --server ${location.origin}`} />
    </li>
    <li>
      <span>${t("step_frame")}</span>
      <${Command}
          text=${FIRST_FRAME} />
    </li>
  </ol>
  </div>
</section>`;

export function Parts({ types }) {
  const services = useNow("services");
  const cameras = useNow("cameras");
  const hasNothing = !types.length && services && !services.length && !cameras?.length;
  if (hasNothing) return html`<${FirstSteps} />`;
  return html`<div class="now">
    <div><${Types} types=${types} /><${Strips} services=${services || []} /></div>
    <div><${Alarms} /><${Wall} cameras=${cameras} /></div>
  </div>`;
}
