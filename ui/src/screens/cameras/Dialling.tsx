import { Alert, Button, Group, Modal, Stack } from "@mantine/core";
import { IconKey, IconShieldExclamation } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type DialMemory, type DialToken, dialQuery, newToken } from "@/api/dialling";
import { queryClient } from "@/api/queries";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { tellFailure } from "@/parts/notices";
import { Failure, Loading } from "@/parts/states";
import { byteSize, roughDuration } from "@/time/duration";
import { Closed, DialCommand } from "./DialCommand";

/** In the place of the address: from where this camera dials, and its token. */
export function Dialling({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const clock = useClock();
  const dial = useQuery(dialQuery(camera.id));
  const [asking, setAsking] = useState(false);
  const [made, setMade] = useState<DialToken | null>(null);
  const fresh = useMutation({
    mutationFn: () => newToken(camera.id),
    onSuccess: async (answer) => {
      setMade(answer);
      setAsking(false);
      await queryClient.invalidateQueries({ queryKey: dialQuery(camera.id).queryKey });
    },
    onError: tellFailure,
  });
  if (dial.isPending) return <Loading rows={2} />;
  if (dial.data === undefined) return <Failure error={dial.error} retry={() => void dial.refetch()} />;
  const {
    listening,
    pin,
    peer,
    connected_ms,
    issued_ms,
    rivals,
    rival_peer,
    rival_ms,
    memory,
    sent_to,
    sent_ms,
  } = dial.data;
  const time = (ms: number | null): string => (ms === null ? "" : clock.dateTime(ms));
  return (
    <section aria-label={t("dial.connection")}>
      <div className="hc-label">{t("dial.connection")}</div>
      <Stack gap="sm">
        {!listening && <Closed />}
        <Group justify="space-between" gap="sm" align="start">
          <div className="hc-text">
            {peer !== null && connected_ms !== null
              ? t("dial.connected", { peer, time: time(connected_ms) })
              : peer !== null
                ? t("dial.last", { peer })
                : t("dial.never")}
            {sent_to !== null && (
              <div role="status">{t("dial.sent", { server: sent_to, time: time(sent_ms) })}</div>
            )}
            <div className="hc-dim hc-small">
              {issued_ms === null ? t("dial.none") : t("dial.issued", { time: time(issued_ms) })}
            </div>
            {pin !== null && made === null && (
              <div className="hc-dim hc-small hc-pin">
                {t("dial.pin")} <code>{pin}</code>
              </div>
            )}
            {memory !== null && <OwnMemory memory={memory} />}
          </div>
          <Button
            variant="default"
            leftSection={<IconKey size={16} />}
            onClick={() => (issued_ms === null ? fresh.mutate() : setAsking(true))}
            loading={fresh.isPending}
          >
            {issued_ms === null ? t("dial.create") : t("dial.fresh")}
          </Button>
        </Group>
        {rivals > 0 && (
          <Alert color="red" variant="light" icon={<IconShieldExclamation size={18} />}>
            {t("dial.rivals", { count: rivals, peer: rival_peer ?? "?", time: time(rival_ms) })}
          </Alert>
        )}
        {made !== null && <DialCommand camera={camera.id} made={made} />}
      </Stack>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("dial.freshTitle", { name: camera.name })}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <p className="hc-text">{t("dial.freshHint")}</p>
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

/** What the camera keeps on its own disk, and how much of it is on its way to us. */
function OwnMemory({ memory }: { memory: DialMemory }) {
  const { t, i18n } = useTranslation();
  const size = (bytes: number): string => byteSize(bytes, i18n.language);
  return (
    <>
      <div className="hc-dim hc-small">
        {t("dial.memory", { used: size(memory.bytes), limit: size(memory.limit_bytes) })}
      </div>
      {memory.waiting_ms > 0 && (
        <div className="hc-small" role="status">
          {t("dial.bringing", { length: roughDuration(memory.waiting_ms, i18n.language) })}
        </div>
      )}
      {memory.lost_units > 0 && <div className="hc-dim hc-small">{t("dial.memoryLost")}</div>}
    </>
  );
}
