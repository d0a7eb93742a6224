// Alerts that are selected, and what can be done with many at once.
import { write } from "../api.js";
import { atLeast, count } from "../format.js";
import { useKeys } from "../keys.js";
import { Ask } from "../parts.js";
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../preact.js";
import { toast, useStore } from "../store.js";
import { t } from "../words.js";

const MOST_AT_ONCE = 1000; // ids in a call

// The selected ids. With Shift, all between the last one and this one are selected, too.
export function useSelection(alerts) {
  const [picked, set] = useState(new Set());
  const last = useRef(null);
  const pick = useCallback((id, isRange) => {
    set((before) => {
      const next = new Set(before);
      const ids = alerts.order.map(([other]) => other);
      const [a, b] = [ids.indexOf(last.current), ids.indexOf(id)];
      const between = ids.slice(Math.min(a, b), Math.max(a, b) + 1);
      if (isRange && a >= 0 && b >= 0) between.forEach((other) => next.add(other));
      else if (next.has(id)) next.delete(id);
      else next.add(id);
      last.current = id;
      return next;
    });
  }, []);
  return useMemo(() => ({
    ids: [...picked], size: picked.size, has: (id) => picked.has(id), pick, clear: () => set(new Set()),
  }), [picked]);
}

function inGroups(ids, most = MOST_AT_ONCE) {
  const groups = [];
  for (let i = 0; i < ids.length; i += most) groups.push(ids.slice(i, i + most));
  return groups;
}

// Deletes group after group; those before a failure are gone.
export async function deletePicked(alerts, selection, most) {
  const groups = inGroups(selection.ids, most).map((ids) => ({ ids, ...alerts.hide(ids) }));
  selection.clear();
  let sum = 0;
  try {
    for (; groups.length; groups.shift()) {
      await write("POST", "/alerts/delete", { ids: groups[0].ids });
      groups[0].gone();
      sum += groups[0].ids.length;
    }
    toast(t("n_deleted", count(sum)));
  } catch (error) {
    for (const group of groups) group.shown();
    toast(error.message);
  }
}

// Deletes all that the server counted, which takes it several calls when there are many. Says how many
// are gone, also before a failure.
async function deleteCounted(filter, upTo) {
  let sum = 0;
  try {
    for (let place = upTo; place; ) {
      const answer = await write("POST", "/alerts/delete", { filter, up_to: place });
      sum += answer.count;
      place = answer.left && answer.next;
    }
    toast(t("n_deleted", count(sum)));
  } catch (error) {
    toast(sum ? `${t("n_deleted", count(sum))} · ${error.message}` : error.message);
  }
}

// All that match the filter: the server counts them first, and the number is shown before the call.
function DeleteAll({ alerts, filter, onNo }) {
  const [found, set] = useState(null);
  useEffect(() => {
    write("POST", "/alerts/delete", { filter, dry_run: true }).then(
      set,
      (error) => {
        toast(error.message);
        onNo();
      },
    );
  }, []);
  const act = async () => {
    onNo();
    await deleteCounted(filter, found.up_to);
    alerts.reload();
  };
  return html`<${Ask}
      title=${found === null ? t("counting") : t("delete_q", atLeast(found.count, found.left))}
      why=${t("delete_why")}
      yes=${t("delete")}
      disabled=${!(found?.count || found?.left)}
      onNo=${onNo}
      onYes=${act} />`;
}

// The toast stands above the bar, wherever the bar is when the toast comes.
function useToastAbove(bar) {
  useStore((s) => s.toast);
  useLayoutEffect(() => {
    const top = innerHeight - bar.current.getBoundingClientRect().top;
    document.documentElement.style.setProperty("--toast", `calc(${top}px + var(--s1))`);
  });
  useEffect(() => () => document.documentElement.style.removeProperty("--toast"), []);
}

export function Bulk({ alerts, selection, filter }) {
  const person = useStore((s) => s.session?.name || "");
  const [asked, ask] = useState(""); // "", "picked", "all"
  const bar = useRef(null);
  useToastAbove(bar);
  const close = () => ask("");
  const mark = async (isReviewed) => {
    const { ids } = selection;
    selection.clear();
    for (const group of inGroups(ids)) await alerts.mark(group, isReviewed, person).catch(() => {});
  };
  const act = () => {
    close();
    deletePicked(alerts, selection);
  };
  useKeys({ r: () => mark(true), Delete: () => ask("picked") });
  return html`<div class="bulk" ref=${bar} role="toolbar" aria-label=${t("n_selected", selection.size)}>
    <b aria-live="polite">${t("n_selected", count(selection.size))}</b>
    <button type="button" class="btn main" onClick=${() => mark(true)}>${t("mark")}</button>
    <button type="button" class="btn" onClick=${() => mark(false)}>${t("unmark")}</button>
    <button type="button" class="btn danger" onClick=${() => ask("picked")}>${t("delete")}</button>
    ${alerts.number.total > selection.size &&
      html`<button type="button" class="btn quiet" onClick=${() => ask("all")}>
        ${t("delete_all", count(alerts.number.total))}
      </button>`}
    <button type="button" class="btn quiet" onClick=${selection.clear}>
      ${t("cancel")} <kbd>Esc</kbd>
    </button>
  </div>
    ${asked === "picked" &&
      html`<${Ask}
          title=${t("delete_q", count(selection.size))}
          why=${t("delete_why")}
          yes=${t("delete")}
          onNo=${close}
          onYes=${act} />`}
    ${asked === "all" && html`<${DeleteAll} alerts=${alerts} filter=${filter} onNo=${close} />`}`;
}
