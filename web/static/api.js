// Talking to the server: the token, errors in words, and noticing when the server is gone.

export class ServerError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The server cannot be reached at all, or wants another token. */
export class Gone extends Error {}

let token = "";
/** Set by the page: called with "gone", "token" or "back". */
export const events = { onChange: () => {} };
let away = "";

/** Take the token from an address or as it is; false where there is none. */
export function takeToken(text) {
  const found = /#token=([\w-]+)/.exec(text) ?? /^\s*([\w-]{16,})\s*$/.exec(text);
  if (!found) return false;
  token = found[1];
  return true;
}

export const hasToken = () => token !== "";

function leave(reason) {
  if (away === reason) return;
  away = reason;
  events.onChange(reason);
  if (reason === "gone") wait();
}

async function wait() {
  while (away === "gone") {
    await pause(1500);
    await call("GET", "/api/status").catch(() => {});
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const isAway = () => away !== "";

/** A request; returns its Response. Raises ServerError with the server's words, or Gone. */
export async function call(method, path, body, signal) {
  const headers = { "X-Token": token };
  if (body !== undefined && !(body instanceof Blob)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, { method, headers, body, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    leave("gone");
    throw new Gone();
  }
  if (answer.status === 401) {
    leave("token");
    throw new Gone();
  }
  if (away) {
    away = "";
    events.onChange("back");
  }
  if (answer.ok) return answer;
  const words = await answer.json().catch(() => ({}));
  throw new ServerError(answer.status, words.code ?? "", words.error ?? `${answer.status} ${answer.statusText}`);
}

export const json = async (...request) => (await call(...request)).json();
export const bitmap = async (path, signal) => createImageBitmap(await (await call("GET", path, undefined, signal)).blob());
