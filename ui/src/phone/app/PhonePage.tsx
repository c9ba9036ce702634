import { ActionIcon, Group, Tooltip } from "@mantine/core";
import {
  IconArrowLeft,
  IconChevronLeft,
  IconChevronRight,
  IconHistory,
  IconSettings,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { useShortcuts } from "@/app/shortcuts";
import { StatePill } from "@/parts/badges";
import { LinkButton, LinkIcon } from "@/parts/links";
import { Page } from "@/parts/Page";
import { LastEvents } from "@/screens/camera/LastEvents";
import { PhoneViewBox } from "./PhoneViewBox";

/** The page of one camera that is a phone: its picture comes from the phone itself. */
export function PhonePage({ camera, all }: { camera: Camera; all: Camera[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const step = (by: number): void => {
    const next = all[(all.findIndex((row) => row.id === camera.id) + by + all.length) % all.length];
    if (next !== undefined)
      void navigate({ to: "/live/$cameraId", params: { cameraId: next.id }, replace: true });
  };
  useShortcuts({
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    Escape: () => {
      if (document.fullscreenElement === null) void navigate({ to: "/live", search: {} });
    },
  });
  const actions = (
    <>
      <Group gap={4} wrap="nowrap">
        {([-1, 1] as const).map((by) => (
          <ActionIcon
            key={by}
            variant="default"
            size="lg"
            onClick={() => step(by)}
            aria-label={t(by < 0 ? "camera.previous" : "camera.next")}
            disabled={all.length < 2}
          >
            {by < 0 ? <IconChevronLeft size={18} /> : <IconChevronRight size={18} />}
          </ActionIcon>
        ))}
      </Group>
      <LinkButton
        to="/playback"
        search={{ camera: camera.id }}
        variant="default"
        leftSection={<IconHistory size={16} />}
      >
        {t("camera.recording")}
      </LinkButton>
      {admin && (
        <Tooltip label={t("camera.settings")}>
          <LinkIcon
            to="/cameras/$cameraId"
            params={{ cameraId: camera.id }}
            variant="default"
            size="lg"
            aria-label={t("camera.settings")}
          >
            <IconSettings size={18} stroke={1.6} />
          </LinkIcon>
        </Tooltip>
      )}
    </>
  );
  return (
    <Page
      title={camera.name}
      fill
      detail={
        <>
          <Link to="/live" search={{}} className="hc-back" aria-label={t("camera.back")}>
            <IconArrowLeft size={16} aria-hidden />
          </Link>
          <StatePill camera={camera} />
        </>
      }
      actions={actions}
    >
      <div className="hc-camera">
        <section className="hc-camera-main">
          <PhoneViewBox camera={camera} />
        </section>
        <LastEvents camera={camera.id} />
      </div>
    </Page>
  );
}
