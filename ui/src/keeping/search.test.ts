import { expect, test } from "vitest";
import { begun, ended, IDLE, received, type SearchMessage, type SearchState } from "./search";

const hit: SearchMessage = { type: "hit", start_ms: 10, end_ms: 20, peak: 0.4, at_ms: 15 };
const all = (...messages: SearchMessage[]): SearchState => messages.reduce(received, begun());

test("hits gather while it runs, and the end says what could not be looked at", () => {
  const state = all(hit, { type: "progress", done: 6, total: 24, skipped: 0 }, hit);
  expect([state.hits.length, state.progress, state.running]).toEqual([2, 0.25, true]);
  const over = received(state, { type: "done", hits: 2, skipped_s: 90 });
  expect(over).toMatchObject({ progress: 1, skipped_s: 90, end: "done", running: false });
});

test("what was found stays when it is cancelled or breaks off", () => {
  expect(ended(all(hit), "cancelled")).toMatchObject({ end: "cancelled", running: false });
  expect(ended(all(hit), "cancelled").hits).toHaveLength(1);
  const over = all(hit, { type: "done", hits: 1, skipped_s: 0 });
  expect(ended(over, "failed", new Error("late"))).toBe(over);
});

test("a range without anything to look at is done at once", () => {
  expect(all({ type: "progress", done: 0, total: 0, skipped: 0 }).progress).toBe(1);
  expect(IDLE.running).toBe(false);
});
