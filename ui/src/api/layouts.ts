import { queryOptions } from "@tanstack/react-query";
import type { Layout as Size } from "@/app/search";
import { request } from "./client";

/** How somebody looks at the wall, kept on the server for them alone. */
export interface WallLayout {
  id: string;
  name: string;
  size: Size;
  cameras: string[] | null;
  focus: string | null;
  turn_s: number;
  is_default: boolean;
  changed_ms: number;
}

export type WallLayoutDraft = Omit<WallLayout, "id" | "changed_ms">;

export const layoutsQuery = queryOptions({
  queryKey: ["layouts"],
  queryFn: async ({ signal }) =>
    (await request<{ layouts: WallLayout[] }>("GET", "/api/layouts", undefined, signal)).layouts,
});

export const addLayout = (draft: WallLayoutDraft): Promise<WallLayout> =>
  request<WallLayout>("POST", "/api/layouts", draft);

export const putLayout = (id: string, draft: WallLayoutDraft): Promise<WallLayout> =>
  request<WallLayout>("PUT", `/api/layouts/${id}`, draft);

export const removeLayout = (id: string): Promise<void> => request<void>("DELETE", `/api/layouts/${id}`);
