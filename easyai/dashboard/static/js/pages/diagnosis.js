// The diagnosis of this moment: the report as `easyai diagnose` writes it.
import { readText } from "../api.js";
import { Markdown } from "../markdown.js";
import { Copy, Failed, Skeleton } from "../parts.js";
import { html, useEffect, useState } from "../preact.js";
import { go } from "../router.js";
import { useKeys } from "../keys.js";
import { useStore } from "../store.js";
import { Zone } from "../verdict.js";
import { t } from "../words.js";

export function DiagnosisNow() {
  const lang = useStore((s) => s.lang);
  const [state, set] = useState({ text: "", error: null, isBusy: true });
  const [turn, again] = useState(0);
  useKeys({ Escape: () => go("incidents") });
  useEffect(() => {
    set((before) => ({ ...before, error: null, isBusy: true }));
    readText(`/api/v1/ai_analysis/diagnosis?format=markdown&lang=${lang}`).then(
      (text) => set({ text, error: null, isBusy: false }),
      (error) => set((before) => ({ ...before, error, isBusy: false })),
    );
  }, [lang, turn]);
  const { text, error, isBusy } = state;
  return html`<article class="panel" aria-labelledby="diagnosis">
    <header>
      <a class="btn quiet" href="#/incidents">← ${t("all_incidents")}</a>
      <h1 id="diagnosis" class="grow cut">${t("diagnosis_now")}</h1>
      <button type="button" class="btn" disabled=${isBusy} onClick=${() => again(turn + 1)}>
        ${t("diagnose_again")}
      </button>
      ${text && html`<${Copy} text=${text} label=${t("copy_markdown")} />`}
      <button type="button" class="btn" onClick=${() => print()}>${t("print")}</button>
    </header>
    ${error && html`<${Failed} error=${error} again=${() => again(turn + 1)} />`}
    ${text
      ? html`<div class="report" aria-busy=${isBusy}><${Zone} /><${Markdown} text=${text} /></div>`
      : !error && html`<${Skeleton} rows=${10} />`}
  </article>`;
}
