import { Modal, SegmentedControl } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { LOSS_HOURS } from "@/app/search";
import { useClock } from "@/app/site";
import { LossPanel } from "./LossPanel";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

interface LossDialogProps {
  camera: { id: string; name: string };
  /** How many hours are shown, up to `endMs`. */
  hours: number;
  endMs: number;
  change: (hours: number) => void;
  close: () => void;
}

/** The accounts of one camera over the last hours. */
export function LossDialog({ camera, hours, endMs, change, close }: LossDialogProps) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const hour = new Intl.NumberFormat(i18n.language, { style: "unit", unit: "hour", unitDisplay: "short" });
  const end = Math.ceil(endMs / MINUTE_MS) * MINUTE_MS;
  const start = end - hours * HOUR_MS;
  return (
    <Modal
      opened
      onClose={close}
      size="xl"
      title={t("loss.title", { name: camera.name })}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <div className="hc-loss-head">
        <SegmentedControl
          size="xs"
          aria-label={t("loss.window")}
          value={String(hours)}
          onChange={(value) => change(Number(value))}
          data={LOSS_HOURS.map((value) => ({
            value: String(value),
            label: hour.format(value),
          }))}
        />
        <span className="hc-dim hc-num">
          {clock.dateTime(start).slice(0, -3)} – {clock.timeMinutes(end)} · {clock.badge(end)}
        </span>
      </div>
      <LossPanel camera={camera.id} startMs={start} endMs={end} />
    </Modal>
  );
}
