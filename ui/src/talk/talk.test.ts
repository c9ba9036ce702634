import fc from "fast-check";
import { expect, test } from "vitest";
import { Held } from "./hold";
import { fallen, levelOf } from "./level";
import { addressOf, type LineEvents } from "./line";
import { faultOf, MicrophoneError } from "./microphone";
import { muLaw, sampleOf } from "./mulaw";
import { mixed, PIECE_BYTES, type Piece, Pieces } from "./pieces";
import { RATE_HZ, Resampler } from "./resample";
import { type Parts, Talker, type TalkState } from "./talker";

const RATES = [8_000, 16_000, 22_050, 44_100, 48_000, 96_000];
const tone = (hz: number, rate: number, seconds: number): Float32Array =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, at) =>
    Math.sin((2 * Math.PI * hz * at) / rate),
  );

/** How much of a tone is in samples at 8 kHz (Goertzel), 1: all of it. */
function part(samples: Float32Array, hz: number): number {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / RATE_HZ);
  let one = 0;
  let two = 0;
  for (const sample of samples) [one, two] = [sample + turn * one - two, one];
  return (2 * Math.sqrt(Math.max(0, one * one + two * two - turn * one * two))) / samples.length;
}

const resampled = (samples: Float32Array, rate: number): Float32Array => new Resampler(rate).push(samples);
/** Without the beginning, in which the filter fills. */
const settled = (samples: Float32Array): Float32Array => samples.subarray(160);

test.each(RATES)("a voice's tones pass from %i Hz, as loud as they were", (rate) => {
  for (const hz of [300, 1_000, 2_500])
    expect(part(settled(resampled(tone(hz, rate, 0.5), rate)), hz)).toBeCloseTo(1, 1);
});

test.each(RATES.filter((rate) => rate >= 16_000))(
  "what 8 kHz cannot hold does not fold back from %i Hz",
  (rate) => {
    for (const hz of [4_600, 5_500, 7_000]) {
      const made = settled(resampled(tone(hz, rate, 0.5), rate));
      expect(Math.max(...made.map(Math.abs))).toBeLessThan(0.01);
    }
  },
);

test("pieces of any length give the same sound, and as much of it as was put in", () => {
  const rate = 44_100;
  const sound = tone(700, rate, 0.3);
  const whole = resampled(sound, rate);
  expect(Math.abs(whole.length - RATE_HZ * 0.3)).toBeLessThan(40);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 30 }), (lengths) => {
      const resampler = new Resampler(rate);
      const made: number[] = [];
      for (let at = 0, turn = 0; at < sound.length; turn++) {
        const length = lengths[turn % lengths.length] ?? 1;
        made.push(...resampler.push(sound.subarray(at, at + length)));
        at += length;
      }
      expect(made.length).toBe(whole.length);
      for (const [at, sample] of made.entries()) expect(sample).toBeCloseTo(whole[at] ?? 9, 5);
    }),
    { numRuns: 25 },
  );
});

test("every mu-law code means what it was made from", () => {
  for (let code = 0; code < 256; code++) {
    const back = muLaw(sampleOf(code));
    expect(sampleOf(back)).toBeCloseTo(sampleOf(code), 9);
  }
  expect(muLaw(0)).toBe(0xff);
  fc.assert(
    fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (sample) => {
      const error = Math.abs(sampleOf(muLaw(sample)) - sample);
      expect(error).toBeLessThanOrEqual(Math.max(0.02, Math.abs(sample) * 0.04));
    }),
  );
});

test("a microphone's sound leaves in pieces of 20 ms with its loudness", () => {
  const pieces: Piece[] = [];
  const cutter = new Pieces(48_000, (piece) => pieces.push(piece));
  const sound = tone(1_000, 48_000, 1);
  for (let at = 0; at < sound.length; at += 128) cutter.push(sound.subarray(at, at + 128));
  expect(pieces.length).toBe(49);
  expect(pieces.every((piece) => piece.data.length === PIECE_BYTES)).toBe(true);
  expect(new Set(pieces.map((piece) => piece.data.buffer)).size).toBe(49);
  const heard = Float32Array.from(pieces.flatMap((piece) => [...piece.data].map(sampleOf)));
  expect(part(heard.subarray(320), 1_000)).toBeCloseTo(1, 1);
  expect(pieces[20]?.rms).toBeCloseTo(Math.SQRT1_2, 1);
});

test("two channels are heard as one", () => {
  expect([...mixed([Float32Array.of(1, 0), Float32Array.of(0, 0.5)])]).toEqual([0.5, 0.25]);
  expect(mixed([])).toHaveLength(0);
});

test("a level rises at once, falls slowly, and stays within its meter", () => {
  expect(levelOf(0)).toBe(0);
  expect(levelOf(1)).toBe(1);
  expect(levelOf(0.05)).toBeGreaterThan(levelOf(0.01));
  expect(fallen(0.2, 0.8, 16)).toBe(0.8);
  expect(fallen(0.8, 0, 100)).toBeCloseTo(0.58);
  expect(fallen(0.1, 0, 1_000)).toBe(0);
});

test("only what pressed lets go, and everything lets go when the page is left", () => {
  const calls: string[] = [];
  const held = new Held(
    () => calls.push("on"),
    () => calls.push("off"),
  );
  held.down("pointer");
  held.down("key");
  held.up("key");
  expect(calls).toEqual(["on"]);
  held.up("pointer");
  held.up("pointer");
  expect(calls).toEqual(["on", "off"]);
  held.toggle("click");
  held.drop();
  held.drop();
  expect(calls).toEqual(["on", "off", "on", "off"]);
});

test("the words of browsers become ours", () => {
  expect(faultOf("NotAllowedError")).toBe("denied");
  expect(faultOf("NotFoundError")).toBe("none");
  expect(faultOf("NotReadableError")).toBe("busy");
  expect(faultOf("SomethingNew")).toBe("failed");
  expect(addressOf("cam_a", { protocol: "https:", host: "h:1" })).toBe("wss://h:1/api/cameras/cam_a/talk");
});

class Stage {
  states: TalkState[] = [];
  sent = 0;
  stopped = 0;
  open = 0;
  microphones = 0;
  events!: LineEvents;
  hear!: (piece: Piece) => void;
  lost!: (fault: "busy") => void;
  granted!: (error?: MicrophoneError) => void;
  readonly talker: Talker;

  constructor() {
    const parts: Parts = {
      line: (events) => {
        this.events = events;
        this.open++;
        let isOpen = true;
        const close = (): void => {
          this.open -= isOpen ? 1 : 0;
          isOpen = false;
        };
        return { send: () => this.sent++, stop: () => this.stopped++, close };
      },
      microphone: (hear, lost) => {
        this.hear = hear;
        this.lost = lost;
        return new Promise((resolve, reject) => {
          this.granted = (error) => {
            this.granted = () => undefined;
            if (error !== undefined) return reject(error);
            this.microphones++;
            let isOpen = true;
            resolve({
              close: () => {
                this.microphones -= isOpen ? 1 : 0;
                isOpen = false;
              },
            });
          };
        });
      },
    };
    this.talker = new Talker(parts, { state: (state) => this.states.push(state), heard: () => undefined });
  }

  get last(): TalkState | undefined {
    return this.states.at(-1);
  }

  async allow(error?: MicrophoneError): Promise<void> {
    this.granted(error);
    await Promise.resolve();
    await Promise.resolve();
  }

  say(): void {
    this.hear({ data: new Uint8Array(PIECE_BYTES), rms: 0.1 });
  }
}

test("nothing goes out before both the microphone and the camera are there, nor after the button is let go", async () => {
  const stage = new Stage();
  stage.talker.press();
  stage.say();
  await stage.allow();
  stage.say();
  expect(stage.sent).toBe(0);
  stage.events.talking();
  expect(stage.last?.phase).toBe("speaking");
  stage.say();
  expect(stage.sent).toBe(1);
  stage.talker.release();
  expect([stage.microphones, stage.stopped, stage.last?.phase]).toEqual([0, 1, "ending"]);
  stage.say();
  expect(stage.sent).toBe(1);
  stage.events.over("", "", "");
  expect([stage.open, stage.last?.phase, stage.last?.fault]).toEqual([0, "idle", ""]);
});

test("a button that is let go while the browser still asks leaves no microphone open", async () => {
  const stage = new Stage();
  stage.talker.press();
  stage.talker.release();
  expect(stage.open).toBe(0);
  await stage.allow();
  expect([stage.microphones, stage.last?.allowed]).toEqual([0, true]);
});

test.each([
  ["refused", (stage: Stage) => stage.events.over("camera-spoken-to", "", "Ann"), "camera-spoken-to"],
  ["denied", (stage: Stage) => stage.allow(new MicrophoneError("denied")), "denied"],
])("who is %s is told why, and nothing stays open", async (_name, happen, fault) => {
  const stage = new Stage();
  stage.talker.press();
  await happen(stage);
  expect([stage.open, stage.microphones, stage.last?.phase, stage.last?.fault]).toEqual([
    0,
    0,
    "idle",
    fault,
  ]);
  await stage.allow();
  expect([stage.microphones, stage.last?.fault]).toEqual([0, fault]);
});

test("a microphone that goes away, and a page that goes, end it", async () => {
  const stage = new Stage();
  stage.talker.press();
  await stage.allow();
  stage.events.talking();
  stage.lost("busy");
  expect([stage.open, stage.microphones, stage.last?.fault]).toEqual([0, 0, "busy"]);
  stage.talker.press();
  await stage.allow();
  stage.events.talking();
  const count = stage.states.length;
  stage.talker.close();
  expect([stage.open, stage.microphones, stage.states.length]).toEqual([0, 0, count]);
});

test("who presses again while the last words are still sent begins anew", async () => {
  const stage = new Stage();
  stage.talker.press();
  await stage.allow();
  stage.events.talking();
  stage.talker.release();
  const old = stage.events;
  stage.talker.press();
  old.over("", "", "");
  expect([stage.last?.phase, stage.open]).toEqual(["opening", 1]);
});
