import { Button } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { push } from "@/api/push";
import { useNow } from "./site";

/** Told as soon as the second try fails; goes away by itself. */
export function ServerBanner() {
  const { t } = useTranslation();
  const link = useSyncExternalStore(push.subscribeState, push.state);
  useNow();
  if (link.up) return null;
  const left = Math.max(0, Math.ceil((link.retryAtMs - Date.now()) / 1_000));
  return (
    <div className="hc-banner" role="status">
      <IconPlugConnectedX size={20} stroke={1.6} aria-hidden />
      <span>
        <strong>{t("app.serverLost")}</strong>{" "}
        {link.retryAtMs === 0
          ? t("app.serverTrying", { attempt: link.attempt })
          : t("app.serverRetry", { seconds: left, attempt: link.attempt })}
      </span>
      <Button size="compact-sm" variant="default" onClick={push.retryNow}>
        {t("app.retryNow")}
      </Button>
    </div>
  );
}
