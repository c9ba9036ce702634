import { IconDeviceCctv, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { camerasQuery } from "@/api/queries";
import { NotFound } from "@/app/NotFound";
import { LinkButton } from "@/parts/links";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { CameraPlayback } from "./CameraPlayback";

export function Playback() {
  const { t } = useTranslation();
  const { camera: wanted } = useSearch({ from: "/house/playback" });
  const cameras = useQuery(camerasQuery);
  const camera =
    cameras.data?.find((row) => row.id === wanted) ?? (wanted === undefined ? cameras.data?.[0] : undefined);
  if (camera !== undefined)
    return <CameraPlayback key={camera.id} camera={camera} all={cameras.data ?? []} />;
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
