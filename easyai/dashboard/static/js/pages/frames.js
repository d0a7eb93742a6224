// Frames that failed or are parked: why, and what brings them back.
import { read } from "../api.js";
import { atLeast, count, moment, upTo } from "../format.js";
import { Ask, Empty, Failed, Segments, Skeleton } from "../parts.js";
import { Picture } from "../picture.js";
import { html, useEffect, useRef, useState } from "../preact.js";
import { goInstead, to, useRoute } from "../router.js";
import { toast, useNow, useOperator, useStore } from "../store.js";
import { t } from "../words.js";
import { change } from "./alarms.js";

// A list by keyset: {items, next, counts, most, error, more, again}; a count of `most` may be too low.
function useList(query) {
  const [state, set] = useState({ items: null, next: null, counts: null, error: null });
  const turn = useRef(0);
  const ask = async (before) => {
    const own = turn.current;
    try {
      const page = await read("/frames", { ...query, before });
      if (own !== turn.current) return;
      set((old) => ({
        items: before ? [...old.items, ...page.items] : page.items,
        next: page.next, counts: page.counts ?? old.counts, most: page.counted_up_to ?? old.most, error: null,
      }));
    } catch (error) {
      if (own === turn.current) set((old) => ({ ...old, error }));
    }
  };
  const again = () => {
    turn.current += 1;
    set({ items: null, next: null, counts: null, error: null });
    ask(null);
  };
  useEffect(again, [JSON.stringify(query)]);
  return { ...state, again, more: () => ask(state.next) };
}

// Discards end after 20 s: they go on while frames wait, and while they discard some.
async function run(action, body) {
  let sum = 0;
  for (let goesOn = true; goesOn; ) {
    const answer = await change("POST", `/frames/${action}`, { ...body, dry_run: false });
    if (!answer) return null;
    sum += answer.count;
    goesOn = action === "discard" && answer.waiting > 0 && answer.count > 0;
  }
  return sum;
}

// What a change takes is counted by the server and shown before it is done.
function Change({ action, body, done, onNo }) {
  const [preview, set] = useState(null);
  useEffect(() => {
    change("POST", `/frames/${action}`, { ...body, dry_run: true }).then((answer) => (answer ? set(answer) : onNo()));
  }, []);
  const act = async () => {
    onNo();
    const sum = await run(action, body);
    if (sum !== null) toast(t(`done_${action}`, count(sum)));
    done();
  };
  const more = preview?.more || []; // the types of which only a part was counted
  const none = Object.fromEntries(more.map((name) => [name, 0]));
  const parts = Object.entries({ ...none, ...(preview?.by_camera || preview?.by_task_type) });
  return html`<${Ask}
    title=${preview ? t(`${action}_q`, atLeast(preview.count, more.length)) : t("counting")}
    why=${t(`${action}_why`)}
    yes=${t(action, "")}
    danger=${action === "discard"}
    disabled=${!preview?.count && !more.length}
    onNo=${onNo}
    onYes=${act}>
    ${parts.length > 0 &&
      html`<ul tabindex="0">
        ${parts.map(([name, n]) => html`<li key=${name} class="wrap">${name}: ${atLeast(n, more.includes(name))}</li>`)}
      </ul>`}
    ${more.length > 0 && html`<p>${t("counted_in_part")}</p>`}
    ${preview?.picture_gone > 0 &&
      html`<p>${t("pictures_gone", atLeast(preview.picture_gone, more.length))}</p>`}<//>`;
}

const Row = ({ frame, isPicked, pick, canPick }) => html`<tr>
  ${canPick &&
    html`<td class="pickcol">
      <input type="checkbox" checked=${isPicked} onClick=${pick} aria-label=${t("select", frame.key)} />
    </td>`}
  <td class="frame-pic"><${Picture} src=${frame.thumb} /></td>
  <td class="text">
    <a href=${to("cameras", frame.task_id)}>${frame.task_id}</a>
    <div class="muted small">${frame.task_type}</div>
  </td>
  <td class="text mono">${frame.key}</td>
  <td class="text">${frame.reason || "–"}</td>
  <td class="num">
    <span class="laptop">${count(frame.attempts)}</span>
    <span class="phone">${frame.attempts === 1 ? t("one_attempt") : t("n_attempts", count(frame.attempts))}</span>
  </td>
  <td class="num">${moment(frame.settled_at || frame.found_at)}</td>
</tr>`;

// Failed frames are requeued, the chosen ones or all of the filter; parked ones, which wait, are
// discarded by type and camera.
function Write({ state, picked, query, ask }) {
  if (state === "failed") return html`<button type="button" class="btn" onClick=${() => ask("requeue")}>
    ${picked.size ? t("requeue", picked.size) : t("requeue_all")}
  </button>`;
  return html`<button
    type="button"
    class="btn danger"
    disabled=${!query.task_type}
    title=${query.task_type ? "" : t("discard_choose")}
    onClick=${() => ask("discard")}>
    ${t("discard_all")}
  </button>`;
}

function Bar({ query, state, list, children }) {
  const set = (values) => goInstead("frames", "", { ...query, ...values });
  const counted = Object.keys(list.counts || {});
  const types = [...new Set([...(useNow("types") || []).map((type) => type.name), ...counted])].sort();
  const label = (name) => (list.counts?.[name] ? `${name} (${upTo(list.counts[name], list.most)})` : name);
  return html`<div class="filters plain">
    <${Segments}
        label=${t("state")}
        value=${state}
        pick=${(next) => set({ state: next })}
        options=${[["failed", t("failed")], ["parked", t("parked")]]} />
    <select
      class=${query.task_type ? "field on" : "field"}
      aria-label=${t("all_types")}
      onChange=${(event) => set({ task_type: event.target.value })}>
      <option value="">${t("all_types")}</option>
      ${types.map((name) => html`<option key=${name} value=${name} selected=${query.task_type === name}>
        ${label(name)}
      </option>`)}
    </select>
    <input
        class="field"
        type="search"
        value=${query.task_id || ""}
        placeholder=${t("camera")}
        aria-label=${t("camera")}
        onChange=${(event) => set({ task_id: event.target.value })} />
    <span class="grow"></span>${children}</div>`;
}

const Table = ({ list, canPick, picked, pick }) => html`<div class="scroll">
  <table>
    <thead>
      <tr>
        ${canPick && html`<th class="pickcol"><span class="vh">${t("select", "")}</span></th>`}
        <th><span class="vh">${t("picture")}</span></th>
        <th>${t("camera")}</th>
        <th>${t("key")}</th>
        <th>${t("reason")}</th>
        <th class="num">${t("attempts")}</th>
        <th class="num">${t("time")}</th>
      </tr>
    </thead>
    <tbody>
      ${list.items.map((frame) => html`<${Row}
          key=${frame.id}
          frame=${frame}
          canPick=${canPick}
          isPicked=${picked.has(frame.id)}
          pick=${pick(frame.id)} />`)}
    </tbody>
  </table>
</div>`;

export function Frames() {
  const { query } = useRoute();
  const canWrite = useOperator();
  const lang = useStore((s) => s.lang);
  const state = query.state === "parked" ? "parked" : "failed";
  const chosen = { task_type: query.task_type || undefined, task_id: query.task_id || undefined };
  const list = useList({ state, ...chosen, lang });
  const [picked, set] = useState(new Set());
  const [asked, ask] = useState("");
  useEffect(() => set(new Set()), [state, query.task_type, query.task_id]);
  const pick = (id) => () => set((before) => {
    const next = new Set(before);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  const done = () => {
    set(new Set());
    list.again();
  };
  return html`<section class="panel frames stack" aria-labelledby="frames">
    <header><h1 id="frames">${t("frames")}</h1><span class="muted grow">${t(`${state}_what`)}</span></header>
    <${Bar} query=${query} state=${state} list=${list}>
      ${canWrite && list.items?.length > 0 &&
        html`<${Write} state=${state} picked=${picked} query=${query} ask=${ask} />`}
    <//>
    ${list.error && html`<${Failed} error=${list.error} again=${list.again} />`}
    ${list.items === null
      ? !list.error && html`<${Skeleton} rows=${6} tall />`
      : !list.items.length
      ? html`<${Empty} title=${t(`no_${state}`)} why=${t(`no_${state}_why`)} />`
      : html`<${Table}
          list=${list}
          canPick=${canWrite && state === "failed"}
          picked=${picked}
          pick=${pick} />`}
    ${list.next &&
      html`<div class="fold">
        <button type="button" class="link" onClick=${list.more}>${t("show_more")}</button>
      </div>`}
  </section>
    ${asked &&
      html`<${Change}
          action=${asked}
          body=${asked === "requeue" && picked.size ? { ids: [...picked] } : chosen}
          done=${done}
          onNo=${() => ask("")} />`}`;
}
