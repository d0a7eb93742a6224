// All cameras: the newest picture of each and its age.
import { count } from "../format.js";
import { Loaded, useRead } from "../load.js";
import { Empty } from "../parts.js";
import { html, useState } from "../preact.js";
import { useNow } from "../store.js";
import { t } from "../words.js";
import { Tile } from "./wall.js";

const EVERY_SEC = 10;
const A_PAGE = 200;

// The live state has the cameras with the newest pictures; the list has all of them.
function merged(listed, live) {
  const newest = new Map(live.map((camera) => [camera.task_id, camera]));
  return listed.map((camera) => ({ ...camera, ...newest.get(camera.task_id) }));
}

export function Cameras() {
  const live = useNow("cameras") || [];
  const types = useNow("types") || [];
  const list = useRead("/cameras", {}, EVERY_SEC);
  const [type, only] = useState("");
  const [words, search] = useState("");
  const [most, more] = useState(A_PAGE);
  const isOfType = (camera) => !type || camera.task_types?.includes(type);
  const isNamed = (camera) => camera.task_id.toLowerCase().includes(words.toLowerCase());
  const all = merged(list.data?.items || [], live).filter((camera) => isOfType(camera) && isNamed(camera));
  return html`<section class="panel" aria-labelledby="cameras">
    <header>
      <h1 id="cameras">${t("cameras")}</h1>
      <span class="muted grow">${list.data && count(all.length)}</span>
    </header>
    <div class="filters plain">
      <select class="field" aria-label=${t("all_types")} onChange=${(event) => only(event.target.value)}>
        <option value="">${t("all_types")}</option>
        ${types.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select>
      <input
          class="field"
          type="search"
          placeholder=${t("search_camera")}
          aria-label=${t("search_camera")}
          onInput=${(event) => search(event.target.value)} />
    </div>
  </section>
    <${Loaded} of=${list} rows=${6} tall>
      ${all.length
        ? html`<div class="wall all">
          ${all.slice(0, most).map((camera) => html`<${Tile} key=${camera.task_id} camera=${camera} />`)}
        </div>
          ${all.length > most &&
            html`<button type="button" class="btn" onClick=${() => more(most + A_PAGE)}>
              ${t("show_more")}
            </button>`}`
        : html`<section class="panel">
          <${Empty} title=${t("no_cameras")} why=${t("no_cameras_why")} />
        </section>`}
    <//>`;
}
