// Frames that failed or are parked: why, and what brings them back.
import { read } from "../api.js";
import { count, moment } from "../format.js";
import { Ask, Empty, Failed, Segments, Skeleton } from "../parts.js";
import { Picture } from "../picture.js";
import { html, useEffect, useRef, useState } from "../preact.js";
import { goInstead, to, useRoute } from "../router.js";
import { toast, useNow, useOperator } from "../store.js";
import { t } from "../words.js";
import { change } from "./alarms.js";

// A list by keyset: {items, next, error, more, again}.
function useList(query) {
  const [state, set] = useState({ items: null, next: null, error: null });
  const turn = useRef(0);
  const ask = async (before) => {
    const own = turn.current;
    try {
      const page = await read("/frames", { ...query, before });
      if (own === turn.current) set((old) => ({ items: before ? [...old.items, ...page.items] : page.items, next: page.next, error: null }));
    } catch (error) {
      if (own === turn.current) set((old) => ({ ...old, error }));
    }
  };
  const again = () => {
    turn.current += 1;
    set({ items: null, next: null, error: null });
    ask(null);
  };
  useEffect(again, [JSON.stringify(query)]);
  return { ...state, again, more: () => ask(state.next) };
}

// What a change takes is counted by the server and shown before it is done.
function Change({ action, body, done, onNo }) {
  const [preview, set] = useState(null);
  useEffect(() => {
    change("POST", `/frames/${action}`, { ...body, dry_run: true }).then((answer) => (answer ? set(answer) : onNo()));
  }, []);
  const act = async () => {
    const answer = await change("POST", `/frames/${action}`, { ...body, dry_run: false });
    if (answer) toast(t(`done_${action}`, count(answer.count)));
    onNo();
    done();
  };
  const examples = preview?.examples || [];
  return html`<${Ask} title=${preview ? t(`${action}_q`, count(preview.count)) : t("counting")} why=${t(`${action}_why`)} yes=${t(action)} danger=${action === "discard"} disabled=${!preview?.count} onNo=${onNo} onYes=${act}>
    ${examples.length > 0 && html`<ul>${examples.map((key) => html`<li key=${key} class="mono wrap">${key}</li>`)}</ul>`}<//>`;
}

const Row = ({ frame, isPicked, pick, canWrite }) => html`<tr>${canWrite && html`<td class="pickcol"><input type="checkbox" checked=${isPicked} onClick=${pick} aria-label=${t("select", frame.key)} /></td>`}
  <td class="frame-pic"><${Picture} src=${frame.thumb} /></td>
  <td class="text"><a href=${to("cameras", frame.task_id)}>${frame.task_id}</a><div class="muted small">${frame.task_type}</div></td>
  <td class="text mono">${frame.key}</td><td class="text">${frame.reason || "–"}</td><td class="num">${count(frame.attempts)}</td><td class="num">${moment(frame.at)}</td></tr>`;

function Bar({ query, picked, ask, canWrite, isEmpty }) {
  const set = (values) => goInstead("frames", "", { ...query, ...values });
  const types = (useNow("types") || []).map((type) => type.name);
  const chosen = query.state || "failed";
  const all = picked.size ? "" : "_all";
  return html`<div class="filters plain"><${Segments} label=${t("state")} value=${chosen} pick=${(state) => set({ state })} options=${[["failed", t("failed")], ["parked", t("parked")]]} />
    <select class=${query.task_type ? "field on" : "field"} aria-label=${t("all_types")} onChange=${(event) => set({ task_type: event.target.value })}><option value="">${t("all_types")}</option>${types.map((name) => html`<option key=${name} value=${name} selected=${query.task_type === name}>${name}</option>`)}</select>
    <input class="field" type="search" value=${query.task_id || ""} placeholder=${t("camera")} aria-label=${t("camera")} onChange=${(event) => set({ task_id: event.target.value })} />
    <span class="grow"></span>${canWrite && !isEmpty && html`<button type="button" class="btn" onClick=${() => ask("requeue")}>${t(`requeue${all}`, picked.size)}</button><button type="button" class="btn danger" onClick=${() => ask("discard")}>${t(`discard${all}`, picked.size)}</button>`}</div>`;
}

export function Frames() {
  const { query } = useRoute();
  const canWrite = useOperator();
  const filter = { state: query.state || "failed", task_type: query.task_type, task_id: query.task_id };
  const list = useList(filter);
  const [picked, set] = useState(new Set());
  const [asked, ask] = useState("");
  useEffect(() => set(new Set()), [JSON.stringify(filter)]);
  const pick = (id) => () => set((before) => {
    const next = new Set(before);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  const body = picked.size ? { ids: [...picked] } : { filter };
  const done = () => {
    set(new Set());
    list.again();
  };
  return html`<section class="panel frames stack" aria-labelledby="frames"><header><h1 id="frames">${t("frames")}</h1><span class="muted grow">${t(`${filter.state}_what`)}</span></header>
    <${Bar} query=${query} picked=${picked} ask=${ask} canWrite=${canWrite} isEmpty=${!list.items?.length} />
    ${list.error && html`<${Failed} error=${list.error} again=${list.again} />`}
    ${list.items === null ? !list.error && html`<${Skeleton} rows=${6} tall />` : !list.items.length ? html`<${Empty} title=${t(`no_${filter.state}`)} why=${t(`no_${filter.state}_why`)} />` : html`<div class="scroll"><table><thead><tr>${canWrite && html`<th class="pickcol"><span class="vh">${t("select", "")}</span></th>`}<th><span class="vh">${t("picture")}</span></th><th>${t("camera")}</th><th>${t("key")}</th><th>${t("reason")}</th><th class="num">${t("attempts")}</th><th class="num">${t("time")}</th></tr></thead>
      <tbody>${list.items.map((frame) => html`<${Row} key=${frame.id} frame=${frame} canWrite=${canWrite} isPicked=${picked.has(frame.id)} pick=${pick(frame.id)} />`)}</tbody></table></div>`}
    ${list.next && html`<div class="fold"><button type="button" class="link" onClick=${list.more}>${t("show_more")}</button></div>`}</section>
    ${asked && html`<${Change} action=${asked} body=${body} done=${done} onNo=${() => ask("")} />`}`;
}
