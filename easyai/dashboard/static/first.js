// What cannot wait for the modules: the theme before the first paint, so that no other theme flashes,
// and the first questions to the server, which answers while the modules load. It is a file of its
// own because the policy of the page allows no inline script.
(() => {
  const kept = (use) => {
    try {
      return use() || "";
    } catch {
      return ""; // a browser that keeps nothing for this site
    }
  };
  const stored = (key) => kept(() => localStorage.getItem(key));
  const asked = new URLSearchParams(location.search);

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = {
    choice: asked.get("theme") || stored("easyai.theme") || "auto",
    apply(choice) {
      theme.choice = choice;
      const isDark = choice === "dark" || (choice === "auto" && dark.matches);
      document.documentElement.dataset.theme = isDark ? "dark" : "light";
      window.dispatchEvent(new Event("theme"));
    },
  };
  window.easyaiTheme = theme;
  theme.apply(theme.choice);
  dark.addEventListener("change", () => theme.apply(theme.choice));

  // The language asked for in the address, else chosen before, else that of the browser.
  const wanted = [asked.get("lang"), stored("easyai.lang"), navigator.language.toLowerCase().slice(0, 2)];
  const lang = wanted.find((one) => one === "zh" || one === "en") || "en";
  const person = stored("easyai.person");
  const session = fetch("api/v1/session", {
    credentials: "same-origin",
    cache: "no-cache",
    signal: AbortSignal.timeout?.(10_000), // the modules then ask again
    headers: person ? { "X-Person": encodeURIComponent(person) } : {},
  }).catch(() => null);
  const live = new URL(`api/v1/live?lang=${lang}`, location.href);
  live.protocol = live.protocol.replace("http", "ws");
  const socket = new WebSocket(live);
  const MOST_EVENTS = 50; // beyond them the modules open another socket
  const events = [];
  socket.onmessage = (event) => events.push(event) < MOST_EVENTS || socket.close();
  window.easyaiFirst = { lang, session, socket, events };

  // A file that did not arrive, because the network changed for example: a style sheet is asked for
  // again; without all modules nothing is shown, so the page is loaded again, once the server answers
  // for it. Each time in a row waits twice as long.
  const AGAIN_MS = 2000;
  const LONGEST_MS = 60000;
  const TIMES = "easyai.reloads";
  const isShown = () => document.getElementById("app")?.childElementCount > 0;
  let timer = 0;
  let times = Number(kept(() => sessionStorage.getItem(TIMES)));
  const wait = () => Math.min(AGAIN_MS * 2 ** times, LONGEST_MS);
  async function loadAgain() {
    if (isShown()) return;
    const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
    if (isShown()) return;
    times += 1;
    if (answer?.ok) {
      kept(() => sessionStorage.setItem(TIMES, times));
      location.reload();
    } else timer = setTimeout(loadAgain, wait());
  }
  addEventListener("error", ({ target }) => {
    if (target.rel === "stylesheet") setTimeout(() => target.replaceWith(target.cloneNode()), AGAIN_MS);
    else if (target !== window && !isShown()) timer ||= setTimeout(loadAgain, wait());
  }, true);
  addEventListener("DOMContentLoaded", () => isShown() && kept(() => sessionStorage.removeItem(TIMES)));
})();
