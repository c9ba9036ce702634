import type { Ground, Line, Rule, RuleKind } from "@/api/types";

/** What the form of a rule knows about its kinds. */

/** Kinds in which a thing, and not a person, is looked for. */
export const ofThings = (kind: RuleKind): boolean => kind === "left" || kind === "taken";

/** Kinds that take time: the others happen at once. */
export const takesTime = (kind: RuleKind): boolean => kind !== "crossing" && kind !== "speed";

const SECONDS: Record<RuleKind, number> = {
  object: 2,
  crossing: 0,
  dwell: 60,
  crowd: 5,
  speed: 0,
  fall: 5,
  left: 60,
  taken: 5,
};

export const RECTANGLE: Ground = {
  points: [
    [0.3, 0.85],
    [0.7, 0.85],
    [0.6, 0.55],
    [0.4, 0.55],
  ],
  width_m: 3,
  length_m: 6,
};
export const STRETCH: Ground = {
  points: [
    [0.3, 0.8],
    [0.7, 0.8],
  ],
  width_m: 5,
  length_m: 0,
};

export const newRule = (name: string, zone: string | null): Rule => ({
  name,
  kind: "object",
  line: null,
  way: "both",
  count: 3,
  speed_kmh: 30,
  ground: null,
  hours: null,
  zone,
  label: "person",
  min_score: 0.5,
  min_duration_s: 2,
  cooldown_s: 30,
  severity: "alert",
  enabled: true,
});

/** The same rule as another kind, with what that kind usually wants. */
export function asKind(rule: Rule, kind: RuleKind, lines: readonly Line[]): Rule {
  const isThing = ofThings(rule.kind);
  const label = ofThings(kind) ? (isThing ? rule.label : "backpack") : isThing ? "person" : rule.label;
  return {
    ...rule,
    kind,
    label: kind === "speed" && rule.kind !== "speed" ? "car" : kind === "fall" ? "person" : label,
    line: kind === "crossing" ? (rule.line ?? lines[0]?.id ?? null) : null,
    zone: kind === "crossing" ? null : rule.zone,
    ground: kind === "speed" ? (rule.ground ?? RECTANGLE) : null,
    min_duration_s: SECONDS[kind],
    cooldown_s: kind === "crossing" ? 0 : rule.cooldown_s,
  };
}

export type RuleFault = "name" | "line" | "ground";

/** What keeps a rule from being saved. */
export function faultOf(rule: Rule, lines: readonly Line[]): RuleFault | null {
  if (rule.name.trim() === "") return "name";
  if (rule.kind === "crossing" && !lines.some((line) => line.id === rule.line)) return "line";
  const { ground } = rule;
  if (rule.kind !== "speed") return null;
  if (ground === null || ground.width_m <= 0) return "ground";
  return ground.points.length === 4 && (ground.length_m <= 0 || !isConvex(ground.points)) ? "ground" : null;
}

export function isConvex(points: Ground["points"]): boolean {
  const turns = points.map((a, index) => {
    const b = points[(index + 1) % points.length]!;
    const c = points[(index + 2) % points.length]!;
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]);
  });
  return turns.every((turn) => turn > 1e-6) || turns.every((turn) => turn < -1e-6);
}
