// Builds elements. What a model has said is hostile: text only ever becomes a text node, there is no
// way in here to have it read as HTML, and nothing in this folder uses another way.

const SVG = "http://www.w3.org/2000/svg";
const LOOK_AGAIN_MS = 30;
const URLS = new Set(["href", "src", "action", "formaction"]);

let pressed = false;
addEventListener("pointerdown", () => (pressed = true), true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (pressed = false), true);

/** An HTML element: el("p", { class: "faint", onclick: f, "aria-label": "x" }, "text", child, [more]). */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** The node with these children instead of its own. */
export function fill(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/** Wait until nothing is pressed: a click on what was renewed between press and release is lost. */
export async function released() {
  while (pressed) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  node.append(...nodes(children));
  return node;
}

// null, undefined and false leave a child or an attribute out, a child also true; lists are flattened.
function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && typeof child !== "boolean")
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "style") Object.entries(value).forEach(([key, its]) => node.style.setProperty(key, its));
  else if (name === "dataset") Object.assign(node.dataset, value);
  else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (["value", "checked", "selected", "disabled", "open"].includes(name)) node[name] = value;
  else if (URLS.has(name)) node.setAttribute(name, harmless(String(value)));
  else node.setAttribute(name, value === true ? "" : value);
}

// Links lead into the page, to this service, or to a file made here; never into a script.
function harmless(url) {
  const allowed = url.startsWith("#") || url.startsWith("blob:") || /^\/(?![/\\])/.test(url);
  if (!allowed) throw new Error(`not a link of ours: ${url.slice(0, 80)}`);
  return url;
}
