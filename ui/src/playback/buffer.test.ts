import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MseFeed } from "@/player/feed";
import { KIND_CHUNK, KIND_INIT, type LiveHeader } from "@/player/header";
import { hasMediaSource, plays } from "@/player/mediasource";
import { bufferFor } from "./buffer";

/** A browser's source buffer as far as ranges go: each append lasts a second more. */
class StandInBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  appended = 0;
  held: [number, number][] = [];

  get buffered() {
    const { held } = this;
    return {
      length: held.length,
      start: (index: number) => held[index]![0],
      end: (index: number) => held[index]![1],
    };
  }

  appendBuffer(): void {
    this.updating = true;
    queueMicrotask(() => {
      this.appended += 1;
      this.held = [[this.timestampOffset, this.timestampOffset + this.appended]];
      this.updating = false;
      this.dispatchEvent(new Event("updateend"));
    });
  }

  remove(): void {
    queueMicrotask(() => this.dispatchEvent(new Event("updateend")));
  }

  abort(): void {
    this.updating = false;
  }

  /** The browser is short of memory. */
  throwAway(): void {
    this.held = [];
    const removedRanges = { length: 1 };
    this.dispatchEvent(Object.assign(new Event("bufferedchange"), { removedRanges }));
  }
}

/** What an iPhone has: it opens only where nothing can be cast elsewhere, and says when it wants data. */
class StandInSource extends EventTarget {
  static made: StandInSource[] = [];
  static isTypeSupported = (mime: string): boolean => mime.includes("avc1") || mime.includes("mp4a");
  readyState = "closed";
  streaming = false;
  duration = 0;
  sourceBuffers: StandInBuffer[] = [];

  constructor() {
    super();
    StandInSource.made.push(this);
  }

  open(element: { disableRemotePlayback: boolean }): void {
    if (!element.disableRemotePlayback) return;
    this.readyState = "open";
    this.dispatchEvent(new Event("sourceopen"));
  }

  addSourceBuffer(): StandInBuffer {
    const buffer = new StandInBuffer();
    this.sourceBuffers.push(buffer);
    return buffer;
  }

  stream(on: boolean): void {
    this.streaming = on;
    this.dispatchEvent(new Event(on ? "startstreaming" : "endstreaming"));
  }

  endOfStream(): void {
    this.readyState = "ended";
  }
}

const element = () => ({
  disableRemotePlayback: false,
  src: "",
  currentTime: 0,
  paused: true,
  seeking: false,
  buffered: { length: 0, start: () => 0, end: () => 0 },
  play: async (): Promise<void> => undefined,
  load: (): void => undefined,
  removeAttribute: (): void => undefined,
});

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
};

describe("a browser that has only the managed media source", () => {
  beforeEach(() => {
    StandInSource.made = [];
    vi.stubGlobal("MediaSource", undefined);
    vi.stubGlobal("ManagedMediaSource", StandInSource);
    vi.stubGlobal("URL", { createObjectURL: () => "blob:1", revokeObjectURL: () => undefined });
  });
  afterEach(() => vi.unstubAllGlobals());

  test("is one that plays, and is asked what it plays", () => {
    expect(hasMediaSource()).toBe(true);
    expect(plays('video/mp4; codecs="avc1.640028"')).toBe(true);
    expect(plays('video/mp4; codecs="hvc1.1.6.L93.B0"')).toBe(false);
  });

  test("opens, because the element is not to be cast elsewhere, and takes what is appended", async () => {
    const video = element();
    const buffer = bufferFor(video as unknown as HTMLVideoElement);
    expect([video.disableRemotePlayback, video.src]).toEqual([true, "blob:1"]);
    const source = StandInSource.made[0]!;
    const done = buffer.append("video/mp4", new ArrayBuffer(8), 100);
    source.open(video);
    await done;
    expect(buffer.ranges()).toEqual([{ start_ms: 100_000, end_ms: 101_000 }]);
  });

  test("says when it has enough, and when it threw something away", async () => {
    const video = element();
    const buffer = bufferFor(video as unknown as HTMLVideoElement);
    const source = StandInSource.made[0]!;
    source.open(video);
    expect(buffer.wants()).toBe(false);
    source.stream(true);
    expect(buffer.wants()).toBe(true);
    await buffer.append("video/mp4", new ArrayBuffer(8), 100);
    expect(buffer.lost()).toBe(false);
    source.sourceBuffers[0]!.throwAway();
    expect([buffer.lost(), buffer.lost()]).toEqual([true, false]);
    source.stream(false);
    expect(buffer.wants()).toBe(false);
  });

  test("gets live pictures at the start, and after a pause as soon as it wants them again", async () => {
    const video = element();
    const broken: string[] = [];
    const feed = new MseFeed(video as unknown as HTMLVideoElement, "video/mp4", (why) => broken.push(why));
    const source = StandInSource.made[0]!;
    source.open(video);
    const header: LiveHeader = {
      id: 1,
      kind: KIND_CHUNK,
      isSync: true,
      run: 1,
      seq: 0,
      capturedNs: 0n,
    };
    const push = (): void => feed.push({ ...header, seq: header.seq++ }, new Uint8Array(120));
    feed.push({ ...header, kind: KIND_INIT }, new Uint8Array(40));
    push();
    await settle();
    const [buffer] = source.sourceBuffers;
    const first = buffer!.appended;
    expect(first).toBeGreaterThan(0);
    push();
    await settle();
    expect(buffer!.appended).toBe(first);
    source.stream(true);
    await settle();
    expect(buffer!.appended).toBeGreaterThan(first);
    expect(broken).toEqual([]);
    feed.close();
  });
});

describe("a browser with the common media source", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("uses that one, always wants data, and may cast", () => {
    class Common extends EventTarget {
      static isTypeSupported = (): boolean => true;
    }
    vi.stubGlobal("MediaSource", Common);
    vi.stubGlobal("ManagedMediaSource", StandInSource);
    vi.stubGlobal("URL", { createObjectURL: () => "blob:1", revokeObjectURL: () => undefined });
    const video = element();
    const buffer = bufferFor(video as unknown as HTMLVideoElement);
    expect([buffer.wants(), buffer.lost(), video.disableRemotePlayback]).toEqual([true, false, false]);
  });

  test("and one without either is told so", async () => {
    vi.stubGlobal("MediaSource", undefined);
    expect(hasMediaSource()).toBe(false);
    const buffer = bufferFor(element() as unknown as HTMLVideoElement);
    await expect(buffer.append("video/mp4", new ArrayBuffer(8), 0)).rejects.toThrow("no media source");
  });
});
