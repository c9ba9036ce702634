import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import {
  addLayout,
  layoutsQuery,
  putLayout,
  removeLayout,
  type WallLayout,
  type WallLayoutDraft,
} from "@/api/layouts";
import type { Layout } from "@/app/search";
import { tellFailure } from "@/parts/notices";
import { type Arrangement, isSame, PLAIN } from "./arrange";

export interface Layouts {
  all: readonly WallLayout[];
  /** The one that is open; null: none that is kept. */
  open: WallLayout | null;
  now: Arrangement;
  isChanged: boolean;
  /** False until it is known whether there is a default one. */
  isReady: boolean;
  change: (part: Partial<Omit<Arrangement, "size">>) => void;
  revert: () => void;
  keep: (name: string) => Promise<WallLayout>;
  save: (layout: WallLayout, part?: Partial<WallLayoutDraft>) => Promise<WallLayout>;
  remove: (layout: WallLayout) => Promise<void>;
}

const arrangementOf = (layout: WallLayout): Arrangement => ({
  size: layout.size,
  cameras: layout.cameras,
  focus: layout.focus,
  turnS: layout.turn_s,
});

const draftOf = (now: Arrangement, name: string, isDefault: boolean): WallLayoutDraft => ({
  name,
  size: now.size,
  cameras: now.cameras,
  focus: now.focus,
  turn_s: now.turnS,
  is_default: isDefault,
});

const draftOfKept = ({ id: _id, changed_ms: _changed, ...draft }: WallLayout): WallLayoutDraft => draft;

/** The user's layouts, the one that the address names, and what was changed of it on this page. */
export function useLayouts(wall: string | undefined, size: Layout | undefined): Layouts {
  const client = useQueryClient();
  const found = useQuery(layoutsQuery);
  const all = useMemo(() => found.data ?? [], [found.data]);
  const open = all.find((layout) => layout.id === wall) ?? null;
  const base = open === null ? PLAIN : arrangementOf(open);
  const [part, setPart] = useState<Partial<Arrangement>>({});
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was changed belongs to the layout that was open.
  useEffect(() => setPart({}), [open?.id]);
  const now = { ...base, ...part, size: size ?? base.size };

  const after = {
    onError: tellFailure,
    onSettled: () => client.invalidateQueries({ queryKey: ["layouts"] }),
  };
  const put = (layout: WallLayout): void => {
    client.setQueryData<WallLayout[]>(["layouts"], (before = []) =>
      [...before.filter((one) => one.id !== layout.id), layout].sort((a, b) => a.name.localeCompare(b.name)),
    );
    setPart({});
  };
  const adding = useMutation({ mutationFn: addLayout, onSuccess: put, ...after });
  const saving = useMutation({
    mutationFn: ({ id, draft }: { id: string; draft: WallLayoutDraft }) => putLayout(id, draft),
    onSuccess: put,
    ...after,
  });
  const removing = useMutation({ mutationFn: removeLayout, ...after });

  return {
    all,
    open,
    now,
    isChanged: !isSame(base, now),
    isReady: !found.isPending,
    change: (next) => setPart((before) => ({ ...before, ...next })),
    revert: () => setPart({}),
    keep: (name) => adding.mutateAsync(draftOf(now, name, false)),
    save: (layout, changes) => {
      const draft =
        changes === undefined ? draftOf(now, layout.name, layout.is_default) : draftOfKept(layout);
      return saving.mutateAsync({ id: layout.id, draft: { ...draft, ...changes } });
    },
    remove: (layout) => removing.mutateAsync(layout.id),
  };
}
