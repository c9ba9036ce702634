import { Button, Group } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function UndoButton({ text, undo }: { text: string; undo: () => void }) {
  const { t } = useTranslation();
  return (
    <Group justify="space-between" wrap="nowrap">
      <span>{text}</span>
      <Button size="compact-sm" variant="default" flex="none" onClick={undo}>
        {t("app.undo")}
      </Button>
    </Group>
  );
}
