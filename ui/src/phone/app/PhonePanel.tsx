import { Alert, Button, Group, Modal, Stack, Switch } from "@mantine/core";
import { IconDeviceMobileOff, IconQrcode, IconServer } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { beginPairing, changePhone, type NewPairing, phoneQuery, unpairPhone } from "@/api/phones";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { tellFailure } from "@/parts/notices";
import { Failure, Loading } from "@/parts/states";
import { PairingPanel } from "./PairingPanel";

/** In the place of the address: which phone this is, whether it is recorded, and the end of the pairing. */
export function PhonePanel({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const clock = useClock();
  const phone = useQuery(phoneQuery(camera.id));
  const [asking, setAsking] = useState(false);
  /** What was switched and is on its way: the switch stands there already. */
  const [wish, setWish] = useState<boolean | null>(null);
  const [made, setMade] = useState<NewPairing | null>(null);
  const settle = async (): Promise<void> => {
    setAsking(false);
    await Promise.all([
      queryClient.invalidateQueries({ queryKey: phoneQuery(camera.id).queryKey }),
      queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey }),
    ]);
  };
  const change = useMutation({
    mutationFn: (record: boolean) => changePhone(camera.id, record),
    onSuccess: settle,
    onError: tellFailure,
    onSettled: () => setWish(null),
  });
  const unpair = useMutation({
    mutationFn: () => unpairPhone(camera.id),
    onSuccess: settle,
    onError: tellFailure,
  });
  const again = useMutation({
    mutationFn: () => beginPairing({ camera: camera.id }),
    onSuccess: setMade,
    onError: tellFailure,
  });
  if (phone.isPending) return <Loading rows={2} />;
  if (phone.data === undefined) return <Failure error={phone.error} retry={() => void phone.refetch()} />;
  const { paired, record, online, since_ms, viewers } = phone.data;
  const since = since_ms === null ? "" : clock.dateTime(since_ms);
  return (
    <section aria-label={t("phones.section")}>
      <div className="hc-label">{t("phones.section")}</div>
      <Stack gap="md">
        <Group justify="space-between" gap="sm" align="start">
          <div className="hc-text">
            {!paired
              ? t("phones.none")
              : online
                ? t("phones.online", { time: since })
                : since_ms === null
                  ? t("phones.never")
                  : t("phones.offline", { time: since })}
            {online && <div className="hc-dim hc-small">{t("phones.viewers", { count: viewers })}</div>}
          </div>
          <Group gap="xs">
            <Button
              variant="default"
              leftSection={<IconQrcode size={16} aria-hidden />}
              onClick={() => again.mutate()}
              loading={again.isPending}
            >
              {t(paired ? "phones.other" : "phones.pairAgain")}
            </Button>
            {paired && (
              <Button
                variant="default"
                color="red"
                leftSection={<IconDeviceMobileOff size={16} aria-hidden />}
                onClick={() => setAsking(true)}
              >
                {t("phones.unpair")}
              </Button>
            )}
          </Group>
        </Group>
        {made !== null && (
          <PairingPanel key={made.id} made={made} renew={() => again.mutate()} isRenewing={again.isPending} />
        )}
        <Switch
          checked={wish ?? record}
          onChange={(event) => {
            setWish(event.currentTarget.checked);
            change.mutate(event.currentTarget.checked);
          }}
          disabled={change.isPending}
          label={t("phones.record")}
          description={t("phones.recordHint")}
        />
        {record && (
          <Alert color="orange" variant="light" icon={<IconServer size={18} />}>
            {t("phones.recordOn")}
          </Alert>
        )}
      </Stack>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("phones.unpairTitle", { name: camera.name })}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <p className="hc-text">{t("phones.unpairHint")}</p>
          <Group justify="end">
            <Button variant="default" onClick={() => setAsking(false)}>
              {t("app.cancel")}
            </Button>
            <Button color="red" onClick={() => unpair.mutate()} loading={unpair.isPending}>
              {t("phones.unpair")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </section>
  );
}
