import { expect, test } from "vitest";
import { ApiError } from "@/api/client";
import { fingerprint, PART_BYTES, sendFile, unfinished, type Wire } from "./sending";
import type { Film } from "./types";

const FILM: Film = {
  id: "flm_aaaa",
  camera: null,
  name: "Walk",
  url: null,
  state: "uploading",
  size_bytes: 0,
  received_bytes: 0,
  sound: false,
  progress: 0,
  error: null,
  start_ms: null,
  end_ms: null,
  units: 0,
  damaged: 0,
  created_ms: 0,
};

/** A server that keeps bytes, and fails when told to. */
class Server implements Wire {
  readonly bytes: number[] = [];
  readonly waits: number[] = [];
  failures: (ApiError | "half")[] = [];

  constructor(private readonly size: number) {}

  private now(): Film {
    const done = this.bytes.length === this.size;
    return {
      ...FILM,
      size_bytes: this.size,
      received_bytes: this.bytes.length,
      state: done ? "waiting" : "uploading",
    };
  }

  async part(_film: string, offset: number, data: Blob): Promise<Film> {
    if (offset !== this.bytes.length) throw new ApiError(409, "upload-offset", "", null);
    const content = new Uint8Array(await data.arrayBuffer());
    const failure = this.failures.shift();
    if (failure === "half") {
      this.bytes.push(...content.subarray(0, content.length / 2));
      throw new ApiError(0, "server-unreachable", "", null);
    }
    if (failure !== undefined) throw failure;
    for (const byte of content) this.bytes.push(byte);
    return this.now();
  }

  async film(): Promise<Film> {
    return this.now();
  }

  async wait(ms: number): Promise<void> {
    this.waits.push(ms);
  }
}

const content = (size: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: size }, (_, index) => (index * 31) % 251);
const never = new AbortController().signal;

test("a file arrives whole, part by part", async () => {
  const data = content(2 * PART_BYTES + 100);
  const server = new Server(data.length);
  const told: number[] = [];
  const film = await sendFile(
    server,
    { ...FILM, size_bytes: data.length },
    new Blob([data]),
    (now) => told.push(now.received_bytes),
    never,
  );
  expect(film.state).toBe("waiting");
  expect(told).toEqual([PART_BYTES, 2 * PART_BYTES, data.length]);
  expect(server.bytes.every((byte, index) => byte === data[index])).toBe(true);
});

test("what a broken line left is asked for, and the rest is sent", async () => {
  const data = content(1000);
  const server = new Server(data.length);
  server.failures = ["half", new ApiError(503, "upload-failed", "", null), "half"];
  await sendFile(server, { ...FILM, size_bytes: data.length }, new Blob([data]), () => undefined, never);
  expect(server.bytes).toEqual([...data]);
  expect(server.waits.length).toBe(3);
});

test("a file goes on where another page left it", async () => {
  const data = content(1000);
  const server = new Server(data.length);
  server.bytes.push(...data.subarray(0, 400));
  const begun = { ...FILM, size_bytes: data.length, received_bytes: 400 };
  await sendFile(server, begun, new Blob([data]), () => undefined, never);
  expect(server.bytes).toEqual([...data]);
});

test("a refusal that no second try changes is told at once", async () => {
  const server = new Server(10);
  server.failures = [new ApiError(409, "film-no-room", "", null)];
  const sent = sendFile(server, { ...FILM, size_bytes: 10 }, new Blob([content(10)]), () => undefined, never);
  await expect(sent).rejects.toMatchObject({ code: "film-no-room" });
  expect(server.waits).toEqual([]);
});

test("a chosen file is known again by its size, its name and its date", () => {
  const file = new File([content(10)], "walk.mp4", { lastModified: 5 });
  const other = new File([content(10)], "run.mp4", { lastModified: 5 });
  const films = [{ ...FILM, size_bytes: 10 }];
  const remembered = { [FILM.id]: fingerprint(file) };
  expect(unfinished(films, file, remembered)?.id).toBe(FILM.id);
  expect(unfinished(films, other, remembered)).toBeUndefined();
  expect(unfinished([{ ...FILM, size_bytes: 11 }], file, remembered)).toBeUndefined();
  expect(unfinished([{ ...FILM, size_bytes: 10, state: "done" }], file, remembered)).toBeUndefined();
});
