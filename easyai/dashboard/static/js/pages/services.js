// Which service is not well, since when, on what evidence?
import { count, moment, ms, span } from "../format.js";
import { Ask, Command, Empty, KIND, Segments, Skeleton, State, canWork } from "../parts.js";
import { html, useEffect, useState } from "../preact.js";
import { Strip } from "../strip.js";
import { peek, toast, useKnown, useNow, useOperator, useTime } from "../store.js";
import { t } from "../words.js";
import { change } from "./alarms.js";
import { isExpected, isUnwell, serviceWord, useStrips } from "./strips.js";

const BREAKER = { open: "bad", half_open: "warn" };
const MOST_OPEN = 40; // services of a page before those that are well are folded
const groupOf = (service) => service.types[0] || "–";
const where = (service) => encodeURIComponent(service.endpoint);

const age = (now, at) => (at ? span(now - at) : "–");
const Breaker = ({ state }) => (BREAKER[state] ? html`<${State} kind=${BREAKER[state]}>
  ${t(`breaker_${state}`)}
<//>` : html`<span class="muted">
  ${t("breaker_closed")}
</span>`);
const load = (service) => `${count(service.in_flight)} / ${service.limit ?? "–"}`;

// Why calls failed, such as " (refused 3, no answer in time 1)".
function kinds(service) {
  const failed = Object.entries(service.failures_by_kind).filter(([, n]) => n);
  return failed.length ? ` (${failed.map(([kind, n]) => `${t(`call_${kind}`)} ${count(n)}`).join(", ")})` : "";
}

function Evidence({ service, now }) {
  const ages = ["heartbeat", "call", "probe"].filter((kind) => service[`last_${kind}`]);
  return html`<dl class="facts">
    ${ages.map((kind) => html`<dt key=${kind}>${t(kind)}</dt><dd>${age(now, service[`last_${kind}`])}</dd>`)}
    <dt>${t("calls")}</dt>
    <dd class="calls">${count(service.calls)}, ${t("n_failed", count(service.failures))}${kinds(service)}</dd>
    <dt>${t("latency_one")}</dt>
    <dd>${ms(service.latency_ms)} ms</dd>
    <dt>${t("in_flight")}</dt>
    <dd>${load(service)}</dd>
    <dt>${t("breaker")}</dt>
    <dd><${Breaker} state=${service.breaker} /></dd>
  </dl>`;
}

function Actions({ service, ask }) {
  const [probe, set] = useState(null);
  const act = async () => {
    set({ isRunning: true });
    set(await change("POST", `/services/${where(service)}/probe?lang=${peek().lang}`));
  };
  const approve = async () => {
    if (await change("POST", `/services/${where(service)}/approve`)) toast(t("approved", service.service_id));
  };
  return html`<div class="acts">
    ${service.state === "waits_for_approval" &&
      html`<button type="button" class="btn main" onClick=${approve}>${t("approve")}</button>`}
    <button type="button" class="btn" disabled=${probe?.isRunning} onClick=${act}>${t("probe_now")}</button>
    <button type="button" class="btn danger" onClick=${() => ask(service)}>${t("unregister")}</button>
    <span role="status">
      ${probe && !probe.isRunning &&
        html`<${State} kind=${probe.ok ? "ok" : "bad"}>
          <span class="wrap">${probe.ok ? t("probe_ok", ms(probe.took_ms)) : probe.reason}</span>
        <//>`}
    </span>
  </div>`;
}

function More({ service, now, ask }) {
  const canWrite = useOperator();
  return html`<tr class="more">
    <td colspan="9">
      <div class="cols">
        <dl class="facts">
          <dt>${t("reason")}</dt>
          <dd>${service.reason || "–"}</dd>
          <dt>${t("since")}</dt>
          <dd>${moment(service.since)}${service.since ? ` (${span(now - service.since)})` : ""}</dd>
          <dt>${t("endpoint")}</dt>
          <dd class="mono">${service.endpoint}</dd>
          <dt>${t("version")}</dt>
          <dd>${service.name} ${service.version}</dd>
          <dt>${t("types")}</dt>
          <dd>${service.types.join(", ")}</dd>
        </dl>
        <${Evidence} service=${service} now=${now} />
        ${canWrite && html`<${Actions} service=${service} ask=${ask} />`}
      </div>
    </td>
  </tr>`;
}

function Row({ service, isOpen, turn, now, ask, strip, isKnown }) {
  const kind = isKnown ? KIND[service.state] : "idle";
  const failed = service.failures || 0;
  return html`<tr
    class=${isOpen ? "can open" : "can"}
    onClick=${(event) => event.target.closest("button, a") || turn()}>
    <td class="n">
      <button
        type="button"
        class="twist cut mono"
        aria-expanded=${isOpen}
        title=${service.endpoint}
        onClick=${turn}>
        ${service.service_id}
      </button>
    </td>
    <td class="s"><${State} kind=${kind}>${isKnown ? serviceWord(service.state) : t("s_unknown")}<//></td>
    <td class="strip-c"><${Strip} ...${strip} label=${service.reason || serviceWord(service.state)} /></td>
    <td class="num opt">
      ${age(now, service.last_heartbeat)}
      <span class="muted"> · </span>
      ${age(now, service.last_call)}
      <span class="muted"> · </span>
      ${age(now, service.last_probe)}
    </td>
    <td class="num opt2">${count(service.calls)}</td>
    <td class="num opt2">${failed ? count(failed) : html`<span class="muted">0</span>`}</td>
    <td class="num opt2">${ms(service.latency_ms)}</td>
    <td class="num opt">${load(service)}</td>
    <td class="opt2"><${Breaker} state=${service.breaker} /></td>
  </tr>
    ${isOpen && html`<${More} service=${service} now=${now} ask=${ask} />`}`;
}

function Group({ type, services, row, isFolded, unfold }) {
  const shown = isFolded ? services.filter((service) => service.state !== "online") : services;
  const hidden = services.length - shown.length;
  return html`<tr class="grp">
    <td colspan="9">
      ${type}
      <span>${t("can_work", services.filter(canWork).length, services.filter(isExpected).length)}</span>
      ${hidden > 0 &&
        html` <button type="button" class="link" onClick=${unfold}>${t("n_online", hidden)}</button>`}
    </td>
  </tr>
    ${shown.map(row)}`;
}

function Unregister({ service, onNo }) {
  const act = async () => {
    onNo();
    if (await change("POST", `/services/${where(service)}/unregister`)) toast(t("unregistered", service.service_id));
  };
  return html`<${Ask}
      title=${t("unregister_q", service.service_id)}
      why=${t("unregister_why")}
      yes=${t("unregister")}
      onNo=${onNo}
      onYes=${act} />`;
}

const Head = ({ range }) => html`<thead>
  <tr>
    <th>${t("service")}</th>
    <th>${t("state")}</th>
    <th>${t(`strip_${range}`)}</th>
    <th class="num opt">${t("evidence")}</th>
    <th class="num opt2">${t("calls")}</th>
    <th class="num opt2">${t("failed")}</th>
    <th class="num opt2">${t("latency_one")}</th>
    <th class="num opt">${t("in_flight")}</th>
    <th class="opt2">${t("breaker")}</th>
  </tr>
</thead>`;

function Table({ services, range, id }) {
  const now = useTime();
  const isKnown = useKnown();
  const strips = useStrips(range);
  const [open, set] = useState(id || "");
  const asIs = services.find((service) => service.endpoint === id);
  const [unfolded, unfold] = useState(new Set(asIs ? [groupOf(asIs)] : []));
  useEffect(() => { // the row that a link of another page opened
    document.querySelector("tr.open")?.scrollIntoView({ block: "center" });
  }, []);
  const [asked, ask] = useState(null);
  const types = [...new Set(services.map(groupOf))].sort((a, b) => a.localeCompare(b));
  const row = (service) => html`<${Row}
      key=${service.endpoint}
      service=${service}
      now=${now}
      isKnown=${isKnown}
      strip=${strips.of(service)}
      ask=${ask}
      isOpen=${open === service.endpoint}
      turn=${() => set(open === service.endpoint ? "" : service.endpoint)} />`;
  return html`<div class="scroll">
    <table>
      <${Head} range=${range} />
      <tbody>
        ${types.map((type) => html`<${Group}
            key=${type}
            type=${type}
            row=${row}
            services=${services.filter((service) => groupOf(service) === type)}
            isFolded=${services.length > MOST_OPEN && !unfolded.has(type)}
            unfold=${() => unfold(new Set([...unfolded, type]))} />`)}
      </tbody>
    </table>
  </div>
    ${asked && html`<${Unregister} service=${asked} onNo=${() => ask(null)} />`}`;
}

export function Services({ id }) {
  const services = useNow("services");
  const [only, pick] = useState("all");
  const [range, stretch] = useState("1h");
  const all = [...(services || [])].sort((a, b) => isExpected(b) - isExpected(a));
  const unwell = all.filter(isUnwell);
  const shown = only === "all" ? all : unwell;
  return html`<section class="panel svc stack" aria-labelledby="services">
    <header>
      <h1 id="services">${t("services")}</h1>
      <span class="muted grow">
        ${services && t("can_work", all.filter(canWork).length, all.filter(isExpected).length)}
      </span>
      <${Segments}
          label=${t("range")}
          value=${range}
          pick=${stretch}
          options=${["1h", "6h", "24h", "7d"].map((key) => [key, t(`range_${key}`)])} />
      <${Segments}
          label=${t("state")}
          value=${only}
          pick=${pick}
          options=${[["all", `${t("all")} ${all.length}`], ["unwell", `${t("unwell")} ${unwell.length}`]]} />
    </header>
    ${!services
      ? html`<${Skeleton} rows=${10} />`
      : !all.length
      ? html`<${Empty} title=${t("no_services")} why=${t("no_services_start")} />
        <div class="report">
          <${Command} text=${`.venv/bin/python examples/people_counter.py --server ${location.origin}`} />
        </div>`
      : !shown.length
      ? html`<${Empty} title=${t("all_well")} why="" />`
      : html`<${Table} services=${shown} range=${range} id=${id} />`}
  </section>`;
}
