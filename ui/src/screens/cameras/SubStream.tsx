import { Button, Group, TextInput } from "@mantine/core";
import { queryOptions, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient } from "@/api/queries";
import type { Camera } from "@/api/types";
import { tellDone, tellFailure } from "@/parts/notices";

interface SubStreamState {
  sub: { url: string; codec: string; width: number; height: number } | null;
}

const subStreamQuery = (camera: string) =>
  queryOptions({
    queryKey: ["sub-stream", camera],
    queryFn: ({ signal }) =>
      request<SubStreamState>("GET", `/api/cameras/${camera}/sub-stream`, undefined, signal),
  });

/** Where a camera's smaller stream is: typed, tried, and kept only when it gives a picture. */
export function SubStream({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const known = useQuery(subStreamQuery(camera.id)).data?.sub ?? null;
  const [typed, setTyped] = useState<string | null>(null);
  const url = (typed ?? known?.url ?? "").trim();
  const save = useMutation({
    mutationFn: () =>
      url === ""
        ? request("DELETE", `/api/cameras/${camera.id}/sub-stream`)
        : request("PUT", `/api/cameras/${camera.id}/sub-stream`, { url }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: subStreamQuery(camera.id).queryKey });
      setTyped(null);
      tellDone(t("app.saved"));
    },
    onError: tellFailure,
  });
  return (
    <div className="hc-panel">
      <TextInput
        label={t("sub.label")}
        description={t("sub.hint")}
        placeholder={camera.url}
        value={typed ?? known?.url ?? ""}
        onChange={(event) => setTyped(event.currentTarget.value)}
        maxLength={2_000}
        spellCheck={false}
        autoComplete="off"
      />
      <Group justify="space-between" mt="sm">
        <span className="hc-dim hc-num">
          {known === null ? t("sub.none") : `${known.codec} ${known.width}×${known.height}`}
        </span>
        <Button
          variant="default"
          onClick={() => save.mutate()}
          loading={save.isPending}
          disabled={url === (known?.url ?? "")}
        >
          {t("sub.save")}
        </Button>
      </Group>
    </div>
  );
}
