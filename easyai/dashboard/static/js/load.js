// Data of a page that is asked for: again after a time, and again at once when the query changes.
import { later, mayCome, waitAfter } from "./again.js";
import { read } from "./api.js";
import { html, useCallback, useEffect, useRef, useState } from "./preact.js";
import { Empty, Failed, Skeleton } from "./parts.js";
import { t } from "./words.js";

// {data, error, again}: data stays what it was while it is asked for anew and after an error.
export function useRead(where, query, everySec = 0) {
  const [state, set] = useState({ data: null, error: null });
  const asked = JSON.stringify([where, query]);
  const held = useRef("");
  const [turn, again] = useState(0);
  useEffect(() => {
    if (!where) return undefined;
    const stop = new AbortController();
    let end = () => {};
    let failures = 0;
    if (held.current !== asked) set({ data: null, error: null });
    held.current = asked;
    const ask = async () => {
      let wait = everySec * 1000;
      try {
        const data = await read(where, query, { signal: stop.signal });
        failures = 0;
        set({ data, error: null });
      } catch (error) {
        if (error.name === "AbortError") return;
        set((before) => ({ ...before, error }));
        failures += 1;
        if (mayCome(error)) wait = waitAfter(error, failures, everySec);
      }
      if (wait && !stop.signal.aborted) end = later(ask, wait);
    };
    ask();
    return () => {
      stop.abort();
      end();
    };
  }, [asked, everySec, turn]);
  return { ...state, again: useCallback(() => again((n) => n + 1), []) };
}

// What is shown until there is data, and the reason if there is none. `none` names the words for what the
// server does not have, or has no more: to ask again would not help.
export function Loaded({ of, rows, tall, none, children }) {
  if (none && of.error?.status === 404) return html`<${Empty} title=${t(none)} why=${t(`${none}_why`)} />`;
  return html`${of.error && html`<${Failed} error=${of.error} again=${of.again} />`}
    ${of.data ? children : !of.error && html`<${Skeleton} rows=${rows} tall=${tall} />`}`;
}
