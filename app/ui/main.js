// The frame: which page is shown at which address, the key, light or dark, the keyboard.

import { fill } from "./dom.js";
import { bind, help } from "./keys.js";
import { askForKey, showKeyState } from "./parts/key.js";
import { faultBox } from "./parts/fault.js";
import { toggleTheme } from "./parts/theme.js";

const ROUTES = [
  [/^\/$/, "Playground", () => import("./pages/playground.js")],
  [/^\/jobs$/, "Jobs", () => import("./pages/jobs.js")],
  [/^\/jobs\/(?<id>[^/]+)$/, "Job", () => import("./pages/job.js")],
  [/^\/compare(?:\/(?<a>[^/]+)\/(?<b>[^/]+))?$/, "Compare", () => import("./pages/side_by_side.js")],
];

const root = document.getElementById("page");
let cleanup = () => {};
let shown = 0;

/** The address behind #: its path, and its parameters (?trace=3). */
export function address() {
  const [path, query = ""] = (location.hash.slice(1) || "/").split("?");
  return { path: path || "/", query: new URLSearchParams(query) };
}

async function route() {
  const { path, query } = address();
  const turn = (shown += 1);
  leave();
  const [matched, title, load] = matching(path);
  document.title = `${title} · Chorus`;
  markNavigation(path);
  fill(root);
  try {
    const page = await load();
    if (turn !== shown) return;
    const done = await page.show(root, { ...matched.groups, query });
    if (turn === shown) cleanup = done ?? (() => {});
    else done?.();
  } catch (error) {
    if (error.name !== "AbortError" && turn === shown) fill(root, faultBox(error));
  }
}

function matching(path) {
  for (const [pattern, title, load] of ROUTES) {
    const matched = pattern.exec(path);
    if (matched) return [matched, title, load];
  }
  return [{ groups: {} }, "Nothing here", () => import("./pages/nothing.js")];
}

function leave() {
  const before = cleanup;
  cleanup = () => {};
  before();
}

function markNavigation(path) {
  for (const link of document.querySelectorAll("header nav a")) {
    const own = link.getAttribute("href").slice(1);
    const here = own === "/" ? path === "/" : path.startsWith(own);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const go = (path) => () => {
  location.hash = path;
};

// /ui/jobs/ID, as a link in other programs, is the page's own #/jobs/ID.
function adoptPath() {
  const deep = /^\/ui(\/.+)$/.exec(location.pathname);
  if (deep) history.replaceState(null, "", `/ui#${deep[1].replace(/\/$/, "")}${location.search}`);
}

adoptPath();
bind({
  "?": ["This help", help],
  "g p": ["Playground", go("/")],
  "g j": ["Jobs", go("/jobs")],
  "g c": ["Compare", go("/compare")],
  "g k": ["The API key", () => askForKey(route)],
  t: ["Light or dark", toggleTheme],
});
document.getElementById("help-button").addEventListener("click", help);
document.getElementById("theme-button").addEventListener("click", toggleTheme);
document.getElementById("key-button").addEventListener("click", () => askForKey(route));
document.addEventListener("chorus:key", (event) => askForKey(route, event.detail));
window.addEventListener("hashchange", route);
showKeyState();
route();
