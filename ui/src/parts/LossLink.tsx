import { Tooltip } from "@mantine/core";
import { IconReportAnalytics } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { LinkIcon } from "./links";

const HALF_HOUR_MS = 1_800_000;

/** To the accounts of the hour around `at`. */
export function LossLink({ camera, at }: { camera: { id: string; name: string }; at: number }) {
  const { t } = useTranslation();
  const title = t("loss.title", { name: camera.name });
  return (
    <Tooltip label={title}>
      <LinkIcon
        to="/live/$cameraId"
        params={{ cameraId: camera.id }}
        search={{ losses: 1, at: Math.round(Math.min(at + HALF_HOUR_MS, Date.now())) }}
        variant="default"
        size="lg"
        aria-label={title}
      >
        <IconReportAnalytics size={18} stroke={1.6} />
      </LinkIcon>
    </Tooltip>
  );
}
