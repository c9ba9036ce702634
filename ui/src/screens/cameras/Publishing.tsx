import { Alert, Button, Group, Modal, Stack } from "@mantine/core";
import { IconAlertTriangle, IconKey, IconShieldExclamation } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { newPublishToken, type PublishToken, publishQuery } from "@/api/publishing";
import { queryClient } from "@/api/queries";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { LinkButton } from "@/parts/links";
import { tellFailure } from "@/parts/notices";
import { Failure, Loading } from "@/parts/states";
import { PublishLinks } from "./NewWhip";

/** In the place of the address: who publishes this camera, and its token. */
export function Publishing({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const clock = useClock();
  const found = useQuery(publishQuery(camera.id));
  const [asking, setAsking] = useState(false);
  const [made, setMade] = useState<PublishToken | null>(null);
  const fresh = useMutation({
    mutationFn: () => newPublishToken(camera.id),
    onSuccess: async (answer) => {
      setMade(answer);
      setAsking(false);
      await queryClient.invalidateQueries({ queryKey: publishQuery(camera.id).queryKey });
    },
    onError: tellFailure,
  });
  if (found.isPending) return <Loading rows={2} />;
  if (found.data === undefined) return <Failure error={found.error} retry={() => void found.refetch()} />;
  const { listening, peer, who, connected_ms, issued_ms, rivals, rival_peer, rival_ms } = found.data;
  const time = (ms: number | null): string => (ms === null ? "" : clock.dateTime(ms));
  return (
    <section aria-label={t("publish.connection")}>
      <div className="hc-label">{t("publish.connection")}</div>
      <Stack gap="sm">
        {!listening && (
          <Alert
            color="red"
            variant="light"
            icon={<IconAlertTriangle size={18} />}
            title={t("publish.closed")}
          >
            {t("publish.closedHint")}
          </Alert>
        )}
        <Group justify="space-between" gap="sm" align="start">
          <div className="hc-text">
            {peer === null
              ? t("publish.never")
              : connected_ms === null
                ? t("dial.last", { peer })
                : who === null
                  ? t("publish.by", { peer, time: time(connected_ms) })
                  : t("publish.byUser", { peer, who, time: time(connected_ms) })}
            <div className="hc-dim hc-small">
              {issued_ms === null ? t("dial.none") : t("dial.issued", { time: time(issued_ms) })}
            </div>
          </div>
          <Group gap="xs">
            <LinkButton to="/publish/$cameraId" params={{ cameraId: camera.id }} variant="default">
              {t("publish.here")}
            </LinkButton>
            <Button
              variant="default"
              leftSection={<IconKey size={16} />}
              onClick={() => (issued_ms === null ? fresh.mutate() : setAsking(true))}
              loading={fresh.isPending}
            >
              {issued_ms === null ? t("publish.create") : t("dial.fresh")}
            </Button>
          </Group>
        </Group>
        {rivals > 0 && (
          <Alert color="red" variant="light" icon={<IconShieldExclamation size={18} />}>
            {t("publish.rivals", { count: rivals, peer: rival_peer ?? "?", time: time(rival_ms) })}
          </Alert>
        )}
        {made !== null && <PublishLinks camera={camera.id} made={made} />}
      </Stack>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("dial.freshTitle", { name: camera.name })}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <p className="hc-text">{t("publish.freshHint")}</p>
          <Group justify="end">
            <Button variant="default" onClick={() => setAsking(false)}>
              {t("app.cancel")}
            </Button>
            <Button color="red" onClick={() => fresh.mutate()} loading={fresh.isPending}>
              {t("dial.replace")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </section>
  );
}
