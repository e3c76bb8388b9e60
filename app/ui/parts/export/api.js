// The API of an exported file: it tells what was known when the file was made. See /ui/api.js.

const { job, traces, events: told, strategies } = JSON.parse(document.getElementById("chorus-data").textContent);

const AWAY = "This file holds one job. Only the service that it comes from can answer this.";

if (!location.hash) history.replaceState(null, "", `#/jobs/${job.id}`);

export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    Object.assign(this, { name: "ApiError", status, type: null, param: null, code: error.code ?? null });
  }
}

const list = (data) => ({ object: "list", data, has_more: false, last_id: null });

const known = {
  [`/v1/jobs/${job.id}`]: job,
  [`/v1/jobs/${job.id}/traces`]: list(traces),
  "/v1/jobs": list([job]),
  "/v1/strategies": list(strategies),
};

export const key = () => "";
export const setKey = () => {};

export async function get(path) {
  const found = known[path.split("?")[0]];
  if (!found) throw new ApiError(0, { message: AWAY, code: "exported" });
  return structuredClone(found);
}

export async function call(method, path) {
  if (method === "GET") return get(path);
  throw new ApiError(0, { message: AWAY, code: "exported" });
}

export const post = (path) => call("POST", path);
export const del = (path) => call("DELETE", path);
export const send = (method, path) => call(method, path);

export async function* pages(path) {
  yield (await get(path)).data;
}

export async function* events() {
  yield* told;
}

export async function* parsed() {}

export async function pause() {}
