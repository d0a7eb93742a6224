// How many alerts a list has. For some filters, such as that of a service, no index knows it: then the
// server counts the alerts part by part, each within bounds.
import { read } from "./api.js";

const ENOUGH = 1000;
const MOST_PARTS = 12;

async function totalBelow(before, filter, signal) {
  let sum = 0;
  let next = before;
  for (let part = 0; part < MOST_PARTS && sum < ENOUGH; part += 1) {
    const page = await read("/alerts/count", { ...filter, before: next }, { signal });
    sum += page.count;
    if (page.next === null) return { total: sum, least: null };
    next = page.next;
  }
  return { total: null, least: sum || null };
}

export class AlertTotal {
  total = null; // with the alerts that wait above the list
  least = null; // of a list without a total, such as of a busy camera
  #counting = null; // while the server counts
  #since = 0; // alerts that came to the list since the counting began, less those that left it
  #isShort = false; // since then alerts came that are not known here

  get isCounting() {
    return this.#counting !== null;
  }
  get isUnknown() {
    return this.total == null && this.least == null && !this.isCounting;
  }
  clear() {
    this.#counting?.abort();
    this.#counting = this.total = this.least = null;
  }
  add(more) {
    this.#since += more;
    if (this.total != null) this.total = Math.max(0, this.total + more);
    if (this.least != null) this.least = Math.max(0, this.least + more);
  }
  // More alerts came than those that are added.
  missSome() {
    this.#isShort = true;
    this.least = (this.total ?? this.least) || null;
    this.total = null;
  }
  // Counts the alerts with ids below `before`, less those that are hidden; later alerts are added.
  async count(before, filter, hidden) {
    this.#counting?.abort();
    const own = (this.#counting = new AbortController());
    this.#since = -hidden;
    this.#isShort = false;
    // Without an answer there is no number; the list itself shows what is wrong.
    const found = await totalBelow(before, filter, own.signal).catch(() => null);
    if (own !== this.#counting) return;
    this.#counting = null;
    Object.assign(this, found);
    this.add(this.#since);
    if (this.#isShort) this.missSome();
  }
}
