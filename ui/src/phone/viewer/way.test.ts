import { expect, test } from "vitest";
import { framesOf, type StatsRow, wayOf } from "./way";

const rows = (local: string, remote: string, pair: Partial<StatsRow> = {}): StatsRow[] => [
  { id: "L", type: "local-candidate", candidateType: local },
  { id: "R", type: "remote-candidate", candidateType: remote },
  {
    id: "P",
    type: "candidate-pair",
    localCandidateId: "L",
    remoteCandidateId: "R",
    currentRoundTripTime: 0.0123,
    ...pair,
  },
];

test("a relay on either side is a relay", () => {
  const used = { nominated: true, state: "succeeded" };
  expect(wayOf(rows("host", "prflx", used))).toEqual({ kind: "direct", rttMs: 12 });
  expect(wayOf(rows("relay", "srflx", used))?.kind).toBe("relay");
  expect(wayOf(rows("host", "relay", used))?.kind).toBe("relay");
});

test("the pair in use is the one that the transport names, however many were nominated", () => {
  const named: StatsRow[] = [
    ...rows("relay", "relay", { nominated: true, state: "succeeded" }),
    { id: "L2", type: "local-candidate", candidateType: "host" },
    { id: "P2", type: "candidate-pair", localCandidateId: "L2", remoteCandidateId: "L2" },
    { id: "T", type: "transport", selectedCandidatePairId: "P2" },
  ];
  expect(wayOf(named)).toEqual({ kind: "direct", rttMs: null });
  expect(wayOf(rows("host", "host", { selected: true }))?.kind).toBe("direct");
  expect(wayOf(rows("host", "host"))).toBeNull();
});

test("frames are those of the picture", () => {
  expect(framesOf([{ id: "a", type: "inbound-rtp", kind: "audio" }])).toBe(0);
  expect(framesOf([{ id: "v", type: "inbound-rtp", kind: "video", framesDecoded: 7 }])).toBe(7);
});
