import type { Layout } from "@/app/search";

/** How somebody looks at the wall. */
export interface Arrangement {
  size: Layout;
  /** In this order; null: all that there are, in the house's order. */
  cameras: string[] | null;
  /** The camera whose tile is twice as wide and high; null: none. */
  focus: string | null;
  /** Seconds on a page while pages turn by themselves. */
  turnS: number;
}

export const PLAIN: Arrangement = { size: "auto", cameras: null, focus: null, turnS: 10 };
export const TURN_S = [5, 10, 15, 30, 60] as const;

export const isSame = (a: Arrangement, b: Arrangement): boolean =>
  a.size === b.size &&
  a.focus === b.focus &&
  a.turnS === b.turnS &&
  (a.cameras === null || b.cameras === null
    ? a.cameras === b.cameras
    : a.cameras.length === b.cameras.length && a.cameras.every((id, index) => id === b.cameras?.[index]));

/** The cameras of an arrangement that there are, in its order. */
export function arranged<T extends { id: string }>(
  all: readonly T[],
  cameras: readonly string[] | null,
): T[] {
  if (cameras === null) return [...all];
  const known = new Map(all.map((camera) => [camera.id, camera]));
  return cameras.flatMap((id) => known.get(id) ?? []);
}

/** `id` at place `to` (from 0); the others keep their order. */
export function moved(ids: readonly string[], id: string, to: number): string[] {
  const from = ids.indexOf(id);
  if (from === -1) return [...ids];
  const rest = ids.filter((other) => other !== id);
  rest.splice(Math.max(0, Math.min(rest.length, to)), 0, id);
  return rest;
}

/** A tile's place after an arrow key: in a row, or one row up or down. Null: there is no such place. */
export function stepped(at: number, count: number, columns: number, key: string): number | null {
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key];
  if (step === undefined) return null;
  const to = at + step;
  return to >= 0 && to < count ? to : null;
}

/** The page after this one, from 1; the first after the last. */
export const nextPage = (page: number, pages: number): number => (page >= pages ? 1 : page + 1);
