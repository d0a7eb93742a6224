// Keys of a page. None works in fields and dialogs, and none with Ctrl, Alt or Meta.
import { useLayoutEffect, useRef } from "./preact.js";

// Where keys work, each with what it does there.
export const HELP = [
  ["k_everywhere", [["1 – 7", "k_pages"], ["?", "k_help"]]],
  ["k_gallery", [
    ["← → ↑ ↓", "k_move"], ["k j", "k_next"], ["Enter", "k_open"], ["x", "k_pick"], ["r", "k_reviewed"],
    ["Delete", "k_delete"], ["Esc", "k_clear"],
  ]],
  ["k_alert", [
    ["← → k j", "k_next"], ["r", "k_reviewed"], ["Delete", "k_delete"], ["b", "k_boxes"], ["w", "k_json"],
    ["Esc", "k_back"],
  ]],
  ["k_incident", [["Esc", "k_back"]]],
];

// Calls `keys[key](event)`. A key of an inner component is taken from an outer one.
export function useKeys(keys) {
  const held = useRef(keys);
  held.current = keys;
  useLayoutEffect(() => { // a key may be pressed as soon as the page is seen
    const press = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest?.("input:not([type=checkbox]), select, textarea, dialog")) return;
      if (event.key === "Enter" && event.target.closest?.("button, summary, a")) return;
      const act = held.current[event.key];
      if (!act) return;
      event.preventDefault();
      act(event);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
