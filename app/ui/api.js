// The service's own API, with the key that the user has typed in. It is kept in sessionStorage: for this
// tab, until it is closed.

const KEY = "chorus.key";

/** A failure as the service tells it, in OpenAI's shape; status 0 when it could not be reached. */
export class ApiError extends Error {
  constructor(status, error, requestId) {
    super(error.message);
    Object.assign(this, { name: "ApiError", status, requestId });
    Object.assign(this, { type: error.type ?? null, param: error.param ?? null, code: error.code ?? null });
  }
}

export const key = () => sessionStorage.getItem(KEY) ?? "";

export function setKey(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { ...options, body });
export const del = (path, options) => call("DELETE", path, options);

/** The JSON of a response; throws ApiError, or AbortError when `signal` was aborted. */
export async function call(method, path, options = {}) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** The response itself, for those who need its headers. */
export async function send(method, path, { body, signal, headers = {} } = {}) {
  const all = { ...headers };
  if (key()) all.Authorization = `Bearer ${key()}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, { method, headers: all, body: text, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { message: "The service cannot be reached.", code: "unreachable" });
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const said = await response.json().catch(() => null);
  const error = said?.error ?? { message: `The service answered ${response.status}.` };
  const found = new ApiError(response.status, error, response.headers.get("x-request-id"));
  if (response.status === 401) document.dispatchEvent(new CustomEvent("chorus:key", { detail: found }));
  return found;
}

/** All entries of a paged list: yields pages, so that the first can be shown at once. */
export async function* pages(path, { signal, limit = 100 } = {}) {
  let after = null;
  for (;;) {
    const url = `${path}${path.includes("?") ? "&" : "?"}limit=${limit}${after === null ? "" : `&after=${after}`}`;
    const page = await get(url, { signal });
    yield page.data;
    if (!page.has_more) return;
    after = page.last_id;
  }
}

/**
 * Server-sent events as {id, type, data}, by fetch (an EventSource cannot carry a key). Goes on where it
 * was when the connection breaks, until an event of a type in `until` has come, or nothing more will come.
 */
export async function* events(path, { signal, after = null, until = ["end"] } = {}) {
  let last = after;
  for (let failures = 0; ; ) {
    try {
      const response = await send("GET", path, { signal, headers: last ? { "Last-Event-ID": last } : {} });
      if (response.status === 204) return;
      for await (const event of parsed(response.body)) {
        failures = 0;
        last = event.id ?? last;
        yield event;
        if (until.includes(event.type)) return;
      }
    } catch (error) {
      if (error.name === "AbortError" || (error.status >= 400 && error.status < 500)) throw error;
      if ((failures += 1) > 5) throw error;
    }
    await pause(300 * 2 ** failures, signal);
  }
}

/** Events in a body that is being read; comments are skipped. */
export async function* parsed(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (left + value).split("\n\n");
      left = blocks.pop();
      for (const block of blocks) {
        const event = eventOf(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function eventOf(block) {
  const found = { id: null, type: "message", text: [] };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
    if (name === "data") found.text.push(value);
    else if (name === "event") found.type = value;
    else if (name === "id") found.id = value;
  }
  if (!found.text.length) return null;
  const text = found.text.join("\n");
  return { id: found.id, type: found.type, data: text === "[DONE]" ? text : JSON.parse(text) };
}

/** Waits; throws AbortError when `signal` is aborted. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });
}
