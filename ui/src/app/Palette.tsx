import { useMantineColorScheme } from "@mantine/core";
import { createSpotlight, Spotlight, type SpotlightActionData } from "@mantine/spotlight";
import {
  IconDeviceCctv,
  IconHistory,
  IconKeyboard,
  IconListSearch,
  IconMoon,
  IconPlus,
  IconSun,
  IconVideo,
  type Icon as TablerIcon,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, eventsQuery, sessionQuery } from "@/api/queries";
import { labelName } from "@/parts/names";
import { placesFor } from "./places";
import { useClock } from "./site";

const [store, spotlight] = createSpotlight();

/** Ctrl+K: every camera, the last events, every place, the common actions. */
export function Palette({ close, openSheet }: { close: () => void; openSheet: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const clock = useClock();
  const { setColorScheme } = useMantineColorScheme();
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const cameras = useQuery(camerasQuery).data;
  const events = useQuery(eventsQuery({ limit: 12 })).data;

  useEffect(() => {
    spotlight.open();
  }, []);

  const actions = useMemo(() => {
    const icon = (Icon: TablerIcon) => <Icon size={18} stroke={1.6} />;
    const go = (
      id: string,
      label: string,
      Icon: TablerIcon,
      onClick: () => void,
      description?: string,
    ): SpotlightActionData => ({
      id,
      label,
      leftSection: icon(Icon),
      onClick,
      ...(description === undefined ? {} : { description }),
    });
    return [
      {
        group: t("nav.cameras"),
        actions: (cameras ?? []).flatMap((camera) => [
          go(
            `live-${camera.id}`,
            camera.name,
            IconVideo,
            () => void navigate({ to: "/live/$cameraId", params: { cameraId: camera.id } }),
            t("nav.live"),
          ),
          go(
            `rec-${camera.id}`,
            t("palette.recordingOf", { name: camera.name }),
            IconHistory,
            () => void navigate({ to: "/playback", search: { camera: camera.id } }),
          ),
          go(
            `edit-${camera.id}`,
            t("palette.settingsOf", { name: camera.name }),
            IconDeviceCctv,
            () => void navigate({ to: "/cameras/$cameraId", params: { cameraId: camera.id }, search: {} }),
          ),
        ]),
      },
      {
        group: t("nav.events"),
        actions: (events?.events ?? []).map((event) =>
          go(
            event.id,
            `${labelName(event.label)} · ${event.camera_name}`,
            IconListSearch,
            () => void navigate({ to: "/events", search: { event: event.id } }),
            clock.dateTime(event.start_ms),
          ),
        ),
      },
      {
        group: t("palette.places"),
        actions: placesFor(admin).map(({ to, key, icon: Icon }) =>
          go(key, t(`nav.${key}`), Icon, () => void navigate({ to, search: {} })),
        ),
      },
      {
        group: t("palette.actions"),
        actions: [
          ...(admin
            ? [go("add", t("cameras.add"), IconPlus, () => void navigate({ to: "/cameras/new" }))]
            : []),
          go("dark", t("settings.theme_dark"), IconMoon, () => setColorScheme("dark")),
          go("light", t("settings.theme_light"), IconSun, () => setColorScheme("light")),
          go("keys", t("shortcuts.title"), IconKeyboard, openSheet),
        ],
      },
    ];
  }, [t, navigate, admin, cameras, events, clock, setColorScheme, openSheet]);

  return (
    <Spotlight
      store={store}
      actions={actions}
      shortcut={null}
      highlightQuery
      scrollable
      maxHeight={420}
      limit={30}
      nothingFound={t("palette.nothing")}
      onSpotlightClose={close}
      searchProps={{ placeholder: t("palette.placeholder"), "aria-label": t("palette.placeholder") }}
    />
  );
}
