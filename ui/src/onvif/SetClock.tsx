import { Button, Group, Modal, Stack } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient } from "@/api/queries";
import { tellFailure } from "@/parts/notices";
import { roughDuration } from "@/time/duration";
import { CLOCK_OFF_S, type ClockResult, onvifQuery } from "./types";

/** Asks first, sets the clock, and says what came of it. */
export function SetClock({ camera, close }: { camera: string; close: () => void }) {
  const { t } = useTranslation();
  const set = useMutation({
    mutationFn: () => request<ClockResult>("POST", `/api/cameras/${camera}/onvif/clock`),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: onvifQuery(camera).queryKey }),
    onError: tellFailure,
  });
  return (
    <Modal
      opened
      onClose={close}
      title={t("onvif.setClockTitle")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Stack>
        {set.data === undefined ? (
          <p className="hc-text">{t("onvif.setClockHint")}</p>
        ) : (
          <Outcome result={set.data} />
        )}
        <Group justify="end">
          <Button variant={set.data === undefined ? "default" : "filled"} onClick={close}>
            {set.data === undefined ? t("app.cancel") : t("app.close")}
          </Button>
          {set.data === undefined && (
            <Button loading={set.isPending} onClick={() => set.mutate()} data-autofocus>
              {t("onvif.setClock")}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

function Outcome({ result }: { result: ClockResult }) {
  const { t, i18n } = useTranslation();
  const { before_s: before, after_s: after } = result;
  const by = (seconds: number): string => roughDuration(Math.abs(seconds) * 1_000, i18n.language);
  const right = after !== null && Math.abs(after) <= CLOCK_OFF_S;
  return (
    <output className="hc-outcome" data-good={right}>
      {right ? <IconCircleCheck size={20} aria-hidden /> : <IconAlertTriangle size={20} aria-hidden />}
      <span>
        <strong>
          {after === null
            ? t("onvif.clockUnknown")
            : right
              ? t("onvif.clockRight")
              : t("onvif.clockStill", { by: by(after) })}
        </strong>{" "}
        {right &&
          before !== null &&
          Math.abs(before) > CLOCK_OFF_S &&
          t("onvif.clockWas", { by: by(before) })}{" "}
        {result.was_ntp && t("onvif.clockWasNtp")}
      </span>
    </output>
  );
}
