// The live state: one WebSocket, resumed after sleep, restarts of the server and lost networks.
import { openSession } from "./api.js";
import { rooted } from "./root.js";
import { peek, put, setServerTime } from "./store.js";

const SILENT_MS = 7000; // the server sends a message at least every five seconds
const DEAD_MS = 12000; // then the connection is made anew
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const SESSION_MS = 3_600_000; // until the session is read again, for the zone of the server
const SLEPT_MS = 5000; // a timer of one second that is so late: the machine slept
const SESSION_ENDED = 4401;
const REFUSED = 1013; // with a reason: there are too many tabs

let socket = null;
let heardAt = 0; // of performance.now(), as is
let triedAt = 0; // when the connection was begun
let wait = FIRST_WAIT_MS;
let timer = 0;
let resume = null; // {boot, seq} of the newest message
const watchers = new Set();

// Calls `watch(section, value)` for each changed section of each message; returns what ends it.
export function onChange(watch) {
  watchers.add(watch);
  return () => watchers.delete(watch);
}

function address() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const since = resume ? `&since=${encodeURIComponent(`${resume.boot}:${resume.seq}`)}` : "";
  return `${scheme}//${location.host}${rooted("/api/v1/live")}?lang=${peek().lang}${since}`;
}

// The socket that `first.js` has opened, with what it has heard; else another.
function opened() {
  const { socket: own, events, lang } = window.easyaiFirst || {};
  delete window.easyaiFirst;
  if (own && own.readyState <= WebSocket.OPEN && lang === peek().lang) return [own, events];
  own?.close();
  return [new WebSocket(address()), []];
}

function connect() {
  clearTimeout(timer);
  drop();
  if (peek().session?.role == null) return; // the login comes first
  const [own, events] = opened();
  socket = own;
  triedAt = performance.now();
  for (const event of events) hear(JSON.parse(event.data));
  own.onmessage = (event) => own === socket && hear(JSON.parse(event.data));
  own.onclose = (event) => own === socket && lost(event);
}

function drop() {
  const old = socket;
  socket = null;
  old?.close();
}

// A delta has the cameras that changed, and the order of all.
function withChanged(known, { changed, order }) {
  const byId = new Map([...(known || []), ...changed].map((camera) => [camera.task_id, camera]));
  return order.map((id) => byId.get(id));
}

function hear(message) {
  heardAt = performance.now();
  wait = FIRST_WAIT_MS;
  if (message.at) setServerTime(message.at);
  if (message.kind === "unknown") {
    put({ connection: "live", hasPlace: true, unknown: message.why || "…" });
    return;
  }
  resume = { boot: message.boot ?? resume?.boot, seq: message.seq };
  const before = message.kind === "state" ? {} : peek().now;
  const now = { ...before, ...message.now };
  if (now.cameras?.changed) now.cameras = withChanged(before.cameras, now.cameras);
  put({ connection: "live", hasPlace: true, unknown: "", at: message.at, now });
  for (const [section, value] of Object.entries(message.now)) {
    for (const watch of watchers) watch(section, value, message.kind);
  }
}

function lost(event) {
  socket = null;
  if (event.code === SESSION_ENDED) {
    openSession().catch(() => later());
    return;
  }
  const hasPlace = event.code !== REFUSED || !event.reason;
  put(hasPlace ? { hasPlace } : { hasPlace, connection: "silent" });
  later();
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
  wait = Math.min(wait * 2, LONGEST_WAIT_MS);
}

// Connects now instead of after the wait.
export function retry() {
  wait = FIRST_WAIT_MS;
  connect();
}

// Another language needs a whole state in its words.
export function startAgain() {
  resume = null;
  retry();
}

let beatAt = Date.now();
function beat() {
  const slept = Date.now() - beatAt > SLEPT_MS;
  beatAt = Date.now();
  const now = performance.now();
  const isSilent = slept || now - heardAt > SILENT_MS;
  put({ tick: peek().tick + 1, connection: isSilent ? "silent" : peek().connection });
  if (slept || (socket && now - Math.max(heardAt, triedAt) > DEAD_MS)) {
    put({ hasPlace: true }); // no answer is no refusal
    retry();
  }
}

// Starts the connection and the second hand of the page.
export function startLive() {
  setInterval(beat, 1000);
  setInterval(() => openSession().catch(() => {}), SESSION_MS);
  addEventListener("online", retry);
  addEventListener("pageshow", (event) => event.persisted && retry());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && performance.now() - heardAt > SILENT_MS) retry();
  });
  connect();
}
