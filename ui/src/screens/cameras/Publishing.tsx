import { Alert } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { newPublishToken, publishQuery } from "@/api/publishing";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { LinkButton } from "@/parts/links";
import { Failure, Loading } from "@/parts/states";
import { PublishLinks } from "./NewWhip";
import { TokenOf } from "./TokenSteps";

/** In the place of the address: who publishes this camera, and its token. */
export function Publishing({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const clock = useClock();
  const found = useQuery(publishQuery(camera.id));
  if (found.isPending) return <Loading rows={2} />;
  if (found.data === undefined) return <Failure error={found.error} retry={() => void found.refetch()} />;
  const { listening, peer, who, connected_ms, issued_ms, rivals, rival_peer, rival_ms } = found.data;
  const time = (ms: number | null): string => (ms === null ? "" : clock.dateTime(ms));
  const publisher = (): string => {
    if (peer === null) return t("publish.never");
    if (connected_ms === null) return t("dial.last", { peer });
    const since = time(connected_ms);
    return who === null
      ? t("publish.by", { peer, time: since })
      : t("publish.byUser", { peer, who, time: since });
  };
  return (
    <TokenOf
      camera={camera}
      label={t("publish.connection")}
      warning={
        !listening && (
          <Alert
            color="red"
            variant="light"
            icon={<IconAlertTriangle size={18} />}
            title={t("publish.closed")}
          >
            {t("publish.closedHint")}
          </Alert>
        )
      }
      standing={
        <>
          {publisher()}
          <div className="hc-dim hc-small">
            {issued_ms === null ? t("dial.none") : t("dial.issued", { time: time(issued_ms) })}
          </div>
        </>
      }
      buttons={
        <LinkButton to="/publish/$cameraId" params={{ cameraId: camera.id }} variant="default">
          {t("publish.here")}
        </LinkButton>
      }
      issued={issued_ms !== null}
      create={t("publish.create")}
      freshHint={t("publish.freshHint")}
      rivals={
        rivals > 0
          ? t("publish.rivals", { count: rivals, peer: rival_peer ?? "?", time: time(rival_ms) })
          : ""
      }
      issue={newPublishToken}
      queryKey={publishQuery(camera.id).queryKey}
      show={(made) => <PublishLinks camera={camera.id} made={made} />}
    />
  );
}
