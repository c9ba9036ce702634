// Size gate: fails the build when a page would make a phone on a slow line wait.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const ENTRY_LIMIT_KB = 260;
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

const entryKeys = closure(Object.keys(manifest).find((key) => manifest[key].isEntry));
const entryKb = [...entryKeys].reduce((sum, key) => sum + gzKb(manifest[key].file), 0);
const over = [];
console.log(`entry ${entryKb.toFixed(1)} KB gz (limit ${ENTRY_LIMIT_KB})`);
if (entryKb > ENTRY_LIMIT_KB) over.push("entry");
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
