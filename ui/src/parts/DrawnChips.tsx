import { Chip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Drawn } from "@/player/boxlayer";

/** What is drawn besides boxes: joints where they are known, and where things came from. */
export function DrawnChips({ drawn, change }: { drawn: Drawn; change: (drawn: Drawn) => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Chip size="xs" checked={drawn.joints} onChange={(joints) => change({ ...drawn, joints })}>
        {t("camera.joints")}
      </Chip>
      <Chip size="xs" checked={drawn.tracks} onChange={(tracks) => change({ ...drawn, tracks })}>
        {t("camera.tracks")}
      </Chip>
    </>
  );
}
