import { IconDeviceCctv, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery } from "@/api/queries";
import { NotFound } from "@/app/NotFound";
import { camerasOf } from "@/app/search";
import { LinkButton } from "@/parts/links";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { PlaybackPage } from "./PlaybackPage";

export function Playback() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/house/playback" });
  const cameras = useQuery(camerasQuery);
  const all = cameras.data ?? [];
  const ids = camerasOf(
    search,
    all.map((row) => row.id),
  );
  const names = ids.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same cameras in the same order are the same list.
  const chosen = useMemo(
    () => ids.flatMap((id) => all.find((row) => row.id === id) ?? []),
    [names, cameras.data],
  );
  const focus = chosen.find((row) => row.id === search.camera) ?? chosen[0];
  if (focus !== undefined) return <PlaybackPage cameras={chosen} focus={focus} all={all} />;
  if (cameras.isSuccess && cameras.data.length > 0) return <NotFound />;
  return (
    <Page title={t("nav.playback")}>
      {cameras.isPending && <Loading rows={1} height={480} retry={() => void cameras.refetch()} />}
      {cameras.isError && <Failure error={cameras.error} retry={() => void cameras.refetch()} />}
      {cameras.isSuccess && (
        <Empty icon={IconDeviceCctv} title={t("live.none")} hint={t("live.noneHint")}>
          <LinkButton to="/cameras/new" leftSection={<IconPlus size={16} />}>
            {t("cameras.add")}
          </LinkButton>
        </Empty>
      )}
    </Page>
  );
}
