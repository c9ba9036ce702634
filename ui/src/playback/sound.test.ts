import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { MediaBuffer } from "./buffer";
import { Clock } from "./clock";
import { Gate } from "./gate";
import type { Span } from "./pieces";
import { type HeardState, Sound, type Speaker } from "./sound";
import type { SoundBytes, SoundSource } from "./source";

const NOW = 1_795_000_000_000;
const PACKET_MS = 20;

/** A browser's buffer: packets stand where they were put; what is put twice is there once. */
class Shelf implements MediaBuffer {
  private packets = new Set<number>();
  sated = false;

  ranges(): Span[] {
    const out: Span[] = [];
    for (const at of [...this.packets].sort((a, b) => a - b)) {
      const last = out.at(-1);
      if (last !== undefined && at - last.end_ms < 3) last.end_ms = at + PACKET_MS;
      else out.push({ start_ms: at, end_ms: at + PACKET_MS });
    }
    return out;
  }

  async append(_mime: string, bytes: ArrayBuffer, shift_s: number): Promise<void> {
    for (const at of new Float64Array(bytes)) this.packets.add(Math.round(shift_s * 1_000 + at));
  }

  async remove(start_ms: number, end_ms: number): Promise<void> {
    for (const at of [...this.packets]) if (at >= start_ms && at < end_ms) this.packets.delete(at);
  }

  finish = (): void => undefined;
  wants = (): boolean => !this.sated;
  lost = (): boolean => false;
  close = (): void => undefined;
}

/** A camera whose sound is recorded from 0 to 30 s and from 45 s on. */
class Recorder implements SoundSource {
  asked: Span[] = [];
  mime = "audio/mp4; codecs=opus";
  fails = false;
  written_ms = Number.POSITIVE_INFINITY;

  async sound(span: Span): Promise<SoundBytes | null> {
    this.asked.push({ start_ms: span.start_ms - NOW, end_ms: span.end_ms - NOW });
    if (this.fails) throw new Error("down");
    const start_ms = Math.floor(span.start_ms);
    const packets: number[] = [];
    for (let at = 0; at < 120_000; at += PACKET_MS) {
      const heard = at < 30_000 || at >= 45_000;
      const asked = NOW + at >= start_ms && NOW + at < span.end_ms;
      if (heard && asked && NOW + at < this.written_ms) packets.push(NOW + at - start_ms);
    }
    return packets.length === 0 ? null : { mime: this.mime, bytes: new Float64Array(packets).buffer };
  }
}

class FakeSpeaker implements Speaker {
  currentTime = 0;
  paused = true;
  seeking = false;
  playbackRate = 1;
  error = null;
  dataset: DOMStringMap = {};
  refuses = false;

  async play(): Promise<void> {
    if (this.refuses) throw new DOMException("not yet", "NotAllowedError");
    this.paused = false;
  }

  pause(): void {
    this.paused = true;
  }
}

function stage(at: number, age_ms = 3_600_000) {
  let perf = 0;
  const clock = new Clock(NOW + at, () => perf);
  const speaker = new FakeSpeaker();
  const source = new Recorder();
  const shelf = new Shelf();
  const states: HeardState[] = [];
  const now = (): number => NOW + at + age_ms + perf;
  const parts = { clock, source, gate: new Gate(2), now, state: (state: HeardState) => states.push(state) };
  const sound = new Sound(parts, speaker, () => shelf);
  /** Time passes; `drift` is how much faster the element runs than it is told. */
  const pass = async (ms: number, drift = 0): Promise<void> => {
    for (let gone = 0; gone < ms; gone += 33) {
      perf += 33;
      if (!speaker.paused) speaker.currentTime += 0.033 * speaker.playbackRate * (1 + drift);
      sound.tick();
      for (let turn = 0; turn < 12; turn += 1) await Promise.resolve();
    }
  };
  const off = (): number => speaker.currentTime * 1_000 - clock.now();
  return { clock, speaker, source, shelf, sound, states, pass, off };
}

describe("recorded sound on the clock", () => {
  beforeAll(() => {
    vi.stubGlobal("MediaSource", { isTypeSupported: (mime: string) => mime.includes("opus") });
  });
  afterAll(() => vi.unstubAllGlobals());

  test("begins with the clock, stays in step with it, and is fetched before it is needed", async () => {
    const { clock, speaker, pass, off, states, source } = stage(4_000);
    await pass(300);
    expect(speaker.paused).toBe(true);
    clock.play();
    await pass(14_000, 0.001);
    expect(speaker.paused).toBe(false);
    expect(Math.abs(off())).toBeLessThan(25);
    expect(states).toEqual(["still", "on"]);
    expect(source.asked.map((span) => span.start_ms % 10_000)).toEqual([0, 0, 0]);
  });

  test("an element that is late is brought back, and one that is far off jumps", async () => {
    const { clock, speaker, pass, off } = stage(1_000);
    clock.play();
    await pass(2_000);
    speaker.currentTime -= 0.08;
    await pass(4_000);
    expect(Math.abs(off())).toBeLessThan(25);
    speaker.currentTime -= 2;
    await pass(1_000);
    expect(Math.abs(off())).toBeLessThan(50);
  });

  test("is silent where nothing is recorded, and goes on behind it", async () => {
    const { clock, speaker, pass, off, states } = stage(28_000);
    clock.play();
    await pass(4_000);
    expect([speaker.paused, states.at(-1)]).toEqual([true, "silent"]);
    await pass(15_000);
    expect([speaker.paused, states.at(-1)]).toEqual([false, "on"]);
    expect(Math.abs(off())).toBeLessThan(25);
  });

  test("rests while the clock stands, waits for pictures, or goes at another speed", async () => {
    const { clock, speaker, pass } = stage(1_000);
    clock.play();
    await pass(1_000);
    expect(speaker.paused).toBe(false);
    clock.hold("cam");
    await pass(66);
    expect(speaker.paused).toBe(true);
    clock.release("cam");
    await pass(200);
    expect(speaker.paused).toBe(false);
    clock.setSpeed(2);
    await pass(66);
    expect(speaker.paused).toBe(true);
    clock.setSpeed(1);
    clock.pause();
    await pass(66);
    expect(speaker.paused).toBe(true);
  });

  test("a browser that wants a click first is tried again after one", async () => {
    const { clock, speaker, sound, pass, states } = stage(1_000);
    speaker.refuses = true;
    clock.play();
    await pass(1_000);
    expect([speaker.paused, states.at(-1)]).toEqual([true, "blocked"]);
    speaker.refuses = false;
    sound.unblock();
    await pass(200);
    expect([speaker.paused, states.at(-1)]).toEqual([false, "on"]);
  });

  test("at the newest end what is not written yet is asked for again, without a packet lost", async () => {
    const { clock, pass, source, shelf } = stage(5_000, 4_000);
    source.written_ms = NOW + 7_000;
    clock.play();
    await pass(1_500);
    source.written_ms = NOW + 12_000;
    await pass(4_000);
    expect(shelf.ranges()).toHaveLength(1);
    expect(shelf.ranges()[0]?.end_ms).toBe(NOW + 12_000);
  });

  test("a server that does not answer is asked again, a coding that the browser lacks is not", async () => {
    const { clock, speaker, source, pass, states } = stage(1_000);
    source.fails = true;
    clock.play();
    await pass(1_000);
    expect(states.at(-1)).toBe("loading");
    source.fails = false;
    await pass(2_500);
    expect(speaker.paused).toBe(false);
    const other = stage(1_000);
    other.source.mime = "audio/mp4; codecs=ulaw";
    other.clock.play();
    await other.pass(5_000);
    expect([other.states.at(-1), other.source.asked.length]).toEqual(["failed", 1]);
  });

  test("a browser that has enough is given only what is heard now", async () => {
    const { clock, source, shelf, pass } = stage(1_000);
    shelf.sated = true;
    clock.play();
    await pass(3_000);
    expect(source.asked).toHaveLength(1);
  });
});
