import { Radio, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** Who opens the connection to a new camera. */
export function Ways({ dials, change }: { dials: boolean; change: (dials: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <Radio.Group
      label={t("dial.way")}
      value={dials ? "camera" : "server"}
      onChange={(way) => change(way === "camera")}
      mb="lg"
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md" mt={6}>
        <Radio value="server" label={t("dial.wayServer")} description={t("dial.wayServerHint")} />
        <Radio value="camera" label={t("dial.wayCamera")} description={t("dial.wayCameraHint")} />
      </SimpleGrid>
    </Radio.Group>
  );
}
