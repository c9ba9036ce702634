import { JsonLines } from "./ndjson";
import type { Session } from "./types";

/** An answer that is not the wanted one: RFC 9457 problem, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly errorId: string | null;

  constructor(status: number, code: string, message: string, errorId: string | null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.errorId = errorId;
  }
}

let csrf = "";

export function rememberSession(session: Session | null): void {
  csrf = session?.csrf ?? "";
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

async function problem(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as {
      code?: string;
      detail?: string;
      title?: string;
      error_id?: string;
    };
    const detail = typeof body.detail === "string" ? body.detail : (body.title ?? response.statusText);
    return new ApiError(
      response.status,
      body.code ?? `http-${response.status}`,
      detail,
      body.error_id ?? null,
    );
  } catch {
    return new ApiError(response.status, `http-${response.status}`, response.statusText, null);
  }
}

export async function request<T>(
  method: Method,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Haechi-CSRF"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "server-unreachable", "The server does not answer.", null);
  }
  if (!response.ok) throw await problem(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** A part of a file that is sent in several, at its place in it. */
export async function sendPart<T>(path: string, offset: number, data: Blob, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "PATCH",
      headers: {
        Accept: "application/json",
        "Content-Type": "application/octet-stream",
        "Upload-Offset": String(offset),
        "X-Haechi-CSRF": csrf,
      },
      credentials: "same-origin",
      body: data,
      signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "server-unreachable", "The server does not answer.", null);
  }
  if (!response.ok) throw await problem(response);
  return (await response.json()) as T;
}

export interface Answered {
  sdp: string;
  /** Where what was begun is ended. */
  location: string | null;
}

/** An offer of WebRTC, and the server's answer. */
export async function offerTo(path: string, sdp: string): Promise<Answered> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", "X-Haechi-CSRF": csrf },
      credentials: "same-origin",
      body: sdp,
    });
  } catch {
    throw new ApiError(0, "server-unreachable", "The server does not answer.", null);
  }
  if (!response.ok) throw await problem(response);
  return { sdp: await response.text(), location: response.headers.get("Location") };
}

/** Said while the page goes: the browser carries it out, nobody reads the answer. */
export function requestLast(method: Method, path: string): void {
  void fetch(path, {
    method,
    headers: { "X-Haechi-CSRF": csrf },
    credentials: "same-origin",
    keepalive: true,
  }).catch(() => undefined);
}

/** Answers that come line by line (NDJSON), each handed out when it is whole. Ends when the server ends. */
export async function* requestLines<T>(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<T> {
  const headers = {
    Accept: "application/x-ndjson",
    "Content-Type": "application/json",
    "X-Haechi-CSRF": csrf,
  };
  const response = await fetch(path, {
    method: "POST",
    headers,
    credentials: "same-origin",
    body: JSON.stringify(body),
    signal,
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "server-unreachable", "The server does not answer.", null);
  });
  if (!response.ok || response.body === null) throw await problem(response);
  const lines = new JsonLines<T>();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    yield* lines.feed(value);
  }
  yield* lines.end();
}

/** `{a: 1, b: undefined}` -> `?a=1`. Empty values are left out. */
export function query(params: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") search.set(key, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

export function socketUrl(path: string): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${path}`;
}
