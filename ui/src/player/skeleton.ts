import type { Joint } from "@/api/types";

/** Lines between joints in the order of COCO (17) and Halpe (26): names stand in docs/ref/modules.md. */
const LIMBS: readonly (readonly [number, number])[] = [
  [5, 7],
  [7, 9],
  [6, 8],
  [8, 10],
  [11, 13],
  [13, 15],
  [12, 14],
  [14, 16],
];
const COCO: readonly (readonly [number, number])[] = [
  ...LIMBS,
  [5, 6],
  [11, 12],
  [5, 11],
  [6, 12],
  [0, 5],
  [0, 6],
];
const HALPE: readonly (readonly [number, number])[] = [
  ...LIMBS,
  [17, 18],
  [18, 5],
  [18, 6],
  [18, 19],
  [19, 11],
  [19, 12],
  [15, 20],
  [15, 24],
  [16, 21],
  [16, 25],
];
/** Joints that are less sure are left out: a guess behind a counter looks like a broken leg. */
export const SURE_JOINT = 0.35;

/** The lines of a skeleton that can be drawn; none for points that are no body. */
export function limbs(points: readonly Joint[]): [Joint, Joint][] {
  const pairs = points.length === 26 ? HALPE : points.length === 17 ? COCO : [];
  return pairs.flatMap(([a, b]) => {
    const [from, to] = [points[a], points[b]];
    return from !== undefined && to !== undefined && from[2] >= SURE_JOINT && to[2] >= SURE_JOINT
      ? [[from, to]]
      : [];
  });
}
