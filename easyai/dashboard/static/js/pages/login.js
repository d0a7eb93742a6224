// The login, where the API asks for a token: the token is exchanged for a session.
import { logIn } from "../api.js";
import { retry } from "../live.js";
import { html, useState } from "../preact.js";
import { go, to } from "../router.js";
import { t } from "../words.js";

export function Login() {
  const [error, set] = useState("");
  const [busy, wait] = useState(false);
  const enter = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    wait(true);
    try {
      await logIn(form.get("token").trim(), form.get("name").trim());
      retry();
      if (location.hash === to("login")) go("now");
    } catch (problem) {
      set(problem.message);
      wait(false);
    }
  };
  return html`<section class="panel login" aria-labelledby="login">
    <header><h1 id="login">${t("log_in")}</h1></header>
    <form onSubmit=${enter}><p class="soft">${t("log_in_why")}</p>
      <label>
        ${t("your_name")}
        <input class="field" name="name" autocomplete="username" maxlength="64" required />
      </label>
      <label>
        ${t("token")}
        <input
            class="field"
            name="token"
            type="password"
            autocomplete="current-password"
            required
            aria-describedby="login-error" />
      </label>
      <p id="login-error" class="t-bad" role="alert">${error}</p>
      <button class="btn main" disabled=${busy}>${t("log_in")}</button></form></section>`;
}
