import fc from "fast-check";
import { expect, test } from "vitest";
import type { CameraPolicy } from "@/api/keeping";
import { badFields, daysText, formOf, isOwn, policyOf } from "./policy";

const days = fc.option(fc.integer({ min: 0, max: 3_650 }), { nil: null });
const policies: fc.Arbitrary<CameraPolicy> = fc.record({
  continuous_days: days,
  motion_days: days,
  event_days: days,
  max_bytes: fc.option(fc.integer({ min: 1, max: 2 ** 50 }), { nil: null }),
  purpose: fc.string().map((text) => text.trim()),
  audio: fc.option(fc.boolean(), { nil: null }),
  enabled: fc.option(fc.boolean(), { nil: null }),
});

test("a policy that nobody edits is saved as it was", () => {
  fc.assert(
    fc.property(policies, (policy) => {
      expect(policyOf(formOf(policy))).toEqual(policy);
    }),
  );
});

test("the default needs all its days, a camera may leave them to it", () => {
  const empty = formOf({
    continuous_days: null,
    motion_days: 3,
    event_days: 4_000,
    max_bytes: 0,
    purpose: "",
    audio: null,
  });
  expect(badFields(empty, true)).toEqual(["continuous_days", "event_days", "max_gb"]);
  expect(badFields(empty, false)).toEqual(["event_days", "max_gb"]);
});

test("days are one number where they agree", () => {
  expect(daysText({ continuous_days: 30, motion_days: 30, event_days: 30 })).toBe("30");
  expect(daysText({ continuous_days: 7, motion_days: 30, event_days: 90 })).toBe("7 / 30 / 90");
});

test("a purpose alone is no policy of a camera's own", () => {
  const none = { continuous_days: null, motion_days: null, event_days: null, max_bytes: null };
  expect(isOwn({ ...none, purpose: "theft", audio: null })).toBe(false);
  expect(isOwn({ ...none, event_days: 90, purpose: "", audio: null })).toBe(true);
});
