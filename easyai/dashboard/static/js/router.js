// Routing by hash: "#/alerts/12?task_type=…" is the page "alerts" with the part "12" and a query.
import { useEffect, useState } from "./preact.js";

export const PAGES = ["now", "alerts", "cameras", "frames", "services", "incidents", "system"];

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand
  }
}

// The route of the address as it is.
export function route() {
  const [where, query = ""] = location.hash.slice(1).split("?");
  const [, page = "", id = ""] = where.split("/").map(decoded);
  return { page: page || "now", id, query: Object.fromEntries(new URLSearchParams(query)) };
}

// The address of a page; names are encoded, whatever is in them.
export function to(page, id = "", query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const asked = new URLSearchParams(given).toString();
  const where = page === "now" && !id ? "#/" : `#/${page}${id === "" ? "" : `/${encodeURIComponent(id)}`}`;
  return where + (asked ? `?${asked}` : "");
}

export function go(page, id, query) {
  location.hash = to(page, id, query);
}
// Without a step in the history of the browser.
export function goInstead(page, id, query) {
  location.replace(to(page, id, query));
}

export function useRoute() {
  const [at, set] = useState(route);
  useEffect(() => {
    const look = () => set(route());
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  return at;
}
