/** Cuts a fragmented MP4 into its init and its moof+mdat pairs, and moves a fragment in time. Development only. */

export interface Cut {
  init: Buffer;
  fragments: Buffer[];
}

export function cut(file: Buffer): Cut {
  const init: Buffer[] = [];
  const fragments: Buffer[] = [];
  let moof: Buffer | null = null;
  for (let at = 0; at + 8 <= file.length; ) {
    const size = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    const box = file.subarray(at, at + size);
    if (type === "ftyp" || type === "moov") init.push(box);
    else if (type === "moof") moof = box;
    else if (type === "mdat" && moof !== null) fragments.push(Buffer.concat([moof, box]));
    at += size;
  }
  return { init: Buffer.concat(init), fragments };
}

/** A copy of `fragment` that starts `shift` ticks later. */
export function shifted(fragment: Buffer, shift: number): Buffer {
  const copy = Buffer.from(fragment);
  const at = copy.indexOf("tfdt", 0, "latin1") + 4;
  if (copy[at] === 1) copy.writeBigUInt64BE(copy.readBigUInt64BE(at + 4) + BigInt(shift), at + 4);
  else copy.writeUInt32BE(copy.readUInt32BE(at + 4) + shift, at + 4);
  return copy;
}
