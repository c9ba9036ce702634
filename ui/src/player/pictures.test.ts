import { expect, test, vi } from "vitest";
import { KIND_PICTURE, type LiveHeader } from "./header";
import { type Canvas, PictureFeed } from "./pictures";

const header = (seq: number): LiveHeader => ({
  id: 1,
  kind: KIND_PICTURE,
  isSync: true,
  run: 3,
  seq,
  capturedNs: BigInt(seq) * 1_000_000n,
});
const bytes = (value: number) => new Uint8Array([value]);

/** Decodes when told to; a picture is as wide as its byte says, and 0 cannot be decoded. */
function stage() {
  const waiting: (() => void)[] = [];
  const closed: number[] = [];
  const drawn: number[] = [];
  const sizes: [number, number][] = [];
  const canvas: Canvas = { width: 0, height: 0, draw: (picture) => drawn.push(picture.width) };
  const decode = (data: Uint8Array): Promise<ImageBitmap> =>
    new Promise((resolve, reject) => {
      const width = data[0] ?? 0;
      const picture = { width, height: 9, close: () => closed.push(width) } as ImageBitmap;
      waiting.push(() => (width === 0 ? reject(new Error("no picture")) : resolve(picture)));
    });
  const shown = vi.fn();
  const feed = new PictureFeed(canvas, shown, (width, height) => sizes.push([width, height]), decode);
  const step = async () => {
    waiting.shift()?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { feed, shown, drawn, sizes, closed, step, waiting };
}

test("pictures are drawn in order, each under its own name, and the bitmaps are given back", async () => {
  const { feed, shown, drawn, sizes, closed, step } = stage();
  for (const seq of [4, 5]) {
    feed.push(header(seq), bytes(16));
    await step();
  }
  expect(shown.mock.calls).toEqual([
    [{ run: 3, seq: 4, capturedNs: 4_000_000n }],
    [{ run: 3, seq: 5, capturedNs: 5_000_000n }],
  ]);
  expect(drawn).toEqual([16, 16]);
  expect(closed).toEqual([16, 16]);
  expect(sizes).toEqual([[16, 9]]);
});

test("a browser that is slow shows the newest and counts what it left out", async () => {
  const { feed, shown, step, waiting } = stage();
  for (const seq of [1, 2, 3, 4]) feed.push(header(seq), bytes(16));
  expect(waiting.length).toBe(1);
  await step();
  await step();
  expect(shown.mock.calls.map(([unit]) => unit.seq)).toEqual([1, 4]);
  expect(feed.dropped).toBe(2);
});

test("a picture that cannot be decoded is lost, and the next one is shown", async () => {
  const { feed, shown, step } = stage();
  feed.push(header(1), bytes(0));
  await step();
  feed.push(header(2), bytes(16));
  await step();
  expect(shown.mock.calls.map(([unit]) => unit.seq)).toEqual([2]);
  expect(feed.dropped).toBe(1);
});

test("after it is closed nothing is drawn", async () => {
  const { feed, shown, drawn, closed, step } = stage();
  feed.push(header(1), bytes(16));
  feed.close();
  await step();
  feed.push(header(2), bytes(16));
  expect(shown).not.toHaveBeenCalled();
  expect(drawn).toEqual([]);
  expect(closed).toEqual([16]);
});
