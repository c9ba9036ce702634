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
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { StatePill } from "@/parts/badges";
import { LinkButton, LinkIcon } from "@/parts/links";
import { Page } from "@/parts/Page";
import { LastEvents } from "./LastEvents";
import "./camera.css";

/** To the camera before or after this one in the list, and back to the wall: what the arrows and Escape do. */
export function useSteps(camera: Camera, all: Camera[]) {
  const navigate = useNavigate();
  return {
    step: (by: number): void => {
      const next = all[(all.findIndex((row) => row.id === camera.id) + by + all.length) % all.length];
      if (next !== undefined)
        void navigate({ to: "/live/$cameraId", params: { cameraId: next.id }, replace: true });
    },
    leave: (): void => {
      if (document.fullscreenElement === null) void navigate({ to: "/live", search: {} });
    },
  };
}

interface FrameProps {
  camera: Camera;
  all: Camera[];
  /** Buttons between the recording and the settings. */
  actions?: ReactNode;
  /** The picture, and what stands under it. */
  children: ReactNode;
  /** Dialogs. */
  beside?: ReactNode;
}

/** The page of one camera, whatever its picture comes from: the way to others, its recording, its events. */
export function CameraFrame({ camera, all, actions, children, beside }: FrameProps) {
  const { t } = useTranslation();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const { step } = useSteps(camera, all);
  const buttons = (
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
      {actions}
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
      actions={buttons}
    >
      <div className="hc-camera">
        <section className="hc-camera-main">{children}</section>
        <LastEvents camera={camera.id} />
      </div>
      {beside}
    </Page>
  );
}
