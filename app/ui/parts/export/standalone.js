// One HTML file out of the viewer's own files and a job's data. What a model has said is hostile: it is in
// the file as JSON without a single `<`, no program is made of it, and the file's own policy lets nothing
// but its own programs run and nothing be loaded.

/** The id of the element that holds the data of such a file. */
export const DATA = "chorus-data";

const ROOT = "/ui/";
const MAIN = "/ui/main.js";
// In such a file the API is what the data tell.
const REPLACED = { "/ui/api.js": "/ui/parts/export/api.js" };
// Where the styles go. In no data, for there is no `<` in them.
const STYLES = '<meta name="chorus-styles">';
const IMPORT = /(\bfrom\s*|\bimport\s*\(?\s*)"(\.[^"\n]*)"/g;

/** The text of the file that shows this job. */
export async function standalone(data) {
  const parsed = new DOMParser().parseFromString(await text("/ui"), "text/html");
  const nonce = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("");
  const modules = await modulesFrom(MAIN);
  const css = await stylesOf(parsed);
  await inlineScripts(parsed);
  parsed.title = `Chorus job ${data.job.id}`;
  parsed.documentElement.dataset.exported = "true";
  parsed.head.prepend(
    made(parsed, "meta", { charset: "utf-8" }),
    made(parsed, "meta", { "http-equiv": "Content-Security-Policy", content: policy(nonce) }),
    made(parsed, "script", { type: "application/json", id: DATA }, embedded(data)),
    made(parsed, "script", { type: "importmap", nonce }, embedded({ imports: modules })),
  );
  // Last, for it is the first that looks at the page.
  parsed.body.append(made(parsed, "script", { type: "module", src: programUrl(`import ${JSON.stringify(MAIN.slice(1))};`) }));
  const html = parsed.documentElement.outerHTML.replace(STYLES, () => `<style>${css}</style>`);
  return `<!doctype html>\n${html}\n`;
}

function policy(nonce) {
  return `default-src 'none'; script-src 'nonce-${nonce}' data:; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
}

/** JSON that cannot end the element it is in, nor begin another, whatever its texts are. */
export function embedded(value) {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// All modules that are reached from one, by their bare names, as URLs that hold them.
async function modulesFrom(start) {
  const found = {};
  const next = [start];
  while (next.length) {
    const path = next.pop();
    if (found[path.slice(1)]) continue;
    const source = await text(REPLACED[path] ?? path);
    const named = source.replace(IMPORT, (_, before, to) => {
      const target = new URL(to, `http://any${REPLACED[path] ?? path}`).pathname;
      next.push(target);
      return `${before}"${target.slice(1)}"`;
    });
    found[path.slice(1)] = programUrl(named);
  }
  return found;
}

// All styles as one text, and a mark in their place: the page's own policy allows no style to be made here.
async function stylesOf(parsed) {
  const links = [...parsed.querySelectorAll("link")];
  const sheets = links.filter((link) => link.rel === "stylesheet").map((link) => text(link.getAttribute("href")));
  parsed.head.append(made(parsed, "meta", { name: "chorus-styles" }));
  for (const link of links) link.remove();
  return (await Promise.all(sheets)).join("\n").replaceAll("</", "<\\/");
}

async function inlineScripts(parsed) {
  for (const script of parsed.querySelectorAll("script[src]")) {
    if (script.type === "module") script.remove();
    else script.src = programUrl(await text(script.getAttribute("src")));
  }
}

function programUrl(source) {
  const bytes = new TextEncoder().encode(source);
  const parts = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return `data:text/javascript;base64,${btoa(parts.join(""))}`;
}

async function text(path) {
  if (path !== "/ui" && !path.startsWith(ROOT)) throw new Error(`not a file of the viewer: ${path}`);
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.text();
}

function made(parsed, tag, attributes, content = "") {
  const node = parsed.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = content;
  return node;
}
