import { expect, test } from "vitest";
import { fit, Painter, type Paper } from "./painter";
import type { PaintTile } from "./painttile";
import type { Place } from "./wallmessages";

const place = (slot: number, x: number, y = 0, width = 160, height = 90): Place => ({
  slot,
  x,
  y,
  width,
  height,
});

interface Drawn {
  what: string;
  at: number[];
}

function sheet(): { paper: Paper; drawn: Drawn[] } {
  const drawn: Drawn[] = [];
  const paper: Paper = {
    canvas: { width: 0, height: 0 },
    fillStyle: "",
    fillRect: (...at) => drawn.push({ what: "ground", at }),
    clearRect: (...at) => drawn.push({ what: "clear", at }),
    drawImage: (picture: unknown, ...at: number[]) =>
      drawn.push({ what: (picture as { name: string }).name, at }),
  };
  return { paper, drawn };
}

interface Fake {
  name: string;
  width: number;
  height: number;
  closed: number;
  close(): void;
}

function picture(name: string, width: number, height: number): Fake {
  const made = { name, width, height, closed: 0, close: () => undefined };
  return Object.assign(made, {
    close: () => {
      made.closed += 1;
    },
  });
}

/** A tile that has these pictures, one for each time that it is asked. */
const tile = (slot: number, ...pictures: Fake[]): PaintTile =>
  ({ slot, take: () => pictures.shift() ?? null }) as unknown as PaintTile;

test("a picture fills its place, or lies in the middle of it on the ground's colour, and is closed", () => {
  const { paper, drawn } = sheet();
  const painter = new Painter(paper, "black", () => null);
  painter.place(400, 100, [place(1, 0), place(2, 200)]);
  drawn.length = 0;
  const [wide, square] = [picture("wide", 320, 180), picture("square", 240, 240)];
  painter.paint([tile(1, wide), tile(2, square), tile(3, picture("nowhere", 8, 8))]);
  expect(drawn.filter(({ what }) => what !== "clear")).toEqual([
    { what: "wide", at: [0, 0, 160, 90] },
    { what: "ground", at: [200, 0, 160, 90] },
    { what: "square", at: [235, 0, 90, 90] },
  ]);
  expect([wide.closed, square.closed]).toEqual([1, 1]);
});

test("tiles that have moved take along what was on them; those that are gone leave nothing", () => {
  const { paper, drawn } = sheet();
  const painter = new Painter(paper, "black", () => ({ name: "old" }) as unknown as CanvasImageSource);
  painter.place(400, 100, [place(1, 0), place(2, 200)]);
  drawn.length = 0;
  painter.place(400, 100, [place(2, 0, 0, 80, 45), place(4, 200)]);
  expect(drawn).toEqual([
    { what: "clear", at: [0, 0, 400, 100] },
    { what: "old", at: [200, 0, 160, 90, 0, 0, 80, 45] },
    { what: "ground", at: [200, 0, 160, 90] },
  ]);
  expect(paper.canvas).toEqual({ width: 400, height: 100 });
});

test("a picture of another form is never stretched", () => {
  for (const [width, height] of [
    [320, 180],
    [240, 240],
    [1920, 480],
    [90, 160],
  ] as const) {
    const into = fit(place(1, 10, 10), width, height);
    expect(into.width).toBeLessThanOrEqual(160);
    expect(into.height).toBeLessThanOrEqual(90);
    expect(Math.abs(into.width / into.height - width / height)).toBeLessThan((width / height) * 0.03);
  }
});
