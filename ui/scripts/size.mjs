// Size gate: fails the build when a page would make a phone on a slow line wait.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Of each page: its script and style, with all that they bring at once. */
const ENTRY_LIMITS_KB = { "index.html": 260, "phone.html": 45, "watch.html": 45 };
const CHUNK_LIMIT_KB = 120;
const out = join(dirname(fileURLToPath(import.meta.url)), "../../src/haechi/api/static");
const manifest = JSON.parse(readFileSync(join(out, ".vite/manifest.json"), "utf8"));
const gzKb = (file) => gzipSync(readFileSync(join(out, file))).length / 1024;

const closure = (key, seen = new Set()) => {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key].imports ?? []) closure(next, seen);
  return seen;
};

const entryKeys = new Set();
const over = [];
for (const [page, limit] of Object.entries(ENTRY_LIMITS_KB)) {
  const keys = closure(page);
  const styles = new Set([...keys].flatMap((key) => manifest[key].css ?? []));
  // The application's limit is older than the others, and of its scripts.
  const counted = [...keys].map((key) => manifest[key].file).concat(page === "index.html" ? [] : [...styles]);
  const kb = counted.reduce((sum, file) => sum + gzKb(file), 0);
  for (const key of keys) entryKeys.add(key);
  console.log(`${page} ${kb.toFixed(1)} KB gz (limit ${limit})`);
  if (kb > limit) over.push(page);
}
for (const [key, chunk] of Object.entries(manifest)) {
  if (entryKeys.has(key) || !chunk.file.endsWith(".js")) continue;
  const kb = gzKb(chunk.file);
  if (kb > 20) console.log(`${key} ${kb.toFixed(1)} KB gz (limit ${CHUNK_LIMIT_KB})`);
  if (kb > CHUNK_LIMIT_KB) over.push(key);
}
if (over.length > 0) {
  console.error(`Too large: ${over.join(", ")}. Load the new part lazily, or drop it.`);
  process.exit(1);
}
