import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { storageQuery } from "@/api/keeping";
import { DISK, isDiskAway, storageAlarm } from "@/keeping/alarm";
import { LinkButton } from "@/parts/links";
import { roughDuration } from "@/time/duration";
import { useNow } from "./site";

/** Over every page while footage is in danger: what is wrong, and the way to where it is put right. */
export function StorageBanner({ admin }: { admin: boolean }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const { data, error } = useQuery(storageQuery);
  const alarm = isDiskAway(error) ? DISK : data === undefined ? null : storageAlarm(data, now);
  if (alarm === null) return null;
  const text =
    alarm.kind === "tier"
      ? t("storage.bannerTier", {
          name: alarm.name,
          length: roughDuration(now - alarm.since_ms, i18n.language),
        })
      : t(alarm.kind === "protected" ? "storage.bannerProtected" : "storage.bannerDisk");
  return (
    <div className="hc-banner" role="alert" data-alarm={alarm.kind}>
      <IconAlertTriangle size={20} stroke={1.6} aria-hidden />
      <span>{text}</span>
      {admin && alarm.kind === "protected" && (
        <LinkButton to="/bookmarks" search={{ kept: true }} size="compact-sm" variant="default">
          {t("storage.bannerKept")}
        </LinkButton>
      )}
      {admin && (
        <LinkButton to="/storage" search={{}} size="compact-sm" variant="default">
          {t("storage.bannerShow")}
        </LinkButton>
      )}
    </div>
  );
}
