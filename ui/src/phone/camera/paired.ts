/** What this phone keeps: which camera it is, and its key. */

export interface Paired {
  camera: string;
  token: string;
  name: string;
}

const PAIRED = "haechi.phone";
const DUTY = "haechi.phone.duty";

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

export function readPaired(text: string | null): Paired | null {
  if (text === null) return null;
  try {
    const { camera, token, name } = JSON.parse(text) as Record<string, unknown>;
    return isText(camera) && isText(token) ? { camera, token, name: isText(name) ? name : "" } : null;
  } catch {
    return null;
  }
}

/** In a private window nothing may be kept: then a reload needs a new code. */
export function kept<T>(work: (storage: Storage) => T, otherwise: T): T {
  try {
    return work(localStorage);
  } catch {
    return otherwise;
  }
}

export const remembered = (): Paired | null => kept((storage) => readPaired(storage.getItem(PAIRED)), null);
export const remember = (paired: Paired): void =>
  kept((storage) => storage.setItem(PAIRED, JSON.stringify(paired)), undefined);

export function forget(): void {
  kept((storage) => {
    storage.removeItem(PAIRED);
    storage.removeItem(DUTY);
  }, undefined);
}

/** Whether the page was on duty when it was left: then it goes on by itself. */
export const wasOnDuty = (): boolean => kept((storage) => storage.getItem(DUTY) === "1", false);
export const setOnDuty = (on: boolean): void =>
  kept((storage) => (on ? storage.setItem(DUTY, "1") : storage.removeItem(DUTY)), undefined);

/** The server forgets this phone, too. False: it could not be told; what it said itself counts as told. */
export async function leave(paired: Paired): Promise<boolean> {
  return fetch("/api/phones/own/pairing", {
    method: "DELETE",
    headers: { Authorization: `Bearer ${paired.token}` },
    credentials: "omit",
    keepalive: true,
  }).then(
    (response) => response.ok || response.status === 401,
    () => false,
  );
}

/** Whether the server knows this phone no more. Where it does not answer, nobody knows. */
export async function wasUnpaired(paired: Paired): Promise<boolean> {
  return fetch("/api/phones/own/pairing", {
    headers: { Accept: "application/json", Authorization: `Bearer ${paired.token}` },
    credentials: "omit",
  }).then(
    (response) => response.status === 401,
    () => false,
  );
}

export class PairError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.name = "PairError";
    this.code = code;
  }
}

export async function pair(code: string): Promise<Paired> {
  const response = await fetch("/api/phones/pair", {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    credentials: "omit",
    body: JSON.stringify({ code }),
  }).catch(() => {
    throw new PairError("unreachable");
  });
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (response.status === 429) throw new PairError("too-many");
  if (response.status >= 500) throw new PairError("unreachable");
  const found = response.ok ? readPaired(JSON.stringify(body)) : null;
  if (found === null) throw new PairError("wrong-code");
  return found;
}
