// Draws the icons that phones want as PNG from the shapes of public/favicon.svg: `node scripts/icons.mjs`.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";

const place = join(dirname(fileURLToPath(import.meta.url)), "../public");
const svg = readFileSync(join(place, "favicon.svg"), "utf8");
const BACK = /<rect[^>]*fill="#(\w+)"/.exec(svg)[1];
const SAMPLES = 4;
const UNITS = 32;

/** The closed polygons of a path of straight lines: `M x y x y … Z`, absolute. */
const polygons = (d) =>
  d
    .split("Z")
    .map((part) => (part.match(/-?\d+(\.\d+)?/g) ?? []).map(Number))
    .filter((numbers) => numbers.length > 0)
    .map((numbers) =>
      Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]),
    );
const shapes = [...svg.matchAll(/<path d="([^"]+)" fill="#(\w+)"/g)].map(([, d, fill]) => ({
  fill,
  polygons: polygons(d),
}));

const inside = (polygon, x, y) => {
  let odd = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
};

const rgb = (hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

function colourAt(x, y) {
  let fill = BACK;
  for (const shape of shapes) if (shape.polygons.some((one) => inside(one, x, y))) fill = shape.fill;
  return rgb(fill);
}

/** `scale`: how large the drawing is in its square; a maskable icon is cut to a circle of 80 %. */
function draw(size, scale) {
  const rows = Buffer.alloc((size * 3 + 1) * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const sum = [0, 0, 0];
      for (let at = 0; at < SAMPLES * SAMPLES; at++) {
        const x = (column + ((at % SAMPLES) + 0.5) / SAMPLES) / size - 0.5;
        const y = (row + (Math.floor(at / SAMPLES) + 0.5) / SAMPLES) / size - 0.5;
        const colour = colourAt((x / scale + 0.5) * UNITS, (y / scale + 0.5) * UNITS);
        for (let part = 0; part < 3; part++) sum[part] += colour[part];
      }
      const start = row * (size * 3 + 1) + 1 + column * 3;
      for (let part = 0; part < 3; part++) rows[start + part] = Math.round(sum[part] / (SAMPLES * SAMPLES));
    }
  }
  return rows;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

function png(size, scale) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(draw(size, scale), { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

for (const [name, size, scale] of [
  ["icon-180", 180, 1],
  ["icon-192", 192, 1],
  ["icon-512", 512, 1],
  ["icon-512-maskable", 512, 0.72],
])
  writeFileSync(join(place, `${name}.png`), png(size, scale));
