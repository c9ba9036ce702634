/** Columns that make 16:9 tiles as large as they can be in a window of `width` by `height`. */
export function bestColumns(count: number, width: number, height: number, aspect = 16 / 9): number {
  let best = 1;
  let bestArea = 0;
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const tileWidth = Math.min(width / columns, (height / rows) * aspect);
    if (tileWidth * tileWidth >= bestArea - 0.5) {
      best = columns;
      bestArea = tileWidth * tileWidth;
    }
  }
  return best;
}

export const AUTO_LIMIT = 16;

/** Tiles on a page of a layout. */
export const pageSize = (layout: string): number => (layout === "auto" ? AUTO_LIMIT : Number(layout));
