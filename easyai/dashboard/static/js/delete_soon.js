// An alert that is deleted at once, with Undo.
import { write } from "./api.js";
import { feed } from "./feed.js";
import { toast } from "./store.js";
import { t } from "./words.js";

// The call waits for eight seconds, or until the page goes.
const UNDO_MS = 8000;
const waiting = new Map(); // id → {timer, send}
export function deleteSoon(id, onBack) {
  const hidden = feed.hide([id]);
  const send = (options) => {
    clearTimeout(waiting.get(id)?.timer);
    waiting.delete(id);
    write("POST", "/alerts/delete", { ids: [id] }, options).then(hidden.gone, (error) => {
      hidden.shown();
      toast(error.message);
    });
  };
  waiting.set(id, { send, timer: setTimeout(send, UNDO_MS) });
  toast(t("deleted"), t("undo"), () => {
    clearTimeout(waiting.get(id)?.timer);
    waiting.delete(id);
    hidden.shown();
    onBack?.();
  }, UNDO_MS);
}
addEventListener("pagehide", () => {
  for (const { send } of waiting.values()) send({ keepalive: true });
});
