// The alerts that the visitor looks at: newest first, a page at a time, and new ones live. The order
// of all of them is kept, the whole items only near the place that is looked at.
import { later, mayCome, waitAfter } from "./again.js";
import { FILTERS, matches } from "./alert_filter.js";
import { AlertTotal } from "./alert_total.js";
import { read, write } from "./api.js";
import { onChange } from "./live.js";
import { seconds } from "./format.js";
import { useEffect, useState } from "./preact.js";
import { serverTime, toast } from "./store.js";

const PAGE = 100;
const MOST_KEPT = 3000; // whole items
const MOST_RECENT = 50; // in a message; then some may be missing from it
const MOST_LISTED = 2000; // while new ones slide in above: a page that is open for days stays small
const MOST_NEWER = 500; // that wait above the list; beyond them the list begins anew
const FRESH_MS = 1000;

class Feed {
  order = []; // [id, at], newest first
  items = new Map();
  fresh = new Set(); // ids that slide in
  newer = []; // items that wait above the list while it is scrolled down
  next = null; // of the page after the last one
  number = new AlertTotal();
  error = null;
  filter = {};
  isAtTop = true;
  hasGap = false; // between the list and the newer ones
  scrolled = 0; // where the gallery was when it was left
  visited = null; // the id of the alert that was opened last
  #hidden = new Map(); // id → what is known of an alert that is about to be deleted: no list shows it
  #saved = { total: 0, messages: 0 }; // how many alerts the server has, and how often it sent that
  #opened = "";
  #busy = false;
  #listeners = new Set();
  #turn = 0;
  #failures = 0; // in a row
  #endWait = () => {};

  constructor() {
    onChange((section, value, kind) => section === "alerts" && this.#arrive(value, kind));
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  changed() {
    for (const listener of this.#listeners) listener();
  }

  // Begins with the newest alerts of a filter, unless it is the one that is open.
  open(filter) {
    const name = JSON.stringify(FILTERS.map((key) => filter[key] || ""));
    if (name !== this.#opened) {
      this.#opened = name;
      this.filter = filter;
      this.reload();
    } else if (this.error) this.again();
    else if (!this.order.length) this.more(); // the visitor had left before its newest alert was found
  }
  reload() {
    this.#cancel();
    this.number.clear();
    Object.assign(this, { order: [], items: new Map(), newer: [], hasGap: false, next: null, scrolled: 0 });
    this.changed();
    this.#load();
  }
  // The answer that is on its way no longer fits the list.
  #cancel() {
    this.#turn += 1;
    this.#busy = false;
    this.#endWait();
    this.error = null;
  }
  get #newest() {
    return this.order[0]?.[0] ?? 0;
  }
  get #isFiltered() {
    return Object.keys(this.filter).length > 0;
  }
  get isLoading() {
    return this.#busy && !this.order.length;
  }
  more() {
    if (this.next !== null && !this.#busy && !this.error) this.#load();
  }
  // Asks again for the part that failed; the error stays until there is an answer.
  again() {
    this.#turn += 1;
    this.#endWait();
    this.#load();
  }
  async #load() {
    const turn = this.#turn;
    const first = !this.order.length;
    const wasUnknown = this.number.isUnknown;
    this.#busy = true;
    try {
      const page = await read("/alerts", { ...this.filter, before: this.next, page_size: PAGE });
      if (turn !== this.#turn) return;
      const known = new Set(this.order.slice(-PAGE).map(([id]) => id));
      for (const item of page.items) if (!known.has(item.id)) this.#append(item);
      this.next = page.next;
      if (page.total != null) this.number.total = page.total - this.#fitting(this.#hidden.values());
      this.number.least = page.at_least ?? this.number.least;
      this.error = null;
      this.#failures = 0;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.error = error;
      this.#failures += 1;
      // While no page shows the list, nothing is asked; opening it asks.
      const again = () => this.#listeners.size && this.again();
      if (mayCome(error)) this.#endWait = later(again, waitAfter(error, this.#failures));
    }
    this.#busy = false;
    // A part may be empty before the last, such as of a rare service: the list goes on to its newest alert.
    if (!this.error && !this.order.length && this.next !== null && this.#listeners.size) return this.#load();
    this.changed();
    if (first && !this.error && this.newer.length) {
      const waiting = this.newer.filter(({ id }) => id > this.#newest);
      if (this.hasGap) this.#startFrom(waiting);
      this.newer = waiting;
      if (wasUnknown && !this.number.isUnknown) this.number.add(waiting.length); // the answer lacks them
      this.#showWaiting();
    }
    if (!this.error && this.number.isUnknown) this.#countAll();
  }
  #append(item) {
    if (!this.#hidden.has(item.id)) this.order.push([item.id, seconds(item.created_at)]);
    this.items.set(item.id, item);
  }

  // Fetches the items between two places of the order that were let go, and lets far ones go.
  async fill(first, last) {
    const missing = this.order.slice(first, last).findIndex(([id]) => !this.items.has(id));
    if (missing < 0 || this.#busy) return;
    const turn = this.#turn;
    this.#busy = true;
    try {
      const before = this.order[first + missing][0] + 1;
      const page = await read("/alerts", { ...this.filter, before, page_size: PAGE });
      if (turn === this.#turn) for (const item of page.items) this.items.set(item.id, item);
    } catch {
      // The cards stay grey; scrolling asks again.
    }
    if (turn === this.#turn) this.#busy = false;
    this.changed();
  }
  letGo(first, last) {
    if (this.items.size <= MOST_KEPT) return;
    const near = new Set(this.order.slice(Math.max(0, first - 1000), last + 1000).map(([id]) => id));
    for (const id of this.items.keys()) if (!near.has(id)) this.items.delete(id);
  }

  #arrive({ recent = [], total, newest_id }, kind) {
    if (total != null) this.#saved = { total, messages: this.#saved.messages + 1 };
    if (total != null && !this.#isFiltered) this.#countSaved();
    if (!this.#opened) return;
    if (this.error && !this.order.length && !this.#busy && kind !== "state") return; // asked for again
    if (this.isLoading && (kind === "state" || recent.length < MOST_RECENT)) {
      this.#wait(recent); // the list may have been read before them
      return;
    }
    if (kind === "state") {
      if (this.#isOutdated(newest_id)) return;
    } else if (recent.length >= MOST_RECENT) this.#startFrom(recent);
    this.#wait(recent);
    this.#showWaiting();
  }
  // Until a deletion is answered, its alerts may have left the server's number already.
  #countSaved() {
    this.number.total = Math.max(0, this.#saved.total - this.#hidden.size);
  }
  // Adds alerts to those that wait above the list.
  #wait(recent) {
    const isNew = ({ id }) => id > this.#newest && !this.#hidden.has(id);
    const isKnown = ({ id }) => this.newer.some((other) => other.id === id);
    const found = recent.filter((item) => isNew(item) && matches(item, this.filter) && !isKnown(item));
    this.newer = [...this.newer, ...found].sort((a, b) => b.id - a.id);
    if (this.#isFiltered) this.number.add(found.length);
    if (this.newer.length > MOST_NEWER) {
      this.newer.length = MOST_NEWER;
      this.hasGap = true;
    }
  }
  #showWaiting() {
    if (this.newer.length && this.isAtTop) this.showNewer();
    else this.changed();
    if (!this.order.length) this.more(); // none of a large message belongs to the list
  }
  // So many at once that the message leaves some out: the list begins anew with those of the message,
  // and what lies below them is loaded as the visitor scrolls.
  #startFrom(recent) {
    if (this.#isFiltered) this.number.missSome();
    this.newer = [];
    this.hasGap = !this.isAtTop;
    if (!this.isAtTop) return;
    this.#cancel();
    this.order = [];
    this.next = Math.min(...recent.map((item) => item.id));
  }
  // After a whole state (a restart, a sleep) alerts may lie between the list and the newest ones. A
  // restored backup lacks alerts of the list, and gives their ids to others.
  #isOutdated(newest) {
    if (this.error && !this.order.length) return true; // the whole list is asked for again
    this.hasGap = newest !== this.#newest;
    if (!this.hasGap || !this.isAtTop) return false; // it begins anew at the top
    this.reload();
    return true;
  }
  showNewer() {
    if (this.hasGap) {
      this.reload();
      return;
    }
    const added = this.newer;
    this.newer = [];
    for (const item of added) {
      this.items.set(item.id, item);
      this.fresh.add(item.id);
    }
    this.order = [...added.map((item) => [item.id, seconds(item.created_at)]), ...this.order];
    if (this.isAtTop && this.order.length > MOST_LISTED) {
      this.#cancel();
      this.order.length = MOST_LISTED;
      this.next = this.order.at(-1)[0];
    }
    setTimeout(() => added.forEach((item) => this.fresh.delete(item.id)), FRESH_MS);
    this.changed();
  }

  #replace(id, change) {
    const item = this.items.get(id);
    if (item) this.items.set(id, { ...item, ...change });
  }
  // Marks alerts at once, and takes the mark back when the server refuses.
  async mark(ids, reviewed, by) {
    const before = ids.map((id) => [id, this.items.get(id)?.reviewed ?? null]);
    const { isCounting } = this.number;
    this.#setMarks(ids.map((id) => [id, reviewed ? { by, at: serverTime() } : null]));
    try {
      await write("PUT", "/alerts/reviewed", { ids, reviewed });
    } catch (error) {
      this.#setMarks(before);
      toast(error.message);
      throw error;
    }
    // The server may have counted these alerts before their marks, or after them.
    if (isCounting && this.filter.reviewed && !this.isLoading) this.#countAll();
  }
  #setMarks(marks) {
    const fitting = () => this.#fitting(marks.map(([id]) => this.items.get(id)));
    const before = fitting();
    for (const [id, mark] of marks) this.#replace(id, { reviewed: mark });
    this.number.add(fitting() - before);
    this.changed();
  }

  // How many of these alerts belong to the list; an alert of which nothing is kept is one of the list.
  #fitting(items) {
    return [...items].filter((item) => !item || matches(item, this.filter)).length;
  }
  // Counts a list whose number the server does not send, up to the newest alert that is known here.
  async #countAll() {
    const newest = Math.max(this.#newest, this.newer[0]?.id ?? 0);
    const before = newest ? newest + 1 : this.next ?? 1;
    const hidden = [...this.#hidden].filter(([id]) => id < before).map(([, item]) => item);
    await this.number.count(before, this.filter, this.#fitting(hidden));
    this.changed();
  }
  // Takes alerts out of the list, also out of what arrives anew, until `shown` is called, or `gone`
  // once they are deleted.
  hide(ids) {
    const before = this.order;
    const own = new Map(ids.map((id) => [id, this.items.get(id)]));
    for (const [id, item] of own) this.#hidden.set(id, item);
    this.order = before.filter(([id]) => !this.#hidden.has(id));
    this.number.add(-this.#fitting(own.values()));
    this.changed();
    const taken = before.filter(([id]) => own.has(id));
    const { messages } = this.#saved;
    const forget = () => ids.forEach((id) => this.#hidden.delete(id));
    const gone = () => {
      forget();
      if (!this.#isFiltered && this.#saved.messages > messages) this.#countSaved();
      this.changed();
    };
    return { gone, shown: () => forget() || this.#putBack(taken, own) };
  }
  // Those that belong to the list as it is now; the answer that a list waits for has them anyway.
  #putBack(taken, items) {
    if (this.isLoading) return;
    const last = this.next === null ? 0 : this.order.at(-1)?.[0] ?? 0;
    const back = taken.filter(([id]) => id >= last && this.#fitting([items.get(id)]));
    this.order = [...this.order, ...back].sort((a, b) => b[0] - a[0]);
    this.number.add(this.#fitting(items.values()));
    this.changed();
  }
  around(id) {
    const at = this.order.findIndex(([other]) => other === id);
    return { at, newer: this.order[at - 1]?.[0], older: at < 0 ? undefined : this.order[at + 1]?.[0] };
  }
}

export const feed = new Feed();

export function useFeed() {
  const [, turn] = useState(0);
  useEffect(() => feed.subscribe(() => turn((n) => n + 1)), []);
  return feed;
}
