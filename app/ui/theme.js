// Before anything is painted: light, dark, or (without a word of the user's) what the system has.
(() => {
  const chosen = localStorage.getItem("chorus.theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.dark = dark;
})();
