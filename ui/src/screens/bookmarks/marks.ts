import { request } from "@/api/client";
import type { Bookmark } from "@/api/keeping";
import { queryClient } from "@/api/queries";

export interface BookmarkDraft {
  camera: string;
  start_ms: number;
  end_ms?: number;
  note: string;
  keep: boolean;
}

export const bookmarkPath = (bookmark: Pick<Bookmark, "id">): string => `/api/bookmarks/${bookmark.id}`;

/** Lists of bookmarks, and what is protected because of them. */
export async function renewBookmarks(): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ["bookmarks"] });
  await queryClient.invalidateQueries({ queryKey: ["storage"] });
}

export async function addBookmark(draft: BookmarkDraft): Promise<Bookmark> {
  const made = await request<Bookmark>("POST", "/api/bookmarks", draft);
  await renewBookmarks();
  return made;
}

export async function changeBookmark(
  bookmark: Bookmark,
  change: Partial<Pick<Bookmark, "note" | "keep">>,
): Promise<void> {
  await request<Bookmark>("PATCH", bookmarkPath(bookmark), change);
  await renewBookmarks();
}
