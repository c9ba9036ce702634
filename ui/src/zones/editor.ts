import type { Line, Point, Zone } from "@/api/types";
import { area, clampPoint, crossingEdges, lengthOf, nearestEdge } from "./geometry";

/** The zone editor's state and commands: values in, values out. The picture, the mouse and the keys are elsewhere. */

/** What is drawn: a zone; or, where it says what its two directions are called, a line. */
export interface Shape extends Zone {
  line?: Pick<Line, "forward" | "backward" | "labels">;
  /** Neither more points nor fewer. */
  fixed?: true;
}

export const HISTORY_LIMIT = 50;
export const MIN_POINTS = 3;
export const MAX_POINTS = 32;
export const MIN_AREA = 0.0005;
export const MIN_LINE_POINTS = 2;
export const MAX_LINE_POINTS = 16;
export const MIN_LENGTH = 0.01;
export const COLOURS = ["#f0682a", "#3aa0ff", "#2fbf71", "#e5b93c", "#b06cf0", "#ef4e7b"] as const;

export interface EditorState {
  zones: Shape[];
  zone: number | null;
  point: number | null;
}

export interface Editor {
  now: EditorState;
  past: EditorState[];
  future: EditorState[];
}

export function openEditor(zones: Shape[]): Editor {
  return { now: { zones, zone: zones.length > 0 ? 0 : null, point: null }, past: [], future: [] };
}

/** Selection alone is not history. */
export function select(editor: Editor, zone: number | null, point: number | null = null): Editor {
  return { ...editor, now: { ...editor.now, zone, point } };
}

function change(editor: Editor, now: EditorState): Editor {
  return { now, past: [...editor.past, editor.now].slice(-HISTORY_LIMIT), future: [] };
}

export function undo(editor: Editor): Editor {
  const last = editor.past.at(-1);
  if (last === undefined) return editor;
  return { now: last, past: editor.past.slice(0, -1), future: [editor.now, ...editor.future] };
}

export function redo(editor: Editor): Editor {
  const [next, ...future] = editor.future;
  if (next === undefined) return editor;
  return { now: next, past: [...editor.past, editor.now], future };
}

export const shapesOf = (zones: readonly Zone[], lines: readonly Line[]): Shape[] => [
  ...zones,
  ...lines.map(({ forward, backward, labels, ...shape }) => ({
    ...shape,
    line: { forward, backward, labels },
  })),
];

export const zonesIn = (shapes: readonly Shape[]): Zone[] =>
  shapes.filter((shape) => shape.line === undefined);

export const linesIn = (shapes: readonly Shape[]): Line[] =>
  shapes.flatMap(({ line, ...shape }) => (line === undefined ? [] : [{ ...shape, ...line }]));

export const leastPoints = (shape: Shape): number =>
  shape.fixed === true ? shape.points.length : shape.line === undefined ? MIN_POINTS : MIN_LINE_POINTS;

const mostPoints = (shape: Shape): number =>
  shape.fixed === true ? shape.points.length : shape.line === undefined ? MAX_POINTS : MAX_LINE_POINTS;

/** A line down the middle: who walks to the left goes forwards. */
export function addLine(editor: Editor, name: string, line: NonNullable<Shape["line"]>): Editor {
  const { zones } = editor.now;
  const colour = COLOURS[(zones.length + 1) % COLOURS.length] as string;
  const points: Point[] = [
    [0.5, 0.3],
    [0.5, 0.85],
  ];
  return change(editor, {
    zones: [...zones, { name, colour, points, line }],
    zone: zones.length,
    point: null,
  });
}

/** The other way round: what was forwards is backwards. */
export function turnLine(editor: Editor, index: number): Editor {
  const zones = editor.now.zones.map((zone, at) =>
    at === index ? { ...zone, points: [...zone.points].reverse() } : zone,
  );
  return change(editor, { ...editor.now, zones });
}

export function addZone(editor: Editor, name: string): Editor {
  const { zones } = editor.now;
  const colour = COLOURS[zones.length % COLOURS.length] as string;
  const points: Point[] = [
    [0.3, 0.35],
    [0.7, 0.35],
    [0.7, 0.75],
    [0.3, 0.75],
  ];
  return change(editor, { zones: [...zones, { name, colour, points }], zone: zones.length, point: null });
}

export function removeZone(editor: Editor, index: number): Editor {
  const zones = editor.now.zones.filter((_zone, at) => at !== index);
  return change(editor, {
    zones,
    zone: zones.length > 0 ? Math.min(index, zones.length - 1) : null,
    point: null,
  });
}

export function editZone(
  editor: Editor,
  index: number,
  edit: Partial<Pick<Shape, "name" | "colour" | "line">>,
): Editor {
  const zones = editor.now.zones.map((zone, at) => (at === index ? { ...zone, ...edit } : zone));
  return change(editor, { ...editor.now, zones });
}

function withPoints(state: EditorState, index: number, points: Point[], point: number | null): EditorState {
  const zones = state.zones.map((zone, at) => (at === index ? { ...zone, points } : zone));
  return { zones, zone: index, point };
}

/** A new point on the nearest edge, at `at` or in that edge's middle. */
export function addPoint(editor: Editor, index: number, at?: Point): Editor {
  const zone = editor.now.zones[index];
  if (zone === undefined || zone.points.length >= mostPoints(zone)) return editor;
  const isLine = zone.line !== undefined;
  const last = zone.points.length - (isLine ? 2 : 1);
  const edge =
    at === undefined ? Math.min(editor.now.point ?? last, last) : nearestEdge(zone.points, at, !isLine);
  const a = zone.points[edge]!;
  const b = zone.points[(edge + 1) % zone.points.length]!;
  const point = clampPoint(at ?? [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
  const points = [...zone.points.slice(0, edge + 1), point, ...zone.points.slice(edge + 1)];
  return change(editor, withPoints(editor.now, index, points, edge + 1));
}

export function removePoint(editor: Editor, index: number, point: number): Editor {
  const zone = editor.now.zones[index];
  if (zone === undefined || zone.points.length <= leastPoints(zone)) return editor;
  const points = zone.points.filter((_point, at) => at !== point);
  return change(editor, withPoints(editor.now, index, points, Math.min(point, points.length - 1)));
}

/** `continues` joins this move to the last one, so that a drag is one step of history. */
export function movePoint(
  editor: Editor,
  index: number,
  point: number,
  to: Point,
  continues = false,
): Editor {
  const zone = editor.now.zones[index];
  if (zone?.points[point] === undefined) return editor;
  const points = zone.points.map((old, at) => (at === point ? clampPoint(to) : old));
  const now = withPoints(editor.now, index, points, point);
  return continues ? { ...editor, now } : change(editor, now);
}

export function moveZone(editor: Editor, index: number, delta: Point, continues = false): Editor {
  const zone = editor.now.zones[index];
  if (zone === undefined) return editor;
  const xs = zone.points.map((point) => point[0]);
  const ys = zone.points.map((point) => point[1]);
  const dx = Math.min(Math.max(delta[0], -Math.min(...xs)), 1 - Math.max(...xs));
  const dy = Math.min(Math.max(delta[1], -Math.min(...ys)), 1 - Math.max(...ys));
  const points = zone.points.map<Point>(([x, y]) => clampPoint([x + dx, y + dy]));
  const now = withPoints(editor.now, index, points, null);
  return continues ? { ...editor, now } : change(editor, now);
}

export type ZoneFault = "crosses" | "too-small" | "too-short" | "no-name" | "no-ways" | "same-ways";

export function faultsOf(zone: Shape): ZoneFault[] {
  const faults: ZoneFault[] = [];
  if (zone.name.trim() === "") faults.push("no-name");
  if (zone.line !== undefined) {
    const [forward, backward] = [zone.line.forward.trim(), zone.line.backward.trim()];
    if (forward === "" || backward === "") faults.push("no-ways");
    else if (forward === backward) faults.push("same-ways");
    if (lengthOf(zone.points) < MIN_LENGTH) faults.push("too-short");
    return faults;
  }
  if (crossingEdges(zone.points).length > 0) faults.push("crosses");
  if (area(zone.points) < MIN_AREA) faults.push("too-small");
  return faults;
}
