// When to ask again after a failure: later each time, so that a server with too much to do gets less.
const AWAY_MS = 3000;
const BUSY_MS = 15000;
const LONGEST_MS = 60000;

const BUSY = 503; // the server has too much to do, or a gateway has no server

// Whether the same request may be answered later: no answer came (`status` is 0 or undefined), the
// server is busy, or a gateway answered for it.
export const mayCome = ({ status = 0 }) => !status || status >= 502;

// Milliseconds until a request that failed `times` times in a row is sent again. A busy server is
// asked no more often than every `everySec`, as without the failure.
export function waitAfter({ status }, times, everySec = 0) {
  const first = status === BUSY ? Math.max(BUSY_MS, everySec * 1000) : AWAY_MS;
  const wait = Math.min(first * 2 ** (times - 1), Math.max(first, LONGEST_MS));
  return wait * (1 + Math.random() / 4); // not all tabs at once
}

// Calls `act` after a time, but not before the page is looked at; returns what ends it.
export function later(act, ms) {
  const due = () => {
    if (document.hidden) return;
    stop();
    act();
  };
  const timer = setTimeout(() => {
    document.addEventListener("visibilitychange", due);
    due();
  }, ms);
  const stop = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", due);
  };
  return stop;
}
