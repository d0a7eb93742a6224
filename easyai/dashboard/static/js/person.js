// Who looks at the page, with the button to log out, or the link to log in.
import { logOut } from "./api.js";
import { html } from "./preact.js";
import { to } from "./router.js";
import { useStore } from "./store.js";
import { t } from "./words.js";

// In the bar, or on a phone in the menu behind the last tab: the bar has no room there.
export function Person({ cls = "btn quiet" }) {
  const session = useStore((s) => s.session);
  if (!session?.role || session.local) return null; // on this machine nobody logs in
  if (!session.csrf) return html`<a class=${cls} href=${to("login")}>${t("log_in")}</a>`; // everybody may look
  return html`<span class="muted small txt cut">
    ${session.name}
    ${session.role === "viewer" ? ` · ${t("viewer")}` : ""}
  </span>
    <button type="button" class=${cls} onClick=${() => logOut()}>${t("log_out")}</button>`;
}
