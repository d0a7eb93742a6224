// Requests to this server. Writes carry the token of the session against forged requests.
import { rooted } from "./root.js";
import { peek, put } from "./store.js";

export const BASE = "/api/v1/dashboard";
const SESSION = "/api/v1/session";

// A request that was not answered as asked; `message` is the server's own sentence.
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status; // 0: no answer
  }
}

const keep = {
  read(key) {
    try {
      return localStorage.getItem(key) || "";
    } catch {
      return "";
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(key, value);
    } catch {
      // The browser keeps nothing for this site; the choice lasts as long as the page.
    }
  },
};
export { keep };

function headers(method, body) {
  const { session } = peek();
  const sent = {};
  if (body !== undefined) sent["Content-Type"] = "application/json";
  if (method !== "GET" && session?.csrf) sent["X-CSRF-Token"] = session.csrf;
  const person = keep.read("easyai.person");
  if ((!session || session.local) && person) sent["X-Person"] = encodeURIComponent(person);
  return sent;
}

async function ask(method, url, body, options) {
  let answer;
  try {
    answer = await fetch(rooted(url), {
      method,
      headers: headers(method, body),
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-cache",
      ...options,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, String(error.message || error));
  }
  return contentOf(answer);
}

async function contentOf(answer) {
  const text = await answer.text();
  if (answer.ok && !answer.headers.get("content-type")?.includes("json")) return text;
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    // Not JSON: the answer of a proxy, for example. Its status says enough.
  }
  if (!answer.ok) {
    if (answer.status === 401 || answer.status === 403) recheck();
    throw new ApiError(answer.status, data?.error || `${answer.status} ${answer.statusText}`);
  }
  return data;
}

// A path of the dashboard's data, with a query of those values that are given.
export function path(where, query = {}) {
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") asked.set(key, value);
  }
  const text = asked.toString();
  return BASE + where + (text ? `?${text}` : "");
}

export const read = (where, query, options) => ask("GET", path(where, query), undefined, options);
export const write = (method, where, body, options) => ask(method, path(where), body, options);
export const readText = (url) => ask("GET", url);

// `ahead_sec`: how far the server's wall clock is ahead of the visitor's. It is taken once for both,
// so that zones which change to summer time together do not differ until the session is read again.
function take(session) {
  const here = -new Date().getTimezoneOffset() * 60;
  put({ session: { ...session, ahead_sec: session.utc_offset_sec - here } });
}

// Asks who the visitor is; the first time `first.js` has asked already.
let first = window.easyaiFirst.session;
export async function openSession() {
  const asked = first;
  first = null;
  const answer = await asked;
  take(await (answer ? contentOf(answer) : ask("GET", SESSION)));
}

let checking = false;
// After a refusal: the session may have ended, which shows the login.
async function recheck() {
  if (checking) return;
  checking = true;
  try {
    await openSession();
  } catch {
    // Not known; the next refusal asks again.
  } finally {
    checking = false;
  }
}

export async function logIn(token, name) {
  take(await ask("POST", SESSION, { token, name }));
}
export async function logOut() {
  await ask("DELETE", SESSION);
  await openSession();
}
