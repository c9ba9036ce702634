import { Button, Group, Modal } from "@mantine/core";
import { useTranslation } from "react-i18next";

interface AskProps {
  title: string;
  hint: string;
  /** What the button says that does it. */
  yes: string;
  isPending: boolean;
  answer: () => void;
  close: () => void;
}

/** Asks before something is done that cannot be taken back. */
export function Ask({ title, hint, yes, isPending, answer, close }: AskProps) {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ "aria-label": t("app.close") }}>
      <p className="hc-text">{hint}</p>
      <Group justify="end" mt="md">
        <Button variant="default" onClick={close}>
          {t("app.cancel")}
        </Button>
        <Button color="red" loading={isPending} onClick={answer}>
          {yes}
        </Button>
      </Group>
    </Modal>
  );
}
