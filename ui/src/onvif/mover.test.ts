import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AGAIN_MS, Mover, type Order } from "./mover";

const RIGHT = { pan: 0.5, tilt: 0, zoom: 0 };
let said: string[];

beforeEach(() => {
  said = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

const mover = (
  send?: (order: Order) => Promise<unknown>,
  failed: (error: unknown) => void = () => undefined,
): Mover =>
  new Mover(async (order) => {
    said.push(order.action);
    await send?.(order);
  }, failed);

test("what is held is said again until it is let go, and the stop comes last", async () => {
  const one = mover();
  one.press(RIGHT);
  await vi.advanceTimersByTimeAsync(AGAIN_MS * 3 + 1);
  expect(said).toEqual(["move", "move", "move", "move"]);
  expect(one.moving).toBe(true);
  one.release();
  await vi.advanceTimersByTimeAsync(AGAIN_MS * 5);
  expect(said.slice(4)).toEqual(["stop"]);
  expect(one.moving).toBe(false);
});

test("a slow camera is not told the same twice, and still hears the stop after the move", async () => {
  let answer = (): void => undefined;
  const one = mover((order) =>
    order.action === "move" ? new Promise<void>((done) => (answer = done)) : Promise.resolve(),
  );
  one.press(RIGHT);
  await vi.advanceTimersByTimeAsync(AGAIN_MS * 4);
  one.release();
  await vi.advanceTimersByTimeAsync(AGAIN_MS);
  expect(said).toEqual(["move"]);
  answer();
  await vi.advanceTimersByTimeAsync(0);
  expect(said).toEqual(["move", "stop"]);
});

test("a second key changes the direction, and letting go twice is one stop", async () => {
  const one = mover();
  one.press(RIGHT);
  one.press({ ...RIGHT, pan: -0.5 });
  one.release();
  one.release();
  await vi.advanceTimersByTimeAsync(AGAIN_MS * 2);
  expect(said).toEqual(["move", "move", "stop"]);
});

test("a camera that refuses is not asked again and again", async () => {
  const failures: unknown[] = [];
  const one = mover(
    () => Promise.reject(new Error("no")),
    (error) => failures.push(error),
  );
  one.press(RIGHT);
  await vi.advanceTimersByTimeAsync(AGAIN_MS * 5);
  expect(said).toEqual(["move"]);
  expect(failures).toHaveLength(1);
  expect(one.moving).toBe(false);
});

test("a step ends what is held", async () => {
  const one = mover();
  one.press(RIGHT);
  one.nudge(RIGHT);
  await vi.advanceTimersByTimeAsync(AGAIN_MS * 2);
  expect(said).toEqual(["move", "stop", "step"]);
});
