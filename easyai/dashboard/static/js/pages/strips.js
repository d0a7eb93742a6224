// The services of the first page: the state of each over time.
import { clock, ms } from "../format.js";
import { useRead } from "../load.js";
import { Empty, Failed, KIND, Panel, State, canWork } from "../parts.js";
import { html, useState } from "../preact.js";
import { to } from "../router.js";
import { Strip } from "../strip.js";
import { serverTime, useKnown, useStore } from "../store.js";
import { t } from "../words.js";
import { Fold, RANGES, everySec, useRange } from "./types.js";

const MOST_OPEN = 14;
const RANK = { offline: 0, failing: 1, suspect: 1, waits_for_approval: 2, online: 3, moved: 4, unregistered: 5 };
export const isListed = (service) => service.state !== "unregistered";
// An endpoint that its service left for another endpoint need not work.
export const isExpected = (service) => isListed(service) && service.state !== "moved";
export const isUnwell = (service) => isExpected(service) && service.state !== "online";
export const serviceWord = (state) => t(`svc_${state}`);

// Strips of a range, with the newest state drawn on to the present as long as it is known.
export function useStrips(range) {
  const strips = useRead("/strips", { range }, everySec(range));
  const isKnown = useKnown();
  const at = useStore((s) => s.at);
  const length = RANGES.find(([key]) => key === range)[1];
  const end = serverTime();
  return {
    ...strips,
    of(service) {
      const parts = strips.data?.services[service.endpoint] || [];
      const until = isKnown ? end : Math.min(end, at || end);
      const last = parts.at(-1);
      const goesOn = last && last[1] < until && strips.data ? [[last[1], until, service.state]] : [];
      return { parts: [...parts, ...goesOn], from: end - length, to: end, until };
    },
  };
}

function Row({ service, strip, isKnown }) {
  const kind = isKnown ? KIND[service.state] : "idle";
  const word = isKnown ? serviceWord(service.state) : t("s_unknown");
  return html`<a href=${to("services", service.endpoint)}><${State} kind=${kind}>${word}<//>
    <span class="cut" title=${service.endpoint}>${service.service_id}</span>
    <${Strip} ...${strip} label=${`${service.service_id}: ${service.reason || word}`} />
    <span class="num soft">
      ${service.in_flight == null ? "–" : `${service.in_flight} / ${service.limit ?? "–"}`}
    </span>
    <span class="num soft p">${service.latency_ms == null ? "–" : `${ms(service.latency_ms)} ms`}</span></a>`;
}

export function Strips({ services }) {
  const [isOpen, open] = useState(false);
  const { range } = useRange();
  const strips = useStrips(range);
  const isKnown = useKnown();
  const seenAt = useStore((s) => s.at);
  const worstFirst = (a, b) => RANK[a.state] - RANK[b.state] || a.service_id.localeCompare(b.service_id);
  const listed = services.filter(isListed).sort(worstFirst);
  const unwell = listed.filter(isUnwell).length;
  const isFolded = !isOpen && listed.length > MOST_OPEN;
  const shown = isFolded ? listed.slice(0, Math.max(MOST_OPEN, unwell)) : listed;
  const note = isKnown ? t("can_work", listed.filter(canWork).length, listed.filter(isExpected).length) : t("last_known", clock(seenAt));
  return html`<${Panel}
    id="services-now"
    title=${t("services")}
    note=${note}
    actions=${html`<a href="#/services">${t("all_services")}</a>`}>
    ${strips.error && html`<${Failed} error=${strips.error} again=${strips.again} />`}
    ${listed.length
      ? html`<div class="strips">
        ${shown.map((service) => html`<${Row}
            key=${service.endpoint}
            service=${service}
            strip=${strips.of(service)}
            isKnown=${isKnown} />`)}
      </div>`
      : html`<${Empty} title=${t("no_services")} why=${t("no_services_why")} />`}
    <${Fold}
        hidden=${listed.length - shown.length}
        isOpen=${isOpen}
        words="n_online"
        turn=${() => open(!isOpen)} />
  <//>`;
}
