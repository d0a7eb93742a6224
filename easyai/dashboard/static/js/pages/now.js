// Does inference go on? If not: since when, why, and what to do.
import { count, decimal } from "../format.js";
import { retry } from "../live.js";
import { usePart } from "../pages.js";
import { Command, Failed, Mark, Skeleton, canWork } from "../parts.js";
import { html } from "../preact.js";
import { to } from "../router.js";
import { useNow } from "../store.js";
import { Zone, silence, useVerdict } from "../verdict.js";
import { t } from "../words.js";

// The alarm whose report explains the verdict: of the same severity, the oldest.
function reportOf(alarms, kind) {
  const fitting = (alarms || []).filter((alarm) => alarm.severity === kind);
  return (fitting.length ? fitting : alarms || []).reduce(
    (oldest, alarm) => (!oldest || alarm.began_at < oldest.began_at ? alarm : oldest), null,
  );
}

// What goes on while all is well, in numbers.
function Numbers({ waiting }) {
  const types = useNow("types") || [];
  const services = useNow("services") || [];
  const rate = types.reduce((sum, type) => sum + (type.inferred_per_sec || 0), 0);
  return html`<p class="why">
    ${t("v_numbers", decimal(rate), count(types.length), count(services.filter(canWork).length), count(waiting))}
  </p>`;
}

function Known({ kind, verdict }) {
  const alarms = useNow("alarms");
  const isTrouble = kind === "bad" || kind === "warn";
  const report = isTrouble && reportOf(alarms, kind);
  return html`<div><h1>${verdict.sentence}</h1>
    ${verdict.reason
      ? html`<p class="why">${verdict.reason}</p>`
      : kind === "ok" && html`<${Numbers} waiting=${verdict.waiting} />`}
    <${Zone} />
  </div>
    ${isTrouble &&
      html`<div class="to">
        <a class="btn main" href=${to("incidents", report?.id ?? "now")}>${t("open_report")}</a>
      </div>`}
    ${isTrouble && (verdict.action || verdict.command) &&
      html`<div class="do">${verdict.action && html`<p>${verdict.action}</p>`}
        ${verdict.command && html`<${Command} line text=${verdict.command} />`}</div>`}`;
}

function Unknown() {
  const { sentence, why } = silence();
  return html`<div><h1>${sentence}</h1><p class="why">${why}</p></div>
    <div class="to"><button type="button" class="btn" onClick=${retry}>${t("retry")}</button></div>`;
}

function Verdict() {
  const { kind, verdict, isLoading } = useVerdict();
  return html`<section class="verdict ${kind}" aria-label=${t("verdict")}><${Mark} kind=${kind} big />
    ${verdict
      ? html`<${Known} kind=${kind} verdict=${verdict} />`
      : isLoading
      ? html`<div><h1>${t("v_loading")}</h1></div>`
      : html`<${Unknown} />`}
  </section>`;
}

const Loading = () => html`<div class="now">
  <div><section class="panel"><header><h2>${t("types")}</h2></header><${Skeleton} rows=${5} tall /></section>
    <section class="panel"><header><h2>${t("services")}</h2></header><${Skeleton} rows=${8} /></section></div>
  <div><section class="panel"><header><h2>${t("cameras")}</h2></header><div class="wall" aria-hidden="true">
    ${Array.from({ length: 9 }, (_, i) => html`<div class="tile" key=${i}>
      <div class="pic"></div>
      <div class="cap"><div class="sk grow"></div></div>
    </div>`)}
  </div>
  </section>
  </div>
</div>`;

export function Now() {
  const types = useNow("types");
  const { View, error, again } = usePart("below");
  return html`<${Verdict} />
    ${!View && error && html`<section class="panel"><${Failed} error=${error} again=${again} /></section>`}
    ${types && View ? html`<${View} types=${types} />` : html`<${Loading} />`}`;
}
