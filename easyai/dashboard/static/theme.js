// Sets the theme before the first paint, so that no other theme flashes. It is a file of its own
// because the policy of the page allows no inline script.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("easyai.theme");
    } catch {
      return null; // a browser that keeps nothing for this site
    }
  };
  const theme = {
    choice: new URLSearchParams(location.search).get("theme") || stored() || "auto",
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
})();
