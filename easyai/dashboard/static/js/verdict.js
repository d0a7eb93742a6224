// The one sentence: does inference go on? What is not known is never green.
import { hourMinute, span } from "./format.js";
import { html } from "./preact.js";
import { isKnown, peek, serverTime, useStore, useTime } from "./store.js";
import { t } from "./words.js";

const KINDS = { ok: "ok", warn: "warn", bad: "bad", idle: "idle" };
const WORDS = { ok: "inferring", warn: "threatened", bad: "stalled", idle: "nothing_yet" };

// {kind, word, verdict}: `kind` is "idle" while nothing is known, and `verdict` then null.
export function useVerdict() {
  useStore((s) => s.tick);
  const verdict = useStore((s) => s.now?.verdict ?? null);
  const known = useStore(isKnown);
  const connection = useStore((s) => s.connection);
  if (!known || !verdict) {
    // The first diagnosis may take seconds after the first message.
    const isLoading = !verdict && (connection === "connecting" || known);
    return { kind: "idle", word: t(isLoading ? "loading" : "unknown"), verdict: null, isLoading };
  }
  const kind = KINDS[verdict.state] || "idle";
  return { kind, word: t(WORDS[kind]), verdict, isLoading: false };
}

// How long nothing has been known, and the sentence about it.
export function silence() {
  const { at, unknown, hasPlace } = peek();
  if (!hasPlace) return { sentence: t("v_many_tabs"), why: t("v_many_tabs_why") };
  const lasted = at ? span(serverTime() - at) : null;
  if (unknown) return { sentence: t("v_unknown_self"), why: unknown };
  return {
    sentence: lasted ? t("v_silent", lasted) : t("v_never"),
    why: t("v_silent_why"),
  };
}

// Whose time the server's sentences give; nothing where the visitor is in the same zone.
export function Zone() {
  const ahead = useStore((s) => s.session?.ahead_sec);
  const now = useTime();
  return ahead ? html`<p class="muted">${t("zone", hourMinute(now + ahead))}</p>` : null;
}
