// Light or dark: the system's choice until the user makes another.

const CHOSEN = "chorus.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const chosen = localStorage.getItem(CHOSEN);
  return chosen ? chosen === "dark" : system.matches;
}

/** The other one; a choice that is the system's is no choice any more. */
export function toggleTheme() {
  const dark = !isDark();
  if (dark === system.matches) localStorage.removeItem(CHOSEN);
  else localStorage.setItem(CHOSEN, dark ? "dark" : "light");
  tell();
}

/** The value of one of the style's custom properties, for what is painted on a canvas. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Call `act` when colours change; returns what ends that. */
export function onTheme(act) {
  document.addEventListener("chorus:theme", act);
  return () => document.removeEventListener("chorus:theme", act);
}

function tell() {
  document.documentElement.dataset.dark = isDark();
  document.dispatchEvent(new CustomEvent("chorus:theme"));
}

system.addEventListener("change", tell);
