import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { query } from "@/api/client";
import type { Camera } from "@/api/types";
import { useClock } from "@/app/site";
import { byteSize, clockDuration } from "@/time/duration";
import { parseClock } from "./parse";

interface ExportDialogProps {
  camera: Camera;
  from: number;
  to: number;
  change: (from: number, to: number) => void;
  close: () => void;
}

const MAX_MS = 3_600_000;

export function ExportDialog({ camera, from, to, change, close }: ExportDialogProps) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const [texts, setTexts] = useState({ from: clock.time(from), to: clock.time(to) });
  const edit = (which: "from" | "to", text: string): void => {
    setTexts((old) => ({ ...old, [which]: text }));
    const ms = parseClock(text, which === "from" ? from : to, clock.zone);
    if (ms !== null) change(which === "from" ? ms : from, which === "to" ? ms : to);
  };
  const length = to - from;
  const fault = length <= 0 ? t("export.order") : length > MAX_MS ? t("export.tooLong") : null;
  const bytes =
    camera.status.bitrate_bps === null ? null : (camera.status.bitrate_bps / 8) * (length / 1_000);
  const href = `/api/cameras/${camera.id}/clip.mp4${query({ start_ms: from, end_ms: to })}`;
  return (
    <Modal
      opened
      onClose={close}
      title={t("export.title", { name: camera.name })}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Stack>
        <Group grow align="start">
          <TextInput
            label={t("export.from")}
            description={clock.date(from)}
            value={texts.from}
            onChange={(event) => edit("from", event.currentTarget.value)}
            error={parseClock(texts.from, from, clock.zone) === null ? t("export.format") : null}
          />
          <TextInput
            label={t("export.to")}
            description={clock.date(to)}
            value={texts.to}
            onChange={(event) => edit("to", event.currentTarget.value)}
            error={parseClock(texts.to, to, clock.zone) === null ? t("export.format") : fault}
          />
        </Group>
        <p className="hc-dim">
          {t("export.length", { length: clockDuration(Math.max(0, length)) })}
          {bytes !== null && length > 0 && (
            <> · {t("export.size", { size: byteSize(bytes, i18n.language) })}</>
          )}{" "}
          · {clock.badge(from)}
        </p>
        <p className="hc-dim">{t("export.exact")}</p>
        <Group justify="end">
          <Button variant="default" onClick={close}>
            {t("app.cancel")}
          </Button>
          {fault === null ? (
            <Button
              component="a"
              href={href}
              download
              leftSection={<IconDownload size={16} />}
              onClick={close}
            >
              {t("events.download")}
            </Button>
          ) : (
            <Button disabled>{t("events.download")}</Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}
