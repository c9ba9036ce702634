import { IconCameraOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { LinkButton } from "@/parts/links";
import { type Trouble, viewAlarmsQuery } from "./views";

/** Over every page while a camera does not see what it should: which one, what is wrong, and the way there. */
export function ViewBanner() {
  const { t } = useTranslation();
  const alarms = useQuery(viewAlarmsQuery).data ?? [];
  const first = alarms[0];
  if (first === undefined) return null;
  const cameras = new Set(alarms.map((one) => one.camera)).size;
  const text =
    first.kind === "trouble"
      ? t(`views.trouble.${first.detail as Trouble}`)
      : t(first.kind === "moved" ? "views.alarmMoved" : "views.alarmAsked");
  return (
    <div className="hc-banner" role="status" data-alarm={`view-${first.kind}`}>
      <IconCameraOff size={20} stroke={1.6} aria-hidden />
      <span>
        {t("views.banner", { name: first.name, text })}
        {cameras > 1 && ` ${t("views.bannerMore", { count: cameras - 1 })}`}
      </span>
      <LinkButton
        to="/cameras/$cameraId/ai"
        params={{ cameraId: first.camera }}
        size="compact-sm"
        variant="default"
      >
        {t("views.bannerShow")}
      </LinkButton>
    </div>
  );
}
