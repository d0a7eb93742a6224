// Starts the dashboard: who is the visitor, then the live state, then the page.
import { AGAIN_MS, openSession } from "./api.js";
import { startLive } from "./live.js";
import { html, render } from "./preact.js";
import { Shell } from "./shell.js";
import { put } from "./store.js";
import { setLanguage } from "./words.js";

setLanguage(window.easyaiFirst.lang);
render(html`<${Shell} />`, document.getElementById("app"));

async function begin() {
  try {
    await openSession();
    startLive();
  } catch {
    put({ connection: "silent" });
    setTimeout(begin, AGAIN_MS);
  }
}
begin();
