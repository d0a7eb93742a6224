// Starts the dashboard: who is the visitor, then the live state, then the page.
import { later, waitAfter } from "./again.js";
import { openSession } from "./api.js";
import { startLive } from "./live.js";
import { html, render } from "./preact.js";
import { Shell } from "./shell.js";
import { put } from "./store.js";
import { setLanguage } from "./words.js";

setLanguage(window.easyaiFirst.lang);
render(html`<${Shell} />`, document.getElementById("app"));

const MOST_DOUBLED = 3;
let failures = 0;
async function begin() {
  try {
    await openSession();
    startLive();
  } catch {
    put({ connection: "silent" });
    failures += 1;
    // Not later and later, whatever the error: until then the page is empty.
    later(begin, waitAfter({}, Math.min(failures, MOST_DOUBLED)));
  }
}
begin();
