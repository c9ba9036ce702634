/** Which way the picture takes, read from the browser's figures (W3C webrtc-stats). */
export interface Way {
  /** `relay`: a TURN server passes it on, encrypted as it is. */
  kind: "direct" | "relay";
  rttMs: number | null;
}

export interface StatsRow {
  id: string;
  type: string;
  kind?: string;
  state?: string;
  nominated?: boolean;
  /** Firefox's word for the pair in use. */
  selected?: boolean;
  selectedCandidatePairId?: string;
  localCandidateId?: string;
  remoteCandidateId?: string;
  candidateType?: string;
  currentRoundTripTime?: number;
  framesDecoded?: number;
}

export function wayOf(rows: Iterable<StatsRow>): Way | null {
  const all = new Map([...rows].map((row) => [row.id, row]));
  const pair = pairInUse(all);
  if (pair === null) return null;
  const types = [pair.localCandidateId, pair.remoteCandidateId].map((id) => all.get(id ?? "")?.candidateType);
  const { currentRoundTripTime: rtt } = pair;
  return {
    kind: types.includes("relay") ? "relay" : "direct",
    rttMs: rtt === undefined ? null : Math.round(rtt * 1000),
  };
}

function pairInUse(all: ReadonlyMap<string, StatsRow>): StatsRow | null {
  const rows = [...all.values()];
  const transport = rows.find((row) => row.type === "transport" && row.selectedCandidatePairId !== undefined);
  const named = all.get(transport?.selectedCandidatePairId ?? "");
  const pairs = rows.filter((row) => row.type === "candidate-pair");
  return (
    named ??
    pairs.find((row) => row.selected === true) ??
    pairs.find((row) => row.nominated === true && row.state === "succeeded") ??
    null
  );
}

export function framesOf(rows: Iterable<StatsRow>): number {
  for (const row of rows)
    if (row.type === "inbound-rtp" && row.kind === "video") return row.framesDecoded ?? 0;
  return 0;
}
