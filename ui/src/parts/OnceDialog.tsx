import { Alert, Button, Group, Modal, Stack } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { tellFailure } from "./notices";

interface OnceDialogProps<M> {
  /** What the dialog is called while it asks, and when the thing is made. */
  title: string;
  madeTitle: (made: M) => string;
  /** The fields of the form. */
  children: ReactNode;
  isReady: boolean;
  add: string;
  create: () => Promise<M>;
  added: () => Promise<unknown>;
  /** That it is shown here and never again; what is shown; and the word for being done with it. */
  once: string;
  show: (made: M) => ReactNode;
  done: string;
  close: () => void;
}

/** Makes something that has a secret: some fields first, then the secret, which is shown here and never again. */
export function OnceDialog<M>(props: OnceDialogProps<M>) {
  const { t } = useTranslation();
  const [made, setMade] = useState<M | null>(null);
  const create = useMutation({
    mutationFn: props.create,
    onSuccess: async (answer) => {
      setMade(answer);
      await props.added();
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Modal
      opened
      onClose={props.close}
      size={made === null ? "md" : "lg"}
      title={made === null ? props.title : props.madeTitle(made)}
      closeOnClickOutside={made === null}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {made === null ? (
        <form onSubmit={submit}>
          <Stack gap="md">
            {props.children}
            <Group justify="end">
              <Button variant="default" onClick={props.close}>
                {t("app.cancel")}
              </Button>
              <Button type="submit" loading={create.isPending} disabled={!props.isReady}>
                {props.add}
              </Button>
            </Group>
          </Stack>
        </form>
      ) : (
        <Stack gap="md" className="hc-dial">
          <Alert color="orange" variant="light" icon={<IconKey size={18} />} title={props.once} />
          {props.show(made)}
          <Group justify="end">
            <Button onClick={props.close}>{props.done}</Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
