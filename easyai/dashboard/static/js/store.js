// The state that pages share. Values are replaced, never changed in place, so that a page renders
// again only when a value that it uses is another value.
import { useLayoutEffect, useRef, useState } from "./preact.js";

const listeners = new Set();
let state = {
  session: null, // of GET /session; null: not known yet
  now: null, // the sections of the live state; null: nothing has arrived yet
  at: 0, // Unix seconds on the server's clock, when the newest message was made
  connection: "connecting", // "connecting", "live", "silent"
  hasPlace: true, // whether the server takes this tab; it refuses when there are too many
  unknown: "", // why the server does not know its own state; "": it knows
  tick: 0, // counts seconds
  toast: null, // {text, action, act}
  knownSince: 0, // Unix seconds: since when the curves of the last hour have values
  range: "", // of curves and strips, as the visitor chose it; "": the fitting one
  lang: "en",
};

export const peek = () => state;

// Replaces some values.
export function put(change) {
  state = { ...state, ...change };
  for (const listener of [...listeners]) listener();
}

// The value that `select` takes from the state; the component renders again when it changes.
export function useStore(select) {
  const [, turn] = useState(0);
  const held = useRef(null);
  const value = select(state);
  held.current = { select, value };
  useLayoutEffect(() => {
    const look = () => {
      const next = held.current.select(state);
      if (next !== held.current.value) turn((n) => n + 1);
    };
    listeners.add(look);
    look(); // the state may have changed between the rendering and now
    return () => listeners.delete(look);
  }, []);
  return value;
}

// Whether the page shows what is true now; if not, states are "not known".
export const isKnown = (s) => s.connection === "live" && !s.unknown && s.now !== null;
export const useKnown = () => useStore(isKnown);

// A section of the live state, such as "types"; null when nothing has arrived yet.
export const useNow = (section) => useStore((s) => s.now?.[section] ?? null);

// Renders the component again each second, and gives the time of the server in Unix seconds.
let ahead = 0; // how far the server's clock is ahead of the browser's
export function useTime() {
  useStore((s) => s.tick);
  return serverTime();
}
export const serverTime = () => Date.now() / 1000 + ahead;
export function setServerTime(at) {
  const next = at - Date.now() / 1000;
  // Messages arrive late, never early: the largest difference is the most exact one.
  ahead = Math.abs(next - ahead) > 2 ? next : Math.max(ahead, next);
}

// Whether the visitor may change something. Without a login (on this machine) everybody may.
export const useOperator = () => useStore((s) => s.session?.role === "operator");

let toastTimer = 0;
// Shows a sentence for eight seconds, with a button if `action` names one.
export function toast(text, action = "", act = null, forMs = 8000) {
  clearTimeout(toastTimer);
  put({ toast: { text, action, act } });
  toastTimer = setTimeout(() => put({ toast: null }), forMs);
}
export function closeToast() {
  clearTimeout(toastTimer);
  put({ toast: null });
}
