export const GAP_PX = 6;

/** Tiles that are no wider than this show a small picture: 320 px, and fewer of them. */
export const SMALL_TILE_PX = 400;

export interface Grid {
  columns: number;
  /** Of one tile, px; the wall is then exactly filled with pictures, without bars. */
  tileWidth: number;
}

/** The largest 16:9 tiles for `count` places in a window of `width` by `height` px. */
export function wallGrid(count: number, width: number, height: number, aspect = 16 / 9): Grid {
  const columns = bestColumns(count, width, height, aspect);
  const rows = Math.ceil(Math.max(1, count) / columns);
  const byWidth = (width - GAP_PX * (columns - 1)) / columns;
  const byHeight = ((height - GAP_PX * (rows - 1)) / rows) * aspect;
  return { columns, tileWidth: Math.floor(Math.min(byWidth, byHeight)) };
}

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
