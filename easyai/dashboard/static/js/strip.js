// The states of a service over time. Trouble stands tall: the height shows the state where the
// colour cannot. What is not known yet is grey.
import { html } from "./preact.js";

const TALL = { online: 4, suspect: 9, failing: 9, offline: 14, unregistered: 2, moved: 2, waits_for_approval: 2,
  unknown: 2 };

// `parts` are [from, to, state] in Unix seconds; nothing is known after `until`.
export function Strip({ parts = [], from, to, until = to, label }) {
  const length = Math.max(1, to - from);
  const x = (at) => Math.min(1000, Math.max(0, ((at - from) / length) * 1000));
  const known = parts.filter(([begin, end]) => end > from && begin < Math.min(to, until));
  const shown = known.map(([begin, end, state]) => [x(begin), x(Math.min(end, until)), state]);
  if (until < to) shown.push([x(until), 1000, "unknown"]);
  return html`<svg
    class="strip"
    viewBox="0 0 1000 16"
    preserveAspectRatio="none"
    role="img"
    aria-label=${label}>
    ${shown.map(([begin, end, state], i) => html`<rect
        key=${i}
        class=${state}
        x=${begin}
        width=${Math.max(3, end - begin)}
        y=${8 - (TALL[state] ?? 2) / 2} height=${TALL[state] ?? 2} />`)}</svg>`;
}
