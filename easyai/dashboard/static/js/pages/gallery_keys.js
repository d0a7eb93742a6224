// The keys of the gallery: the arrows move the focus from card to card, others act on the focused alert.
import { deleteSoon } from "../delete_soon.js";
import { useKeys } from "../keys.js";
import { useEffect, useLayoutEffect, useRef } from "../preact.js";
import { go } from "../router.js";
import { useStore } from "../store.js";

const cardOf = (id) => document.querySelector(`.alert[data-id="${id}"] > a`);
const focused = () => Number(document.activeElement?.closest?.(".alert")?.dataset.id) || null;
const barHeight = () => document.querySelector(".bar").offsetHeight;

// Whether the middle of a card is on the screen.
function isSeen(card) {
  const { top, bottom } = card.getBoundingClientRect();
  const middle = (top + bottom) / 2;
  return middle > barHeight() && middle < innerHeight;
}

// The place in the list that is a row of cards above (-1) or below (1); -1: there is no such row.
function inNextRow(rows, at, step) {
  const from = rows.findIndex((row) => row.first <= at && at < row.last);
  let to = from + step;
  while (rows[to] && !rows[to].last) to += step; // a heading
  return rows[to] ? Math.min(rows[to].first + at - rows[from].first, rows[to].last - 1) : -1;
}

// Moves the focus to a card. A card that does not exist yet gets the focus when it does: the page is
// scrolled to its place, and its part of the list is loaded. But not after the visitor has gone on.
// `again` is a key whose card is in the next part of the list: it is due again when the part arrives.
const WANTED_MS = 15000;
const GOES_ON = ["wheel", "pointerdown", "focusin"];
function useFocus(alerts, rows, box) {
  const wanted = useRef(null); // {id, until}, or {again, length, until}
  useEffect(() => {
    const end = () => (wanted.current = null);
    for (const way of GOES_ON) addEventListener(way, end, { passive: true });
    return () => GOES_ON.forEach((way) => removeEventListener(way, end));
  }, []);
  const take = () => {
    const { id, until } = wanted.current || {};
    const card = performance.now() < until && cardOf(id);
    if (!card) return false;
    wanted.current = null;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
    return true;
  };
  useLayoutEffect(() => void take());
  const focus = (id) => {
    const { at } = alerts.around(id);
    wanted.current = at < 0 ? null : { id, until: performance.now() + WANTED_MS };
    if (at < 0 || take()) return;
    const row = rows.find((one) => one.first <= at && at < one.last);
    if (!row || !box.current) return;
    const top = box.current.getBoundingClientRect().top + row.top;
    if (top < 0 || top > innerHeight) scrollBy(0, top - innerHeight / 2);
  };
  const wait = (again) => {
    if (alerts.next === null) return;
    wanted.current = { again, length: alerts.order.length, until: performance.now() + WANTED_MS };
  };
  const due = () => {
    const { again, length, until } = wanted.current || {};
    return performance.now() < until && alerts.order.length > length ? again : null;
  };
  return { focus, wait, due };
}

export function useGalleryKeys({ alerts, selection, canWrite, rows, box }) {
  const person = useStore((s) => s.session?.name || "");
  const { focus, wait, due } = useFocus(alerts, rows, box);
  useEffect(() => { // the visitor comes back from an alert
    if (alerts.visited) focus(alerts.visited);
    alerts.visited = null;
  }, []);
  const moveTo = (at, again) => {
    if (alerts.order[at]) focus(alerts.order[at][0]);
    else if (again) wait(again);
  };
  const placeOf = (next) => {
    const { at } = alerts.around(focused());
    if (at >= 0) return next(at);
    const { top } = box.current.getBoundingClientRect();
    return (rows.find((row) => row.last && top + row.top >= barHeight()) ?? rows.at(-1)).first;
  };
  const move = (step, again) => () => moveTo(placeOf((at) => at + step), again);
  const moveRow = (step, again) => () => {
    const at = placeOf((from) => inNextRow(rows, from, step));
    if (at < 0 && step < 0) scrollTo(0, 0); // to the filters
    moveTo(at, again);
  };
  // A card that was scrolled away is shown first: nobody changes an alert that he does not see.
  const onFocused = (act) => () => {
    const id = focused();
    if (canWrite && id) (isSeen(cardOf(id)) ? act : focus)(id);
  };
  const mark = (id) => {
    const { reviewed } = alerts.items.get(id);
    alerts.mark([id], !reviewed, person).catch(() => {});
    if (!reviewed) move(1)();
  };
  const drop = (id) => {
    const { newer, older } = alerts.around(id);
    deleteSoon(id, () => focus(id));
    focus(older ?? newer);
  };
  const moves = {
    ArrowLeft: move(-1), k: move(-1), ArrowUp: moveRow(-1),
    ArrowRight: move(1, "ArrowRight"), j: move(1, "ArrowRight"), ArrowDown: moveRow(1, "ArrowDown"),
  };
  useLayoutEffect(() => moves[due()]?.());
  useKeys({
    ...moves,
    ...(selection.size ? {} : { r: onFocused(mark), Delete: onFocused(drop) }), // else of the selection
    x: onFocused((id) => selection.pick(id, false)),
    Enter: () => go("alerts", focused() || alerts.order[0][0]),
    Escape: () => selection.clear(),
  });
}
