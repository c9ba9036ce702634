import type { Joint, Zone } from "@/api/types";
import type { Shape } from "@/zones/editor";
import { arrowOf } from "@/zones/geometry";
import type { BoxesOnScreen } from "./overlay";
import { limbs, SURE_JOINT } from "./skeleton";

const SVG = "http://www.w3.org/2000/svg";

function make<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number>,
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

const isLine = (zone: Shape): boolean => zone.line !== undefined;

/** Weaker guesses are kept by the server for tuning; on the picture they only distract. */
const SHOWN_SCORE = 0.45;

/** What is drawn besides boxes. */
export interface Drawn {
  /** Skeletons, of whom joints are known. */
  joints: boolean;
  /** Numbers of tracks, and where each came from. */
  tracks: boolean;
}

export const ALL_DRAWN: Drawn = { joints: true, tracks: true };

/** Draws boxes and zones over a picture, in the picture's own coordinates. Names are set as text, never as markup. */
export class BoxLayer {
  private readonly svg: SVGSVGElement;
  private readonly zones = make("g", { class: "hc-zones" });
  private readonly boxes = make("g", { class: "hc-boxes" });
  private width = 1_600;
  private height = 900;
  private lastZones: readonly Zone[] = [];
  private drawn: Drawn = ALL_DRAWN;
  private found: BoxesOnScreen | null = null;

  constructor(svg: SVGSVGElement) {
    this.svg = svg;
    svg.replaceChildren(this.zones, this.boxes);
    this.size(this.width, this.height);
  }

  /** The picture's size sets the view box; `meet` then letterboxes exactly as `object-fit: contain` does. */
  size(width: number, height: number): void {
    if (width === 0 || height === 0) return;
    const scale = 1_600 / width;
    this.width = 1_600;
    this.height = height * scale;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("preserveAspectRatio", "xMidYMid meet");
    this.showZones(this.lastZones);
  }

  showZones(zones: readonly Zone[]): void {
    this.lastZones = zones;
    this.zones.replaceChildren(
      ...zones.flatMap((zone) => {
        const points = zone.points.map(([x, y]) => `${x * this.width},${y * this.height}`).join(" ");
        const top = zone.points.reduce(
          (best, point) => (point[1] < best[1] ? point : best),
          zone.points[0] ?? [0, 0],
        );
        const text = make("text", {
          x: top[0] * this.width,
          y: Math.max(26, top[1] * this.height - 10),
          fill: zone.colour,
        });
        text.textContent = zone.name;
        if (isLine(zone)) return [...this.line(zone, points), text];
        return [make("polygon", { points, fill: zone.colour, stroke: zone.colour }), text];
      }),
    );
  }

  /** A line, and an arrow in the direction that it calls forwards. */
  private line(shape: Shape, points: string): SVGElement[] {
    const { at, to } = arrowOf(shape.points.map(([x, y]) => [x * this.width, y * this.height]));
    const [x, y] = [at[0] + to[0] * 46, at[1] + to[1] * 46];
    const wing = (turn: number): string =>
      `${x - to[0] * 16 - turn * to[1] * 10},${y - to[1] * 16 + turn * to[0] * 10}`;
    return [
      make("polyline", { points, stroke: shape.colour }),
      make("polyline", { points: `${at[0]},${at[1]} ${x},${y}`, stroke: shape.colour }),
      make("polygon", { points: `${x},${y} ${wing(1)} ${wing(-1)}`, fill: shape.colour, class: "hc-arrow" }),
    ];
  }

  /** What is drawn besides boxes, from now on. */
  draw(drawn: Drawn): void {
    this.drawn = drawn;
    this.show(this.found);
  }

  private skeleton(points: readonly Joint[]): SVGElement[] {
    const lines = limbs(points).map(([[x1, y1], [x2, y2]]) =>
      make("line", {
        x1: x1 * this.width,
        y1: y1 * this.height,
        x2: x2 * this.width,
        y2: y2 * this.height,
        class: "hc-limb",
      }),
    );
    const dots = points
      .filter(([, , score]) => score >= SURE_JOINT)
      .map(([x, y]) => make("circle", { cx: x * this.width, cy: y * this.height, r: 5, class: "hc-joint" }));
    return [...lines, ...dots];
  }

  private trail(trail: readonly (readonly [number, number])[]): SVGElement {
    const points = trail.map(([x, y]) => `${x * this.width},${y * this.height}`).join(" ");
    return make("polyline", { points, class: "hc-trail" });
  }

  show(found: BoxesOnScreen | null): void {
    this.found = found;
    const { dataset } = this.svg;
    dataset.exact = String(found?.exact ?? false);
    dataset.capturedNs = found === null ? "" : String(found.capturedNs);
    const boxes = (found?.boxes ?? []).filter((box) => box.score >= SHOWN_SCORE);
    dataset.boxes = String(boxes.length);
    const tags: [SVGRectElement, SVGTextElement][] = [];
    const { joints, tracks } = this.drawn;
    const trails = tracks ? (found?.trails ?? []) : [];
    const bodies = joints ? boxes.map((box) => box.points ?? []) : [];
    dataset.skeletons = String(bodies.filter((points) => points.length > 0).length);
    this.boxes.replaceChildren(
      ...trails.map((trail) => this.trail(trail)),
      ...bodies.flatMap((points) => this.skeleton(points)),
      ...boxes.flatMap(({ box: [x, y, w, h], label, score, track }) => {
        const at = { x: x * this.width, y: y * this.height };
        const frame = make("rect", {
          ...at,
          width: w * this.width,
          height: h * this.height,
          rx: 4,
          class: "hc-box",
        });
        const tagY = at.y > 34 ? at.y - 34 : at.y;
        const tag = make("rect", { x: at.x - 2, y: tagY, height: 32, rx: 4, class: "hc-box-tag" });
        const text = make("text", { x: at.x + 8, y: tagY + 23, class: "hc-box-text" });
        const number = tracks && track !== null ? ` #${track}` : "";
        text.textContent = `${label}${number} ${Math.round(score * 100)} %`;
        tags.push([tag, text]);
        return [frame, tag, text];
      }),
    );
    for (const [tag, text] of tags) tag.setAttribute("width", String(text.getComputedTextLength() + 20));
    this.boxes.setAttribute("data-exact", String(found?.exact ?? false));
  }
}
