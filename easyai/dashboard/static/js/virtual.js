// The layout of a long gallery, of which only the part near the screen exists as elements.
import { useEffect, useLayoutEffect, useState } from "./preact.js";
import { hourStart } from "./format.js";

const HEADING = 40; // pixels, with the gap below
const AHEAD = 800; // pixels above and below the screen that exist

// Rows of cards under a heading an hour: [{top, height, hour, count} or {top, height, first, last}].
// `order` is [[id, at], …], newest first; `cell` is {columns, height} of a card with its gap.
export function rowsOf(order, cell) {
  const rows = [];
  let top = 0;
  let heading = null;
  for (let i = 0; i < order.length; ) {
    const hour = hourStart(order[i][1]);
    if (heading?.hour !== hour) {
      heading = { top, height: HEADING, hour, count: 0 };
      rows.push(heading);
      top += HEADING;
    }
    let last = i + 1;
    const end = Math.min(order.length, i + cell.columns);
    while (last < end && order[last][1] >= hour) last += 1;
    rows.push({ top, height: cell.height, first: i, last });
    heading.count += last - i;
    top += cell.height;
    i = last;
  }
  return { rows, height: top };
}

// The rows between two heights, by bisection.
export function rowsBetween(rows, from, to) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height < from) low = middle + 1;
    else high = middle;
  }
  const shown = [];
  for (let i = low; i < rows.length && rows[i].top <= to; i += 1) shown.push(rows[i]);
  return shown;
}

// The part of a box that is near the screen: {from, to} in pixels from its top, and its width.
export function useView(box) {
  const [view, set] = useState({ from: 0, to: 1600, width: 0 });
  useLayoutEffect(() => {
    let asked = 0;
    const look = () => {
      asked = 0;
      const at = box.current?.getBoundingClientRect();
      if (!at) return;
      const step = 200; // the gallery renders again once in so many pixels of scrolling
      const from = Math.floor((-at.top - AHEAD) / step) * step;
      const to = Math.ceil((innerHeight - at.top + AHEAD) / step) * step;
      const { width } = at;
      const isSame = (old) => old.from === from && old.to === to && old.width === width;
      set((old) => (isSame(old) ? old : { from, to, width }));
    };
    const soon = () => (asked ||= requestAnimationFrame(look));
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    const watch = new ResizeObserver(soon);
    watch.observe(box.current);
    look();
    return () => {
      cancelAnimationFrame(asked);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
      watch.disconnect();
    };
  }, []);
  return view;
}

// Whether the page is scrolled down by more than a bar's height.
export function useScrolled(limit = 120) {
  const [isDown, set] = useState(scrollY > limit);
  useEffect(() => {
    const look = () => set(scrollY > limit);
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, []);
  return isDown;
}
