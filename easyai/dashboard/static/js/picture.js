// A picture with what was found in it, drawn over it as SVG. Names are text nodes.
import { later, mayCome, waitAfter } from "./again.js";
import { read } from "./api.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { rooted } from "./root.js";
import { percent } from "./format.js";
import { t } from "./words.js";

// Boxes in pixels need the size of the full picture, which a thumbnail does not have. The server
// knows it once the thumbnail is made: asked for in groups, kept for the life of the page.
const sizes = new Map(); // id of an alert → [width, height] or null
const asking = new Map(); // id → the components that wait
let timer = 0;
const MOST_SIZES = 100; // in a request
const SOON_MS = 120;

async function askSizes() {
  const group = [...asking.entries()].slice(0, MOST_SIZES);
  for (const [id] of group) asking.delete(id);
  if (asking.size) timer = setTimeout(askSizes, SOON_MS);
  let found = {};
  try {
    found = (await read("/alerts/sizes", { ids: group.map(([id]) => id).join() })).sizes;
  } catch {
    // The boxes stay away; the picture is shown.
  }
  for (const [id, waiting] of group) {
    sizes.set(id, found[id] ?? null);
    for (const tell of waiting) tell(sizes.get(id));
  }
}

function useSize(given, id, isNeeded) {
  const [size, set] = useState(given || sizes.get(id) || null);
  useEffect(() => {
    set(given || sizes.get(id) || null);
    if (given || !isNeeded || id == null || sizes.has(id)) return undefined;
    const waiting = asking.get(id) || new Set();
    asking.set(id, waiting.add(set));
    clearTimeout(timer);
    timer = setTimeout(askSizes, SOON_MS);
    return () => waiting.delete(set);
  }, [id, isNeeded, given?.[0], given?.[1]]);
  return given || size;
}

// The server is asked to send a placeholder for a picture that is gone or broken: the browser would
// write an error to its console. The width of the placeholder says why.
const asked = (src) => rooted(`${src}?placeholder=true`);
const whyNone = ([width, height]) => height === 1 && { 1: "broken_picture", 2: "picture_gone" }[width];

// Whether a picture that was not shown may be had after all; an error or a refusal of the server itself
// is an answer, and so is its type of bytes that are no picture. A page in place of the picture is
// another's answer, such as the login of a network. Returns {wait} in milliseconds, or {why} there is none.
const NO_PICTURE = "application/octet-stream";
const MOST_TRIES = 6; // a network that changes takes a try each time
const GONE = { why: "no_picture" };
async function waitFor(src, times) {
  let answer = { ok: false };
  try {
    answer = await fetch(asked(src));
    answer.body?.cancel();
  } catch {
    // No answer: the network changed, or the server is away.
  }
  if (answer.ok && answer.headers.get("content-type") === NO_PICTURE) return { why: "broken_picture" };
  return answer.ok || mayCome(answer) ? { wait: waitAfter(answer, times) } : GONE;
}

const NONE = []; // the same each time: shapes that do not change draw nothing again
const needsSize = (shapes) => shapes.some((shape) => shape.unit === "px");

// Shapes scaled to the picture as it is shown, of `width` × `height`; null: the scale is not known.
function scaled(shapes, [width, height], size) {
  if (needsSize(shapes) && !size) return null;
  return shapes.map((shape) => {
    const [sx, sy] = shape.unit === "px" ? [width / size[0], height / size[1]] : [width, height];
    if (shape.points) return { ...shape, points: shape.points.map(([x, y]) => [x * sx, y * sy]) };
    return { ...shape, x: shape.x * sx, y: shape.y * sy, w: shape.w * sx, h: shape.h * sy };
  });
}

const twice = (draw) => html`${draw("case")}${draw()}`; // a dark line below the bright line
const Shape = ({ shape }) => {
  const points = shape.points.map((point) => point.join(",")).join(" ");
  if (shape.kind === "line") return twice((cls) => html`<polyline
      class=${cls || "wire"}
      points=${points} />`);
  return twice((cls) => html`<polygon class=${cls || "region"} points=${points} />`);
};
const Box = ({ box }) => twice((cls) => html`<rect
    class=${cls || "box"}
    x=${box.x}
    y=${box.y}
    width=${Math.max(0, box.w)}
    height=${Math.max(0, box.h)} />`);

function Label({ box, width, height }) {
  const pct = (n, of) => `${(100 * n) / of}%`;
  const isRight = box.x > width * 0.8;
  const top = pct(Math.max(0, box.y), height);
  // Above the box if there is room for a line of 1rem, else in the box, whatever the size on the screen.
  const place = { top: `calc(${top} - clamp(0rem, (${top} - 1rem) * 9999, 1rem))` };
  if (isRight) place.right = pct(Math.max(0, width - box.x - box.w), width);
  else place.left = pct(Math.max(0, box.x), width);
  return html`<span class="label" style=${place}>
    <span class="cls">${box.label} </span>
    ${box.score == null ? "" : percent(box.score).replace(" %", "")}
  </span>`;
}

// A large picture is as wide as its shape and the height of the screen allow.
export const fit = (ratio) => ({ maxWidth: `calc((100vh - 15rem) * ${ratio.toFixed(4)})` });

// `full`: the picture itself, so that its pixels are those of the boxes; `alert`: its id, of a
// thumbnail. The boxes of a picture appear together with it, never on another.
export function Picture({ src, size, alert, boxes, regions, full, labels, hide, eager, fit, alt = "", children }) {
  const [shown, show] = useState(null); // {src, natural, boxes, regions} of the loaded picture
  const [missing, miss] = useState({}); // {src, why}: the address that gave no picture; another one may
  const isGone = missing.src === src;
  const [lost, lose] = useState({ src: "", times: 0 });
  const times = lost.src === src ? lost.times : 0;
  const endWait = useRef(() => {});
  useEffect(() => () => endWait.current(), [src]);
  const failed = async () => {
    const { wait, why } = times < MOST_TRIES ? await waitFor(src, times + 1) : GONE;
    if (wait) endWait.current = later(() => lose({ src, times: times + 1 }), wait);
    else miss({ src, why });
  };
  const image = useRef(null);
  const loaded = () => {
    if (!image.current) return; // the page changed meanwhile
    const { naturalWidth, naturalHeight } = image.current;
    const natural = [naturalWidth, naturalHeight];
    const why = whyNone(natural);
    if (why) miss({ src, why });
    else if (naturalWidth) show({ src, natural, boxes: boxes || NONE, regions: regions || NONE });
  };
  // The shapes may change while the picture stays; and a cached picture is complete at once.
  useLayoutEffect(() => {
    if (image.current?.complete && image.current.naturalWidth && image.current.src.endsWith(asked(src))) loaded();
  }, [src, boxes, regions]);
  const drawn = shown || { natural: [4, 3], boxes: NONE, regions: NONE };
  const isNeeded = shown !== null && needsSize([...drawn.boxes, ...drawn.regions]);
  const known = useSize(full ? drawn.natural : size, alert, isNeeded);
  const [width, height] = drawn.natural;
  const isDrawn = !hide && shown && !isGone;
  const found = (isDrawn && scaled(drawn.boxes, drawn.natural, known)) || [];
  const areas = (isDrawn && scaled(drawn.regions, drawn.natural, known)) || [];
  const shape = fit && shown ? { aspectRatio: `${width} / ${height}`, ...fit(width / height) } : undefined;
  return html`<div class="pic" style=${shape}>
    ${src && !isGone &&
      html`<img
          key=${times}
          ref=${image}
          src=${asked(src)}
          alt=${alt}
          loading=${eager ? "eager" : "lazy"}
          decoding="async"
          onLoad=${loaded}
          onError=${failed} />`}
    ${(!src || isGone) && html`<span class="gone">${t(isGone ? missing.why : "no_picture")}</span>`}
    ${(found.length > 0 || areas.length > 0) &&
      html`<svg viewBox="0 0 ${width} ${height}" aria-hidden="true">
        ${areas.map((area, i) => html`<${Shape} key=${i} shape=${area} />`)}
        ${found.map((box, i) => html`<${Box} key=${i} box=${box} />`)}
      </svg>`}
    ${labels && found.map((box, i) => html`<${Label} key=${i} box=${box} width=${width} height=${height} />`)}
    ${children}</div>`;
}
